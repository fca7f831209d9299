"""What has expired is answered as what never existed: status, body and headers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask_jwt_extended import create_access_token, create_refresh_token
from sqlalchemy import select, update

from app.accounts import keys, links, tokens, users
from app.accounts.tables import ApiKey, OneTimeLink, TokenFamily
from app.database.db import db
from app.database.types import now

EDITOR = "editor@example.org"
_OF_A_REQUEST = {"X-Request-ID", "Date", "Set-Cookie"}
PAST = timedelta(seconds=-1)


def shape(response, *secrets):
    text = response.text.replace(response.headers["X-Request-ID"], "")
    for secret in secrets:
        text = text.replace(secret, "…")
    headers = {name: value for name, value in response.headers if name not in _OF_A_REQUEST}
    # as long as the texts that it quotes
    headers.pop("Content-Length", None)
    headers.pop("RateLimit-Remaining", None)
    return response.status_code, text, headers


@pytest.fixture
def person(production):
    """Id, epoch and an open family of a person."""
    with production.app_context():
        user = users.get(EDITOR)
        tokens.begin(user.id, user.epoch)
        family = db.session.scalars(select(TokenFamily)).one()
        return user.id, user.epoch, family.id, family.current


@pytest.mark.parametrize("path", ["/api/v1/species", "/species", "/account", "/api/v1/studies/x/files", "/nothing"])
def test_keys_and_access_tokens(production, person, path):
    user_id, epoch, family, _ = person
    with production.app_context():
        expired_key = keys.create(users.get(EDITOR), epoch, "a test", ["read"], 1)[1]
        db.session.execute(update(ApiKey).values(expires_at=now() + PAST))
        db.session.commit()
        claims = {"family": family}
        expired = create_access_token(user_id, expires_delta=PAST, additional_claims=claims)
        true = create_access_token(user_id, expires_delta=timedelta(minutes=1), additional_claims=claims)
    client = production.test_client()

    def ask(**headers):
        return client.get(path, headers={"Sec-Fetch-Site": None, **headers})

    assert ask(Authorization=f"Bearer {true}").status_code != 401
    forged = f"{true[:-8]}{'A' * 8}"
    assert shape(ask(Authorization=f"Bearer {expired}")) == shape(ask(Authorization=f"Bearer {forged}"))
    unknown = f"eco_AAAAAAAA_{'A' * 43}"
    assert shape(ask(**{"X-API-Key": expired_key})) == shape(ask(**{"X-API-Key": unknown}))
    assert ask(**{"X-API-Key": expired_key}).status_code == 401


@pytest.mark.parametrize("what", ["refresh", "revoke"])
def test_refresh_tokens(production, auth, person, what):
    user_id, _, family, current = person
    with production.app_context():
        claims = {"family": family, "jti": current}
        expired = create_refresh_token(user_id, expires_delta=PAST, additional_claims=claims)
        true = create_refresh_token(user_id, expires_delta=timedelta(days=1), additional_claims=claims)
    answers = [auth.post(what, {"refresh_token": token}) for token in (expired, f"{true[:-8]}{'A' * 8}", "x")]
    assert shape(answers[0]) == shape(answers[1]) == shape(answers[2])
    assert answers[0].status_code == 401
    assert auth.post(what, {"refresh_token": true}).status_code == 200


def test_a_family_that_has_ended(production, auth, person):
    user_id, _, family, current = person
    with production.app_context():
        claims = {"family": family, "jti": current}
        true = create_refresh_token(user_id, expires_delta=timedelta(days=1), additional_claims=claims)
        db.session.execute(update(TokenFamily).values(expires_at=now() + PAST))
        db.session.commit()
    assert shape(auth.refresh(true)) == shape(auth.refresh("x"))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_links(production, browser, method):
    guessed = "A" * 43
    with production.app_context():
        expired = links.create(users.get(EDITOR), links.INVITATION)
        db.session.execute(update(OneTimeLink).values(expires_at=now() + PAST))
        db.session.commit()
    password = "umbrella quartz seven lilac"

    def ask(token):
        data = {"password": password, "again": password} if method == "POST" else None
        return browser.open(f"/account/password/{token}", method=method, data=data)

    assert shape(ask(expired), expired) == shape(ask(guessed), guessed)
    assert ask(expired).status_code == 404
