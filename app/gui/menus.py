"""The menus of the window and the actions in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from app.gui import theme
from app.gui.page import make_action
from app.gui.step_back import REDO_KEYS
from app.settings import Settings

Act = Callable[[], object]


@dataclass(frozen=True)
class WindowActs:
    """What the window can do, as the menus call it."""

    new: Act
    open: Act
    open_path: Callable[[Path], object]
    sample: Act
    import_tweets: Act
    export: Act
    codebook: Act
    copy: Act
    merge: Act
    coder: Act
    assign: Act
    blind: Act
    close_study: Act
    undo: Act
    redo: Act
    inspector: Act
    choose_theme: Callable[[str], object]
    keys: Act
    change_keys: Act
    report: Act
    about: Act


class Menus(QObject):
    """File, Edit, View and Help. Each action has a key."""

    def __init__(self, window: QMainWindow, acts: WindowActs, settings: Settings) -> None:
        super().__init__(window)
        self._window = window
        self._acts = acts
        self._settings = settings
        self._build_file()
        self._build_edit()
        self._build_view()
        self._build_help()

    def _make(
        self, text: str, key: str, run: Act, icon: str = "", checkable: bool = False, tip: str = ""
    ) -> QAction:
        return make_action(self._window, text, key, run, icon=icon, checkable=checkable, tip=tip)

    def _build_file(self) -> None:
        acts = self._acts
        menu = self._window.menuBar().addMenu(self.tr("&File"))
        self.new = self._make(self.tr("&New study …"), "Ctrl+N", acts.new)
        self.open = self._make(self.tr("&Open study …"), "Ctrl+O", acts.open, "folder")
        self.sample = self._make(self.tr("&Try the sample study"), "Ctrl+Shift+S", acts.sample)
        self.import_tweets = self._make(
            self.tr("&Import tweets …"), "Ctrl+I", acts.import_tweets, "file-import"
        )
        self.export = self._make(self.tr("&Export …"), "Ctrl+E", acts.export, "file-export")
        self.codebook = self._make(self.tr("Change the code&book …"), "Ctrl+B", acts.codebook)
        self.copy = self._make(self.tr("Save a &copy …"), "Ctrl+Shift+C", acts.copy)
        self.merge = self._make(self.tr("Ta&ke in a copy …"), "Ctrl+Shift+T", acts.merge)
        self.coder = self._make(self.tr("&Who is at work …"), "Ctrl+Shift+P", acts.coder, "person")
        self.assign = self._make(self.tr("&Assign tweets …"), "Ctrl+Shift+A", acts.assign)
        self.close_study = self._make(self.tr("C&lose study"), "Ctrl+W", acts.close_study)
        self.quit = self._make(self.tr("&Quit"), "Ctrl+Q", self._window.close)
        self.quit.setMenuRole(QAction.MenuRole.QuitRole)
        menu.addActions([self.new, self.open])
        self.recent = menu.addMenu(self.tr("Open &recent"))
        self.recent.aboutToShow.connect(self._fill_recent)
        menu.addAction(self.sample)
        menu.addSeparator()
        menu.addActions([self.import_tweets, self.export, self.codebook])
        menu.addSeparator()
        menu.addActions([self.coder, self.assign, self.copy, self.merge])
        menu.addSeparator()
        menu.addActions([self.close_study, self.quit])

    def _build_edit(self) -> None:
        menu = self._window.menuBar().addMenu(self.tr("&Edit"))
        self.undo = self._make(self.tr("&Undo"), "Ctrl+Z", self._acts.undo, "undo")
        self.redo = self._make(self.tr("&Redo"), REDO_KEYS[0], self._acts.redo, "redo")
        self.redo.setShortcuts([QKeySequence(key) for key in REDO_KEYS])
        menu.addActions([self.undo, self.redo])
        menu.addSeparator()
        self.change_keys = self._make(
            self.tr("Change the &keys of the label page …"), "Ctrl+Alt+K", self._acts.change_keys
        )
        menu.addAction(self.change_keys)

    def _build_view(self) -> None:
        menu = self._window.menuBar().addMenu(self.tr("&View"))
        self.pages = menu.addMenu(self.tr("&Pages"))
        self.inspector = self._make(
            self.tr("&Inspector"), "F9", self._acts.inspector, "inspector", checkable=True
        )
        menu.addAction(self.inspector)
        self.blind = self._make(
            self.tr("&Blind coding"), "Ctrl+Shift+B", self._acts.blind, checkable=True,
            tip=self.tr("Hide what others labelled until one has labelled the tweet oneself"),
        )  # fmt: skip
        self.blind.blockSignals(True)
        self.blind.setChecked(self._settings.blind)
        self.blind.blockSignals(False)
        menu.addAction(self.blind)
        menu.addSeparator()
        group = QActionGroup(self)
        names = {
            "system": (self.tr("&As the system"), ""),
            "light": (self.tr("&Light"), "sun"),
            "dark": (self.tr("&Dark"), "moon"),
        }
        self.themes: dict[str, QAction] = {}
        for number, (choice, (name, icon)) in enumerate(names.items(), 1):
            action = self._make(name, f"Ctrl+Alt+{number}", partial(self._acts.choose_theme, choice), icon)
            action.setCheckable(True)
            action.setChecked(self._settings.theme == choice)
            action.setProperty("key_name", self.tr("Theme: {name}").format(name=name.replace("&", "")))
            group.addAction(action)
            menu.addAction(action)
            self.themes[choice] = action

    def _build_help(self) -> None:
        menu: QMenu = self._window.menuBar().addMenu(self.tr("&Help"))
        self.keys = self._make(self.tr("&Keys of this page"), "F1", self._acts.keys)
        self.report = self._make(self.tr("&Copy diagnostic report"), "Ctrl+Shift+R", self._acts.report)
        self.about = self._make(self.tr("&About StanceDesk"), "Shift+F1", self._acts.about)
        self.about.setMenuRole(QAction.MenuRole.AboutRole)
        menu.addActions([self.keys, self.report, self.about])

    def show_pages(self, actions: Sequence[QAction]) -> None:
        """Put the pages of the open study into the menu; none where no study is open."""
        self.pages.clear()
        self.pages.addActions(list(actions))

    def show_study_open(self, is_open: bool) -> None:
        """Let those actions work that need a study, or not."""
        for action in (
            self.import_tweets, self.export, self.codebook, self.copy, self.merge, self.coder, self.assign,
            self.close_study, self.inspector, self.blind, self.change_keys,
        ):  # fmt: skip
            action.setEnabled(is_open)
        self.pages.setEnabled(is_open)

    def refresh_icons(self) -> None:
        """Draw the icons in the colours in use."""
        for action in self._window.actions():
            name = action.property("icon_name")
            if name:
                action.setIcon(theme.icon(name))

    def _fill_recent(self) -> None:
        self.recent.clear()
        for text in self._settings.recent_studies:
            action = self.recent.addAction(text)
            action.setEnabled(Path(text).exists())
            action.triggered.connect(lambda _=False, text=text: self._acts.open_path(Path(text)))
        if not self._settings.recent_studies:
            self.recent.addAction(self.tr("None yet")).setEnabled(False)
