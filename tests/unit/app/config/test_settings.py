from __future__ import annotations

import re
import threading

import pytest

from app.config.settings import PROJECT, SECRETS, Settings, SettingsError, load_settings


def load(tmp_path, **environ):
    return load_settings({"DATA_DIR": str(tmp_path), **environ})


def test_defaults(tmp_path):
    settings = load(tmp_path)
    assert settings.environment == "development"
    assert settings.database_url == f"sqlite:///{tmp_path}/ecopredict.db"
    assert settings.redis_url is None
    assert (settings.cache_ttl, settings.rate_limit, settings.max_content_length) == (3600, "10/second", 1024 * 1024)
    assert load_settings({"SECRET_KEY": "x"}).data_dir == PROJECT / "instance"
    assert settings.secret_key not in repr(settings)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_postgres_urls(tmp_path, scheme):
    assert load(tmp_path, DATABASE_URL=f"{scheme}://u:p@h/d").database_url == "postgresql+psycopg2://u:p@h/d"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "staging"), ("PORT", "x"), ("PORT", "0"), ("WEB_CONCURRENCY", "0"), ("CACHE_TTL", "soon"),
        ("RATE_LIMIT", "often"), ("RATE_LIMIT", "10/fortnight"), ("MAX_CONTENT_LENGTH", "-1"), ("LOG_LEVEL", "loud"),
        ("DATABASE_URL", "postgresql://eco:hush/eco"), ("DATABASE_URL", "postgresql://eco:hu@sh:x9@h:5432/e"),
        ("DATABASE_REPLICA_URL", "postgresql://eco:hush/eco"),
        ("DATABASE_URL", "mysql://h/d"), ("DATABASE_URL", "nonsense"), ("REDIS_URL", "http://h"),
        ("REDIS_URL", "redis+sentinel://h"), ("REDIS_URL", "redis+cluster://h/1"), ("CORS_ORIGINS", "example.org"),
        ("FEATURE_MAPS", "1"), ("FEATURE_", ""), ("DATABASE_REPLICA_URL", "postgresql://h/d"),
        ("DATABASE_REPLICA_URL", "sqlite:////tmp/x.db"), ("DATABASE_POOL_SIZE", "0"), ("DATABASE_POOL_SIZE", "many"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "h:4318"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:x"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:p@h"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h/?a=b"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a b"), ("SENTRY_DSN", "x@h/1"), ("SENTRY_DSN", "https://h/1"),
        ("SENTRY_DSN", "https://x@h/"), ("SENTRY_DSN", "https://x@h:99999/1"), ("SECRET_KEY_FILE", "/none"),
        ("MLFLOW_TRACKING_URI", "mlruns"), ("MLFLOW_TRACKING_URI", "http://u@h"),
        ("MAIL_URL", "h:25"), ("MAIL_URL", "smtp://h"), ("MODEL_MEMORY", "1GB"), ("MODEL_MEMORY", "1000"),
    ],
)  # fmt: skip
def test_refused(tmp_path, name, value):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **{name: value})
    assert str(caught.value).startswith(name)
    # a password, or a part of one
    assert not {"hush", "x9", "sh"} & set(re.split(r"[^a-z0-9]+", str(caught.value)))
    assert "\n" not in str(caught.value)


def test_where_traces_and_reports_go(tmp_path):
    settings = load(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="https://h:4318/base/", SENTRY_DSN="https://k3y@h/p/1")
    assert settings.otel_exporter_otlp_endpoint == "https://h:4318/base"
    assert settings.sentry_dsn == "https://k3y@h/p/1"
    assert "k3y" not in repr(settings)


def test_secret_is_mandatory_outside_development(tmp_path):
    for environment in ("production", "testing"):
        with pytest.raises(SettingsError, match="SECRET_KEY"):
            load(tmp_path, ENVIRONMENT=environment)


def test_a_short_key_is_refused_in_production_only(tmp_path):
    with pytest.raises(
        SettingsError, match=r"^SECRET_KEY: must have at least 32 characters \(python -c .*\)$"
    ) as caught:
        load(tmp_path, ENVIRONMENT="production", SECRET_KEY="s3cret-" * 4)
    assert "s3cret" not in str(caught.value)
    assert load(tmp_path, ENVIRONMENT="production", SECRET_KEY="k" * 32).secret_key == "k" * 32
    for environment in ("testing", "development"):
        assert load(tmp_path, ENVIRONMENT=environment, SECRET_KEY="short").secret_key == "short"


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_from_files(tmp_path, name):
    value = {
        "SECRET_KEY": "s3cret",
        "DATABASE_URL": "postgresql+psycopg2://h/x",
        "DATABASE_REPLICA_URL": "postgresql+psycopg2://r/x",
        "REDIS_URL": "redis://h:1/0",
        "MAIL_URL": "smtp://eco:secret@h?from=eco@example.org",
        "MLFLOW_TRACKING_URI": "https://eco:secret@h",
        "SENTRY_DSN": "https://x@h/1",
    }[name]
    others = {"DATABASE_URL": "postgresql://h/x"} if name == "DATABASE_REPLICA_URL" else {}
    file = tmp_path / "secret"
    file.write_text(value + "\n")
    assert getattr(load(tmp_path, **others, **{f"{name}_FILE": str(file)}), name.lower()) == value
    with pytest.raises(SettingsError, match="not both"):
        load(tmp_path, **{f"{name}_FILE": str(file), name: value})
    file.write_text("\n")
    with pytest.raises(SettingsError, match="empty"):
        load(tmp_path, **{f"{name}_FILE": str(file)})


@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "DATABASE_REPLICA_URL", "MAIL_URL", "MLFLOW_TRACKING_URI", "SENTRY_DSN"]
)
def test_refusals_do_not_repeat_passwords(tmp_path, name):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **{name: "mysql://u:hunter2@h/d"})
    assert "hunter2" not in str(caught.value)


def test_workers_starting_together_agree_on_the_key(tmp_path):
    keys: list[str] = []
    threads = [threading.Thread(target=lambda: keys.append(load(tmp_path).secret_key)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert len(keys[0]) >= 48
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_example_file_is_complete():
    text = (PROJECT / ".env.example").read_text()
    documented = set(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE))
    fields = {name.upper() for name in Settings.model_fields}
    assert documented == fields | {f"{name}_FILE" for name in SECRETS}


def test_example_file_names_the_defaults():
    text = (PROJECT / ".env.example").read_text()
    shown = dict(re.findall(r"^#([A-Z_]+)=(.+)$", text, re.MULTILINE))
    for name, value in shown.items():
        default = Settings.model_fields[name.lower()].default
        default = int(default) if isinstance(default, bool) else default
        assert str(default) == value or default == PROJECT / value
