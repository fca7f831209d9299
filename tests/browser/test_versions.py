"""Versions of a study of own data in a browser: the candidate beside the active version, activation and rollback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.variants import thorough
from tools import live

_MAKE = """
import sys
from pathlib import Path
from app import create_app
from app.registry import changes
from app.studies import changes as studies
from app.studies.schemas import NewStudy

app = create_app()
with app.app_context():
    studies.create(NewStudy(title="Made hills", slug="made-hills"))
    first, second = (changes.register(Path(path))[0] for path in sys.argv[1:])
    changes.activate(first.id)
"""


@pytest.fixture(scope="module")
def site(once: Callable[..., Path], workroom: Path, prepared: Path) -> Iterator[str]:
    """A server whose study of own data has two versions of one model."""
    from ml.training.train import train_species
    from tests.synthetic import synthetic_study

    def train(models: Path) -> None:
        study = synthetic_study(n_species=1, slug="made-hills")
        # slugs of species are unique over all studies
        species = study.species[0].model_copy(update={"slug": "oenanthe-hispanica-made-hills"})
        study = replace(study, species=[species], presence=study.presence.set_axis([species.slug], axis=1))
        for number, trees in enumerate((12, 20), 1):
            train_species(study, study.species[0].slug, models / str(number), n_estimators=trees, n_networks=1)

    models = once("versions-of-own-study", train)
    paths = [str(path) for path in sorted(models.glob("*/*/*/*"))]
    environ = live.copy_site(prepared, workroom / "versions")
    subprocess.run([sys.executable, "-c", _MAKE, *paths], env=environ, cwd=live.PROJECT, check=True)
    with live.serving(environ) as running:
        yield running.url


@pytest.mark.parametrize(("width", "scripts"), [(1280, True), thorough(360, False)])
def test_activate_and_go_back(site: str, browser: Browser, width: int, scripts: bool) -> None:
    context = browser.new_context(
        base_url=site, viewport={"width": width, "height": 900}, java_script_enabled=scripts, reduced_motion="reduce"
    )
    page = context.new_page()
    try:
        page.goto("/studies/made-hills/versions")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") if scripts else True
        expect(page.get_by_role("heading", name="Oenanthe hispanica")).to_be_visible()
        expect(page.get_by_text("taken as independent")).to_be_visible()
        page.get_by_role("button", name="Activate version 2").click()
        status = page.locator(".versions-status")
        expect(status).to_contain_text("Version 2 of Oenanthe hispanica answers now instead of version 1.")
        expect(page.get_by_role("button", name="Activate version 2")).to_have_count(0)
        expect(page.get_by_role("button", name="Activate version 1")).to_be_visible()
        page.get_by_role("button", name="Roll the study back").click()
        expect(status).to_contain_text("Version 1 of Oenanthe hispanica answers again instead of version 2.")
        expect(page.get_by_role("button", name="Activate version 2")).to_be_visible()
    finally:
        context.close()
