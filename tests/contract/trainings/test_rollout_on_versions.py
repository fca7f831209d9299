"""The versions of a study name its rollout."""

from __future__ import annotations

import re

from app.catalogue import versions
from app.catalogue.rollouts import Rollout
from app.database.db import db
from app.database.types import now
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


def test_after_a_promotion_and_a_rollback_the_versions_say_when_and_which_answers(trained):
    with trained.app_context():
        version = versions.find(versions.listing(study="made-lizards")[0].id)
        number = version.version
        changes.activate(version.id)
        promoted = Rollout(
            study_id=version.species.study_id,
            species_id=version.species_id,
            candidate_id=version.id,
            active_id=version.id,
            mode="share",
            percent=5,
            state="promoted",
            # of a version that was rolled back
            reason=f"Version {number + 1} was activated.",
            ended_at=now(),
            judged={},
        )
        db.session.add(promoted)
        db.session.commit()
        rollout_id = promoted.id
        day, since = now().strftime("%-d %B %Y"), f"Version {number} answers now."
    text = " ".join(re.sub("<[^>]+>", " ", trained.test_client().get(PAGE).get_data(as_text=True)).split())
    (told,) = re.findall(r": promoted on (.*?)\. (Version .* now\.)", text)
    assert told[0].startswith(day)
    assert told[1].endswith(f"was activated. {since}")
    with trained.app_context():
        db.session.get(Rollout, rollout_id).reason = f"Version {number} was activated."
        db.session.commit()
    assert since not in trained.test_client().get(PAGE).get_data(as_text=True)
