"""Pages of which one is shown, in a place that is only as large as that one needs."""

from PySide6.QtWidgets import QVBoxLayout, QWidget


class PageStack(QWidget):
    """Shows one of its pages. Qt's own stack asks for the room of its largest page, hidden or not."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pages: list[QWidget] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)

    def addWidget(self, page: QWidget) -> None:
        """Add a page; the first one is shown."""
        # In its place before it is shown: without a parent it would flash as a window and take the focus.
        self._layout.addWidget(page)
        page.setVisible(not self._pages)
        self._pages.append(page)

    def count(self) -> int:
        """Return how many pages there are."""
        return len(self._pages)

    def currentIndex(self) -> int:
        """Return the place of the page that is shown, -1 for none."""
        return next((place for place, page in enumerate(self._pages) if not page.isHidden()), -1)

    def currentWidget(self) -> QWidget | None:
        """Return the page that is shown."""
        return next((page for page in self._pages if not page.isHidden()), None)

    def setCurrentIndex(self, index: int) -> None:
        """Show the page at this place."""
        self.setCurrentWidget(self._pages[index])

    def setCurrentWidget(self, shown: QWidget) -> None:
        """Show this page."""
        # The others first: two pages at once would make the place large for a moment.
        for page in self._pages:
            if page is not shown:
                page.hide()
        shown.show()
