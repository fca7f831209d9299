"""The stages of the Dockerfile: what they copy, and that every base image can be pinned."""

from __future__ import annotations

import re

from tests.unit.tools.test_container_files import DOCKERFILE, SERVICES, TEXT
from tools.live import PROJECT


def test_the_demo_data_is_in_the_image_that_copies_it_alone() -> None:
    stages = dict(re.findall(r"^FROM \S+ AS (\w+)$(.*?)(?=^FROM|\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL))
    copies = re.compile(r"^COPY .* /fetched ", re.MULTILINE)
    assert [name for name, text in stages.items() if copies.search(text)] == ["setup"]
    assert SERVICES["setup"]["build"]["target"] == "setup"
    assert "python -m tools.fill /demo /data" in SERVICES["setup"]["command"][-1]
    # a new volume takes over the owner of the folder
    assert "--owner=eco --group=eco /data" in stages["application"]


def test_every_image_can_be_pinned_by_a_setting() -> None:
    args = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", DOCKERFILE, re.MULTILINE))
    assert set(args) == {"PYTHON_IMAGE", "NGINX_IMAGE"}
    stages = set(re.findall(r" AS (\w+)$", DOCKERFILE, re.MULTILINE))
    assert stages >= {"web", "worker", "front"}
    for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE):
        assert image in stages or image in {f"${{{name}}}" for name in args}, image
    defaults = dict(re.findall(r"\$\{(\w+_IMAGE):-([^}]+)\}", TEXT))
    assert defaults.items() >= args.items()
    script = (PROJECT / "tools" / "digests.sh").read_text()
    assert dict(re.findall(r"\$\{(\w+_IMAGE):=([^}]+)\}", script)) == defaults
