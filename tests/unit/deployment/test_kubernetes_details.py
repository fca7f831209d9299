"""What no schema knows: paths, ports, mounts, times and annotations of the manifests fit what they name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import create_app
from tests.contract.conftest import make_settings
from tests.unit.deployment.manifests import (
    KUBERNETES,
    Manifest,
    config,
    containers,
    named,
    of_kind,
    pod,
    workloads,
)
from tools.live import PROJECT

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
MESH = [
    one
    for file in ("mesh.yaml", "policies.yaml")
    for one in yaml.safe_load_all((KUBERNETES / "components" / "istio" / file).read_text())
]


def _of_nginx(file: str, directive: str) -> str:
    (value,) = re.findall(rf"^\s*{directive} ([^;]+);", (PROJECT / "nginx" / file).read_text(), re.MULTILINE)
    return value


def _ports(container: dict[str, Any]) -> dict[str, int]:
    return {one["name"]: one["containerPort"] for one in container.get("ports", [])}


# probes


def test_probes_ask_addresses_of_the_application_on_ports_that_it_has(overlay: list[Manifest], tmp_path: Path) -> None:
    (web,) = pod(named(overlay, "Deployment", "web"))["containers"]
    asked = {kind: (web[kind]["httpGet"]["path"], _ports(web)[web[kind]["httpGet"]["port"]]) for kind in PROBES}
    dockerfile = (PROJECT / "Dockerfile").read_text()
    live, http = (
        int(re.search(pattern, dockerfile)[1]) for pattern in (r"HEALTH_PORT=(\d+)", r"bind=0\.0\.0\.0:(\d+)")
    )
    # a pod that is not ready gets no requests; only one that does not answer at all is started again
    assert asked == {
        "startupProbe": ("/health/live", live),
        "livenessProbe": ("/health/live", live),
        "readinessProbe": ("/health/ready", http),
    }
    routes = {rule.rule for rule in create_app(make_settings(tmp_path)).url_map.iter_rules()}
    assert {path for path, _ in asked.values()} <= routes


def test_the_front_is_probed_where_static_files_are(overlay: list[Manifest]) -> None:
    (front,) = pod(named(overlay, "Deployment", "front"))["containers"]
    for kind in PROBES:
        get = front[kind]["httpGet"]
        assert (get["path"], _ports(front)[get["port"]]) == ("/static/css/base.css", 8501)


@pytest.mark.parametrize(
    ("deployment", "start", "end"),
    # seconds that a start may take, and seconds after which a container that does not answer is started again
    [("web", 120, 30), ("front", 30, 30), ("worker", 120, 120)],
)
def test_probes_wait_as_long_as_the_comments_say(
    overlay: list[Manifest], deployment: str, start: int, end: int
) -> None:
    (container,) = pod(named(overlay, "Deployment", deployment))["containers"]
    seconds = {kind: container[kind]["periodSeconds"] * container[kind].get("failureThreshold", 3) for kind in PROBES}
    assert (seconds["startupProbe"], seconds["livenessProbe"]) == (start, end)
    # what is slow loses its requests before it is started again
    if deployment != "worker":
        assert seconds["readinessProbe"] < seconds["livenessProbe"]


def test_a_probe_waits_for_a_slow_answer_and_ends_before_the_next_one(overlay: list[Manifest]) -> None:
    for workload in workloads(overlay):
        for container in pod(workload)["containers"]:
            for kind in {"livenessProbe", "readinessProbe"} & set(container):
                # the default of 1 s is too short for a busy machine
                assert 3 <= container[kind]["timeoutSeconds"] <= container[kind]["periodSeconds"], (container, kind)


def test_a_release_waits_for_addresses_of_new_pods_and_gives_up_after_a_slow_start(overlay: list[Manifest]) -> None:
    assert named(overlay, "Deployment", "web")["spec"]["minReadySeconds"] == 5
    for name in ("front", "web", "worker"):
        spec = named(overlay, "Deployment", name)["spec"]
        (container,) = pod(named(overlay, "Deployment", name))["containers"]
        start = container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"]
        # one start that fails and one that succeeds
        assert 2 * start < spec["progressDeadlineSeconds"] <= 300


@pytest.mark.parametrize(
    ("service", "deployment", "ports"),
    [
        ("app", "web", {"http": (8080, 8080)}),
        ("front", "front", {"https": (443, 443), "pages": (8501, 8501), "api": (8000, 8000)}),
    ],
)
def test_services_lead_to_the_ports_of_their_pods(
    overlay: list[Manifest], service: str, deployment: str, ports: dict[str, tuple[int, int]]
) -> None:
    spec = named(overlay, "Service", service)["spec"]
    assert spec["selector"]["app.kubernetes.io/component"] == deployment
    (container,) = pod(named(overlay, "Deployment", deployment))["containers"]
    found = {one["name"]: (one["port"], _ports(container)[one["targetPort"]]) for one in spec["ports"]}
    assert found == ports


def test_a_pod_that_ends_waits_until_no_requests_come(overlay: list[Manifest]) -> None:
    pause = {
        name: int(
            pod(named(overlay, "Deployment", name))["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1]
        )
        for name in ("web", "front")
    }
    # nginx asks for the addresses of `web` every two seconds
    assert pause == {"web": 5, "front": 10}


# volumes


def test_what_is_mounted_is_a_volume_and_every_volume_is_mounted(overlay: list[Manifest]) -> None:
    for workload in workloads(overlay):
        mounts = [mount for container in containers(workload) for mount in container.get("volumeMounts", [])]
        volumes = {one["name"] for one in pod(workload).get("volumes", [])}
        volumes |= {one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])}
        assert {mount["name"] for mount in mounts} == volumes, workload["metadata"]["name"]


def test_the_application_finds_data_and_secrets_where_its_settings_say(overlay: list[Manifest]) -> None:
    settings = config(overlay, "settings")
    secrets = {str(Path(path).parent) for name, path in settings.items() if name.endswith("_FILE")}
    assert secrets == {"/run/secrets/ecopredict"}
    seen = 0
    for workload in workloads(overlay):
        volumes = {one["name"]: one for one in pod(workload).get("volumes", [])}
        for container in containers(workload):
            if not container["image"].startswith("ecopredict") or "envFrom" not in container:
                continue
            seen += 1
            at = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
            assert volumes[at[settings["DATA_DIR"]]["name"]]["persistentVolumeClaim"]["claimName"] == "models"
            (folder,) = secrets
            assert volumes[at[folder]["name"]]["secret"]["secretName"] == "ecopredict"
            assert at[folder]["readOnly"] is True
            assert "emptyDir" in volumes[at["/tmp"]["name"]]
    # web, its spool, worker, setup
    assert seen == 4


def test_sockets_and_passwords_that_a_start_writes_are_in_memory(overlay: list[Manifest]) -> None:
    found = {
        (workload["metadata"]["name"], volume["name"])
        for workload in workloads(overlay)
        for volume in pod(workload).get("volumes", [])
        if volume.get("emptyDir", {}).get("medium") == "Memory"
    }
    names = {workload["metadata"]["name"] for workload in workloads(overlay)}
    # redis.conf, with its password, is in the folder of temporary files
    expected = {("front", "run"), ("postgres", "socket"), ("redis", "temporary")}
    assert found == {each for each in expected if each[0] in names}


def test_the_front_has_its_configuration_and_its_certificate(overlay: list[Manifest]) -> None:
    front = pod(named(overlay, "Deployment", "front"))
    (container,) = front["containers"]
    at = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(at) == {"/etc/nginx", "/run", "/var/cache/nginx"}
    (volume,) = (one for one in front["volumes"] if one["name"] == at["/etc/nginx"])
    items = [
        (source["secret"]["name"], item["key"], item["path"])
        for source in volume["projected"]["sources"]
        if "secret" in source
        for item in source["secret"]["items"]
    ]
    assert items == [("front-tls", "tls.crt", "tls/fullchain.pem"), ("front-tls", "tls.key", "tls/privkey.pem")]
    paths = {
        item["path"]
        for source in volume["projected"]["sources"]
        for one in source.values()
        for item in one.get("items", [])
    }
    certificate = {Path(_of_nginx("tls.conf", name)).name for name in ("ssl_certificate", "ssl_certificate_key")}
    assert {f"tls/{name}" for name in certificate} <= paths
    assert {f"errors/{file.name}" for file in (PROJECT / "nginx" / "errors").iterdir()} <= paths


# times


def test_pods_have_time_for_what_they_have_begun(overlay: list[Manifest]) -> None:
    grace = {
        name: pod(named(overlay, "Deployment", name))["terminationGracePeriodSeconds"]
        for name in ("web", "front", "worker")
    }
    assert grace == {"web": 100, "front": 90, "worker": 25}
    (front,) = pod(named(overlay, "Deployment", "front"))["containers"]
    pause = int(front["lifecycle"]["preStop"]["exec"]["command"][1])
    # an answer that nginx waits for, after the load balancer has seen that the pod ends
    assert grace["front"] >= pause + int(_of_nginx("nginx.conf", "proxy_read_timeout").removesuffix("s"))
    # tools/deploy.sh waits as long
    assert named(overlay, "Job", "setup")["spec"]["activeDeadlineSeconds"] == 1800
    assert "SETUP_SECONDS:-1800" in (PROJECT / "tools" / "deploy.sh").read_text()


# the ingress


def test_the_ingress_keeps_tls_addresses_and_times(name: str, overlay: list[Manifest]) -> None:
    ingresses = of_kind(overlay, "Ingress")
    if name == "development":
        assert ingresses == []
        return
    (ingress,) = ingresses
    said = {key.removeprefix("haproxy.org/"): value for key, value in ingress["metadata"]["annotations"].items()}
    requests = int(said.pop("rate-limit-requests"))
    # above the limits of nginx, whose answers have the form that a client accepts
    rates = [int(rate) for rate in re.findall(r"rate=(\d+)r/s", (PROJECT / "nginx" / "limits.conf").read_text())]
    assert requests > max(rates)
    assert said == {
        "server-ssl": "true",
        "ssl-redirect": "true",
        "ssl-redirect-code": "301",
        "ssl-redirect-port": "443",
        "forwarded-for": "true",
        "timeout-server": _of_nginx("uploads.conf", "proxy_read_timeout"),
        "rate-limit-period": "1s",
        "rate-limit-status-code": "429",
    }
    assert ingress["spec"]["ingressClassName"] == "haproxy"
    assert [one["secretName"] for one in ingress["spec"]["tls"]] == ["front-tls"]
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/", "Prefix")
    service = named(overlay, "Service", path["backend"]["service"]["name"])
    assert service["metadata"]["name"] == "front"
    (port,) = (one for one in service["spec"]["ports"] if one["name"] == path["backend"]["service"]["port"]["name"])
    assert port["port"] == 443


# the mesh


def _mesh(kind: str, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = named(MESH, kind, name)["spec"]
    return spec


def test_the_mesh_accepts_only_its_own_connections_but_for_metrics(overlay: list[Manifest]) -> None:
    assert _mesh("PeerAuthentication", "strict") == {"mtls": {"mode": "STRICT"}}
    web = _mesh("PeerAuthentication", "web")
    deployment = named(overlay, "Deployment", "web")["spec"]
    assert web["selector"]["matchLabels"] == {"app.kubernetes.io/component": "web"}
    assert web["selector"]["matchLabels"].items() <= deployment["template"]["metadata"]["labels"].items()
    assert web["mtls"] == {"mode": "STRICT"}
    # Prometheus is outside of the mesh
    port = _ports(deployment["template"]["spec"]["containers"][0])["http"]
    assert web["portLevelMtls"] == {str(port): {"mode": "PERMISSIVE"}}


def test_the_mesh_sends_each_request_once_and_closes_before_gunicorn(overlay: list[Manifest]) -> None:
    service = named(overlay, "Service", "app")["metadata"]["name"]
    rule = _mesh("DestinationRule", "app")
    assert (rule["host"], rule["trafficPolicy"]["tls"]) == (service, {"mode": "ISTIO_MUTUAL"})
    idle = rule["trafficPolicy"]["connectionPool"]["http"]["idleTimeout"]
    assert idle == _of_nginx("nginx.conf", "    keepalive_timeout")
    route = _mesh("VirtualService", "app")
    assert route["hosts"] == [service]
    (http,) = route["http"]
    assert http == {"route": [{"destination": {"host": service}}], "timeout": "0s", "retries": {"attempts": 0}}


def test_the_mesh_leaves_tls_of_clients_to_nginx_and_reaches_its_control_plane(overlay: list[Manifest]) -> None:
    component = yaml.safe_load((KUBERNETES / "components" / "istio" / "kustomization.yaml").read_text())
    (patch,) = (one for one in component["patches"] if one["target"]["kind"] == "Deployment")
    assert patch["target"]["name"] == "front"
    (change,) = yaml.safe_load(patch["patch"])
    assert (change["op"], change["path"]) == ("add", "/spec/template/metadata/annotations")
    assert component["resources"] == ["mesh.yaml", "policies.yaml"]
    assert _mesh("NetworkPolicy", "mesh")["podSelector"] == {}
    (container,) = pod(named(overlay, "Deployment", "front"))["containers"]
    assert change["value"] == {"traffic.sidecar.istio.io/excludeInboundPorts": str(_ports(container)["https"])}
    (egress,) = _mesh("NetworkPolicy", "mesh")["egress"]
    assert egress["ports"] == [{"protocol": "TCP", "port": 15012}]
    (peer,) = egress["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "istio-system"}
    assert peer["podSelector"]["matchLabels"] == {"app": "istiod"}
