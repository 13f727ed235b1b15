"""How a table in a text file is written, in words that a researcher knows."""

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

_ENCODINGS = {
    "utf-8": QT_TRANSLATE_NOOP("text_formats", "Unicode (UTF-8)"),
    "utf-8-sig": QT_TRANSLATE_NOOP("text_formats", "Unicode (UTF-8 with a mark)"),
    "utf-16": QT_TRANSLATE_NOOP("text_formats", "Unicode (UTF-16)"),
    "utf-16-le": QT_TRANSLATE_NOOP("text_formats", "Unicode (UTF-16 without a mark)"),
    "utf-16-be": QT_TRANSLATE_NOOP("text_formats", "Unicode (UTF-16, big-endian)"),
    "utf-32": QT_TRANSLATE_NOOP("text_formats", "Unicode (UTF-32)"),
    "cp1252": QT_TRANSLATE_NOOP("text_formats", "Western European (Windows)"),
    "latin-1": QT_TRANSLATE_NOOP("text_formats", "Western European (ISO)"),
    "cp1250": QT_TRANSLATE_NOOP("text_formats", "Central European (Windows)"),
    "iso8859-2": QT_TRANSLATE_NOOP("text_formats", "Central European (ISO)"),
    "cp1251": QT_TRANSLATE_NOOP("text_formats", "Cyrillic (Windows)"),
    "cp1253": QT_TRANSLATE_NOOP("text_formats", "Greek (Windows)"),
    "cp1254": QT_TRANSLATE_NOOP("text_formats", "Turkish (Windows)"),
    "cp1255": QT_TRANSLATE_NOOP("text_formats", "Hebrew (Windows)"),
    "cp1256": QT_TRANSLATE_NOOP("text_formats", "Arabic (Windows)"),
    "iso8859-6": QT_TRANSLATE_NOOP("text_formats", "Arabic (ISO)"),
    "cp949": QT_TRANSLATE_NOOP("text_formats", "Korean (Windows)"),
    "euc-kr": QT_TRANSLATE_NOOP("text_formats", "Korean (EUC)"),
    "shift-jis": QT_TRANSLATE_NOOP("text_formats", "Japanese"),
    "gb18030": QT_TRANSLATE_NOOP("text_formats", "Chinese, simplified"),
    "big5": QT_TRANSLATE_NOOP("text_formats", "Chinese, traditional"),
}
_SEPARATORS = {
    ",": QT_TRANSLATE_NOOP("text_formats", "Comma  ,"),
    ";": QT_TRANSLATE_NOOP("text_formats", "Semicolon  ;"),
    "\t": QT_TRANSLATE_NOOP("text_formats", "Tab"),
    "|": QT_TRANSLATE_NOOP("text_formats", "Bar  |"),
}


def encodings() -> dict[str, str]:
    """Return {encoding: its name} of all that can be chosen."""
    return {code: _translated(str(name)) for code, name in _ENCODINGS.items()}


def separators() -> dict[str, str]:
    """Return {character: its name} of all that can divide columns."""
    return {character: _translated(str(name)) for character, name in _SEPARATORS.items()}


def _translated(text: str) -> str:
    return QCoreApplication.translate("text_formats", text)
