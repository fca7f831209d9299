"""Signed cache entries: only an unchanged entry under its own key is read."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.cache.in_redis import EntrySigner, JsonBackend

SIGNER = EntrySigner("for-tests-only")
keys = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
contents = st.dictionaries(st.text(max_size=5), st.integers(-9, 9), max_size=3).map(orjson.dumps)


class OneEntry:
    """A Redis client that has one entry under every key."""

    def __init__(self, entry):
        self.entry = entry

    def client(self):
        return self

    def getrange(self, key, start, end):
        return self.entry if isinstance(self.entry, str) else self.entry[start : end + 1]


def read(key, entry):
    return JsonBackend(OneEntry(entry), "test:", 60, SIGNER).get(key)


@given(keys, contents)
def test_a_signed_entry_is_read_under_its_key_alone(key, content):
    entry = SIGNER.sign(key, content)
    assert SIGNER.verify(key, entry) == content
    assert read(key, entry) == orjson.loads(content)
    assert SIGNER.verify(key + "x", entry) is None
    assert EntrySigner("another key").verify(key, entry) is None


@given(keys, contents, st.data())
def test_a_changed_entry_is_absent_or_has_the_signed_content(key, content, data):
    entry = SIGNER.sign(key, content)
    place = data.draw(st.integers(0, len(entry)))
    removed, inserted = data.draw(st.integers(0, 3)), data.draw(st.binary(max_size=3))
    changed = entry[:place] + inserted + entry[place + removed :]
    # Base64 ignores bytes outside its alphabet, so that one signature has several texts. The content has one.
    read_content = SIGNER.verify(key, changed)
    assert read_content is None or (read_content == content and changed.startswith(content + b"\0"))
    assert read(key, changed) == (None if read_content is None else orjson.loads(content))


@given(keys, keys, contents)
def test_content_cannot_move_between_key_and_entry(key, other, content):
    signature = SIGNER.sign(key + other, content).rpartition(b"\0")[2]
    if other:
        assert SIGNER.verify(key, other.encode() + b"\0" + content + b"\0" + signature) is None
        assert SIGNER.verify(key, other.encode() + content + b"\0" + signature) is None


@given(keys, st.one_of(st.binary(max_size=300), st.text(max_size=20)))
def test_anything_else_in_redis_is_absent(key, entry):
    assert read(key, entry) is None
