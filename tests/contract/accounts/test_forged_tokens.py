"""Forged tokens of each kind, and true ones in the wrong place."""

from __future__ import annotations

import base64
import hmac
import json

import jwt
import pytest
from flask_jwt_extended import create_access_token
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import select

from app.accounts import users
from app.accounts.sealing import Sealer, key_for
from app.accounts.tables import TokenFamily
from app.database.db import db
from tests.contract.accounts.test_tokens import parts

ADMIN = "admin@example.org"
SECRET = "for-tests-only"


def key():
    return key_for(SECRET, "access and refresh tokens").hex()


def encoded(content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def resigned(token, secret=None, algorithm="HS256", **claims):
    content = {name: value for name, value in {**parts(token)[1], **claims}.items() if value is not ...}
    return jwt.encode(content, key() if secret is None else secret, algorithm)


def unsigned(token, name):
    return ".".join([encoded({"alg": name, "typ": "JWT"}), encoded(parts(token)[1]), ""])


def signed_by_hand(token, secret):
    """As libraries do not sign any more."""
    text = token.rpartition(".")[0]
    digest = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


FORGED = {
    "none": lambda token: unsigned(token, "none"),
    "None": lambda token: unsigned(token, "None"),
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "another signature": lambda token: token[:-6] + "abcdef",
    "another person": lambda token: ".".join(
        [token.split(".")[0], encoded({**parts(token)[1], "sub": "admin"}), token.split(".")[2]]
    ),
    "an empty key": lambda token: signed_by_hand(token, b""),
    "the secret itself": lambda token: signed_by_hand(token, SECRET.encode()),
    "the key of another purpose": lambda token: resigned(token, key_for(SECRET, "second factor").hex()),
    "the bytes of the key": lambda token: resigned(token, key_for(SECRET, "access and refresh tokens")),
    "another algorithm": lambda token: resigned(token, algorithm="HS512"),
    "a public key": lambda token: resigned(token, algorithm="HS384"),
    "expired": lambda token: resigned(token, exp=1_600_000_000),
    "not yet": lambda token: resigned(token, nbf=4_000_000_000),
    "without an end": lambda token: resigned(token, exp=...),
    "without a family": lambda token: resigned(token, family=...),
    "another family": lambda token: resigned(token, family="x"),
    "a family of another kind": lambda token: resigned(token, family=["x"]),
    "a person of another kind": lambda token: resigned(token, sub=1),
    "another issuer": lambda token: resigned(token, iss="somebody"),
    "another audience": lambda token: resigned(token, aud="ecopredict mail"),
    "without an audience": lambda token: resigned(token, aud=...),
    "critical": lambda token: jwt.encode(parts(token)[1], key(), "HS256", headers={"crit": ["x"], "x": 1}),
    "a cookie": lambda token: URLSafeTimedSerializer(SECRET, salt="ecopredict session").dumps({"id": "x"}),
    "a sealed text": lambda token: Sealer(SECRET, "access and refresh tokens").seal("x"),
    "empty": lambda token: "",
    "one part": lambda token: "x",
    "five parts": lambda token: "a.b.c.d.e",
    "no JSON": lambda token: "e30.e30.e30",
    "numbers": lambda token: ".".join([encoded({"alg": "HS256"}), encoded(1), "x"]),
    "very long": lambda token: token + "x" * 5_000,
    "twice": lambda token: f"{token}, {token}",
    "not ASCII": lambda token: token + "é",
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_token_is_refused(production, auth, pair, kind):
    forged = FORGED[kind](pair["access_token"])
    for path in ("/api/v1/studies/x/files", "/api/v1/species", "/species"):
        response = auth.get(forged, path)
        assert (response.status_code, response.mimetype) == (401, "application/problem+json"), path
        assert response.json["type"] == "urn:ecopredict:problem:credential"
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    forged = FORGED[kind](pair["refresh_token"])
    assert auth.refresh(forged).status_code == 401
    assert auth.post("revoke", {"refresh_token": forged}).status_code in (401, 200)
    # nothing of it has revoked the true ones
    assert auth.knows(pair["access_token"])


def test_an_access_token_expires(auth, production, pair, monkeypatch):
    assert parts(pair["access_token"])[1]["exp"] - parts(pair["access_token"])[1]["iat"] == 900
    expired = resigned(pair["access_token"], iat=1_600_000_000, exp=1_600_000_900)
    assert not auth.knows(expired)


def test_tokens_are_accepted_for_their_own_use_alone(auth, pair):
    assert not auth.knows(pair["refresh_token"])
    assert auth.refresh(pair["access_token"]).status_code == 401


def test_a_true_token_of_another_family_or_person_is_refused(production, auth, pair):
    with production.app_context():
        admin = users.get(ADMIN).id
        (family,) = db.session.scalars(select(TokenFamily.id))
        stolen = create_access_token(admin, additional_claims={"family": family})
        invented = create_access_token(admin, additional_claims={"family": "00000000-0000-0000-0000-000000000001"})
    assert not auth.knows(stolen)
    assert not auth.knows(invented)
