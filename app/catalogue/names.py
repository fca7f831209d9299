"""How names are compared: without case, accents and punctuation, and with tolerance for typing errors."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz
from rapidfuzz.process import cdist

from ml.records.names import read_name

Names = tuple[str, ...]
Scores = npt.NDArray[np.float64]
#: The lowest score that is a match.
ENOUGH = 72.0
_NOT_LETTERS = re.compile(r"[^\w]+|_", re.UNICODE)


def fold(text: str) -> str:
    """Return a name in the form in which names are compared."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(_NOT_LETTERS.sub(" ", plain).split())


def grams_of_name(name: str) -> set[str]:
    """Return the three-letter pieces of a name, word by word, with the beginnings and ends of words marked."""
    return {piece for word in fold(name).split() for piece in _pieces(f"  {word} ")}


def grams_of_query(query: str) -> set[str]:
    """Return the pieces of a query; its words may be beginnings of words, so their ends are not marked."""
    return {piece for word in fold(query).split() for piece in _pieces(f"  {word}")}


def _pieces(padded: str) -> set[str]:
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def binomial(name: str) -> str:
    """Return the genus and species of a scientific name, without its authorship.

    A text that is not one determined name, such as ``Larus cf. fuscus``, is returned as it is.
    """
    canonical = read_name(name)
    return " ".join(canonical.split()[:2]) if canonical else name


def shorten(text: str) -> str:
    """Return at most 60 characters of a name that a message repeats."""
    return text if len(text) <= 60 else text[:60] + "…"


class NameTable:
    """Names prepared for comparison with search texts, all at once.

    Parameters
    ----------
    names : sequence of str
        A name without any letter or digit matches nothing.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._folded = [fold(name) for name in names]
        words = [folded.split() or [""] for folded in self._folded]
        # names of many species share words: each different word is compared once
        self._vocabulary = sorted({word for several in words for word in several})
        position = {word: at for at, word in enumerate(self._vocabulary)}
        self._words = np.array([position[word] for several in words for word in several], dtype=np.intp)
        self._first = np.cumsum([0, *(len(several) for several in words)], dtype=np.intp)[:-1]
        self._lengths = np.array([len(folded) for folded in self._folded], dtype=np.float64)

    def scores(self, query: str) -> Scores:
        """Return how well a search text fits each of the names.

        Parameters
        ----------
        query : str
            As typed.

        Returns
        -------
        ndarray of shape (n_names,)
            200 and more for the beginning of a name, 100 and more where every word of the query begins a word of the
            name, otherwise the likeness in percent. A score below `ENOUGH` is not a match.
        """
        text = fold(query)
        if not text or not self._folded:
            return np.zeros(len(self._folded))
        tokens = text.split()
        likeness = np.zeros(len(self._folded))
        begins = np.ones(len(self._folded), dtype=bool)
        for token in tokens:
            likeness += self._best_word(_likeness(token, self._vocabulary))
            begun = np.array([word.startswith(token) for word in self._vocabulary])
            begins &= self._best_word(begun)
        scores = np.minimum(99.0, likeness / len(tokens))
        scores = np.where(begins, 100.0 + 90.0 * len(text) / np.maximum(self._lengths, len(text)), scores)
        starts = np.array([folded.startswith(text) for folded in self._folded])
        scores[starts] = 200.0 + 100.0 * len(text) / self._lengths[starts]
        scores[self._lengths == 0] = 0.0
        return scores

    def _best_word(self, of_words: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the highest value of each name's words, from one value for each word of the vocabulary."""
        return np.maximum.reduceat(of_words[self._words], self._first)


def _likeness(token: str, words: Sequence[str]) -> Scores:
    """Return the likeness in percent of a word of the query to each of some words."""

    def ratios(choices: Sequence[str]) -> Scores:
        ratios_of_token: Scores = cdist([token], choices, scorer=fuzz.ratio, dtype=np.float64)[0]
        return ratios_of_token

    complete = ratios(words)
    length = len(token)
    if length < 4:
        return np.where([word.startswith(token) for word in words], 100.0, complete * 0.8)
    # A half-typed word is compared with as much of the word, and with one letter more for a letter left out.
    begun = np.maximum(ratios([word[:length] for word in words]), ratios([word[: length + 1] for word in words]))
    return np.maximum(complete, begun * 0.97)
