"""Each overlay keeps to the schemas of Kubernetes, with no member that the schema does not have."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.unit.deployment.manifests import KUBERNETES, OVERLAYS, Manifest, build, of_kind

# the oldest that has everything that is used, and the newest that the validator knows
VERSIONS = ("1.30.0", kubernetes_validate.latest_version())
# of the Prometheus operator and of Istio; the validator has no schema of them
CUSTOM = {"ServiceMonitor", "PeerAuthentication", "DestinationRule", "VirtualService"}


@functools.cache
def _keeps_to_the_schema(text: str, version: str) -> None:
    kubernetes_validate.validate(json.loads(text), version, strict=True)


def _validate(manifests: list[Manifest]) -> None:
    (namespace,) = of_kind(manifests, "Namespace")
    for manifest in manifests:
        if manifest["kind"] not in CUSTOM:
            # Overlays share most manifests, and validation is slow.
            text = json.dumps(manifest).replace(namespace["metadata"]["name"], "ecopredict")
            for version in VERSIONS:
                _keeps_to_the_schema(text, version)


def test_every_overlay_keeps_to_the_schemas(overlay: list[Manifest]) -> None:
    _validate(overlay)
    assert len({(one["kind"], one["metadata"]["name"]) for one in overlay}) == len(overlay)


def test_the_validator_refuses_a_member_that_does_not_exist(production: list[Manifest]) -> None:
    (claim,) = of_kind(production, "PersistentVolumeClaim")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**claim, "spec": {**claim["spec"], "size": 1}}, VERSIONS[0], strict=True)


def _with_component(folder: Path, base: str, component: str) -> list[Manifest]:
    # kustomize takes folders by relative path only
    root = Path("../" * len(folder.parts[1:])) / KUBERNETES.relative_to("/")
    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": [str(root / "overlays" / base)],
                "components": [str(root / "components" / component)],
            }
        )
    )
    return build(folder)


@pytest.mark.parametrize("base", OVERLAYS)
def test_the_mesh_can_be_added_to_every_overlay(base: str, kubectl: str, tmp_path: Path) -> None:
    manifests = _with_component(tmp_path.resolve(), base, "istio")
    _validate(manifests if base == "production" else of_kind(manifests, "Namespace", "NetworkPolicy"))
    (namespace,) = of_kind(manifests, "Namespace")
    assert namespace["metadata"]["labels"]["istio-injection"] == "enabled"
    custom = {one["kind"] for one in manifests} & CUSTOM
    assert custom >= {"PeerAuthentication", "DestinationRule", "VirtualService"}


def test_a_load_balancer_can_take_the_place_of_the_ingress(kubectl: str, tmp_path: Path) -> None:
    manifests = _with_component(tmp_path.resolve(), "development", "load-balancer")
    _validate(manifests)
    (service,) = (one for one in of_kind(manifests, "Service") if one["spec"].get("type") == "LoadBalancer")
    # nginx sees the addresses of the clients
    assert service["spec"]["externalTrafficPolicy"] == "Local"
    assert [port["port"] for port in service["spec"]["ports"]] == [443]
