"""What the service keeps, why, for how long and where, by the settings in force."""

from __future__ import annotations

from dataclasses import dataclass

from app.accounts.sessions import ABSOLUTE, IDLE
from app.config.settings import Settings


@dataclass(frozen=True)
class Kept:
    """One kind of data."""

    what: str
    why: str
    how_long: str
    where: str


def kept(settings: Settings) -> list[Kept]:
    """Return what is kept."""
    database = "database"
    shared = "Redis" if settings.redis_url else "memory of the server"
    days = settings.predictions_retention_days
    return [
        Kept(
            "Answers: species, conditions or place, result, time; of people who are signed in the id of the account.",
            "Permanent links, and to see whether questions drift away from the training data.",
            f"{_days(days)}, then the operator’s timer deletes them" if days else "until the operator deletes them",
            database if settings.database_url.startswith("sqlite") else f"{database}; for seconds a file of the server",
        ),
        Kept(
            "Computed answers without time and person.",
            "The same question is answered faster.",
            _duration(settings.cache_ttl),
            f"memory of the server{' and Redis' if settings.redis_url else ''}",
        ),
        Kept(
            "Your account: email address, role, plan, password as an Argon2id hash, second factor encrypted, recovery "
            "codes, links and keys of programs as hashes, ids of tokens, times of creation, confirmation and last "
            "sign-in, number of requests by month.",
            "Signing in, and the limits of the plan.",
            "until you delete it",
            database,
        ),
        Kept(
            "Sessions: id of the account, times of its beginning and of the last request.",
            "You stay signed in.",
            f"{_duration(int(IDLE.total_seconds()))} after the last request, at most {_days(ABSOLUTE.days)}",
            "Redis, and its id in a cookie" if settings.redis_url else "a signed cookie",
        ),
        Kept(
            "Studies with their files, records, layers, models and maps, their owner, and the addresses that they are "
            "shared with.",
            "They are what you work on.",
            "until their owner or an admin deletes them",
            "database and files of the server",
        ),
        Kept(
            "Observations: species, place, conditions, day, presence or absence, effort, note, address of a photo, and "
            "the accounts that sent and decided them.",
            "To measure how right the models are, and to train the next ones.",
            "until you withdraw them (an accepted one stays and counts no more) or their species is deleted; without "
            "your account from the moment when you delete it",
            database,
        ),
        Kept(
            "Audit trail: who changed what and when, sign-ins and refused sign-ins, by the id of the account, with the "
            "address of the client (of IPv6 its network).",
            "To find out what happened, and to detect misuse.",
            f"at least {_days(settings.audit_retention_days)}, also after the account is deleted",
            database,
        ),
        Kept(
            "Counts of requests by hour, route, status, study and latency. No person, no address.",
            "To see load and errors.",
            _days(settings.request_log_retention_days),
            database,
        ),
        Kept(
            "Addresses of clients (of IPv6 the network), with the number of their requests and attempts to sign in.",
            f"Limits: {settings.rate_limit}.",
            "until the period of the limit ends",
            shared,
        ),
        Kept(
            "Log lines: time, route, status, ids. No address of a client, no condition, no password.",
            "To find faults.",
            "as long as the operator keeps the log",
            "log of the server",
        ),
    ]


def receivers(settings: Settings) -> list[str]:
    """Return who else receives something, as sentences."""
    found = []
    if settings.mail_url:
        found.append("A mail server receives your address with the link that you asked for.")
    else:
        found.append(
            "Links to set a password, with the address that they are for, are written to the log of the server."
        )
    if settings.sentry_dsn:
        found.append("An error tracker (Sentry) receives reports of faults, without addresses, conditions and secrets.")
    if settings.otel_exporter_otlp_endpoint:
        found.append("A collector of traces receives route, status and times of requests.")
    if settings.mlflow_tracking_uri:
        found.append("An MLflow server receives the models that are trained here.")
    if settings.gbif_api:
        found.append("GBIF receives the names of species that an editor fetches records of, from the server.")
    return found


def _days(days: int) -> str:
    return f"{days:,} day{'' if days == 1 else 's'}"


def _duration(seconds: int) -> str:
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return f"{seconds // size:,} {name}{'' if seconds == size else 's'}"
    return f"{seconds:,} seconds"
