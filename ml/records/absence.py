"""Records of absences: what occurrenceStatus and counts say about a species that was not found."""

from __future__ import annotations

import re
import unicodedata

#: Values of occurrenceStatus in use for an absence, in lower case, without accents and punctuation.
_ABSENT = frozenset(
    {
        "0", "a", "absence", "absens", "ej funnen", "excluded", "f", "false", "fehlt", "franvarande", "fraværende",
        "fravaerende", "ikke funnet", "keine", "n", "negatief", "negatif", "negativ", "negativa", "negative",
        "negativo", "nein", "nieobecna", "nieobecny", "nil", "no", "no evidence", "non", "non detection",
        "nondetection", "not", "poissa", "undetected", "unobserved", "zero", "отсутствует", "不在",
    }
)  # fmt: skip
_ABSENT_WORD = re.compile(
    r"(?<!not )(?<!nor )(?<!never )(?<!non )\b(absent|absente|absents|ausente|ausencia|abwesend|assente|afwezig)\b"
)
_NOT_FOUND = re.compile(
    r"\b(not|no|never|non|nicht|nao|niet) (longer |yet )?"
    r"(present|detected|detection|observed|observation|found|seen|recorded|record|located|encountered|sighted|sighting|"
    r"presence|nachgewiesen|gefunden|beobachtet|vorhanden|detectee?|observee?|trouvee?|presente?|"
    r"(observad|detectad|encontrad|registrad)[oa]|aanwezig|waargenomen)\b(?! (before|by|earlier|previously)\b)"
)
_LOST = re.compile(r"(pseudo )?absence\b|(locally |regionally )?extinct\b|extirpated\b|lack of (presence|detection)\b")
# A presence that is stated first, as in "heard, not seen".
_PRESENT = re.compile(r"(present|presence|presente|heard|seen|found|observed|detected)\b(?! (no|false|0|not)$)")
_NO_LETTERS = re.compile(r"[\W_]+")
#: The part of an address that says nothing about the status.
_NAMESPACE = re.compile(r"^(\w+:)?//\S*[/#](?=\S)")
#: Zero, with a decimal point or comma, and a unit or a remark, but not a range such as "0 to 5".
_ZERO = re.compile(
    r"([+-]?0+([.,]0*)?(e[+-]?\d+)?|zero|nil|no(?= ))\s*"
    r"(%|\([^()]*\)|(?!(to|or|bis|and|oder|a|x|observ)\b)[^\W\d_][^,;\d]*(/ ?\w+)?)?",
    re.IGNORECASE,
)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).strip().lower()


def says_absent(status: str) -> bool:
    """Return whether an occurrenceStatus says that the species was not found.

    Parameters
    ----------
    status : str
        Text in any language that data publishers use often, a number (0), or an address whose last part says it.
    """
    plain = _plain(status)
    if _ZERO.fullmatch(plain):
        return True
    local = _NAMESPACE.sub("", plain.rstrip("/"))
    words, last = (_NO_LETTERS.sub(" ", text).strip() for text in (local, local.rsplit(":", 1)[-1]))
    if _PRESENT.match(words):
        return False
    return (
        words in _ABSENT
        or last in _ABSENT
        or bool(_ABSENT_WORD.search(words) or _NOT_FOUND.search(words) or _LOST.match(words))
    )


def is_zero(count: str) -> bool:
    """Return whether a count or a quantity is zero, as ``0``, ``0,0``, ``0 individuals``, ``0%`` or ``zero``."""
    return bool(_ZERO.fullmatch(_plain(count)))
