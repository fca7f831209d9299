"""Policies: nothing may talk to anything, except what the service needs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.deployment.manifests import Manifest, named, of_kind, select, workloads

NAMESPACE = "kubernetes.io/metadata.name"


def _labels(overlay: list[Manifest], component: str) -> dict[str, str]:
    (found,) = (
        one["spec"]["template"]["metadata"]["labels"]
        for one in workloads(overlay)
        if one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] == component
    )
    return found


def _rules(overlay: list[Manifest], component: str, way: str) -> Iterator[dict[str, Any]]:
    """The rules of all policies that apply to a component, ``ingress`` or ``egress``."""
    labels = _labels(overlay, component)
    for policy in of_kind(overlay, "NetworkPolicy"):
        if select(policy["spec"]["podSelector"], labels) and way.capitalize() in policy["spec"]["policyTypes"]:
            yield from policy["spec"].get(way, [])


def _meets(peer: dict[str, Any], labels: dict[str, str], namespace: str | None) -> bool:
    """Whether a peer of a rule is a pod with these labels, in this namespace or in another one."""
    if "ipBlock" in peer:
        return False
    selector = peer.get("namespaceSelector")
    if (selector is None) != (namespace is None):
        return False
    return (selector is None or select(selector, {NAMESPACE: str(namespace)})) and select(
        peer.get("podSelector", {}), labels
    )


def _may(
    overlay: list[Manifest], component: str, way: str, port: int, labels: dict[str, str], namespace: str | None = None
) -> bool:
    peers = "from" if way == "ingress" else "to"
    return any(
        port in [one["port"] for one in rule["ports"]]
        and (peers not in rule or any(_meets(peer, labels, namespace) for peer in rule[peers]))
        for rule in _rules(overlay, component, way)
    )


def _may_reach(overlay: list[Manifest], component: str, address: str, port: int) -> bool:
    ip = ipaddress.ip_address(address)
    for rule in _rules(overlay, component, "egress"):
        if port not in [one["port"] for one in rule["ports"]]:
            continue
        if "to" not in rule:
            return True
        for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
            left_out = [ipaddress.ip_network(one) for one in block["except"]]
            if ip in ipaddress.ip_network(block["cidr"]) and not any(ip in one for one in left_out):
                return True
    return False


def test_everything_is_denied_by_default(overlay: list[Manifest]) -> None:
    policy = named(overlay, "NetworkPolicy", "deny-all")["spec"]
    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    # no rule opens all ports
    for one in of_kind(overlay, "NetworkPolicy"):
        for rule in (*one["spec"].get("ingress", []), *one["spec"].get("egress", [])):
            assert rule["ports"], one["metadata"]["name"]


def test_every_pod_can_ask_for_names(overlay: list[Manifest]) -> None:
    for workload in workloads(overlay):
        component = workload["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        assert _may(overlay, component, "egress", 53, {"k8s-app": "kube-dns"}, "kube-system")
        assert not _may(overlay, component, "egress", 53, {}, "somewhere")


def test_nginx_reaches_the_application_and_nothing_else(overlay: list[Manifest]) -> None:
    web = _labels(overlay, "web")
    assert _may(overlay, "front", "egress", 8080, web)
    assert _may(overlay, "web", "ingress", 8080, _labels(overlay, "front"))
    # liveness is for the node alone
    assert not _may(overlay, "front", "egress", 8081, web)
    for port in (443, 5432, 6379):
        assert not _may_reach(overlay, "front", "93.184.215.14", port)


def test_nobody_but_nginx_and_prometheus_reaches_the_application(overlay: list[Manifest], name: str) -> None:
    assert not _may(overlay, "web", "ingress", 8080, _labels(overlay, "worker"))
    assert not _may(overlay, "web", "ingress", 8080, {}, "somewhere")
    prometheus = {"app.kubernetes.io/name": "prometheus"}
    assert _may(overlay, "web", "ingress", 8080, prometheus, "monitoring") is (name != "development")
    assert not _may(overlay, "web", "ingress", 8080, {}, "monitoring")
    assert not list(_rules(overlay, "worker", "ingress"))
    assert not list(_rules(overlay, "setup", "ingress"))


@pytest.mark.parametrize("component", ["web", "worker", "setup"])
def test_the_application_reaches_its_stores(overlay: list[Manifest], component: str) -> None:
    # the last one is that of sentinels
    for port in (5432, 6379, 26379):
        assert _may_reach(overlay, component, "10.1.2.3", port)


def test_stores_of_the_namespace_are_for_the_application(kubectl: str) -> None:
    from tests.unit.deployment import manifests

    overlay = manifests.overlay("development")
    for store, port in (("postgres", 5432), ("redis", 6379)):
        for component in ("web", "worker", "setup"):
            assert _may(overlay, store, "ingress", port, _labels(overlay, component))
        assert not _may(overlay, store, "ingress", port, _labels(overlay, "front"))


def test_only_workers_reach_the_outside_for_records(overlay: list[Manifest]) -> None:
    outside = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")
    for address in outside:
        assert _may_reach(overlay, "worker", address, 443)
        assert not _may_reach(overlay, "worker", address, 80)
        for component in ("web", "front", "setup"):
            assert not _may_reach(overlay, component, address, 443)
    # private networks, and the address from which a machine gets its credentials
    for address in ("10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "127.0.0.1", "fd00::1"):
        assert not _may_reach(overlay, "worker", address, 443)


def test_mail_leaves_only_where_it_is_set_up(overlay: list[Manifest], name: str) -> None:
    assert _may_reach(overlay, "web", "93.184.215.14", 587) is (name == "production")


def test_only_the_ingress_reaches_nginx(overlay: list[Manifest], name: str) -> None:
    assert _may(overlay, "front", "ingress", 443, {}, "haproxy-controller") is (name != "development")
    assert not _may(overlay, "front", "ingress", 8501, {}, "haproxy-controller")
    assert not _may(overlay, "front", "ingress", 443, {}, "somewhere")
