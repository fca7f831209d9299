"""The versions of a study name its rollout."""

from __future__ import annotations

from app.catalogue import versions
from app.catalogue.rollouts import Rollout
from app.database.db import db
from app.registry import changes

PAGE = "/studies/made-lizards/versions"


def test_the_versions_of_a_study_name_its_rollout_and_why_it_ended(trained):
    with trained.app_context():
        version = versions.find(versions.listing(study="made-lizards")[0].id)
        changes.activate(version.id)
        ids = {"candidate_id": version.id, "active_id": version.id}
        ended = Rollout(
            study_id=version.species.study_id,
            species_id=version.species_id,
            mode="share",
            percent=5,
            state="stopped",
            reason="It failed.",
            judged={},
            **ids,
        )
        assert "try a candidate on a share" in trained.test_client().get(PAGE).get_data(as_text=True)
        db.session.add(ended)
        db.session.commit()
    assert ": stopped. It failed." in trained.test_client().get(PAGE).get_data(as_text=True)
