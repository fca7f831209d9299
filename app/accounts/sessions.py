"""Sessions of people who are signed in: in a signed cookie, or in Redis where REDIS_URL is set.

Nobody else has a session, so that no page sets a cookie for them. A session ends after 12 hours without a request and
seven days after it began, whichever comes first; its person can end it earlier.
"""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta
from typing import Any

from flask import Flask, Request, Response, current_app, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadSignature

from app.accounts.sealing import new_token
from app.components import component, components
from app.errors import Unavailable
from app.redis_client import RedisClient, RedisUnavailable
from app.telemetry.logs import QUIET
from app.web.credentials import IDENTIFYING, by_program
from app.web.faces import keep_private

IDLE, ABSOLUTE = timedelta(hours=12), timedelta(days=7)
#: Seconds after which the time of the last request is written again.
_REFRESH_S = 300
_PREFIX = "ecopredict-sessions:"
_LONGEST = 10_000
ID, BEGAN, SEEN = "id", "began", "seen"


class Session(SecureCookieSession):
    """The content of a session.

    Attributes
    ----------
    lost_id : str or None
        Id of the session where it is in Redis, which does not answer.
    old_id : str or None
        Id of the session that this one replaces.
    """

    lost_id: str | None = None
    old_id: str | None = None

    @property
    def is_begun(self) -> bool:
        """Whether there is a session."""
        return ID in self

    def begin(self, **content: Any) -> None:
        """Begin a session with a new id, so that an id which somebody planted is worthless.

        Raises
        ------
        Unavailable
            Redis does not answer, so that the session cannot be stored.
        """
        self.old_id = self.get(ID)
        self.clear()
        self.update({ID: new_token(), BEGAN: int(time.time()), SEEN: int(time.time()), **content})
        component(Sessions).store(self)

    def end(self) -> None:
        """End the session."""
        self.old_id = self.get(ID)
        self.clear()


class _Entries(SecureCookieSessionInterface):
    """Signs what Redis keeps. With the salt of cookies, whoever reads an entry would have a cookie."""

    salt = "ecopredict session entry"
    digest_method = staticmethod(hashlib.sha256)


_entries = _Entries()


class Sessions(SecureCookieSessionInterface):
    """Flask's interface of sessions.

    Parameters
    ----------
    store : RedisClient or None
        Without one, the cookie has the content.
    """

    salt = "ecopredict session"
    digest_method = staticmethod(hashlib.sha256)
    session_class = Session

    def __init__(self, store: RedisClient | None) -> None:
        self._store = store

    def open_session(self, app: Flask, request: Request) -> Session:
        """Return the session of a request; an empty one where it has none, or one that has ended."""
        text = request.cookies.get(self.get_cookie_name(app))
        # a cookie beside a key or a token is not used
        if not text or request.path.startswith(QUIET) or by_program():
            return Session()
        content = _read(_serializer(self, app), text)
        if content is None or not isinstance(content.get(ID), str):
            return Session()
        session_id = content[ID]
        if self._store is not None:
            try:
                content = self._fetch(app, session_id)
            except RedisUnavailable:
                session = Session()
                session.lost_id = session_id
                return session
        moment = time.time()
        if content is None or not _is_current(content, moment):
            return Session()
        session = Session(content)
        if moment - session[SEEN] > _REFRESH_S:
            session[SEEN] = int(moment)
        return session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write a session that changed, and say which responses depend on it."""
        if not isinstance(session, Session):
            return
        if by_program():
            if not request.path.startswith(QUIET):
                response.vary.update(IDENTIFYING)
                keep_to_browser(response)
            return
        if g.get("reads_identity") or session.modified:
            # Flask-Login reads the session of each request, so the flag `accessed` says nothing.
            response.vary.update(IDENTIFYING)
            if session.modified:
                keep_private(response)
            elif session:
                keep_to_browser(response)
        if session.old_id is not None:
            self._delete(session.old_id)
        cookie: dict[str, Any] = {
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "httponly": True,
            "samesite": self.get_cookie_samesite(app),
        }
        name = self.get_cookie_name(app)
        if not session:
            if session.modified:
                response.delete_cookie(name, **cookie)
            return
        if not session.modified:
            return
        try:
            self.store(session)
        except Unavailable:
            # the session goes on with the time of the last request as it was
            return
        response.set_cookie(name, self._sign(app, session), max_age=int(ABSOLUTE.total_seconds()), **cookie)

    def store(self, session: Session) -> None:
        """Store the content of a session in Redis, where there is one.

        Raises
        ------
        Unavailable
            Redis does not answer.
        """
        store = self._store
        if store is None:
            return
        # An entry that somebody else wrote has no signature.
        content = _serializer(_entries).dumps(dict(session)).encode()

        def write() -> bool:
            # the client of a cluster has no transactions
            pipeline = store.client().pipeline(transaction=False)
            pipeline.set(_PREFIX + session[ID], content, ex=IDLE)
            return bool(pipeline.execute()[0])

        try:
            store.ask(write)
        except RedisUnavailable:
            raise Unavailable("Nobody can sign in right now. Everything that needs no account works.") from None

    def _sign(self, app: Flask, session: Session) -> str:
        content = dict(session) if self._store is None else {ID: session[ID]}
        return str(_serializer(self, app).dumps(content))

    def _fetch(self, app: Flask, session_id: str) -> dict[str, Any] | None:
        """Return the content of a session in Redis, or None where it has none with a valid signature."""
        store = self._store
        assert store is not None  # noqa: S101
        entry = store.ask(lambda: store.client().getrange(_PREFIX + session_id, 0, _LONGEST))
        content = _read(_serializer(_entries, app), entry) if isinstance(entry, bytes) and entry else None
        return content if content is not None and content.get(ID) == session_id else None

    def _delete(self, session_id: str) -> None:
        store = self._store
        if store is not None:
            try:
                store.ask(lambda: store.client().delete(_PREFIX + session_id))
            except RedisUnavailable:
                return


def _serializer(interface: SecureCookieSessionInterface, app: Flask | None = None) -> Any:
    return interface.get_signing_serializer(app or current_app)


def _read(serializer: Any, text: str | bytes) -> dict[str, Any] | None:
    try:
        content = serializer.loads(text, max_age=int(ABSOLUTE.total_seconds()))
    except (BadSignature, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _is_current(content: dict[str, Any], moment: float) -> bool:
    began, seen = content.get(BEGAN), content.get(SEEN)
    if not isinstance(began, int) or not isinstance(seen, int):
        return False
    return moment - began < ABSOLUTE.total_seconds() and moment - seen < IDLE.total_seconds()


def keep_to_browser(response: Response) -> None:
    """Let no cache store a response for one person, but the browser, where it has a lifetime as pictures have."""
    if response.cache_control.max_age:
        response.cache_control.public, response.cache_control.private = False, True
    else:
        keep_private(response)


def init_app(app: Flask) -> None:
    """Add sessions. Outside development the cookie needs HTTPS, and no other host name can set it."""
    is_secure = app.config["SETTINGS"].environment != "development"
    app.config.update(
        # other programs on this machine have cookies of the usual name, whatever their port
        SESSION_COOKIE_NAME="__Host-session" if is_secure else "ecopredict_session",
        SESSION_COOKIE_SECURE=is_secure,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_HTTPONLY=True,
    )
    app.session_interface = components(app).add(Sessions(components(app).find(RedisClient)))
