"""The smallest valid model card, for tests that change parts of it."""

from ml.card import ModelCard, SpeciesDescription, StudyDescription, Threshold, Training, Validation

CARD = ModelCard(
    study=StudyDescription(slug="s", title="S", description="", records="presence-absence", sources=[]),
    species=SpeciesDescription(slug="a-b", scientific_name="A b"),
    predictors=[],
    n_presences=100,
    n_absences=100,
    metrics={},
    validation=Validation(method="spatial blocks", folds=5, note=""),
    thresholds={"maxSSS": Threshold(value=0.5, sensitivity=1, specificity=1)},
    importance={},
    starting_points=[],
    training=Training(estimator="forest", parameters={}, seed=0, data_fingerprint="", versions={}),
)
