"""Messages to people: sent by mail where MAIL_URL is set, printed to the log otherwise, always in the background."""

from __future__ import annotations

import logging
import queue
import random
import smtplib
import ssl
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from flask import Flask

from app.components import components
from app.config.mail_url import MailServer, parse
from app.worker_thread import WorkerThread, at_exit

log = logging.getLogger(__name__)

_MOST_WAITING = 200
_TIMEOUT_S = 10.0
_PATIENCE_S = 5.0
_STEP_S = 0.02
# Seconds before the work begins, by chance: work beside a response that is being written would slow it down.
_DELAY_S = (0.3, 1.0)


class Postbox:
    """Work that nobody waits for: looking up an account, and sending a message.

    A response that does not wait for this work takes as long for an unknown address as for a known one.

    Parameters
    ----------
    app : Flask
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._waiting: queue.Queue[Callable[[], object]] = queue.Queue(_MOST_WAITING)
        self._thread = WorkerThread("accounts", self._work)

    def add(self, work: Callable[[], object]) -> None:
        """Do some work soon, within an application context. While too much work waits, it is dropped."""
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            log.error("a message to a person was dropped: %d others wait", _MOST_WAITING)
            return
        self._thread.wake()

    def wait(self, seconds: float) -> bool:
        """Wait until the work is done; return False where it takes longer."""
        until = time.monotonic() + seconds
        while self._waiting.unfinished_tasks and time.monotonic() < until:
            time.sleep(_STEP_S)
        return not self._waiting.unfinished_tasks

    def _work(self) -> None:
        time.sleep(random.uniform(*_DELAY_S))  # noqa: S311
        while True:
            try:
                work = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                with self._app.app_context():
                    work()
            except Exception as error:
                # the text of such an exception may contain the address
                log.error("a message to a person could not be sent: %s", type(error).__name__)
            finally:
                self._waiting.task_done()


class Messenger:
    """Sends messages.

    Parameters
    ----------
    server : MailServer or None
        Without one, messages are printed to the log.
    """

    def __init__(self, server: MailServer | None) -> None:
        self._server = server

    @property
    def sends_mail(self) -> bool:
        """Whether messages are mailed."""
        return self._server is not None

    def send(self, address: str, subject: str, text: str) -> None:
        """Send a message.

        Raises
        ------
        OSError, smtplib.SMTPException
            The server does not accept it.
        """
        if self._server is None:
            # MAIL_URL is not set, so that the operator reads the link here and passes it on
            log.warning("no MAIL_URL is set; message to %s: %s", address, " ".join(text.split()))
            return
        message = EmailMessage()
        message["From"] = self._server.sender
        message["To"] = address
        message["Subject"] = subject
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self._server.sender.partition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        with _connected(self._server) as connection:
            connection.send_message(message)


def _connected(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.is_tls:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT_S, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_S)
        connection.ehlo()
        # A password never goes out without TLS: starttls() raises where the server has none.
        if server.password or connection.has_extn("starttls"):
            connection.starttls(context=context)
    if server.password:
        connection.login(server.user, server.password)
    return connection


def init_app(app: Flask) -> None:
    """Add the postbox and the messenger."""
    url = app.config["SETTINGS"].mail_url
    postbox = components(app).add(Postbox(app))
    components(app).add(Messenger(parse(url) if url else None))
    at_exit(postbox.wait, _PATIENCE_S)
