"""A stale document fails: what the papers name exists, and what exists is named."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
ARCHITECTURE = (PROJECT / "ARCHITECTURE.md").read_text()
README = (PROJECT / "README.md").read_text()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|yml|md))`", ARCHITECTURE))))
def test_every_room_in_architecture_exists(path):
    inside = [PROJECT / path, PROJECT / "app" / path, PROJECT / "ml" / path, PROJECT / "app" / "predictions" / path]
    assert any(place.exists() for place in inside) or path == "static/vendor/"


@pytest.mark.parametrize(
    "path",
    sorted(
        f"{package}/{room.name}"
        for package in ("app", "ml")
        for room in (PROJECT / package).glob("*.py")
        if room.name not in ("__init__.py",)
    ),
)
def test_every_room_is_in_architecture(path):
    assert f"`{path}`" in ARCHITECTURE


def test_links_between_documents_lead_somewhere():
    for document in (README, ARCHITECTURE):
        for target in re.findall(r"\]\((?!http)([^)]+)\)", document):
            assert (PROJECT / target).exists(), target


def test_every_make_target_the_readme_names_exists():
    makefile = (PROJECT / "Makefile").read_text()
    for target in set(re.findall(r"`?make ([a-z]+)", README)):
        assert f"\n{target}:" in makefile, target


def test_every_module_the_readme_runs_exists():
    for module in set(re.findall(r"python -m ([\w.]+)", README)):
        place = PROJECT / module.replace(".", "/")
        assert place.with_suffix(".py").exists() or (place / "__main__.py").exists()


def test_no_figure_was_left_open():
    assert not re.findall(r"@[A-Z]+@", README)
