"""Tokens of programs: given, refreshed, reused, revoked and forged; refusals that count like those of a form."""

from __future__ import annotations

import base64
import json
import logging
import statistics
import threading
import time
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select, update

from app.accounts import passwords, second_factor, sign_in, tokens, users
from app.accounts.tables import TokenFamily
from app.database.db import db
from app.database.types import now
from tests.contract.accounts.conftest import PASSWORD, make_production
from tests.contract.accounts.test_races import meanwhile

EDITOR, ADMIN = "editor@example.org", "admin@example.org"
SECRET = "for-tests-only"


def parts(token):
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def families(app):
    with app.app_context():
        return db.session.scalars(select(TokenFamily)).all()


def alter(app, **values):
    with app.app_context():
        db.session.execute(update(TokenFamily).values(values))
        db.session.commit()


def test_a_program_signs_in_and_works(auth, production):
    response = auth.sign_in()
    assert response.status_code == 200
    assert set(response.json) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (response.json["token_type"], response.json["expires_in"]) == ("Bearer", 900)
    assert "no-store" in response.headers["Cache-Control"]
    assert "Set-Cookie" not in response.headers
    headers = {"Sec-Fetch-Site": None, "Authorization": f"bearer  {response.json['access_token']}"}
    made = production.test_client().post("/api/v1/studies", json={"title": "Lizards"}, headers=headers)
    assert made.status_code == 201
    assert "Set-Cookie" not in made.headers


def test_each_refresh_gives_another_pair(auth, pair):
    seen = [pair]
    for _ in range(3):
        response = auth.refresh(seen[-1]["refresh_token"])
        assert response.status_code == 200
        seen.append(response.json)
    assert len({each["refresh_token"] for each in seen}) == 4
    assert all(auth.knows(each["access_token"]) for each in seen)


def test_a_refresh_token_that_comes_again_revokes_all_tokens_of_the_sign_in(auth, production, pair, caplog):
    thief = auth.refresh(pair["refresh_token"]).json
    alter(production, rotated_at=now() - tokens.OVERLAP - timedelta(seconds=1))
    other = auth.sign_in().json
    with caplog.at_level(logging.WARNING):
        assert auth.refresh(pair["refresh_token"]).status_code == 401
    assert "a used refresh token came again" in caplog.text
    assert auth.refresh(thief["refresh_token"]).status_code == 401
    assert not auth.knows(thief["access_token"])
    assert not auth.knows(pair["access_token"])
    assert auth.knows(other["access_token"])


def test_a_token_from_before_the_last_one_revokes_at_once(auth, pair):
    second = auth.refresh(pair["refresh_token"]).json
    third = auth.refresh(second["refresh_token"]).json
    assert auth.refresh(pair["refresh_token"]).status_code == 401
    assert not auth.knows(third["access_token"])


def test_of_two_refreshes_at_once_one_wins_and_nothing_is_revoked(auth, production, pair):
    together, answers = threading.Barrier(2), []

    def ask():
        together.wait()
        answers.append(auth.refresh(pair["refresh_token"]))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    (winner,) = (answer.json for answer in answers if answer.status_code == 200)
    assert auth.knows(winner["access_token"])
    assert auth.refresh(winner["refresh_token"]).status_code == 200


def test_a_sign_in_is_revoked_by_its_refresh_token(auth, pair):
    assert auth.post("revoke", {"refresh_token": pair["refresh_token"]}).json == {"revoked": True}
    assert auth.post("revoke", {"refresh_token": pair["refresh_token"]}).status_code == 200
    assert not auth.knows(pair["access_token"])
    assert auth.refresh(pair["refresh_token"]).status_code == 401
    assert auth.post("revoke", {"refresh_token": pair["access_token"]}).status_code == 401


@pytest.mark.parametrize("end", ["password", "sessions", "disabled"])
def test_tokens_end_with_the_sessions_of_their_person(auth, production, pair, end):
    with production.app_context():
        user_id = users.get(EDITOR).id
        if end == "password":
            users.store_password(user_id, passwords.hash_of("umbrella quartz seven lilac"))
            db.session.commit()
        elif end == "sessions":
            users.end_sessions(user_id)
        else:
            users.set_disabled(EDITOR, True)
            assert not auth.knows(pair["access_token"])
            users.set_disabled(EDITOR, False)
    assert not auth.knows(pair["access_token"])
    assert auth.refresh(pair["refresh_token"]).status_code == 401


def test_a_password_that_changes_during_a_sign_in_gives_no_tokens_that_work(auth, production, monkeypatch):
    def reset():
        with production.app_context():
            users.store_password(users.get(EDITOR).id, passwords.hash_of("umbrella quartz seven lilac"))
            db.session.commit()

    meanwhile(monkeypatch, passwords, "matches", reset)
    assert auth.sign_in().status_code == 401
    monkeypatch.undo()
    meanwhile(monkeypatch, tokens, "begin", reset, before=True)
    late = auth.sign_in(password="umbrella quartz seven lilac").json
    assert not auth.knows(late["access_token"])


def test_a_token_has_the_present_role(auth, production, pair):
    with production.app_context():
        users.set_role(EDITOR, "viewer")
    headers = {"Sec-Fetch-Site": None, "Authorization": f"Bearer {pair['access_token']}"}
    assert production.test_client().post("/api/v1/studies", json={"title": "x"}, headers=headers).status_code == 403


def test_a_family_ends_after_thirty_days_whatever_is_refreshed(auth, production, pair):
    alter(production, expires_at=now() + timedelta(seconds=60))
    late = auth.refresh(pair["refresh_token"]).json
    for token in late["refresh_token"], late["access_token"]:
        assert parts(token)[1]["exp"] - time.time() < 70
    alter(production, expires_at=now() - timedelta(seconds=1))
    assert auth.refresh(late["refresh_token"]).status_code == 401
    assert not auth.knows(late["access_token"])
    auth.sign_in()
    assert len(families(production)) == 1


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EDITOR, "kestrel lamp forty oat"),
        (EDITOR, ""),
        ("nobody@example.org", PASSWORD),
        ("", ""),
        ("x" * 5000, "y" * 5000),
        ("editor@example.org\0", PASSWORD),
        ("' OR 1=1 --", "' OR 1=1 --"),
        ("off@example.org", PASSWORD),
    ],
)
def test_every_refusal_of_a_sign_in_is_the_same(production, auth, email, password):
    with production.app_context():
        users.create("off@example.org", "viewer", PASSWORD)
        users.set_disabled("off@example.org", True)
    response = auth.sign_in(email, password)
    assert (response.status_code, response.mimetype) == (401, "application/problem+json")
    assert response.json == {
        "type": "urn:ecopredict:problem:sign-in",
        "title": "Sign-in refused",
        "status": 401,
        "detail": sign_in.REFUSED,
        "instance": "/api/v1/auth/token",
    }


def test_unknown_accounts_take_as_long_as_known_ones(tmp_path, real_hashes, record_summary):
    app = make_production(tmp_path)
    with app.app_context():
        users.create("known@example.org", "viewer", PASSWORD)
    times = {"known@example.org": [], "nobody@example.org": []}
    for number in range(10):
        for email, found in times.items():
            client, began = app.test_client(), time.thread_time()
            body = {"email": email, "password": "wrong wrong wrong"}
            where = {"REMOTE_ADDR": f"192.0.2.{number}"}
            assert client.post("/api/v1/auth/token", json=body, environ_base=where).status_code == 401
            found.append(time.thread_time() - began)
    known, unknown = (statistics.median(found) for found in times.values())
    record_summary("tokens", f"median of a refusal: known {1000 * known:.1f} ms, unknown {1000 * unknown:.1f} ms")
    assert 0.6 < known / unknown < 1.6


def test_attempts_count_together_with_those_of_the_form(production, auth):
    statuses = [auth.sign_in(password="wrong wrong wrong").status_code for _ in range(20)]
    assert statuses == [401] * 20
    last = auth.sign_in()
    assert (last.status_code, last.mimetype) == (429, "application/problem+json")
    assert 0 < int(last.headers["Retry-After"]) <= 300
    assert production.test_client().sign_in(EDITOR).status_code == 429


def test_a_second_factor_is_needed_and_limited(production, auth):
    secret = pyotp.random_base32()
    totp = pyotp.TOTP(secret)
    with production.app_context():
        second_factor.turn_on(users.get(EDITOR).id, 0, secret, totp.now())
    asked = auth.sign_in()
    assert (asked.status_code, asked.json["type"]) == (401, "urn:ecopredict:problem:code")
    assert auth.sign_in(password="wrong wrong wrong", code="000000").json["detail"] == sign_in.REFUSED
    # the next code is accepted already, and still is when its time has begun meanwhile
    code = totp.at(time.time() + 30)
    assert auth.sign_in(code=code).status_code == 200
    again = auth.sign_in(code=code)
    assert (again.status_code, again.json["detail"]) == (401, sign_in.WRONG_CODE)
    statuses = [auth.sign_in(code="000000").status_code for _ in range(4)]
    assert statuses == [401] * 3 + [429]


@pytest.mark.parametrize(
    ("what", "body", "status", "pointer"),
    [
        ("token", {"email": EDITOR}, 422, "/password"),
        ("token", {"email": EDITOR, "password": 1}, 422, "/password"),
        ("token", {"email": EDITOR, "password": PASSWORD, "role": "admin"}, 422, "/role"),
        ("token", {"email": EDITOR, "password": "x" * 20_000}, 422, "/password"),
        ("refresh", {}, 422, "/refresh_token"),
        ("refresh", {"refresh_token": None}, 422, "/refresh_token"),
        ("revoke", {"refresh_token": ["x"]}, 422, "/refresh_token"),
        ("refresh", [], 422, ""),
    ],
)
def test_bad_bodies_name_the_field(auth, what, body, status, pointer):
    response = auth.post(what, body)
    assert response.status_code == status
    assert [error["pointer"] for error in response.json["errors"]] == [pointer]


def test_a_form_of_another_site_signs_nobody_in(production):
    response = production.test_client().post(
        "/api/v1/auth/token",
        data=json.dumps({"email": EDITOR, "password": PASSWORD}),
        headers={"Content-Type": "text/plain", "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    )
    assert response.status_code == 403


def test_no_log_line_has_a_token_or_a_password(auth, pair, caplog):
    with caplog.at_level(logging.DEBUG):
        fresh = auth.refresh(pair["refresh_token"]).json
        auth.get(fresh["access_token"])
        auth.sign_in()
    for secret in (PASSWORD, pair["refresh_token"], fresh["access_token"], fresh["access_token"].split(".")[2]):
        assert secret not in caplog.text
