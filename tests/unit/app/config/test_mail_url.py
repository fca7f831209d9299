"""MAIL_URL: the forms that are accepted, and refusals that do not repeat a password."""

from __future__ import annotations

import pytest

from app.config.mail_url import MailServer, parse


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "smtp://eco%40example.org:p%40ss@mail.example.org",
            MailServer("mail.example.org", 587, False, "eco@example.org", "p@ss", "eco@example.org"),
        ),
        (
            "smtps://user:secret@mail.example.org:4650/?from=eco@example.org",
            MailServer("mail.example.org", 4650, True, "user", "secret", "eco@example.org"),
        ),
        ("smtp://localhost:25?from=eco@example.org", MailServer("localhost", 25, False, "", "", "eco@example.org")),
    ],
)
def test_accepted(url, expected):
    found = parse(url)
    assert found == expected
    assert not expected.password or expected.password not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@host",
        "smtp://user:hunter2@host",
        "smtp://host",
        "smtp://user@host?from=a@b.org",
        "smtp://:hunter2@host?from=a@b.org",
        "smtp://user:hunter2@host/path?from=a@b.org",
        "smtp://user:hunter2@host?from=a@b.org&x=hunter2",
        "smtp://user:hunter2@host:99999?from=a@b.org",
        "smtp://user:hunter2@host?from=a@b.org%0d%0aBcc:x@y.org",
        "mail.example.org",
    ],
)
def test_refused(url):
    with pytest.raises(ValueError, match="expected smtp://") as caught:
        parse(url)
    assert "hunter2" not in str(caught.value)
