"""JSON from outside: a member that is given twice is refused wherever it stands."""

from __future__ import annotations

import pytest

from app.errors import ValidationFailed
from app.web import json_text
from app.web.form_values import FormErrors, change_of_button


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ('{"a": 1, "a": 1}', "/a"),
        ('{"a": [{}, {"b": 1, "c": 2, "b": 3}]}', "/a/1/b"),
        ('{"a/b": {"~": 1, "~": 2}}', "/a~1b/~0"),
        ('[{"a": 1}, {"a": 1, "\\u0061": 2}]', "/1/a"),
    ],
)
def test_a_member_that_is_given_twice_is_named(text, at):
    with pytest.raises(ValidationFailed) as refused:
        json_text.parse(text)
    assert refused.value.errors == [(at, "given more than once")]


def test_equal_members_of_different_objects_are_none():
    assert json_text.parse('[{"a": 1}, {"a": {"a": 2}}]') == [{"a": 1}, {"a": {"a": 2}}]


def test_the_change_of_a_button_has_no_member_twice():
    errors = FormErrors()
    assert change_of_button({"change": '{"rules": {}, "rules": {"off": []}}'}, errors) == {}
    assert len(errors) == 1
    assert change_of_button({"change": '{"rules": {}}'}, FormErrors()) == {"rules": {}}
