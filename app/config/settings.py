"""Typed settings from the environment, validated once; an error is one line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import limits
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.config import secret_key
from app.config.addresses import http_url, is_ipv6
from app.config.folders import Folders
from app.config.mail_url import parse as parse_mail_url
from app.config.redis_url import parse as parse_redis_url
from ml.tracking import address as tracking_address

PROJECT = Path(__file__).resolve().parent.parent.parent
SECRETS = (
    "SECRET_KEY",
    "DATABASE_URL",
    "DATABASE_REPLICA_URL",
    "REDIS_URL",
    "MAIL_URL",
    "MLFLOW_TRACKING_URI",
    "SENTRY_DSN",
)
# Settings that an empty value switches off.
_CAN_BE_EMPTY = ("GBIF_API",)
FEATURES: frozenset[str] = frozenset()
#: Names and addresses of this machine for itself. Health checks use them.
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# A name, an address, or a name with all names below it: ".example.org".
_HOST = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:]+\]")
_SCHEDULER = re.compile(r"(tcp|tls|ucx|ws|wss)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class SettingsError(ValueError):
    """A setting is unknown, malformed or not supported; the message is one line for the operator."""


class Settings(Folders, BaseModel):
    """The settings of the application. The environment variable is the name of a field in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: Literal["development", "testing", "production"] = "development"
    data_dir: Path = PROJECT / "instance"
    database_url: str = ""
    database_replica_url: str | None = None
    database_pool_size: int = Field(5, ge=1, le=100)
    redis_url: str | None = Field(None, repr=False)
    secret_key: str = Field("", repr=False)
    log_level: str = "INFO"
    port: int = Field(8000, ge=1, le=65535)
    health_port: int | None = Field(None, ge=1, le=65535)
    web_concurrency: int = Field(2, ge=1, le=64)
    jobs_concurrency: int = Field(1, ge=1, le=16)
    dask_scheduler: str | None = None
    model_memory: int = Field(700_000_000, ge=1_000_000)
    cache_ttl: int = Field(3600, ge=1)
    rate_limit: str = "10/second"
    trusted_proxies: int = Field(0, ge=0, le=5)
    max_content_length: int = Field(1024 * 1024, ge=1024)
    max_upload: int = Field(2 * 1024**3, ge=1024)
    upload_quota: int = Field(20 * 1024**3, ge=1024)
    gbif_api: str = "https://api.gbif.org/v1"
    spool_limit: int = Field(1024 * 1024 * 1024, ge=64 * 1024)
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    public_predictions: bool = False
    public_analytics: bool | None = None
    mail_url: str | None = Field(None, repr=False)
    predictions_retention_days: int | None = Field(None, ge=1, le=18250)
    audit_retention_days: int = Field(730, ge=30, le=36500)
    request_log_retention_days: int = Field(400, ge=1, le=36500)
    mlflow_tracking_uri: str | None = Field(None, repr=False)
    otel_exporter_otlp_endpoint: str | None = None
    sentry_dsn: str | None = Field(None, repr=False)

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser() if value.is_absolute() else (PROJECT / value.expanduser()).resolve()

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        for prefix in ("postgresql://", "postgres://"):
            if value.startswith(prefix):
                value = "postgresql+psycopg2://" + value.removeprefix(prefix)
        try:
            url = make_url(value) if value else None
        # SQLAlchemy raises ValueError for a port that is no number, which may be part of a password
        except (ArgumentError, ValueError):
            url = None
        if value and (url is None or url.drivername not in ("sqlite", "postgresql+psycopg2")):
            # The value may contain a password, so the message does not repeat it.
            raise ValueError(
                "expected a sqlite:/// or postgresql:// URL; in a password write : / @ and % as %3A %2F %40 and %25"
            )
        return value

    @field_validator("database_replica_url")
    @classmethod
    def _replica(cls, value: str | None) -> str | None:
        url = cls._database(value) if value else None
        if url and not url.startswith("postgresql"):
            raise ValueError("expected a postgresql:// URL")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if value:
            parse_redis_url(value)
        return value or None

    @field_validator("mail_url")
    @classmethod
    def _mail(cls, value: str | None) -> str | None:
        if value:
            parse_mail_url(value)
        return value or None

    @field_validator("mlflow_tracking_uri")
    @classmethod
    def _tracking(cls, value: str | None) -> str | None:
        if value:
            tracking_address.parse(value)
        return value or None

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in LEVELS:
            raise ValueError(f"expected one of {', '.join(LEVELS)}")
        return value.upper()

    @field_validator("rate_limit")
    @classmethod
    def _limit(cls, value: str) -> str:
        try:
            items = limits.parse_many(value)
        except ValueError:
            items = []
        if not items or any(item.amount < 1 or item.multiples < 1 for item in items):
            raise ValueError("expected a limit such as 10/second or 600/minute")
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        origins = tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        for origin in origins:
            if origin != "*" and not origin.startswith(("http://", "https://")):
                raise ValueError("expected a comma-separated list of origins such as https://example.org, or *")
        return origins

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        hosts = tuple(part.strip().lower() for part in value.split(",") if part.strip())
        for host in hosts:
            if not _HOST.fullmatch(host) or (host.startswith("[") and not is_ipv6(host[1:-1])):
                raise ValueError(
                    f"{host[:100]} is not a host name; expected names without a port, separated by commas, such as "
                    "eco.example.org, or .example.org for all names below it"
                )
        return hosts

    @field_validator("dask_scheduler")
    @classmethod
    def _scheduler(cls, value: str | None) -> str | None:
        if value and not _SCHEDULER.fullmatch(value):
            raise ValueError("expected the address of a Dask scheduler such as tcp://scheduler:8786")
        return value or None

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _endpoint(cls, value: str | None) -> str | None:
        url = http_url(value) if value else None
        if value and (url is None or url.username is not None or url.query or url.fragment):
            raise ValueError("expected an http:// or https:// URL such as http://collector:4318")
        return value.rstrip("/") if value else None

    @field_validator("gbif_api")
    @classmethod
    def _gbif(cls, value: str) -> str:
        url = http_url(value) if value else None
        if value and (url is None or url.username is not None or url.query or url.fragment):
            raise ValueError("expected the http:// or https:// URL of GBIF's API, or nothing to switch it off")
        return value.rstrip("/")

    @field_validator("sentry_dsn")
    @classmethod
    def _dsn(cls, value: str | None) -> str | None:
        url = http_url(value) if value else None
        if value and (url is None or not url.username or not url.path.rpartition("/")[2].isdecimal()):
            # The value contains a key, so the message does not repeat it.
            raise ValueError("expected a DSN such as https://KEY@sentry.example/1")
        return value or None

    @property
    def shows_analytics(self) -> bool:
        """Whether everybody can read the analytics; by default in development only."""
        return self.environment == "development" if self.public_analytics is None else self.public_analytics

    @property
    def needs_accounts(self) -> bool:
        """Whether changes need a person who is signed in: in production."""
        return self.environment == "production"

    @property
    def hosts(self) -> list[str]:
        """The host names for which the application answers: those set, and the loopback names."""
        return [*self.allowed_hosts, *LOOPBACK]


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Parameters
    ----------
    environ : mapping, optional
        Environment variables; by default those of the process.

    Returns
    -------
    Settings

    Raises
    ------
    SettingsError
        The message is one line with the name of the setting and the error.
    """
    source = os.environ if environ is None else environ
    _refuse_unknown(source)
    values: dict[str, str] = {}
    for field in Settings.model_fields:
        value = _read(source, field.upper())
        if value is not None:
            values[field] = value
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]).upper()
        message = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{name}: {message}") from None
    updates: dict[str, str] = {}
    if not settings.database_url:
        updates["database_url"] = f"sqlite:///{settings.data_dir / 'ecopredict.db'}"
    if settings.database_replica_url and not settings.database_url.startswith("postgresql"):
        raise SettingsError("DATABASE_REPLICA_URL: needs a DATABASE_URL of PostgreSQL too")
    try:
        updates["secret_key"] = secret_key.checked(settings.secret_key, settings.environment, settings.data_dir)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return settings.model_copy(update=updates)


def _refuse_unknown(source: Mapping[str, str]) -> None:
    for name in source:
        if name.startswith("FEATURE_") and name not in FEATURES:
            raise SettingsError(f"{name}: unknown feature flag")


def _read(source: Mapping[str, str], name: str) -> str | None:
    """Return the value of a variable or the content of its NAME_FILE. An empty value mostly counts as not set."""
    value = source.get(name) or ("" if name in _CAN_BE_EMPTY and name in source else None)
    path = source.get(f"{name}_FILE") if name in SECRETS else None
    if not path:
        return value
    if value is not None:
        raise SettingsError(f"{name}: set either {name} or {name}_FILE, not both")
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{name}_FILE: cannot read {path}") from None
    if not text:
        raise SettingsError(f"{name}_FILE: {path} is empty")
    return text
