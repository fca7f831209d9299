"""Where Redis is, as an operator writes it; nothing of a mistaken URL is repeated, for it may hold a password."""

from __future__ import annotations

import pytest

from app.config.redis_url import parse
from app.config.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    ("text", "hosts", "options"),
    [
        ("redis://h", (("h", 6379),), {"db": 0}),
        ("redis://h:1/2", (("h", 1),), {"db": 2}),
        ("redis://h?db=3", (("h", 6379),), {"db": 3}),
        ("REDIS://u:p%40%2F@[::1]:5/0", (("::1", 5),), {"username": "u", "password": "p@/", "db": 0}),
        ("rediss://:p@h/1", (("h", 6379),), {"password": "p", "ssl": True, "db": 1}),
        ("rediss://h?ssl_ca_certs=/ca.pem", (("h", 6379),), {"ssl": True, "db": 0, "ssl_ca_certs": "/ca.pem"}),
        ("rediss://h?ssl_check_hostname=false", (("h", 6379),), {"ssl": True, "db": 0, "ssl_check_hostname": False}),
        ("unix:///run/r.sock?db=1", (), {"unix_socket_path": "/run/r.sock", "db": 1}),
        ("unix://:p@/run/r.sock", (), {"unix_socket_path": "/run/r.sock", "db": 0, "password": "p"}),
    ],
)  # fmt: skip
def test_one_server(text, hosts, options):
    url = parse(text)
    assert (url.kind, url.hosts, url.options) == ("single", hosts, options)


def test_sentinels():
    url = parse("redis+sentinel://:p@a:1,b:2,c/eco-1/3?sentinel_password=q")
    assert (url.kind, url.service, url.hosts) == ("sentinel", "eco-1", (("a", 1), ("b", 2), ("c", 26379)))
    assert (url.options, url.sentinel_options) == ({"password": "p", "db": 3}, {"password": "q"})
    # the servers' password is not shown to the sentinels unless it is said to be theirs
    assert parse("redis+sentinel://:p@a/eco").sentinel_options == {}


def test_a_cluster():
    url = parse("redis+cluster://u:p@a:1,b:2")
    assert (url.kind, url.hosts) == ("cluster", (("a", 1), ("b", 2)))
    assert url.options == {"username": "u", "password": "p"}


@pytest.mark.parametrize(
    "text",
    [
        "hunter2", "redis:hunter2", "http://:hunter2@h", "redis://", "redis://:hunter2@", "redis://:hunter2@:1",
        "redis://:hunter2@h:port", "redis://:hunter2@h:70000", "redis://:hunter2@h:0", "redis://:hunter2@h/name",
        "redis://:hunter2@h/0/1", "redis://:hunter2@h,i", "redis://:hunter2#@h", "redis://:hun/ter2@h",
        "redis://h?hunter2=1", "redis://h?db=", "redis://h?db=1&db=2", "redis://h?socket_timeout=60",
        "redis://[hunter2", "redis://:hunter2@h o", "rediss://h?ssl_cert_reqs=hunter2",
        "rediss://h?ssl_check_hostname=hunter2", "unix://", "unix://hunter2", "unix://hunter2/r.sock",
        "redis+sentinel://:hunter2@h", "redis+sentinel://:hunter2@h/", "redis+sentinel://:hunter2@h/a b",
        "redis+sentinel://:hunter2@h/eco/x", "redis+sentinel://:hunter2@h/eco/1/2", "redis+sentinel://:hunter2@h,/eco",
        "redis+cluster://:hunter2@h/1", "redis+cluster://:hunter2@", "redis+cluster://h?db=1",
        "rediss+sentinel://:hunter2@h/eco", "rediss+cluster://:hunter2@h", "sentinel://:hunter2@h/eco",
    ],
)  # fmt: skip
def test_a_malformed_url_stops_the_start_with_one_line_without_the_password(tmp_path, text):
    with pytest.raises(SettingsError) as caught:
        load_settings({"DATA_DIR": str(tmp_path), "REDIS_URL": text})
    said = str(caught.value)
    assert said.startswith("REDIS_URL: ")
    assert "\n" not in said
    assert "hunter2" not in said
    assert "ter2" not in said


@pytest.mark.parametrize("text", ["rediss+sentinel://h/eco", "REDISS+cluster://h"])
def test_tls_where_there_is_none_is_said(text):
    with pytest.raises(ValueError, match="TLS is supported for one server only"):
        parse(text)


def test_a_parsed_url_does_not_show_its_password():
    assert "hunter2" not in repr(parse("redis+sentinel://:hunter2@h/eco?sentinel_password=hunter2"))


def test_the_url_may_be_in_a_file(tmp_path):
    file = tmp_path / "redis_url"
    file.write_text("redis+sentinel://:p@a:1/eco\n")
    settings = load_settings({"DATA_DIR": str(tmp_path), "REDIS_URL_FILE": str(file)})
    assert settings.redis_url == "redis+sentinel://:p@a:1/eco"
