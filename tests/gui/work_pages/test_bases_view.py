"""The base models on the Models page: downloaded by a real child process from a Hub on this machine, added, removed."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox
from pytestqt.qtbot import QtBot

from app.gui.bases_view import BasesView
from app.gui.models_page import ModelsPage
from app.gui.notice import Tone
from app.gui.page import CanUndo
from app.jobs.job_list import JobList
from app.study import hub_token
from app.study.base_models import base_file, download_folder
from app.study.study import Study
from tests.gui.focus import activate
from tests.hub_server import Repository, serving

Settle = Callable[[Callable[[], bool]], None]
NAME = "llama-3.2-1b"
TOKEN = "hf_SecretSecretSecret"


@pytest.fixture
def hub(hf_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    files = {file.name: file.read_bytes() for file in hf_folder.iterdir()}
    repository = Repository(files=files, token=TOKEN)
    with serving(repository) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield repository


@pytest.fixture
def page(qtbot: QtBot, study: Study, jobs: JobList, settle: Settle) -> ModelsPage:
    shown = ModelsPage(study, jobs)
    qtbot.addWidget(shown)
    shown.resize(1100, 900)
    with qtbot.waitExposed(shown):
        shown.show()
    shown.show_bases()
    settle(lambda: shown.bases.list.count() == 4)
    return shown


@pytest.fixture
def bases(page: ModelsPage) -> BasesView:
    page.bases.choose(NAME)
    return page.bases


def ended(qtbot: QtBot, jobs: JobList, act: Callable[[], object]) -> str:
    with qtbot.waitSignal(jobs.ended, timeout=120_000) as signal:
        act()
    outcome = signal.args[1]
    return str(outcome.ending)


def test_the_list_marks_what_is_ready_and_what_fits(qtbot: QtBot, page: ModelsPage, settle: Settle) -> None:
    bases = page.bases
    texts = [bases.list.item(row).text() for row in range(bases.list.count())]
    assert "ready" in texts[0]
    assert "2.5 GB to download" in texts[2]
    bases._memory = 8_000_000_000
    bases.refresh()
    settle(lambda: "too large to train here" in bases.list.item(3).text())
    bases.choose("llama-3.2-3b")
    facts = [label.text() for label in bases.details.findChildren(QLabel)]
    assert any("training needs more memory" in text for text in facts)


def test_the_tabs_have_keys_and_a_model_is_shown_in_its_own(qtbot: QtBot, page: ModelsPage) -> None:
    assert page.bases.isVisible() and not page.models.isVisible()
    assert isinstance(page, CanUndo)
    activate(qtbot, page)
    page.bar.setFocus()
    qtbot.keyClick(page.bar, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert page.models.isVisible() and not page.bases.isVisible()
    qtbot.keyClick(page.bar, Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    assert page.bases.isVisible()
    page.choose_model("any")
    assert page.models.isVisible()


def test_nothing_is_asked_of_the_hub_before_the_licence_was_agreed_to(
    qtbot: QtBot, hub: Repository, bases: BasesView
) -> None:
    card = bases.details.card
    assert card.isVisible() and not card.download.isEnabled()
    shown = card.terms.text() + card.what.text() + card.why_token.text()
    assert "Llama 3.2 Community License" in shown and "Built with Llama" in shown
    assert "https://huggingface.co/meta-llama/Llama-3.2-1B-Instruct" in shown
    qtbot.keyClick(bases, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    card.download.click()
    assert bases._jobs.running() == [] and hub.requests == []
    card.consent.setChecked(True)
    assert card.download.isEnabled()
    # Consent is to one licence: another base asks again.
    bases.choose("llama-3.2-3b")
    assert not card.consent.isChecked()


def test_a_download_with_a_typed_token_ends_in_a_base_to_train_on(
    qtbot: QtBot, hub: Repository, page: ModelsPage, bases: BasesView, jobs: JobList, settle: Settle
) -> None:
    card = bases.details.card
    card.consent.setChecked(True)
    qtbot.keyClicks(card.token_field, TOKEN)
    records: list[str] = []
    jobs.added.connect(lambda job: records.append((job.folder / "job.json").read_text(encoding="utf-8")))
    assert ended(qtbot, jobs, card.download.click) == "finished"
    # The token is in no record and no list of processes, and was not kept unasked.
    assert TOKEN not in records[0] and "--token-file" in records[0]
    handed = next(word for word in json.loads(records[0])["words"] if word.startswith("--token-file="))
    assert not Path(handed.partition("=")[2]).exists()
    assert not hub_token.is_kept()
    assert card.token_field.text() == ""
    settle(lambda: bases.chosen_name() == NAME and bases.train.isEnabled())
    assert bases.notice.tone is Tone.GOOD and not card.isVisible() and not bases.panel.isVisible()
    assert base_file(NAME).path.is_file()
    with qtbot.waitSignal(page.page_wanted) as wanted:
        bases.train.click()
    assert wanted.args == ["train", NAME]


def test_a_gated_base_without_a_token_says_what_to_do(
    qtbot: QtBot, hub: Repository, bases: BasesView, jobs: JobList
) -> None:
    bases.details.card.consent.setChecked(True)
    assert ended(qtbot, jobs, bases.details.card.download.click) == "failed"
    assert bases.notice.tone is Tone.ERROR
    assert "accepted its licence" in bases.notice.text and "settings/tokens" in bases.notice.text


def test_what_is_no_token_is_told_before_anything_starts(
    qtbot: QtBot, hub: Repository, bases: BasesView, jobs: JobList
) -> None:
    card = bases.details.card
    card.consent.setChecked(True)
    card.token_field.setText("two words")
    card.download.click()
    assert jobs.running() == [] and hub.requests == []
    assert "one word" in bases.notice.text and "two words" not in bases.notice.text


def test_a_stopped_download_offers_to_go_on(
    qtbot: QtBot, hub: Repository, bases: BasesView, jobs: JobList, settle: Settle
) -> None:
    hub_token.keep(TOKEN)
    bases.refresh()
    hub.slow = 1.5
    bases.details.card.consent.setChecked(True)

    def stop_in_the_middle() -> None:
        bases.details.card.download.click()
        assert bases.panel.isVisible() and not bases.details.card.isVisible()
        part = download_folder(NAME) / "model.safetensors.part"
        settle(lambda: part.exists() and part.stat().st_size > 500_000)
        assert "MB" in bases.panel.figures.text()
        bases.panel.stop.click()

    assert ended(qtbot, jobs, stop_in_the_middle) == "cancelled"
    assert "goes on from there" in bases.notice.text
    settle(lambda: "partly downloaded" in bases.list.item(2).text())
    assert "Go on" in bases.details.card.download.text()
    hub.slow = 0.0
    bases.details.card.consent.setChecked(True)
    assert ended(qtbot, jobs, bases.details.card.download.click) == "finished"
    assert any("Range" in headers for _, _, headers in hub.requests)


def test_a_file_of_this_machine_is_added_and_removed(
    qtbot: QtBot,
    page: ModelsPage,
    jobs: JobList,
    tmp_path: Path,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bases = page.bases
    file = tmp_path / "mine.gguf"
    shutil.copyfile(base_file("smollm2-135m").path, file)
    assert ended(qtbot, jobs, lambda: bases.add_base(file)) == "finished"
    settle(lambda: bases.list.count() == 5 and bases.chosen_name() == "mine")
    bases.ask_remove()
    box = bases.findChild(QMessageBox)
    assert isinstance(box, QMessageBox) and "stays where it is" in box.informativeText()
    with qtbot.waitSignal(bases.changed):
        next(button for button in box.buttons() if "Remove" in button.text()).click()
    settle(lambda: bases.list.count() == 4)
    assert file.is_file()


def test_pickled_weights_are_refused_in_the_window(
    qtbot: QtBot, page: ModelsPage, jobs: JobList, hf_folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "Pickled"
    shutil.copytree(hf_folder, copy)
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    assert ended(qtbot, jobs, lambda: page.bases.add_base(copy)) == "failed"
    assert "pickled" in page.bases.notice.text
