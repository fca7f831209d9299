"""How names are compared: without case, accents and punctuation, and forgiving of typing errors."""

from __future__ import annotations

import re
import unicodedata

from rapidfuzz import fuzz

Names = tuple[str, ...]
ENOUGH = 72.0
_NOT_LETTERS = re.compile(r"[^\w]+|_", re.UNICODE)


def fold(text: str) -> str:
    """Return a name in the form in which names are compared."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(_NOT_LETTERS.sub(" ", plain).split())


def grams_of_name(name: str) -> set[str]:
    """Return the three-letter pieces of a name, word by word, the beginnings and ends of words marked."""
    return {piece for word in fold(name).split() for piece in _pieces(f"  {word} ")}


def grams_of_query(query: str) -> set[str]:
    """Return the pieces of a query; its words may be beginnings of words, so their ends are not marked."""
    return {piece for word in fold(query).split() for piece in _pieces(f"  {word}")}


def _pieces(padded: str) -> set[str]:
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def binomial(name: str) -> str:
    """Return the genus and species of a scientific name, without its authorship."""
    return " ".join(name.split()[:2])


def score(query: str, names: Names) -> float:
    """Rate how well a query fits any of a species' names.

    Parameters
    ----------
    query : str
        As typed.
    names : tuple of str

    Returns
    -------
    float
        200 and more for the beginning of a name, 100 and more where every word begins a word of the name, otherwise
        the likeness in percent; below `ENOUGH` it is no match.
    """
    wanted = fold(query)
    return max((_score_one(wanted, fold(name)) for name in names if name), default=0.0)


def _score_one(wanted: str, name: str) -> float:
    if not wanted or not name:
        return 0.0
    if name.startswith(wanted):
        return 200.0 + 100.0 * len(wanted) / len(name)
    words = name.split()
    tokens = wanted.split()
    if all(any(word.startswith(token) for word in words) for token in tokens):
        return 100.0 + 90.0 * len(wanted) / max(len(name), len(wanted))
    return min(99.0, sum(max(_likeness(token, word) for word in words) for token in tokens) / len(tokens))


def _likeness(token: str, word: str) -> float:
    whole: float = fuzz.ratio(token, word)
    if len(token) < 4:
        return 100.0 if word.startswith(token) else whole * 0.8
    # Half-typed words are compared with as much of the word, and one letter more for a letter left out.
    begun = max(fuzz.ratio(token, word[: len(token)]), fuzz.ratio(token, word[: len(token) + 1]))
    return max(whole, begun * 0.97)
