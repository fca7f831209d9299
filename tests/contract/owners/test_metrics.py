"""Metrics of studies that are not public any more."""

from tests.contract.conftest import WHEATEAR
from tests.contract.owners.conftest import HIDDEN


def test_metrics_name_no_study_that_was_public_before(world):
    def ask(name):
        body = {"species": WHEATEAR, "environment": world.environment}
        assert world.browser(name).post("/api/v1/predictions", json=body).status_code == 200
        return world.browser(None).get("/metrics").text

    world.share("public")
    assert f'study="{HIDDEN}"' in ask(None)
    world.share("private")
    told = ask("owner")
    world.share("shared")
    assert HIDDEN not in told
    assert 'study="not public"' in told
    assert "ecopredict_build_info" in told
