"""A site of its own for each test, and answers of any age."""

from __future__ import annotations

import copy
import shutil
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from app import create_app
from app.database.db import db
from app.predictions import tables
from app.predictions.tables import Prediction
from app.registry import changes
from tests.contract.conftest import WHEATEAR, LintingClient, make_settings, upgrade


@pytest.fixture(scope="module")
def prepared(artifacts, tmp_path_factory):
    """Folder of a database with models, which nobody has asked."""
    folder = tmp_path_factory.mktemp("prepared")
    app = create_app(make_settings(folder))
    upgrade(app)
    with app.app_context():
        for path in artifacts.values():
            version, _ = changes.register(path)
            changes.activate(version.id)
        db.engine.dispose()
    return folder


@pytest.fixture
def site(prepared, tmp_path):
    """An application of its own: counts start at nothing."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    app = create_app(make_settings(tmp_path))
    app.test_client_class = LintingClient
    return app


@pytest.fixture
def visitor(site):
    return site.test_client()


@pytest.fixture
def send(visitor, environment):
    def post(species=WHEATEAR, extrapolation="flag", **changes):
        body = {"species": species, "environment": environment | changes, "extrapolation": extrapolation}
        return visitor.post("/api/v1/predictions", json=body)

    return post


@pytest.fixture
def store_older(site, send):
    """Put an answer back in time; `forget` leaves out what rows of an earlier version did not say."""

    def store(days: float, species=WHEATEAR, *, forget: bool = False, **changes):
        made = send(species, **changes).json["id"]
        with site.app_context():
            row = db.session.get(Prediction, made)
            answer = copy.deepcopy(row.answer)
            if forget:
                for name in ("kind", "dissimilarity_index", "dissimilarity_threshold", "outside_range"):
                    del answer["novelty"][name]
            moment = datetime.now(UTC) - timedelta(days=days)
            # an id of that time, unlike any other
            old = uuid.UUID(int=uuid.UUID(tables.first_id_of(moment)).int | uuid.uuid4().int & ((1 << 62) - 1))
            db.session.add(
                Prediction(
                    id=str(old),
                    species_id=row.species_id,
                    model_id=row.model_id,
                    environment=row.environment,
                    answer=answer,
                    created_at=moment,
                )
            )
            db.session.delete(row)
            db.session.commit()

    return store
