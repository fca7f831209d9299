"""The page that follows a sign-in is one of this site."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.accounts.next_page import safe

texts = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.sampled_from(["/", "\\", ":", "//", "evil.example", "@", "?", "#", "%2f", "\t", "\n", "http", ".", ";"]),
        max_size=6,
    ).map("".join),
)


@given(texts)
@example("//evil.example")
@example("/\\evil.example")
@example("/\t/evil.example")
@example("/.//evil.example")
@example("/..//evil.example")
@example("///evil.example")
def test_no_text_leads_to_another_host(text):
    aim = safe(text)
    assert aim.startswith("/")
    assert not aim.startswith(("//", "/\\"))
    # as browsers do it: they remove control characters and read a backslash as a slash
    cleaned = "".join(character for character in aim if character > " ").replace("\\", "/")
    assert urlsplit(urljoin("https://own.example/login", cleaned)).netloc == "own.example"


@pytest.mark.parametrize("text", ["/", "/studies?x=1&y=%20", "/maps/1?a=//b#c", "/species/ä"])
def test_pages_of_this_site_stay(text):
    assert safe(text) == text


@pytest.mark.parametrize("text", ["/login", "/login/code", "/logout", "/account/password/x", "/" + "x" * 2000])
def test_pages_that_are_no_aim(text):
    assert safe(text) == "/"
