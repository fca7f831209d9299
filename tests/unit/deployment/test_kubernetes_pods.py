"""What pods may do, and what they need: no root, limits, read-only roots, probes, no token."""

from __future__ import annotations

import re

from tests.unit.deployment.manifests import Manifest, containers, named, of_kind, pod, runs_on, workloads
from tools.live import PROJECT


def test_pods_of_every_kind_are_looked_at() -> None:
    spec = {"containers": [{"name": "one"}]}
    template = {"spec": spec}
    made: list[Manifest] = [
        {"kind": "Pod", "spec": spec},
        {"kind": "DaemonSet", "spec": {"template": template}},
        {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": template}}}},
    ]
    others: list[Manifest] = [{"kind": "Service", "spec": {"ports": []}}, {"kind": "ConfigMap", "data": {}}]
    assert workloads(made + others) == made
    assert [pod(one) for one in made] == [spec] * 3


def test_no_container_is_root_or_can_become_it(overlay: list[Manifest]) -> None:
    for workload in workloads(overlay):
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(pod(workload))
        context = pod(workload)["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["runAsGroup"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(workload):
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert not {"privileged", "runAsUser", "procMount"} & set(own)


def test_the_namespace_refuses_pods_with_more_rights(overlay: list[Manifest]) -> None:
    (namespace,) = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for manifest in overlay:
        if manifest is not namespace:
            assert manifest["metadata"]["namespace"] == namespace["metadata"]["name"], manifest["kind"]


def test_root_file_systems_are_read_only_and_writable_ones_have_limits(overlay: list[Manifest]) -> None:
    for workload in workloads(overlay):
        for container in containers(workload):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
        for volume in pod(workload)["volumes"]:
            assert "hostPath" not in volume
            assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"], volume
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440


def test_every_container_has_requests_and_limits(overlay: list[Manifest]) -> None:
    for workload in workloads(overlay):
        for container in containers(workload):
            for kind in ("requests", "limits"):
                assert set(container["resources"][kind]) == {"cpu", "memory", "ephemeral-storage"}, container["name"]
            # a cluster refuses more
            for name, limit in container["resources"]["limits"].items():
                assert quantity(container["resources"]["requests"][name]) <= quantity(limit), (container["name"], name)


def quantity(text: object) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(m|[KMGT]i)?", str(text)).groups()  # type: ignore[union-attr]
    return float(number) * {None: 1, "m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}[unit]


def test_limits_are_those_of_compose(overlay: list[Manifest]) -> None:
    compose = (PROJECT / "docker-compose.yml").read_text()
    for kind, name, service in (
        ("Deployment", "web", "web"),
        ("Deployment", "worker", "worker"),
        ("Deployment", "front", "nginx"),
        ("Job", "setup", "setup"),
    ):
        limit = pod(named(overlay, kind, name))["containers"][0]["resources"]["limits"]["memory"]
        text = re.search(rf"^  {service}:\n(.*?)^  \w", compose, re.DOTALL | re.MULTILINE)
        assert text
        memory = re.search(r"mem_limit: (\d+)([mg])$", text[1], re.MULTILINE)
        assert memory
        assert limit == f"{memory[1]}{memory[2].upper()}i"


def test_no_pod_has_a_token(overlay: list[Manifest]) -> None:
    accounts = {one["metadata"]["name"]: one for one in of_kind(overlay, "ServiceAccount")}
    assert all(one["automountServiceAccountToken"] is False for one in accounts.values())
    for workload in workloads(overlay):
        spec = pod(workload)
        assert spec["automountServiceAccountToken"] is False
        assert spec["serviceAccountName"] in accounts, "not the account `default`"
        # variables such as APP_PORT for each Service would mix with settings
        assert spec["enableServiceLinks"] is False
    assert not of_kind(overlay, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


def test_every_image_has_a_version(overlay: list[Manifest]) -> None:
    for workload in workloads(overlay):
        for container in containers(workload):
            image = container["image"]
            assert re.fullmatch(r"[a-z0-9./-]+(:[\w.-]+|@sha256:[0-9a-f]{64})", image), image
            assert not image.endswith(":latest")


def test_what_runs_on_has_all_probes(overlay: list[Manifest]) -> None:
    for workload in of_kind(overlay, "Deployment", "StatefulSet"):
        for container in containers(workload):
            assert runs_on(container), container["name"]
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), container["name"]


def test_probes_use_a_name_that_is_always_allowed(overlay: list[Manifest]) -> None:
    """Otherwise the host name of a probe is the address of the pod, which gets 421."""
    for workload in workloads(overlay):
        for container in containers(workload):
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                get = container.get(kind, {}).get("httpGet")
                # the port for liveness answers every name
                if get and get["port"] != "live":
                    assert get["httpHeaders"] == [{"name": "Host", "value": "localhost"}]


def test_the_front_is_probed_with_a_file_that_exists(overlay: list[Manifest]) -> None:
    (front,) = pod(named(overlay, "Deployment", "front"))["containers"]
    assert (PROJECT / "app" / front["readinessProbe"]["httpGet"]["path"].lstrip("/")).is_file()


# without an interruption


def test_a_release_leaves_nothing_unavailable(overlay: list[Manifest]) -> None:
    for name in ("front", "web", "worker"):
        strategy = named(overlay, "Deployment", name)["spec"]["strategy"]
        assert strategy["rollingUpdate"]["maxUnavailable"] == 0
    for name in ("front", "web"):
        for container in pod(named(overlay, "Deployment", name))["containers"]:
            # requests come until the load balancer has seen that the pod ends
            assert container["lifecycle"]["preStop"]["exec"]["command"][0] == "sleep"


def test_a_pod_has_time_to_end(overlay: list[Manifest]) -> None:
    gunicorn = (PROJECT / "gunicorn.conf.py").read_text()
    graceful = re.search(r"^graceful_timeout = (\d+) if", gunicorn, re.MULTILINE)
    assert graceful
    web = pod(named(overlay, "Deployment", "web"))
    (spool,) = web["initContainers"]
    # it is stopped after the others, and then brings the answers that wait to PostgreSQL
    assert spool["restartPolicy"] == "Always"
    drain = re.search(r"predictions drain --wait (\d+)", spool["command"][-1])
    assert drain
    pause = int(web["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert web["terminationGracePeriodSeconds"] >= pause + int(graceful[1]) + int(drain[1]) + 10
    assert pod(named(overlay, "Deployment", "worker"))["terminationGracePeriodSeconds"] >= 15


def test_each_pod_has_a_spool_of_its_own_with_room_for_its_limit(overlay: list[Manifest]) -> None:
    from tests.unit.deployment.manifests import config

    web = pod(named(overlay, "Deployment", "web"))
    (volume,) = (one for one in web["volumes"] if one["name"] == "spool")
    assert int(config(overlay, "settings")["SPOOL_LIMIT"]) * 2 <= int(volume["emptyDir"]["sizeLimit"][:-2]) * 1024**3
    for container in (*web["initContainers"], *web["containers"]):
        assert {"name": "spool", "mountPath": "/data/spool"} in container["volumeMounts"]


def test_what_is_served_survives_the_drain_of_a_machine(production: list[Manifest]) -> None:
    for name in ("front", "web", "worker"):
        budget = named(production, "PodDisruptionBudget", name)["spec"]
        labels = named(production, "Deployment", name)["spec"]["template"]["metadata"]["labels"]
        assert budget["selector"]["matchLabels"].items() <= labels.items()
    for name in ("front", "web"):
        spread = pod(named(production, "Deployment", name))["topologySpreadConstraints"]
        assert {one["topologyKey"] for one in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    # at least one pod in each of three zones
    assert named(production, "Deployment", "front")["spec"]["replicas"] >= 3
    assert named(production, "HorizontalPodAutoscaler", "web")["spec"]["minReplicas"] >= 3


def test_an_autoscaler_and_a_number_of_pods_exclude_each_other(overlay: list[Manifest]) -> None:
    for scaler in of_kind(overlay, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        assert "replicas" not in named(overlay, target["kind"], target["name"])["spec"]
        assert scaler["spec"]["minReplicas"] < scaler["spec"]["maxReplicas"]


def test_only_workers_are_on_machines_that_may_be_taken_away(production: list[Manifest]) -> None:
    tolerant = {one["metadata"]["name"] for one in workloads(production) if "tolerations" in pod(one)}
    assert tolerant == {"worker"}
