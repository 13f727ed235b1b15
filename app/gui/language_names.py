"""Languages by name."""

from PySide6.QtCore import QCoreApplication, QLocale


def language_name(code: str) -> str:
    """Return a language's name with its ISO 639-1 code, ``Spanish (es)``; the code alone if unknown."""
    if not code:
        return QCoreApplication.translate("language_names", "no language")
    language = QLocale.codeToLanguage(code)
    if language == QLocale.Language.AnyLanguage:
        return code
    return f"{QLocale.languageToString(language)} ({code})"
