"""The container files: their form, and the protection of every container. No engine is needed to check that much."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.config.settings import load_settings
from tools.live import PROJECT

SCRIPTS = Path(sysconfig.get_paths()["scripts"])
TEXT = (PROJECT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
#: What `docker compose up` starts.
STANDARD = {name: service for name, service in SERVICES.items() if "profiles" not in service}
DOCKERFILE = (PROJECT / "Dockerfile").read_text()


def _run(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_file_keeps_to_its_schema() -> None:
    _run(SCRIPTS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


def test_dockerfile_passes_hadolint() -> None:
    _run(SCRIPTS / "hadolint", "Dockerfile")


# every container


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_change_nothing_but_its_volumes(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    for mount in service.get("tmpfs", []):
        assert re.search(r":size=\d+[mg],mode=\d+$", mount), mount


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_limits(name: str) -> None:
    assert {"mem_limit", "pids_limit", "cpus"} <= set(SERVICES[name])


def test_only_nginx_has_capabilities_and_each_has_its_reason() -> None:
    given = {name: service["cap_add"] for name, service in SERVICES.items() if "cap_add" in service}
    # front starts nginx for a check, without a port of the machine and without a network
    assert set(given) == {"nginx", "front"}
    assert set(given["front"]) < set(given["nginx"])
    for capability in (one for service in given.values() for one in service):
        assert re.search(rf"- {capability} +# \w+", TEXT), capability


def test_root_is_only_where_the_key_is_read() -> None:
    # the images of the application and of nginx name their users themselves
    assert {name: service["user"] for name, service in SERVICES.items() if "user" in service} == {
        "certificate": "0",
        "front": "0",
        "postgres": "postgres",
        "redis": "redis",
        # reads the log files of the engine
        "filebeat": "0",
    }
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"groupadd --gid 10001 eco && useradd --uid 10001 --gid 10001 ", DOCKERFILE)


def test_networks_are_separate() -> None:
    networks = {name: service.get("networks", service.get("network_mode")) for name, service in SERVICES.items()}
    # nginx, Prometheus and Kubernetes know the application by this name
    assert networks.pop("web") == {"front": {"aliases": ["app"]}, "back": None}
    assert networks == {
        "worker": ["back", "out"],
        "migrate": ["back"],
        "setup": ["back"],
        "certificate": "none",
        "front": "none",
        "nginx": ["front"],
        "postgres": ["back"],
        "redis": ["back"],
        "prometheus": ["front", "watch"],
        "alertmanager": ["watch"],
        "grafana": ["watch"],
        "elasticsearch": ["logs"],
        "filebeat": ["logs"],
        "kibana": ["logs", "watch"],
        "jaeger": ["front", "back"],
    }
    assert COMPOSE["networks"]["back"] == {"internal": True}
    # fetches from GBIF need a way out, and no other service shares it
    assert COMPOSE["networks"]["out"] is None
    assert COMPOSE["networks"]["logs"] == {"internal": True}
    assert [name for name, service in STANDARD.items() if "ports" in service] == ["nginx"]


def test_what_watches_the_service_starts_with_its_profile_and_listens_on_the_loopback_address() -> None:
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if name not in STANDARD}
    assert profiles == {
        **{key: ["monitoring"] for key in ("prometheus", "alertmanager", "grafana")},
        **{key: ["logs"] for key in ("elasticsearch", "filebeat", "kibana")},
        "jaeger": ["tracing"],
    }
    for name in profiles:
        service = SERVICES[name]
        assert service["healthcheck"]["test"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        # a container of the standard set-up cannot depend on it
        assert not any(name in other.get("depends_on", {}) for other in STANDARD.values())


def test_files_that_containers_mount_exist() -> None:
    for name, service in SERVICES.items():
        for mount in service.get("volumes", []):
            if mount.startswith("./"):
                assert (PROJECT / mount.split(":")[0]).exists(), f"{name}: {mount}"
                assert mount.endswith(":ro"), mount
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert set(COMPOSE["secrets"]) == used
    ignored = (PROJECT / ".gitignore").read_text().splitlines(), (PROJECT / ".dockerignore").read_text().splitlines()
    assert "secrets/" in ignored[0]
    assert "secrets*" in ignored[1]
    # as the routes of alerts name them
    named = re.findall(r"/run/secrets/(\w+)", (PROJECT / "monitoring" / "alertmanager.yml").read_text())
    assert set(named) == set(SERVICES["alertmanager"]["secrets"])


def test_grafana_finds_its_data_and_its_dashboards() -> None:
    folder = PROJECT / "monitoring" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    host, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()  # type: ignore[union-attr]
    assert f"127.0.0.1:{port}:{port}" in SERVICES[host]["ports"]
    assert set(SERVICES[host]["networks"]) & set(SERVICES["grafana"]["networks"])
    interval = yaml.safe_load((PROJECT / "monitoring" / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == interval
    (provider,) = yaml.safe_load((folder / "dashboards" / "ecopredict.yml").read_text())["providers"]
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    assert mounts["./monitoring/grafana"] == provider["options"]["path"]
    assert mounts["./monitoring/provisioning"] == "/etc/grafana/provisioning"


def test_secrets_are_files_and_no_arguments() -> None:
    for name, service in SERVICES.items():
        assert "PASSWORD" not in str(service.get("command")), name
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|DATABASE_URL|REDIS_URL|AUTH", key):
                assert re.fullmatch(r"/run/secrets/\w+", value), f"{name}: {key}"
                assert value.rpartition("/")[2] in service["secrets"], f"{name}: {key}"
    assert "requirepass" in SERVICES["redis"]["command"][-1]


def test_every_long_running_container_has_a_health_check_and_starts_again() -> None:
    stages = dict(re.findall(r"^FROM \S+ AS (\w+)$(.*?)(?=^FROM|\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL))
    for name, service in SERVICES.items():
        check = service.get("healthcheck", {})
        if name in ("migrate", "setup", "certificate", "front"):
            assert check == {"disable": True}, name
            assert "restart" not in service, name
            continue
        assert service["restart"] == "unless-stopped", name
        assert check.get("test") or "HEALTHCHECK" in stages[service["build"]["target"]], name


def test_nothing_leaves_an_anonymous_volume() -> None:
    # the official images of these declare a volume
    assert any(mount.startswith("/data:") for mount in SERVICES["redis"]["tmpfs"])
    assert "postgres:/var/lib/postgresql/data" in SERVICES["postgres"]["volumes"]
    assert "VOLUME" not in DOCKERFILE


def test_the_check_of_the_application_comes_within_seconds() -> None:
    """nginx starts after it, and Compose 1.29 and Docker 20.10 know no interval for the start alone."""
    web = DOCKERFILE[DOCKERFILE.index("AS web") :]
    assert int(re.search(r"--interval=(\d+)s", web)[1]) <= 3  # type: ignore[index]
    assert '"bash", "-c"' in web


# host names


def _environment(name: str, secrets: Path, **variables: str) -> dict[str, str]:
    """Return the environment of a service as Compose fills it in, with its files of secrets in a folder."""

    def value(match: re.Match[str]) -> str:
        return variables.get(match[1], match[3] if match[2] == ":-" else "x")

    return {
        key: re.sub(r"\$\{(\w+)(:[-?])([^}]*)\}", value, text).replace("/run/secrets", str(secrets))
        for key, text in SERVICES[name]["environment"].items()
    }


@pytest.mark.parametrize(
    ("host_name", "hosts"),
    [
        (None, {"localhost", "app"}),
        ("Eco.example.org,www.example.org", {"eco.example.org", "www.example.org", "app"}),
    ],
)
def test_nginx_and_the_application_have_the_same_host_names(
    host_name: str | None, hosts: set[str], tmp_path: Path
) -> None:
    variables = {} if host_name is None else {"HOST_NAME": host_name}
    subprocess.run(["sh", PROJECT / "tools" / "secrets.sh", tmp_path], capture_output=True, check=True)
    settings = load_settings(_environment("web", tmp_path, **variables))
    # the last one is the name by which Prometheus reads the metrics
    assert set(settings.allowed_hosts) == hosts
    nginx = _environment("nginx", tmp_path, **variables)["HOST_NAME"]
    assert set(nginx.lower().split(",")) == hosts - {"app"}


# images and packages


def _pins(text: str) -> dict[str, str]:
    return {name.lower(): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}


def test_the_image_is_built_from_packages_with_hashes() -> None:
    assert "--require-hashes" in DOCKERFILE
    assert "--requirement requirements-hashes.txt" in DOCKERFILE
    assert "\n!requirements-hashes.txt\n" in (PROJECT / ".dockerignore").read_text()


def test_the_hashes_are_those_of_the_requirements() -> None:
    hashes = (PROJECT / "requirements-hashes.txt").read_text()
    assert _pins(hashes) == _pins((PROJECT / "requirements.txt").read_text()), "run `sh tools/hashes.sh`"
    for block in re.split(r"^(?=[\w.-]+==)", hashes, flags=re.MULTILINE)[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block[:60]
    # names of registries are a matter of the machine
    assert "://" not in hashes


@pytest.mark.parametrize("python", ["3.11.0", "3.11.99"])
def test_the_requirements_are_complete_for_every_patch_version_of_python(python: str) -> None:
    """pip ends with an error when a package requires one that has no hash."""
    pinned = {canonicalize_name(name) for name in _pins((PROJECT / "requirements.txt").read_text())}
    environment = {"python_full_version": python, "python_version": "3.11", "extra": ""}
    for name in pinned:
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # needed for another version of Python
        for requirement in map(Requirement, requirements):
            if requirement.marker is None or requirement.marker.evaluate(environment):
                assert canonicalize_name(requirement.name) in pinned, f"{name} requires {requirement}"
