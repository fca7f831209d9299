"""Messages: by a server for mail, and only as its URL says; work that nobody waits for."""

from __future__ import annotations

import logging
import smtplib
import socketserver
import threading

import pytest
from flask import Flask

from app.accounts import delivery
from app.accounts.delivery import Messenger, Postbox
from app.config.mail_url import parse


class _Handler(socketserver.StreamRequestHandler):
    """A server for mail that accepts everything and knows no TLS."""

    def handle(self):
        said = self.server.said
        self.wfile.write(b"220 test\r\n")
        is_content = False
        for line in self.rfile:
            text = line.decode().rstrip("\r\n")
            said.append(text)
            if is_content:
                if text == ".":
                    is_content = False
                    self.wfile.write(b"250 stored\r\n")
                continue
            verb = text.split(" ", 1)[0].upper()
            if verb == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            is_content = verb == "DATA"
            self.wfile.write(b"354 go on\r\n" if is_content else b"250 test\r\n")


@pytest.fixture
def server():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler) as running:
        running.said = []
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def url_of(server, user=""):
    return f"smtp://{user}127.0.0.1:{server.server_address[1]}/?from=eco@example.org"


def test_a_message_arrives(server):
    Messenger(parse(url_of(server))).send("anna@example.org", "Set your password", "Open this:\nhttps://x.org/a\n")
    said = server.said
    assert "mail FROM:<eco@example.org>" in " ".join(said)
    assert "rcpt TO:<anna@example.org>" in said
    for line in ("From: eco@example.org", "To: anna@example.org", "Subject: Set your password", "https://x.org/a"):
        assert line in said


def test_a_password_is_not_sent_without_tls(server):
    with pytest.raises(smtplib.SMTPNotSupportedError):
        Messenger(parse(url_of(server, "eco:hunter2@"))).send("anna@example.org", "x", "y")
    assert not [line for line in server.said if "AUTH" in line.upper() or "hunter2" in line]


def test_no_header_can_be_added(server):
    with pytest.raises(ValueError, match=r"linefeed|newline"):
        Messenger(parse(url_of(server))).send("anna@example.org\r\nBcc: x@example.org", "x", "y")
    assert not [line for line in server.said if "Bcc" in line]


def test_without_a_server_a_message_is_one_line_of_the_log(caplog):
    with caplog.at_level(logging.WARNING):
        Messenger(None).send("anna@example.org", "x", "Open this:\n\nhttps://x.org/a\n")
    # threads of other tests' applications may write meanwhile
    said = [record.getMessage() for record in caplog.records if record.name == delivery.__name__]
    assert said == ["no MAIL_URL is set; message to anna@example.org: Open this: https://x.org/a"]


@pytest.fixture
def postbox(monkeypatch):
    monkeypatch.setattr(delivery, "_DELAY_S", (0.0, 0.0))
    return Postbox(Flask(__name__))


def test_work_is_done_after_work_that_failed(postbox, caplog):
    done = []

    def fail():
        raise smtplib.SMTPRecipientsRefused({"anna@example.org": (550, b"no")})

    postbox.add(fail)
    postbox.add(lambda: done.append(1))
    assert postbox.wait(5)
    assert done == [1]
    assert "a message to a person could not be sent: SMTPRecipientsRefused" in caplog.text
    assert "anna" not in caplog.text


def test_too_much_work_is_dropped(postbox, caplog, monkeypatch):
    monkeypatch.setattr(delivery, "_DELAY_S", (0.5, 0.5))
    done = []
    for number in range(delivery._MOST_WAITING + 5):
        postbox.add(lambda number=number: done.append(number))
    assert postbox.wait(10)
    assert len(done) == delivery._MOST_WAITING
    assert "was dropped" in caplog.text
