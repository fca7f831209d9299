"""Routes by which a program signs in with a password, and refreshes or revokes its tokens."""

from __future__ import annotations

import logging

from flask import Blueprint

from app.accounts import sign_in as signing_in
from app.accounts import tokens
from app.accounts.token_schemas import RefreshRequest, RevokeAnswer, TokenAnswer, TokenRequest
from app.accounts.tokens import ACCESS, Tokens
from app.errors import AppError, SignInNeeded, ValidationFailed
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private
from app.web.input_validation import read_json
from app.web.operations import Operation

log = logging.getLogger(__name__)
api = Blueprint("auth_api", __name__, url_prefix=f"{API_PREFIX}/auth")
_NEEDS_CODE = "This account has a second factor. Send its code as `code`."
_PROBLEMS = (400, 401, 413, 415, 422, 503)

keep_all_private(api)


class SignInRefused(AppError):
    """Address, password or code are not accepted."""

    status = 401
    kind = "urn:ecopredict:problem:sign-in"
    title = "Sign-in refused"


class CodeNeeded(SignInRefused):
    """The password is right, and the code is missing."""

    kind = "urn:ecopredict:problem:code"
    title = "Code needed"


@api.post("/token")
@Operation(
    "createToken",
    tag="accounts",
    summary="Sign a program in",
    description="An access token for 15 minutes, and a refresh token. Attempts are limited as those of the form are.",
    body=TokenRequest,
    answer=TokenAnswer,
    problems=_PROBLEMS,
)
@faces()
def sign_in() -> Reply:
    """Answer address and password, and a code where one is needed, with tokens."""
    body = read_json(TokenRequest)
    try:
        user, epoch = signing_in.check_password(body.email, body.password)
        if user.totp_secret is not None:
            if body.code is None:
                raise CodeNeeded(_NEEDS_CODE)
            user = signing_in.check_code(user, epoch, body.code)
    except ValidationFailed as error:
        raise SignInRefused(error.detail) from None
    except SignInNeeded:
        raise SignInRefused(signing_in.REFUSED) from None
    return _reply(tokens.begin(user.id, epoch))


@api.post("/refresh")
@Operation(
    "refreshToken",
    tag="accounts",
    summary="Replace a refresh token",
    description="A refresh token is accepted once. One that comes again revokes all tokens of its sign-in; within ten "
    "seconds it is only refused, so that two refreshes at the same time do no harm.",
    body=RefreshRequest,
    answer=TokenAnswer,
    problems=_PROBLEMS,
)
@faces()
def refresh() -> Reply:
    """Answer a refresh token with the next pair."""
    return _reply(tokens.refresh(read_json(RefreshRequest).refresh_token))


@api.post("/revoke")
@Operation(
    "revokeToken",
    tag="accounts",
    summary="Revoke all tokens of a sign-in",
    body=RefreshRequest,
    answer=RevokeAnswer,
    problems=_PROBLEMS,
)
@faces()
def revoke() -> Reply:
    """End the tokens of a sign-in by its refresh token."""
    tokens.revoke(read_json(RefreshRequest).refresh_token)
    return Reply(RevokeAnswer(revoked=True))


def _reply(pair: Tokens) -> Reply:
    answer = TokenAnswer(access_token=pair.access, refresh_token=pair.refresh, expires_in=int(ACCESS.total_seconds()))
    return Reply(answer)
