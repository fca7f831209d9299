"""kubernetes/ and what must agree with it: the settings, nginx/, docker-compose.yml, the Dockerfile and the metrics."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from app.config.settings import load_settings
from tests.unit.deployment.manifests import (
    KUBERNETES,
    OVERLAYS,
    Manifest,
    config,
    containers,
    named,
    of_kind,
    pod,
    workloads,
)
from tools.live import PROJECT

SETTINGS = (PROJECT / "docs" / "reference" / "settings.md").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
DOCKERFILE = (PROJECT / "Dockerfile").read_text()
NGINX = PROJECT / "nginx"
# of nginx/start.sh, and of the manifests themselves
NO_SETTINGS = {"HOST_NAME", "POD_IP"}


def _variables(overlay: list[Manifest]) -> set[str]:
    """The environment of all containers of our images."""
    names = set(config(overlay, "settings"))
    for workload in workloads(overlay):
        for container in containers(workload):
            if container["image"].startswith("ecopredict"):
                names |= {one["name"] for one in container.get("env", [])}
                for source in container.get("envFrom", []):
                    assert source["configMapRef"]["name"].startswith("settings-")
    return names


def test_every_setting_is_documented(overlay: list[Manifest]) -> None:
    unknown = [one for one in _variables(overlay) - NO_SETTINGS if f"`{one}`" not in SETTINGS]
    assert not unknown


def test_the_application_accepts_its_settings(overlay: list[Manifest], tmp_path: Any) -> None:
    secrets = {
        "secret_key": "x" * 32,
        "database_url": "postgresql://eco:password@primary/eco",
        "database_replica_url": "postgresql://eco:password@replica/eco",
        "redis_url": "redis+sentinel://:password@one:26379,two:26379,three:26379/main/0",
        "mail_url": "smtp://user:password@mail:587/?from=eco@example.org",
    }
    for key, text in secrets.items():
        (tmp_path / key).write_text(text)
    given = {
        name: value.replace("/run/secrets/ecopredict", str(tmp_path))
        for name, value in config(overlay, "settings").items()
    }
    hosts = config(overlay, "hosts")["HOST_NAME"]
    settings = load_settings({**given, "ALLOWED_HOSTS": f"{hosts},10.1.2.3"})
    assert settings.needs_accounts
    assert set(settings.allowed_hosts) == {*hosts.split(","), "10.1.2.3"}
    assert settings.redis_url == secrets["redis_url"]


def test_secrets_are_files_and_never_in_a_manifest(overlay: list[Manifest]) -> None:
    assert not of_kind(overlay, "Secret")
    for name, value in config(overlay, "settings").items():
        if name.endswith(("_URL", "_KEY", "_DSN", "PASSWORD")):
            raise AssertionError(f"{name} is a secret; set {name}_FILE")
        assert name.endswith("_FILE") == value.startswith("/run/secrets/"), name
    for workload in workloads(overlay):
        for container in containers(workload):
            assert not [one for one in container.get("env", []) if "secretKeyRef" in one.get("valueFrom", {})]


def test_production_reads_from_a_replica(production: list[Manifest]) -> None:
    assert config(production, "settings")["DATABASE_REPLICA_URL_FILE"].endswith("/database_replica_url")


# nginx


def test_the_configuration_of_nginx_is_complete(overlay: list[Manifest]) -> None:
    # install.sh copies files for Compose
    files = {path.name for path in NGINX.iterdir() if path.is_file()} - {"kustomization.yaml", "install.sh"}
    given = config(overlay, "front-configuration")
    assert set(given) == files
    changed = {name for name in files if given[name] != (NGINX / name).read_text()}
    assert changed <= {"resolver.conf", "upstream.conf", "trusted.conf"}
    errors = config(overlay, "front-errors")
    assert errors == {path.name: path.read_text() for path in (NGINX / "errors").iterdir()}
    (source,) = (
        one["configMap"]
        for volume in pod(named(overlay, "Deployment", "front"))["volumes"]
        for one in volume.get("projected", {}).get("sources", [])
        if "items" in one.get("configMap", {})
    )
    assert {item["key"]: item["path"] for item in source["items"]} == {one: f"errors/{one}" for one in errors}


def test_nginx_asks_the_name_server_of_the_cluster_for_the_service(overlay: list[Manifest], name: str) -> None:
    given = config(overlay, "front-configuration")
    service = named(overlay, "Service", "app")
    # without an address of its own, so that nginx gets those of all pods
    assert service["spec"]["clusterIP"] == "None"
    (port,) = service["spec"]["ports"]
    namespace = service["metadata"]["namespace"]
    assert f"server app.{namespace}.svc.cluster.local:{port['port']} resolve " in given["upstream.conf"]
    shipped = (NGINX / "upstream.conf").read_text()
    assert given["upstream.conf"].split("resolve ")[1] == shipped.split("resolve ")[1]
    assert "resolver kube-dns.kube-system.svc.cluster.local valid=2s" in given["resolver.conf"]
    # addresses of clients are taken from a header only where an Ingress is in front
    assert ("set_real_ip_from" in given["trusted.conf"].split("#")[-1]) is (name != "development")


def test_ports_are_those_of_compose(overlay: list[Manifest]) -> None:
    (front,) = pod(named(overlay, "Deployment", "front"))["containers"]
    published = {int(port.rpartition(":")[2]) for port in COMPOSE["services"]["nginx"]["ports"]}
    assert {port["containerPort"] for port in front["ports"]} == published
    names = {port["name"] for port in front["ports"]}
    assert {port["targetPort"] for port in named(overlay, "Service", "front")["spec"]["ports"]} == names
    (web,) = pod(named(overlay, "Deployment", "web"))["containers"]
    ports = {port["name"]: port["containerPort"] for port in web["ports"]}
    assert f"--bind=0.0.0.0:{ports['http']}" in DOCKERFILE
    assert f"HEALTH_PORT={ports['live']}" in DOCKERFILE


def test_nginx_needs_no_capability_for_its_port(overlay: list[Manifest]) -> None:
    context = pod(named(overlay, "Deployment", "front"))["securityContext"]
    lowest = min(int(port.rpartition(":")[2]) for port in COMPOSE["services"]["nginx"]["ports"])
    assert context["sysctls"] == [{"name": "net.ipv4.ip_unprivileged_port_start", "value": str(lowest)}]


def test_the_ingress_has_the_host_names_of_nginx(overlay: list[Manifest], name: str) -> None:
    hosts = config(overlay, "hosts")["HOST_NAME"].split(",")
    ingresses = of_kind(overlay, "Ingress")
    assert len(ingresses) == (0 if name == "development" else 1)
    for ingress in ingresses:
        assert [rule["host"] for rule in ingress["spec"]["rules"]] == hosts
        assert [host for one in ingress["spec"]["tls"] for host in one["hosts"]] == hosts


# Compose


def test_the_job_does_what_the_set_up_of_compose_does(overlay: list[Manifest]) -> None:
    job = pod(named(overlay, "Job", "setup"))
    (volume,), (setup,) = job["initContainers"], job["containers"]
    shell, option, script = COMPOSE["services"]["setup"]["command"]
    # an earlier container of the job copies the demo data
    copying, script = script.split("python -m ml", 1)
    # Compose fills in a variable, which is empty by default
    script = f"python -m ml{script}".replace(" ${DEMO_TRAIN_OPTIONS:-}", "")
    assert "python -m tools.fill /demo /data" in copying
    assert "python -m tools.fill /demo /models" in volume["command"][-1]
    migrate = " ".join(COMPOSE["services"]["migrate"]["command"])
    assert setup["command"] == [shell, option, f"{migrate}\n{script}"]


def test_workers_run_the_command_of_compose(overlay: list[Manifest]) -> None:
    (worker,) = pod(named(overlay, "Deployment", "worker"))["containers"]
    assert worker["command"] == COMPOSE["services"]["worker"]["command"]


def test_the_user_is_that_of_the_image(overlay: list[Manifest]) -> None:
    user = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert user
    for workload in workloads(overlay):
        for container in containers(workload):
            if container["image"].partition(":")[0] in ("ecopredict", "ecopredict-setup"):
                context = pod(workload)["securityContext"]
                assert (context["runAsUser"], context["runAsGroup"]) == (int(user[1]), int(user[2]))


def test_the_volume_has_room_for_uploads(production: list[Manifest]) -> None:
    from app.config.settings import Settings

    claim = named(production, "PersistentVolumeClaim", "models")["spec"]
    size = int(claim["resources"]["requests"]["storage"].removesuffix("Gi")) * 1024**3
    # files of studies, and as much again for tables of batches
    assert size >= 2 * Settings.model_fields["upload_quota"].default
    assert claim["accessModes"] == ["ReadWriteMany"]


# metrics


def test_autoscalers_ask_for_metrics_that_the_adapter_has(production: list[Manifest]) -> None:
    values = yaml.safe_load((KUBERNETES / "prometheus-adapter" / "values.yaml").read_text())
    rules = values["rules"]
    offered = {one["name"]["as"] for one in (*rules["custom"], *rules["external"])}
    asked = set()
    for scaler in of_kind(production, "HorizontalPodAutoscaler"):
        for metric in scaler["spec"]["metrics"]:
            asked |= {metric[kind]["metric"]["name"] for kind in ("pods", "external") if kind in metric}
    assert asked == offered == {"ecopredict_requests_in_flight", "ecopredict_jobs_unfinished"}


def test_half_of_the_threads_are_the_goal(production: list[Manifest]) -> None:
    (goal,) = (
        int(metric["pods"]["target"]["averageValue"])
        for metric in named(production, "HorizontalPodAutoscaler", "web")["spec"]["metrics"]
        if "pods" in metric
    )
    threads = re.search(r"^threads = (\d+)$", (PROJECT / "gunicorn.conf.py").read_text(), re.MULTILINE)
    assert threads
    assert goal * 2 == int(config(production, "settings")["WEB_CONCURRENCY"]) * int(threads[1])
    (jobs,) = named(production, "HorizontalPodAutoscaler", "worker")["spec"]["metrics"]
    concurrency = config(production, "settings")["JOBS_CONCURRENCY"]
    assert jobs["external"]["target"]["averageValue"] == concurrency


def test_prometheus_finds_the_metrics_of_each_pod(production: list[Manifest]) -> None:
    monitor = named(production, "ServiceMonitor", "ecopredict")["spec"]
    service = named(production, "Service", "app")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    # alerts.yml selects this job
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "ecopredict"}]
    # and the host name of its requests is the address of the pod
    (web,) = pod(named(production, "Deployment", "web"))["containers"]
    (allowed,) = (one["value"] for one in web["env"] if one["name"] == "ALLOWED_HOSTS")
    assert "$(POD_IP)" in allowed


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlays_are_in_the_guide(name: str) -> None:
    assert f"kubernetes/overlays/{name}" in (PROJECT / "docs" / "how-to" / "kubernetes.md").read_text()
