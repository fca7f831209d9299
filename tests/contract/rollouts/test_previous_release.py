"""Workers of the previous release, which know nothing of rollouts, beside workers of this one."""

from __future__ import annotations

from app.catalogue import snapshot
from app.registry import changes
from tests.contract.conftest import WHEATEAR
from tests.contract.rollouts.conftest import API, another


def test_a_worker_of_the_previous_release_that_activates_ends_it(trial):
    """It writes active.json alone, and does not know of the tables."""
    trial.start()
    registry = trial.app.config["SETTINGS"].data_dir / "registry"
    with trial.app.app_context():
        kept = (registry / "rollouts.json").read_bytes()
        changes.activate(trial.candidate)
    (registry / "rollouts.json").write_bytes(kept)
    (registry / "active.json").touch()
    worker = another(trial)
    with worker.app.app_context():
        assert snapshot.current().by_slug[WHEATEAR].rollout is None
    assert set(worker.asked(20)) == {trial.candidate}


def test_an_activation_by_the_previous_release_ends_it_when_somebody_looks(trial, monkeypatch):
    trial.start()
    # that release switches models without knowing of rollouts
    monkeypatch.setattr(changes.rollouts, "end_of_species", lambda *_: None)
    with trial.app.app_context():
        changes.activate(trial.candidate)
    assert set(another(trial).asked(10)) == {trial.candidate}
    ended = trial.client.get(API).json
    assert (ended["state"], ended["reason"]) == ("replaced", "Another version was activated.")
