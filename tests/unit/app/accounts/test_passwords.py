"""Passwords: which are accepted, and that equal texts in other forms are one password."""

from __future__ import annotations

import threading

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from app.accounts import passwords
from app.errors import Unavailable

EMAIL = "anna.schmidt@example.org"


@pytest.mark.parametrize(
    "password",
    [
        "kestrel lamp forty oak",
        "Zq8!vR2#mK5x",
        "ёжик под ёлкой в тумане",
        "correct horse battery staple",
        "🦎🐦🌲🏔️🌊🔥💧🌱🍄🦋🐝🐞🦔",
        "x9" * 3 + "anything else",
        "a" + "bcd4efg5hij6klm" * 8,
        "horse dragon welcome monkey",
        "ecopredict lamp 2026",
        "schmidt and a lamp",
        "kestrelowlet" * 2,
        "2739105846821",
    ],
)
def test_accepted(password):
    assert passwords.problem_of(password, EMAIL) is None


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", "at least 12"),
        ("elevenchars", "at least 12"),
        ("x7" * 65, "at most 128"),
        ("ab c" * 100_000, "at most 128"),
        ("password1234", "easy to guess"),
        ("PASSWORD!!!!!", "easy to guess"),
        ("passwordpassword", "easy to guess"),
        ("letmeinletmein", "easy to guess"),
        ("iloveyoumonkey", "easy to guess"),
        ("123456789012", "easy to guess"),
        ("qwertyuiopasdf", "easy to guess"),
        ("abcdefghijklmnop", "easy to guess"),
        ("lkjhgfdsapoiuytrewq", "easy to guess"),
        ("aaaaaaaaaaaaaa", "easy to guess"),
        ("abcabcabcabcabc", "easy to guess"),
        ("1qaz2wsx3edc", "easy to guess"),
        ("letmein-letmein", "easy to guess"),
        ("LetMeIn2025letmein!", "easy to guess"),
        ("dragon monkey", "easy to guess"),
        ("abcabcabcdef", "easy to guess"),
        ("defabcabcabc", "easy to guess"),
        ("123412341234a", "easy to guess"),
        ("ecopredict2026", "easy to guess"),
        ("EcoPredict-EcoPredict", "easy to guess"),
        ("example20262026", "your address"),
        ("Example.org!2026", "your address"),
        ("schmidt19840101", "your address"),
        ("annaschmidt99", "your address"),
        ("schmidtschmidt1", "your address"),
        ("annaschmidtannaschmidt", "your address"),
        ("SchmidtExample1", "your address"),
        ("1example-org-anna!", "your address"),
        ("EcoPredictEcoPredict", "easy to guess"),
        ("PredictEco2026", "easy to guess"),
        ("annaecopredict", "easy to guess"),
        ("kestrelkestrel1", "easy to guess"),
        ("Zq8!vR2#Zq8!vR2#", "easy to guess"),
        ("anna.schmidt@example.org", "your address"),
        ("ANNA.SCHMIDT@EXAMPLE.ORG!", "your address"),
        ("anna.schmidt99", "your address"),
        ("with a\nline break", "control characters"),
        ("with a nul \0 in it", "control characters"),
        # in compatibility form these are ordinary letters
        ("ｐａｓｓｗｏｒｄ１２３４", "easy to guess"),
        # twelve code points, of which normalisation leaves six
        ("e\u0301" * 6, "at least 12"),
    ],
)
def test_refused(password, problem):
    assert problem in passwords.problem_of(password, EMAIL)


def test_equal_texts_in_other_forms_are_one_password():
    stored = passwords.hash_of("caf\u00e9 with many words")
    assert passwords.matches(stored, "cafe\u0301 with many words")
    assert not passwords.matches(stored, "cafe with many words")
    assert stored.startswith("$argon2id$")
    assert not passwords.is_outdated(stored)
    assert passwords.is_outdated(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x"))


@pytest.mark.parametrize("stored", [None, "", "x", "$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA"])
def test_nothing_matches_without_a_hash(stored):
    assert not passwords.matches(stored, "kestrel lamp forty oak")


def test_a_text_that_is_too_long_matches_nothing():
    assert not passwords.matches(passwords.hash_of(""), "x" * 1_000_000)


@given(st.text(max_size=200))
def test_any_text_is_accepted_or_refused(text):
    problem = passwords.problem_of(text, EMAIL)
    assert problem is None or isinstance(problem, str)


def test_of_a_flood_two_hash_one_waits_and_the_others_are_refused_at_once(monkeypatch):
    # whoever waits waits until the end of the test: only a refusal at once returns
    monkeypatch.setattr(passwords, "_WAIT_S", 600)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(passwords.matches(None, "x")))
    with passwords._slot(), passwords._slot():
        waiting.start()
        while passwords._place_to_wait._value:
            pass
        for _ in range(3):
            with pytest.raises(Unavailable):
                passwords.matches(None, "x")
        assert answers == []
    waiting.join()
    assert answers == [False]


def test_a_flood_waits_and_is_refused_in_the_end(monkeypatch):
    monkeypatch.setattr(passwords, "_WAIT_S", 0.05)
    with passwords._slot(), passwords._slot(), pytest.raises(Unavailable):
        passwords.matches(None, "x")
    assert not passwords.matches(None, "x")
