"""The application factory of EcoPredict."""

from __future__ import annotations

import gc

# What is imported stays, so that collections during the import, a fifth of its time, find nothing.
_collects = gc.isenabled()
gc.disable()

from flask import Flask

from app import components, redis_client
from app.accounts import (
    account_views,
    credentials,
    delivery,
    identity,
    key_views,
    keys_cli,
    people_views,
    permissions,
    sessions,
    token_views,
    tokens,
)
from app.accounts import views as accounts
from app.analytics import views as analytics
from app.api_docs import views
from app.audit import cli as audit_cli
from app.audit import views as audit
from app.batch import steps as batch_steps
from app.batch import views as batch
from app.cache import answers
from app.catalogue import study_gate
from app.catalogue.snapshot import SnapshotFile
from app.comparisons import views as comparisons
from app.config.settings import PROJECT, Settings, SettingsError, load_settings
from app.confirmations import metrics as confirmation_metrics
from app.confirmations import newer
from app.database import connections
from app.database.db import db, migrate
from app.extensions import htmx
from app.gbif import steps as gbif_steps
from app.gbif import views as gbif
from app.health import metrics as health_metrics
from app.health import views as health
from app.jobs import cli as jobs_cli
from app.jobs import metrics as jobs_metrics
from app.jobs import views as jobs
from app.jobs.duties import register_duty
from app.layers import views as layers
from app.learning import metrics as learning_metrics
from app.learning import trigger
from app.limits import limiter
from app.maps import downloads as map_downloads
from app.maps import files as map_files
from app.maps import pages as map_pages
from app.maps import steps as map_steps
from app.maps import views as maps
from app.maps.rasters import Rasters
from app.maps.studies import MapStudies
from app.observations import accuracy_views
from app.observations import own_views as own_observations
from app.observations import place_views as observation_places
from app.observations import views as observations
from app.outbox import outbox
from app.places.stores import LayerStores
from app.plans import callers as plan_callers
from app.plans import cli as plans_cli
from app.plans import usage as plan_usage
from app.plans import views as plans
from app.plans.service import Plans
from app.predictions import answer_views, curves, usage
from app.predictions import cli as predictions_cli
from app.predictions import tables as predictions_tables
from app.predictions import views as predictions
from app.privacy import cli as privacy_cli
from app.privacy import views as privacy
from app.records import accepted_views
from app.records import cli as records_cli
from app.records import place_views as record_places
from app.records import views as records
from app.registry import change_views as registry_changes
from app.registry import cli as registry_cli
from app.registry import views as registry
from app.registry.examples import Showcases
from app.registry.model_cache import ModelCache
from app.request_log import counting
from app.rollouts import cli as rollouts_cli
from app.rollouts import measures, shadows
from app.rollouts import metrics as rollout_metrics
from app.species import views as species
from app.studies import cli as studies_cli
from app.studies import own_views as own_studies
from app.studies import pages as study_pages
from app.studies import sensitive_views as sensitive
from app.studies import sharing_views as sharing
from app.studies import views as studies
from app.telemetry import requests
from app.trail import recorder
from app.trainings import learning, learning_views, rollout_views
from app.trainings import metrics as training_metrics
from app.trainings import steps as training_steps
from app.trainings import views as trainings
from app.web import body_limits, input_validation, problems, security, shared_caches, templating

# What stays is not looked at again: not by later collections, and not by the last one, when the process ends.
gc.freeze()
if _collects:
    gc.enable()


def create_app(settings: Settings | None = None) -> Flask:
    """Create the application.

    Parameters
    ----------
    settings : Settings, optional
        Read from the environment by default. An invalid setting ends the process with one line.

    Returns
    -------
    Flask
    """
    if settings is None:
        try:
            settings = load_settings()
        except SettingsError as error:
            raise SystemExit(f"EcoPredict cannot start: {error}") from None
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    app = Flask(__name__, instance_path=str(settings.data_dir.resolve()))
    app.config.from_mapping(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        TESTING=settings.environment == "testing",
        # Tests see the same response to an unexpected error as production.
        PROPAGATE_EXCEPTIONS=False,
        **connections.configuration(settings),
        MAX_CONTENT_LENGTH=settings.max_content_length,
        MAX_FORM_MEMORY_SIZE=settings.max_content_length,
        MAX_FORM_PARTS=500,
    )
    parts = components.init_app(app)
    db.init_app(app)
    with app.app_context():
        for engine in db.engines.values():
            connections.watch(engine)
    migrate.init_app(app, db, directory=str(PROJECT / "migrations"), render_as_batch=True)
    htmx.init_app(app)
    requests.init_app(app)
    counting.init_app(app)
    shared_caches.init_app(app)
    redis_client.init_app(app)
    answers.init_app(app)
    limiter.init_app(app)
    sessions.init_app(app)
    security.init_app(app)
    body_limits.init_app(app)
    input_validation.init_app(app)
    problems.init_app(app)
    templating.init_app(app)
    parts.add(Plans())
    plan_usage.init_app(app)
    plan_callers.init_app(app)
    parts.add(credentials.Refusals())
    tokens.init_app(app)
    identity.init_app(app)
    permissions.init_app(app)
    study_gate.init_app(app)
    recorder.init_app(app, identity.sender)
    delivery.init_app(app)
    parts.add(Showcases())
    parts.add(Rasters())
    parts.add(MapStudies())
    parts.add(ModelCache(settings.models_dir.resolve(), settings.model_memory))
    parts.add(LayerStores(settings.layers_dir.resolve()))
    outbox.init_app(app, predictions_tables.insert, predictions_tables.insert_json)
    usage.init_app(app)
    measures.init_app(app)
    shadows.init_app(app)
    jobs_metrics.init_app(app)
    confirmation_metrics.init_app(app)
    rollout_metrics.init_app(app)
    learning_metrics.init_app(app)
    training_metrics.init_app(app)
    parts.add(SnapshotFile(settings.data_dir.resolve() / "registry"))
    parts.add(newer.NewerPresences(settings.data_dir.resolve() / "registry"))
    health.init_app(app)
    health_metrics.init_app(app)
    views.init_app(app)
    training_steps.register()
    learning.register()
    register_duty("trainings that observations ask for", trigger.ask_for_all)
    register_duty("numbers of presences that models have not seen", newer.publish)
    learning_views.init_app(app)
    gbif_steps.register()
    batch_steps.register()
    map_steps.register()
    app.cli.add_command(registry_cli.group)
    registry_cli.group.add_command(rollouts_cli.group)
    app.cli.add_command(predictions_cli.group)
    app.cli.add_command(studies_cli.group)
    studies_cli.group.add_command(records_cli.index)
    app.cli.add_command(jobs_cli.group)
    # with the command of privacy
    app.cli.add_command(privacy_cli.group)
    app.cli.add_command(keys_cli.group)
    app.cli.add_command(plans_cli.group)
    app.cli.add_command(audit_cli.group)
    app.url_map.converters["slug"] = templating.SlugConverter
    app.url_map.converters["prediction"] = templating.PredictionConverter
    blueprints = [
        predictions.pages,
        predictions.api,
        answer_views.pages,
        answer_views.api,
        curves.pages,
        curves.api,
        comparisons.pages,
        comparisons.api,
        batch.pages,
        batch.api,
        species.pages,
        species.api,
        studies.api,
        registry.pages,
        registry.api,
        maps.api,
        map_files.api,
        map_downloads.api,
        map_pages.pages,
        jobs.pages,
        jobs.api,
        jobs.changes,
        jobs.changes_api,
        batch.results,
        maps.changes,
        map_pages.changes,
        own_studies.api,
        study_pages.pages,
        sharing.api,
        sharing.pages,
        sensitive.api,
        sensitive.pages,
        registry_changes.api,
        registry_changes.pages,
        trainings.api,
        trainings.pages,
        learning_views.api,
        learning_views.pages,
        rollout_views.api,
        rollout_views.pages,
        records.pages,
        records.api,
        accepted_views.pages,
        accepted_views.api,
        record_places.pages,
        record_places.api,
        layers.pages,
        layers.api,
        accounts.pages,
        account_views.pages,
        key_views.pages,
        plans.pages,
        people_views.pages,
        people_views.api,
        token_views.api,
        privacy.public,
        privacy.pages,
        audit.pages,
        audit.api,
        analytics.for_admins,
        observations.pages,
        observations.api,
        own_observations.pages,
        own_observations.api,
        observation_places.pages,
        observation_places.api,
        accuracy_views.pages,
        accuracy_views.api,
        health.pages,
        views.pages,
    ]
    # Without accounts the list of what everybody asked is public or absent; with them each person has an own one.
    if settings.public_predictions or settings.needs_accounts:
        blueprints.append(predictions.lists)
    if settings.needs_accounts:
        blueprints.append(predictions.own)
    if settings.shows_analytics:
        blueprints += [analytics.pages, analytics.api]
    elif settings.needs_accounts:
        # under a name that is not in the table of needs, so that it is for admins
        app.register_blueprint(analytics.pages, name="analytics_for_admins")
    if settings.gbif_api:
        blueprints += [gbif.pages, gbif.api]
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    return app
