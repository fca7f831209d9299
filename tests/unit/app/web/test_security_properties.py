"""Host names: exactly the allowed names are answered, in any case and with any port."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.web.security import is_allowed

ALLOWED = ["localhost", "127.0.0.1", "[::1]", "maps.example.org", ".trees.example.org"]
names = st.sampled_from(["localhost", "127.0.0.1", "[::1]", "maps.example.org", "a.trees.example.org"])
hosts = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from([*ALLOWED, "evil.example", ".", ":", "@", "80", "/", "\\", "#", " ", "\t", "[", "-"]),
        max_size=4,
    ).map("".join),
)


@given(names, st.sampled_from(["", ":", ":80", ":8000", ":65535"]), st.sampled_from(["", "."]), st.data())
def test_an_allowed_name_is_allowed_in_any_case_and_with_any_port(name, port, dot, data):
    written = "".join(data.draw(st.sampled_from([one.lower(), one.upper()])) for one in name)
    assert is_allowed(written + dot + port, ALLOWED)


@given(hosts)
@example("localhost@evil.example")
@example("evil.example#maps.example.org")
@example("localhost:80:80")
@example("localhost..")
@example("evil.example#.trees.example.org")
@example("evil.example:80.trees.example.org")
@example(".trees.example.org")
@example("a.b-c.trees.example.org")
def test_any_other_host_is_refused(host):
    name = (
        r"(localhost|127\.0\.0\.1|\[::1\]|maps\.example\.org|"
        r"([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)+trees\.example\.org)"
    )
    expected = re.fullmatch(rf"{name}\.?(:[0-9]{{0,5}})?", host.strip().lower(), re.ASCII | re.DOTALL)
    assert is_allowed(host, ALLOWED) == bool(expected)


@given(hosts)
def test_nothing_is_allowed_without_names(host):
    assert not is_allowed(host, [])


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "notlocalhost", "trees.example.org", ""])
def test_names_that_only_resemble_allowed_ones(host):
    assert not is_allowed(host, ALLOWED)
