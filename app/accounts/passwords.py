"""Passwords: what is accepted, and how they are stored and compared."""

from __future__ import annotations

import functools
import re
import secrets
import string
import threading
import unicodedata
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import Unavailable

SHORTEST, LONGEST = 12, 128
# Characters before normalisation, which can make a text longer or shorter.
_LONGEST_TYPED = 1_000
# The parameters that OWASP states for Argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# A flood of sign-ins occupies three of the four threads of a worker (gunicorn.conf.py) at most: two hash, and one waits
# for a moment. The fourth answers predictions.
_slots = threading.BoundedSemaphore(2)
_place_to_wait = threading.BoundedSemaphore(1)
_WAIT_S = 0.5
# Fewer different characters than this are a pattern.
_FEW_DIFFERENT = 5
# A name of one letter is a part of everything.
_SHORTEST_NAME = 2
_LONGEST_PIECE = 6
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")
_PRODUCT = frozenset({"ecopredict", "eco", "predict"})
_BETWEEN_WORDS = re.compile(r"[\W\d_]+")
_NOT_WORDS = string.digits + string.punctuation + string.whitespace


def problem_of(password: str, email: str) -> str | None:
    """Return why a password is refused, as the message of a field; None where it is accepted.

    Parameters
    ----------
    password : str
        As it was typed.
    email : str
        Address of the account.
    """
    if len(password) > _LONGEST_TYPED:
        return f"must have at most {LONGEST} characters"
    text = _normalised(password)
    if len(text) < SHORTEST:
        return f"must have at least {SHORTEST} characters"
    if len(text) > LONGEST:
        return f"must have at most {LONGEST} characters"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        return "must not contain control characters"
    lowered, address = text.casefold(), email.casefold()
    words, names = _words(lowered), _names_in(address)
    if address and (address in lowered or _consist_of(words, names)):
        return "must not be your address"
    if _consist_of(words, names | _PRODUCT) or _is_common(lowered):
        return "is too easy to guess: it is on the list of common passwords, or a simple variation of one"
    return None


def hash_of(password: str) -> str:
    """Return the hash of a password that is accepted."""
    with _slot():
        return _hasher.hash(_normalised(password))


def matches(stored: str | None, password: str) -> bool:
    """Return whether a password is the one of a hash. It takes as long without a hash, where nothing matches."""
    is_usable = stored is not None and len(password) <= _LONGEST_TYPED
    text = _normalised(password) if len(password) <= _LONGEST_TYPED else ""
    with _slot():
        try:
            _hasher.verify(stored if is_usable and stored is not None else _decoy(), text)
        except (VerificationError, InvalidHashError):
            return False
    return is_usable


def is_outdated(stored: str) -> bool:
    """Return whether a hash was made with other parameters than those of today."""
    return _hasher.check_needs_rehash(stored)


@contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(blocking=False):
        _wait_for_slot()
    try:
        yield
    finally:
        _slots.release()


def _wait_for_slot() -> None:
    if _place_to_wait.acquire(blocking=False):
        try:
            if _slots.acquire(timeout=_WAIT_S):
                return
        finally:
            _place_to_wait.release()
    raise Unavailable("Too many people sign in right now. Try again in a moment.")


@functools.cache
def _decoy() -> str:
    """Return the hash of a password that nobody has."""
    return _hasher.hash(secrets.token_urlsafe())


def _normalised(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


@functools.cache
def _common() -> frozenset[str]:
    # 93,000 words of several languages are loaded with it, so only where a password is set
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])


def _is_common(text: str) -> bool:
    """Return whether a password is common: on the list, one of the list with digits or signs, or a pattern."""
    common = _common()
    core = text.strip(_NOT_WORDS)
    if text in common or (len(core) > 2 and core in common) or len(set(text)) < _FEW_DIFFERENT:
        return True
    words = [word for word in _words(text) if len(word) > 2]
    if len(words) > 1 and (len(words) == 2 or len(set(words)) == 1) and common.issuperset(words):
        return True
    if any(_begins_with_repetition(way) for way in (text, text[::-1])):
        return True
    # once, it would be too short
    if any((piece := _repeated_piece(one)) is not None and len(piece) < SHORTEST for one in (text, core)):
        return True
    if any(text[:cut] in common and text[cut:] in common for cut in range(3, len(text) - 2)):
        return True
    return _is_row(text)


def _words(text: str) -> list[str]:
    """Return the groups of letters in a text: digits, signs and spaces make it no harder to guess."""
    return [word for word in _BETWEEN_WORDS.split(text) if word]


def _names_in(address: str) -> set[str]:
    """Return the words of an address, and those before and after the sign joined."""
    name, _, domain = address.partition("@")
    return {*_words(address), "".join(_words(name)), "".join(_words(domain))}


def _consist_of(words: Sequence[str], names: Set[str]) -> bool:
    """Return whether words are names, names joined, or repeated; False where there is no word."""
    return bool(words) and all(word in names or _is_joined(word, names) for word in words)


def _is_joined(word: str, names: Set[str]) -> bool:
    # ends of the beginnings of the word that are names joined
    ends = {0}
    for end in range(1, len(word) + 1):
        if any(end - start >= _SHORTEST_NAME and word[start:end] in names for start in ends):
            ends.add(end)
    return len(word) in ends


def _begins_with_repetition(text: str) -> bool:
    """Return whether a short piece, at least three times, makes up two thirds of a text."""
    for length in range(1, _LONGEST_PIECE + 1):
        end = length
        while end < len(text) and text[end] == text[end - length]:
            end += 1
        if end >= 3 * length and end >= len(text) * 2 / 3:
            return True
    return False


def _repeated_piece(text: str) -> str | None:
    """Return the piece that a text repeats, with a rest at the end or without; None where there is none."""
    for length in range(1, len(text) // 2 + 1):
        if text == (text[:length] * (len(text) // length + 1))[: len(text)]:
            return text[:length]
    return None


def _is_row(text: str) -> bool:
    """Return whether a text consists of keys or letters that follow each other."""
    pairs = {row[at : at + 2] for row in _ROWS for at in range(len(row) - 1)}
    pairs |= {pair[::-1] for pair in pairs}
    breaks = sum(text[at : at + 2] not in pairs for at in range(len(text) - 1))
    # two rows one after another have one break
    return breaks <= len(text) // 8
