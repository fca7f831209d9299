"""The address of the site in links."""

from __future__ import annotations

import pytest

from app.accounts import site
from app.config.settings import Settings


@pytest.mark.parametrize(
    ("environment", "hosts", "root", "expected"),
    [
        ("development", ("eco.example.org",), "http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("production", ("eco.example.org",), "http://127.0.0.1:5000", "https://eco.example.org"),
        ("production", (), "http://[::1]:5555", "http://127.0.0.1:8000"),
        ("production", (".0.1",), "http://[::1]:5555", "https://[::1]"),
        ("production", (".example.org",), "http://b.example.org:1", "https://b.example.org"),
    ],
)
def test_only_development_takes_the_port_of_a_request(environment, hosts, root, expected):
    assert site.of_request(Settings(environment=environment, allowed_hosts=hosts), root) == expected
