"""Guessing what the columns of a table hold: by their names in many languages, else by their content."""

import re
import unicodedata
from collections.abc import Callable, Sequence

ROLES = ("text", "id", "lang", "label", "author", "date")

# The first name of a list that a table has wins. Compared folded: without case, accents, blanks, "_" and "-".
_NAMES: dict[str, tuple[str, ...]] = {
    "text": (
        "full_text", "tweet_text", "tweet", "text", "tweet_content", "content", "message", "body",
        "post", "status_text", "texto", "texte", "testo", "tekst", "szöveg", "metin", "teks", "isi",
        "nachricht", "inhalt", "contenido", "contenu", "contenuto", "conteúdo", "treść", "tartalom",
        "içerik", "mensaje", "mensagem", "النص", "نص", "تغريدة", "التغريدة", "पाठ", "ट्वीट", "텍스트",
        "본문", "트윗", "内容", "文本",
    ),
    "id": (
        "id_str", "tweet_id", "tweet_id_str", "status_id", "id", "post_id", "message_id", "tweetid",
        "identifier", "identificador", "identifiant", "identificativo", "identyfikator", "azonosító",
        "kennung", "kimlik", "المعرف", "معرف", "आईडी", "아이디",
    ),
    "lang": (
        "lang", "language", "tweet_lang", "iso_language", "sprache", "idioma", "langue", "lingua",
        "język", "jezyk", "nyelv", "dil", "bahasa", "língua", "اللغة", "لغة", "भाषा", "언어",
    ),
    "label": (
        "label", "labels", "gold_label", "gold", "class", "category", "stance", "annotation", "code",
        "etiqueta", "étiquette", "etichetta", "etykieta", "címke", "etiket", "rótulo", "kategorie",
        "catégorie", "categoría", "categoria", "kategoria", "kategória", "kategori", "klasse",
        "classe", "clase", "klasa", "التصنيف", "تصنيف", "लेबल", "श्रेणी", "라벨", "레이블",
    ),
    "author": (
        "author", "username", "screen_name", "user_screen_name", "user_name", "author_username",
        "handle", "user", "author_id", "user_id", "from_user", "autor", "auteur", "autore",
        "verfasser", "szerző", "yazar", "penulis", "usuario", "utilisateur", "utente", "użytkownik",
        "usuário", "المؤلف", "الكاتب", "लेखक", "작성자", "사용자",
    ),
    "date": (
        "created_at", "date", "datetime", "timestamp", "created", "time", "posted_at", "tweet_date",
        "datum", "fecha", "dátum", "tarih", "tanggal", "التاريخ", "تاريخ", "तारीख", "날짜", "data",
    ),
}  # fmt: skip

# ISO 639-1 codes of the languages of tweets; "in", "iw" and "ji" are Twitter's old ones.
_LANGUAGE_CODES = frozenset([
    "am", "ar", "bg", "bn", "bo", "bs", "ca", "ckb", "cs", "cy", "da", "de", "dv", "el", "en", "es",
    "et", "eu", "fa", "fi", "fr", "gl", "gu", "he", "hi", "hr", "ht", "hu", "hy", "id", "in", "is",
    "it", "iw", "ja", "ji", "ka", "km", "kn", "ko", "lo", "lt", "lv", "mk", "ml", "mr", "ms", "my",
    "ne", "nl", "no", "nn", "nb", "or", "pa", "pl", "ps", "pt", "ro", "ru", "sd", "si", "sk", "sl",
    "sq", "sr", "sv", "sw", "ta", "te", "th", "tl", "tr", "ug", "uk", "und", "ur", "uz", "vi", "yi",
    "zh", "art", "qam", "qct", "qht", "qme", "qst", "zxx",
])  # fmt: skip
_LANGUAGE_NAMES = {
    "arabic": "ar", "العربية": "ar", "german": "de", "deutsch": "de", "english": "en", "spanish": "es",
    "español": "es", "french": "fr", "français": "fr", "hindi": "hi", "हिन्दी": "hi",
    "hungarian": "hu", "magyar": "hu", "indonesian": "id", "bahasa indonesia": "id", "italian": "it",
    "italiano": "it", "korean": "ko", "한국어": "ko", "polish": "pl", "polski": "pl",
    "portuguese": "pt", "português": "pt", "turkish": "tr", "türkçe": "tr", "dutch": "nl",
    "russian": "ru", "greek": "el", "ukrainian": "uk",
}  # fmt: skip
_OLD_CODES = {"in": "id", "iw": "he", "ji": "yi", "und": "", "zxx": ""}
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*")
_DAMAGED = re.compile(r"[+-]?(?:\d+[.,]\d+[eE][+-]?\d+|\d+[eE]\+\d+|\d{16,}[.,]0+)")
_EXCEL_TEXT = re.compile(r'="(.*)"', re.DOTALL)


def folded(name: str) -> str:
    """Return a column's name as it is compared: no case, accents, blanks or punctuation."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(c for c in plain if c.isalnum())


_FOLDED = {role: tuple(folded(n) for n in names) for role, names in _NAMES.items()}
_KNOWN = frozenset(n for names in _FOLDED.values() for n in names)


def is_header(first: list[str], others: list[list[str]]) -> bool:
    """Say whether a first row names the columns: by known names, else because it is unlike the rows below."""
    if any(folded(field) in _KNOWN for field in first):
        return True
    cells = [field.strip() for field in first]
    if not all(cells) or len(set(cells)) < len(cells) or any(len(c) > 40 for c in cells):
        return False
    if any(c[0].isdigit() or c.startswith(("@", "http", '="')) for c in cells) or not others:
        return False
    columns = [[row[n] for row in others if len(row) == len(first)] for n in range(len(first))]
    # A name above numbers, or a word above long text.
    return any(
        column and (all(c.strip().isdigit() for c in column) or _mean_length(column) > 3 * len(cell) + 10)
        for cell, column in zip(cells, columns, strict=True)
    )


def guess(
    header: Sequence[str],
    has_header: bool,
    rows: Sequence[Sequence[str]],
    is_label: Callable[[str], bool],
    taken: Sequence[str] = (),
) -> dict[str, str]:
    """Return {role: column} for the roles that some column fills; columns in `taken` are left alone.

    `is_label` says whether a value of a file means a class of the codebook.
    """
    found: dict[str, str] = {}
    free = [name for name in header if name not in taken]
    by_name = {}
    for name in reversed(free):
        by_name[folded(name)] = name
    if has_header:
        for role in ROLES:
            for name in _FOLDED[role]:
                if name in by_name and by_name[name] not in found.values():
                    found[role] = by_name[name]
                    break
    values = {name: [row[n] for row in rows] for n, name in enumerate(header) if name in free}
    left = [name for name in free if name not in found.values()]
    for role, fits in _by_content(is_label):
        # A table that names its columns and has none for the label has no labels.
        if role in found or (has_header and role in ("id", "label")):
            continue
        for name in left:
            if values[name] and fits(values[name]):
                found[role] = name
                left.remove(name)
                break
    if "text" not in found and left:
        found["text"] = max(left, key=lambda name: _mean_length(values[name]))
    return found


def _by_content(
    is_label: Callable[[str], bool],
) -> list[tuple[str, Callable[[Sequence[str]], bool]]]:
    def mostly(column: Sequence[str], fits: Callable[[str], bool]) -> bool:
        filled = [c.strip() for c in column if c.strip()]
        return bool(filled) and sum(map(fits, filled)) >= 0.9 * len(filled)

    return [
        ("label", lambda c: mostly(c, is_label)),
        ("lang", lambda c: mostly(c, lambda v: v.lower() in _LANGUAGE_CODES)),
        ("id", lambda c: len(set(c)) == len(c) and mostly(c, lambda v: v.isdigit() and len(v) >= 6)),
    ]


def _mean_length(column: Sequence[str]) -> float:
    return sum(len(c) for c in column) / len(column) if column else 0.0


def language_code(value: str) -> str:
    """Return a language as ISO 639-1: Twitter's old codes, regions and plain names brought to it."""
    plain = value.strip().lower()
    plain = _LANGUAGE_NAMES.get(plain, plain)
    if _LANGUAGE.fullmatch(plain):
        plain = re.split(r"[-_]", plain)[0]
    return _OLD_CODES.get(plain, plain)


def clean_id(value: str) -> str:
    """Return an id without blanks around it and out of the ="…" that keeps spreadsheets from rounding it."""
    plain = value.strip()
    wrapped = _EXCEL_TEXT.fullmatch(plain)
    return wrapped.group(1).strip() if wrapped else plain


def is_damaged(tweet_id: str) -> bool:
    """Say whether an id was turned into a number by a spreadsheet: 1.23457E+18, 1234567890123456768.0."""
    return _DAMAGED.fullmatch(tweet_id) is not None


def looks_rounded(tweet_id: str) -> bool:
    """Say whether a long id ends in zeros, as after rounding to the 15 digits of a spreadsheet."""
    return len(tweet_id) > 15 and tweet_id.isdigit() and not tweet_id[15:].strip("0")
