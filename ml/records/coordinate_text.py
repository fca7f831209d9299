"""A coordinate as people write it: decimal points and commas, degrees and minutes, hemispheres. Without pandas."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

from ml.records.missing import is_missing

Axis = Literal["longitude", "latitude"]

DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[., ']\d{3})+(?:[.,]\d+)?", re.ASCII)
#: Signs for minus, degrees, minutes and seconds as they are written, and as they are read.
_SIGNS = str.maketrans(
    {
        "\u2212": "-", "\u2013": "-", "\u2012": "-", "\u2010": "-", "\ufe63": "-", "\uff0d": "-",
        "\u00ba": "°", "\u02da": "°", "\u1d52": "°", "\u2070": "°", "\u00b7": " ",
        "\u2032": "'", "\u2019": "'", "\u2018": "'", "\u02b9": "'", "\u00b4": "'", "`": "'",
        "\u02bc": "'", "\uff07": "'",
        "\u2033": '"', "\u201d": '"', "\u201c": '"', "\u02ba": '"', "\u201f": '"', "\uff02": '"',
    }
)  # fmt: skip
#: Words for hemispheres. A letter that means east in one language and west in another is not among them.
_HEMISPHERES = {
    "longitude": {"e": 1, "east": 1, "est": 1, "este": 1, "ost": 1, "osten": 1, "leste": 1, "oost": 1, "w": -1,
                  "west": -1, "westen": -1, "ouest": -1, "oeste": -1, "ovest": -1},
    "latitude": {"n": 1, "north": 1, "nord": 1, "norte": 1, "noord": 1, "norden": 1, "s": -1, "south": -1, "sud": -1,
                 "sur": -1, "sul": -1, "zuid": -1, "sued": -1, "suden": -1},
}  # fmt: skip
_AMBIGUOUS = {
    "o": "O is west in French, Spanish, Italian and Portuguese (Ouest, Oeste, Ovest) and east in German (Ost): write E "
    "or W"
}
_DEGREE_WORDS = re.compile(r"\b(?:degrees?|deg|grad|grados?|graus?|gradi|degres?)\b\.?")
_MINUTE_WORDS = re.compile(r"\b(?:minutes?|min|minutos?|minuti|minuten)\b\.?")
_SECOND_WORDS = re.compile(r"\b(?:seconds?|sec|segundos?|secondi|sekunden)\b\.?")
_NUMBER = r"(\d+(?:[.,]\d+)?)"
_WORD = r"([a-z]*)"
#: Degrees, minutes and seconds with their signs; a part without a sign is separated by a blank, a colon or a dash.
_SEXAGESIMAL = re.compile(
    rf"{_WORD}\.?\s*([+-]?)\s*{_NUMBER}\s*(?:°|d\b|[\s:\-])\s*(?:{_NUMBER}\s*(?:'|m\b|[\s:\-]|$)\s*"
    rf"(?:{_NUMBER}\s*(?:\"|''|s\b(?=\s*[a-z])|$)?)?)?\s*{_WORD}\.?",
    re.ASCII,
)
_DEGREES_ONLY = re.compile(rf"{_WORD}\.?\s*([+-]?)\s*{_NUMBER}\s*°?\s*{_WORD}\.?", re.ASCII)
#: Minutes and seconds as a whole coordinate: the sign of degrees was written as that of minutes.
_SHIFTED = re.compile(rf"{_WORD}\.?\s*([+-]?)\s*{_NUMBER}\s*'\s*(?:{_NUMBER}\s*(?:\"|'')?)?\s*{_WORD}\.?", re.ASCII)
_LETTERS = re.compile(r"(\d)\s*d\s*(\d+)\s*m(?:\s*(\d+(?:[.,]\d+)?)\s*s)?", re.ASCII)
_USUAL = re.compile(r"(\d{1,3})°\s?(\d{1,2})'\s?(\d{1,2}(?:\.\d+)?)\"\s?([NSEW])", re.ASCII)
_LONGEST = 60
_HALF_TURN = 180.0


def parse_coordinate(text: str, axis: Axis, *, decimal_comma: bool = False) -> float:
    r"""Return a coordinate in degrees.

    Parameters
    ----------
    text : str
        As ``-10.5``, ``10,5``, ``10°30'S``, ``S 10° 30.5'``, ``10 30 15 S`` or ``10'30"`` (degrees and minutes, the
        signs shifted by one place).
    axis : {"longitude", "latitude"}
        Which hemispheres are possible.
    decimal_comma : bool
        A comma is known to be a decimal one, so that ``10,500`` is not ambiguous.

    Returns
    -------
    float
        NaN for a missing value. It may be out of range.

    Raises
    ------
    ValueError
        The text is not a coordinate, or can be read in two ways; the message says why.
    """
    text = text.strip()
    if is_missing(text):
        return math.nan
    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST} characters")
    if DECIMAL.fullmatch(text):
        return _finite(float(text))
    if decimal_comma and COMMA.fullmatch(text):
        return float(text.replace(",", "."))
    if (match := _USUAL.fullmatch(text)) and (match[4] in "EW") == (axis == "longitude"):
        # The most frequent spelling of degrees, minutes and seconds.
        numbers = [float(part) for part in match.groups()[:3]]
        if max(numbers[1:]) < 60:
            value = math.fsum(number / 60.0**power for power, number in enumerate(numbers))
            return -value if match[4] in "SW" else value
    plain = _plain(text)
    if THOUSANDS.fullmatch(plain) and not (decimal_comma and COMMA.fullmatch(plain)):
        raise ValueError(
            "it may be a number with marks of thousands, or a decimal number: write a decimal point and no marks"
        )
    if COMMA.fullmatch(plain):
        return float(plain.replace(",", "."))
    if DECIMAL.fullmatch(plain):
        return _finite(float(plain))
    return _with_parts(plain, axis)


def has_decimal_comma(texts: Iterable[str]) -> bool:
    """Return whether commas in coordinates are decimal: some cannot be marks of thousands, or all give degrees."""
    commas = [text for text in texts if COMMA.fullmatch(text)]
    return any(not THOUSANDS.fullmatch(text) for text in commas) or (
        len(commas) > 1 and all(abs(float(text.replace(",", "."))) <= _HALF_TURN for text in commas)
    )


def _plain(text: str) -> str:
    signs = unicodedata.normalize("NFC", text).translate(_SIGNS)
    letters = unicodedata.normalize("NFKD", signs.casefold())
    text = "".join(letter for letter in letters if not unicodedata.combining(letter))
    text = _SECOND_WORDS.sub('"', _MINUTE_WORDS.sub("'", _DEGREE_WORDS.sub("°", text)))
    text = _LETTERS.sub(lambda m: f"{m[1]}°{m[2]}'" + (f'{m[3]}"' if m[3] else ""), text)
    return " ".join(text.replace("''", '"').replace("°.", "°").split())


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("it is not a finite number")
    return number


def _with_parts(text: str, axis: Axis) -> float:
    """Read degrees, minutes and seconds, and hemispheres."""
    match = _DEGREES_ONLY.fullmatch(text)
    if match:
        before, sign, degrees, after = match.groups()
        parts = [degrees]
    elif (match := _SEXAGESIMAL.fullmatch(text)) is not None:
        before, sign, degrees, minutes, seconds, after = match.groups()
        parts = [part for part in (degrees, minutes, seconds) if part is not None]
    elif (match := _SHIFTED.fullmatch(text)) is not None:
        before, sign, degrees, minutes, after = match.groups()
        parts = [part for part in (degrees, minutes) if part is not None]
    else:
        raise ValueError("it is neither a decimal number nor degrees and minutes")
    hemisphere = _hemisphere(before, after, axis)
    if hemisphere and sign:
        raise ValueError("it has a sign and a hemisphere: keep one of them")
    numbers = [float(part.replace(",", ".")) for part in parts]
    if len(parts) == 2 and not hemisphere and not re.search("[°']", text):
        raise ValueError("it may be degrees and minutes, or a decimal number: write a decimal point, or N, S, E or W")
    if len(parts) > 1 and any(not number.is_integer() for number in numbers[:-1]):
        raise ValueError("a part before the last one is not a whole number")
    for name, number in zip(("minutes", "seconds"), numbers[1:], strict=False):
        if number >= 60:
            raise ValueError(f"it has {number:g} {name}, and 60 are one {'degree' if name == 'minutes' else 'minute'}")
    value = math.fsum(number / 60.0**power for power, number in enumerate(numbers))
    return -value if sign == "-" or hemisphere < 0 else value


def _hemisphere(before: str, after: str, axis: Axis) -> int:
    words = [word for word in (before, after) if word]
    if len(words) > 1:
        raise ValueError("it has two hemispheres")
    if not words:
        return 0
    word = words[0]
    if word in _AMBIGUOUS and axis == "longitude":
        raise ValueError(_AMBIGUOUS[word])
    if word in _HEMISPHERES[axis]:
        return _HEMISPHERES[axis][word]
    other: Axis = "latitude" if axis == "longitude" else "longitude"
    if word in _HEMISPHERES[other]:
        raise ValueError(f"it is a {other}: {word.upper()}")
    raise ValueError(f"{word[:20]!r} is not a hemisphere")
