"""Rollouts begun, changed, promoted and stopped: by API, page and command, also by two people at once."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from app.database.db import db
from app.registry import changes
from app.trail.tables import AuditLine
from ml.training.train import train_species
from tests.contract.conftest import WHEATEAR
from tests.contract.rollouts.conftest import API, PAGE, STUDY, another
from tests.synthetic import synthetic_study


def test_a_promotion_is_an_activation_that_can_be_rolled_back(trial):
    trial.start(percent=10)
    done = trial.client.post(f"{API}/promote")
    assert done.status_code == 200
    assert (done.json["state"], done.json["reason"]) == ("promoted", "Version 2 was activated.")
    assert set(another(trial).asked(10)) == {trial.candidate}
    told = "Version 2 was activated."
    assert f"{told} Version 1 answers now." not in trial.client.get(PAGE).get_data(as_text=True)
    assert trial.client.post(f"/api/v1/studies/{STUDY}/rollback").status_code == 200
    assert set(another(trial).asked(10)) == {trial.active}
    assert f"{told} Version 1 answers now." in trial.client.get(PAGE).get_data(as_text=True)


def test_lines_of_the_audit_trail_say_which_models_and_which_share(trial):
    revision = trial.start(percent=10)["revision"]
    changed = trial.client.patch(API, json={"percent": 20, "revision": revision})
    assert changed.status_code == 200, changed.json
    assert trial.client.post(f"{API}/stop").status_code == 200
    trial.start(mode="shadow", percent=50)
    assert trial.client.post(f"{API}/promote").status_code == 200
    assert trial.client.post(f"/api/v1/studies/{STUDY}/rollback").status_code == 200
    with trial.app.app_context():
        query = select(AuditLine.action, AuditLine.detail).where(AuditLine.source == "api").order_by(AuditLine.id)
        told = [tuple(row) for row in db.session.execute(query)]
    assert told == [
        ("rollout.start", f"model {trial.candidate} beside {trial.active}, share of 10 %"),
        ("rollout.change", f"model {trial.candidate}, percent 20, before 10"),
        ("rollout.stop", f"model {trial.candidate} answers nobody, {trial.active} everybody"),
        ("rollout.start", f"model {trial.candidate} beside {trial.active}, shadow, 50 %"),
        ("rollout.promote", f"model {trial.candidate}, before {trial.active}"),
        ("study.rollback", f"model {trial.active}, before {trial.candidate}"),
    ]


def test_a_stop_leaves_the_active_model_in_all_workers(trial):
    trial.start()
    worker = another(trial)
    assert set(worker.asked(40)) == {trial.active, trial.candidate}
    done = trial.client.post(f"{API}/stop")
    assert (done.status_code, done.json["state"]) == (200, "stopped")
    assert set(worker.asked(40)) == {trial.active}
    assert trial.client.post(f"{API}/stop").status_code == 409
    assert trial.client.post(f"{API}/promote").status_code == 409
    # another one may follow
    assert trial.start()["id"] == done.json["id"] + 1


def test_an_activation_or_a_rollback_ends_the_rollout(trial):
    trial.start()
    with trial.app.app_context():
        changes.activate(trial.candidate)
    assert trial.client.get(API).json["state"] == "promoted"
    trial.active, trial.candidate = trial.candidate, trial.active
    trial.start()
    assert trial.client.post(f"/api/v1/studies/{STUDY}/rollback").status_code == 200
    assert trial.client.get(API).json["state"] == "promoted"


def test_a_rollout_ends_when_a_third_version_is_activated(trial, tmp_path):
    study = synthetic_study(n_species=4, categorical=True)
    third = train_species(study, WHEATEAR, tmp_path / "third", n_estimators=12, n_networks=1, seed=8)
    trial.start()
    with trial.app.app_context():
        changes.activate(changes.register(third)[0].id)
    ended = trial.client.get(API).json
    assert (ended["state"], ended["reason"]) == ("replaced", "Version 3 was activated.")


def test_a_study_has_one_rollout_at_a_time(trial):
    trial.start()
    again = trial.client.post(API, json={"model": trial.candidate, "percent": 10})
    assert (again.status_code, "runs already" in again.json["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"percent": 0}, "/percent"),
        ({"percent": 51}, "/percent"),
        ({"percent": 101, "mode": "shadow"}, "/percent"),
        ({"percent": 2.5}, "/percent"),
        ({"percent": True}, "/percent"),
        ({"percent": None}, "/percent"),
        ({"mode": "loud"}, "/mode"),
        ({"model": "no-such-model"}, "/model"),
        ({"model": 5}, "/model"),
        ({"model": "x" * 151}, "/model"),
        ({"more": 1}, "/more"),
    ],
)
def test_bad_input_names_its_field(trial, change, pointer):
    response = trial.client.post(API, json={"model": trial.candidate, "percent": 10, **change})
    assert response.status_code == 422, response.json
    assert pointer in [error["pointer"] for error in response.json["errors"]]


def test_what_cannot_be_a_candidate_is_refused_with_the_reason(trial, artifacts, tmp_path):
    def refused(model):
        response = trial.client.post(API, json={"model": model, "percent": 10})
        assert response.status_code == 422
        return response.json["errors"][0]["detail"]

    assert refused(trial.active) == "this version answers already"
    with trial.app.app_context():
        tit = changes.register(artifacts["parus-major"])[0].id
        fewer = train_species(synthetic_study(n_species=4), WHEATEAR, tmp_path / "fewer", n_estimators=12, n_networks=1)
        without_soil = changes.register(fewer)[0].id
    assert refused(tit) == "no version of this species answers yet; activate this one"
    assert refused(without_soil) == "it asks for other conditions than the active version: soil"
    assert trial.client.post("/api/v1/studies/no-such/rollout", json={"model": tit, "percent": 1}).status_code == 404


def test_a_candidate_that_cannot_be_opened_is_refused(trial):
    with trial.app.app_context():
        path = changes.versions.find(trial.candidate).path
    (trial.app.config["SETTINGS"].models_dir / path / "card.json").unlink()
    response = trial.client.post(API, json={"model": trial.candidate, "percent": 10})
    assert response.json["errors"] == [{"pointer": "/model", "detail": "this version cannot be opened"}]


def test_a_revision_that_no_database_holds_changes_nothing(trial):
    first = trial.start(percent=10)["revision"]
    for revision in (2**31, 2**63, 10**300):
        refused = trial.client.patch(API, json={"percent": 20, "revision": revision})
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/revision")
        page = trial.client.post(f"{PAGE}/change", data={"percent": "20", "revision": str(revision)})
        assert page.status_code == 409
    assert trial.client.get(API).json["revision"] == first


def test_an_old_revision_changes_nothing(trial):
    first = trial.start(percent=10)["revision"]
    assert trial.client.get(API).headers["ETag"] == f'"{first}"'
    changed = trial.client.patch(API, json={"percent": 20}, headers={"If-Match": f'"{first}"'})
    assert (changed.status_code, changed.json["percent"]) == (200, 20)
    old = {"If-Match": f'"{first}"'}
    assert trial.client.patch(API, json={"percent": 30}, headers=old).status_code == 409
    assert trial.client.post(f"{API}/promote", headers=old).status_code == 409
    assert trial.client.post(f"{API}/stop", headers=old).status_code == 409
    missing = trial.client.patch(API, json={"percent": 30})
    assert (missing.status_code, "the ETag of the rollout" in missing.json["errors"][0]["detail"]) == (422, True)
    for path, body in (("", {"percent": 30}), ("/promote", None), ("/stop", None)):
        method = "PATCH" if body else "POST"
        wrong = trial.client.open(API + path, method=method, json=body, headers={"If-Match": '"new"'})
        assert wrong.json["errors"] == [
            {"pointer": "/If-Match", "detail": 'must be the ETag of the rollout, such as "3"'}
        ]
    now = trial.client.get(API).json
    assert (now["percent"], now["state"], now["revision"]) == (20, "running", first + 1)


def at_once(*works):
    """The results of functions that start at the same time."""
    results, barrier = [None] * len(works), threading.Barrier(len(works))

    def run(at):
        barrier.wait()
        results[at] = works[at]()

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_admins_at_once_begin_one_rollout(trial):
    workers = [another(trial) for _ in range(3)]
    body = {"model": trial.candidate, "percent": 10}
    done = at_once(*[lambda one=one: one.client.post(API, json=body).status_code for one in workers])
    assert sorted(done) == [201, 409, 409]


def test_of_a_stop_and_a_promotion_at_once_one_wins(trial):
    for _ in range(3):
        trial.start()
        one, two = another(trial), another(trial)
        stopped, promoted = at_once(
            lambda one=one: one.client.post(f"{API}/stop").status_code,
            lambda two=two: two.client.post(f"{API}/promote").status_code,
        )
        assert sorted([stopped, promoted]) == [200, 409]
        state = trial.client.get(API).json["state"]
        assert state == ("stopped" if stopped == 200 else "promoted")
        answering = trial.candidate if promoted == 200 else trial.active
        assert set(trial.asked(5)) == {answering}
        if promoted == 200:
            trial.client.post(f"/api/v1/studies/{STUDY}/rollback")


def test_the_page_begins_changes_and_ends_a_rollout(trial):
    empty = trial.client.get(f"{PAGE}?model={trial.candidate}").get_data(as_text=True)
    assert "Begin one" in empty
    wrong = trial.client.post(PAGE, data={"model": trial.candidate, "mode": "share", "percent": "70"})
    text = wrong.get_data(as_text=True)
    assert (wrong.status_code, 'value="70"' in text, "must be 50 or less" in text) == (422, True, True)
    begun = trial.client.post(PAGE, data={"model": trial.candidate, "mode": "share", "percent": "20 %"})
    assert (begun.status_code, begun.location) == (303, PAGE)
    trial.asked(30)
    trial.store()
    page = trial.client.get(PAGE).get_data(as_text=True)
    assert "Running, 20 % of the clients." in page
    assert "The candidate failed 0 of" in page
    again = trial.client.post(PAGE, data={"model": trial.candidate, "mode": "share", "percent": "20"})
    assert (again.status_code, "runs already" in again.get_data(as_text=True)) == (409, True)
    bad = trial.client.post(f"{PAGE}/change", data={"percent": "x", "revision": "1"})
    assert (bad.status_code, "must be a whole number" in bad.get_data(as_text=True)) == (422, True)
    stale = trial.client.post(f"{PAGE}/change", data={"percent": "30", "revision": "9"})
    assert (stale.status_code, "in the meantime" in stale.get_data(as_text=True)) == (409, True)
    assert trial.client.post(f"{PAGE}/change", data={"percent": "30", "revision": "1"}).status_code == 303
    assert trial.client.post(f"{PAGE}/stop", data={"revision": "1"}).status_code == 409
    assert trial.client.post(f"{PAGE}/stop", data={"revision": "2"}).status_code == 303
    ended = trial.client.get(PAGE).get_data(as_text=True)
    assert "It was stopped by a person." in ended
    trial.client.post(PAGE, data={"model": trial.candidate, "mode": "shadow", "percent": "100"})
    assert trial.client.post(f"{PAGE}/promote", data={"revision": "1"}).status_code == 303
    assert "Version 2 was activated." in trial.client.get(PAGE).get_data(as_text=True)
    assert trial.client.get(PAGE, headers={"HX-Request": "true"}).get_data(as_text=True).lstrip().startswith("<div")


def test_the_model_page_leads_to_the_rollout(trial):
    page = trial.client.get(f"/models/{trial.candidate}").get_data(as_text=True)
    assert f"{PAGE}?model={trial.candidate}" in page


def test_nothing_is_found_of_what_does_not_exist(trial):
    for path in ("/api/v1/studies/no-such/rollout", "/studies/no-such/rollout", API):
        assert trial.client.get(path).status_code == 404
    for path in ("/api/v1/studies/no-such/rollout/promote", "/studies/no-such/rollout/stop"):
        assert trial.client.post(path).status_code == 404
    for path in (f"{API}/promote", f"{API}/stop", f"{PAGE}/stop"):
        refused = trial.client.post(path)
        assert refused.status_code == 409
        assert "has had no rollout" in refused.get_data(as_text=True)
    assert trial.client.patch(API, json={"percent": 2, "revision": 1}).status_code == 409
    assert trial.client.get(f"{API}?x=1").status_code == 422


def test_commands_do_the_same(trial):
    run = trial.app.test_cli_runner()

    def rollout(*arguments):
        return run.invoke(args=["models", "rollout", *arguments])

    assert rollout("show", STUDY).exit_code == 2
    wrong = rollout("start", STUDY, trial.candidate, "--percent", "60")
    assert (wrong.exit_code, wrong.stderr.strip()) == (
        2,
        "Error: percent: must be 50 or less, except in shadow mode",
    )
    begun = rollout("start", STUDY, trial.candidate, "--percent", "30")
    assert begun.exit_code == 0, begun.output
    assert "version 2 beside version 1, 30 % of the clients, running" in begun.output
    trial.asked(20)
    trial.store()
    assert "candidate: " in rollout("show", STUDY).output
    assert "stopped" in rollout("stop", STUDY).output
    again = rollout("stop", STUDY)
    assert (again.exit_code, len(again.stderr.strip().splitlines())) == (2, 1)
    assert rollout("start", STUDY, trial.candidate, "--shadow", "--percent", "100").exit_code == 0
    assert "promoted" in rollout("promote", STUDY).output
    assert set(trial.asked(5)) == {trial.candidate}


def test_a_candidate_that_cannot_be_opened_is_not_promoted(trial):
    trial.start()
    trial.remove_candidate()
    worker = another(trial)
    refused = worker.client.post(f"{API}/promote")
    assert (refused.status_code, "cannot be opened" in refused.json["detail"]) == (409, True)
    assert trial.client.get(API).json["state"] == "running"
