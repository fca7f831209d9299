"""Live accuracy: how right models were, by observations that editors have accepted."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from app.catalogue import access
from app.catalogue.refs import ModelRef, SpeciesRef, StudyRef
from app.catalogue.studies import Study
from app.catalogue.versions import ModelVersion
from app.components import component
from app.confirmations import tables
from app.confirmations.accuracy_schemas import (
    AccuracyPage,
    AwayFigures,
    CalibrationFigures,
    Interval,
    ModelAccuracy,
    ReliabilityPart,
    StudyAccuracy,
)
from app.confirmations.shown_figures import shown
from app.confirmations.tables import Outcome
from app.database.db import db
from ml.evaluation.live import Estimate, auc_interval, calibration_line
from ml.evaluation.metrics import auc_roc, bootstrap_interval, brier

#: Fewest presences, and fewest absences, for AUC and Brier score, and for the line of the calibration.
FEWEST, FEWEST_FOR_CALIBRATION = 10, 30
#: The latest observations of a model that are counted, and the models of a page.
MOST_OUTCOMES, MOST_MODELS = 2_000, 100
_RESAMPLES = 500
_BINS, _FEWEST_IN_BIN = 5, 10

WHERE_PEOPLE_LOOK = (
    "Observations lie where people go, along roads and near towns, and are not a random sample of the area. The "
    "figures hold for such places."
)
SELECTION = (
    "Who reports after reading an answer has chosen where to look with the answer in mind. This is a selection, and it "
    "can make a model look better or worse than it is."
)
ABSENCE = "“Absent” means that somebody looked and did not find the species. A short search can miss it."
INDEX = (
    "The model was trained on presences only. Its suitability is a relative index, so Brier score and calibration also "
    "depend on how many absences were reported."
)
TRAINED = (
    "A model knows the places of its records. A report within 1 km of one, or in its cell of the layers, is no "
    "independent evidence, and mostly makes the model look better than it is."
)


def of_model(version: ModelVersion) -> ModelAccuracy:
    """Return the accuracy of one version of a model."""
    found = _of_version(version, tables.outcomes_of(version.id, MOST_OUTCOMES))
    return shown(found, found.study.slug)


def _of_version(version: ModelVersion, outcomes: Sequence[Outcome]) -> ModelAccuracy:
    species = version.species
    return ModelAccuracy(
        **live_figures([outcomes], is_index=is_index(version)),
        model=ModelRef(id=version.id, version=version.version),
        species=SpeciesRef(slug=species.slug, scientific_name=species.scientific_name),
        study=StudyRef(slug=species.study.slug, title=species.study.title),
    )


class AccuracyCache:
    """The accuracy of all studies, computed once after each decision of an editor."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[int, datetime | None], AccuracyPage] | None = None
        self._lock = threading.Lock()

    def get(self) -> AccuracyPage:
        """Return the accuracy by the observations that are accepted now, with the digits that are shown."""
        mark = tables.change_mark()
        with self._lock:
            if self._kept is None or self._kept[0] != mark:
                self._kept = mark, _of_studies()
            page = self._kept[1]
        # a species may have become sensitive since
        return AccuracyPage(items=[shown(item, item.study.slug) for item in page.items])


def of_studies(*, public: bool = False) -> AccuracyPage:
    """Return the accuracy of the models with most accepted observations, by study.

    Parameters
    ----------
    public : bool
        Only public studies, whoever asks; otherwise those that the present request may read.
    """
    page = component(AccuracyCache).get()
    if not public and not access.hides_some():
        return page
    shown = Study.visibility == "public" if public else access.readable()
    slugs = set(db.session.scalars(select(Study.slug).where(shown)))
    return AccuracyPage(items=[item for item in page.items if item.study.slug in slugs])


def _of_studies() -> AccuracyPage:
    """Return the accuracy of all studies, whoever may read them."""
    versions: dict[str, list[tuple[ModelVersion, list[Outcome]]]] = {}
    # private models take no place of public ones
    judged = [*tables.judged_models(MOST_MODELS, public=True), *tables.judged_models(MOST_MODELS, public=False)]
    for version in judged:
        found = tables.outcomes_of(version.id, MOST_OUTCOMES)
        versions.setdefault(version.species.study.slug, []).append((version, found))
    items = []
    for rows in versions.values():
        study = rows[0][0].species.study
        items.append(
            StudyAccuracy(
                **live_figures([found for _, found in rows], is_index=any(is_index(version) for version, _ in rows)),
                study=StudyRef(slug=study.slug, title=study.title),
                versions=[_of_version(version, outcomes) for version, outcomes in rows],
            )
        )
    return AccuracyPage(items=sorted(items, key=lambda item: item.study.title))


def is_index(version: ModelVersion) -> bool:
    """Return whether the suitability of a model is a relative index, because it was trained on presences only."""
    return bool(version.card["study"]["records"] == "presence-background")


def live_figures(groups: Sequence[Sequence[Outcome]], *, is_index: bool) -> dict[str, object]:
    """Return the members of `LiveFigures`; parameters as for `figures`."""
    found = figures(groups, is_index=is_index)
    caveats = cast("list[str]", found["caveats"])
    return {**found, "caveats": [*caveats, TRAINED] if caveats else [], "away": _away(groups)}


def figures(groups: Sequence[Sequence[Outcome]], *, is_index: bool) -> dict[str, object]:
    """Return the members of `Figures`.

    Parameters
    ----------
    groups : sequence of sequence of Outcome
        The observations of each version. The AUC compares observations of the same group only.
    is_index : bool
        Whether suitability is a relative index instead of a probability.
    """
    judged = [[one for one in group if one.inside] for group in groups]
    counted = [one for group in judged for one in group]
    y = np.array([one.present for one in counted], np.int64)
    suitability = np.array([one.suitability for one in counted], np.float64)
    n1, n0 = int(y.sum()), int(len(y) - y.sum())
    auc = _auc(judged) if min(n1, n0) >= FEWEST else None
    is_enough = min(n1, n0) >= FEWEST
    share = n1 / len(y) if len(y) else 0.0
    line = calibration_line(y, suitability) if min(n1, n0) >= FEWEST_FOR_CALIBRATION else None
    n_outside = sum(map(len, groups)) - len(counted)
    after = sum(one.after_prediction for one in counted)
    caveats = [WHERE_PEOPLE_LOOK, *([SELECTION] if after else []), *([ABSENCE] if n0 else [])]
    caveats += [INDEX] if is_index and is_enough else []
    return {
        "n_presences": n1,
        "n_absences": n0,
        "n_outside": n_outside,
        "n_after_prediction": after,
        "auc": auc,
        "brier": _brier(y, suitability) if is_enough else None,
        "brier_reference": share * (1.0 - share) if is_enough else None,
        "calibration": CalibrationFigures(intercept=_interval(line.intercept), slope=_interval(line.slope))
        if line is not None
        else None,
        "reliability": _reliability(y, suitability) if is_enough else [],
        "sentence": _sentence(auc, n1, n0, n_outside),
        "caveats": caveats if counted else [],
    }


def _away(groups: Sequence[Sequence[Outcome]]) -> AwayFigures:
    """Return the figures by the observations that are known to be at no training place."""
    judged = [[one for one in group if one.inside] for group in groups]
    counted = [one for group in judged for one in group]
    found = figures(
        [[one for one in group if one.at_training_place is False] for group in judged],
        is_index=False,
    )
    n_at = sum(one.at_training_place is True for one in counted)
    n_unknown = sum(one.at_training_place is None for one in counted)
    away = AwayFigures.model_validate(
        {
            **{name: found[name] for name in ("n_presences", "n_absences", "auc", "brier", "brier_reference")},
            "n_at_training_places": n_at,
            "n_unknown": n_unknown,
            "sentence": "",
        }
    )
    return away.model_copy(update={"sentence": _away_sentence(away, len(counted))})


def _away_sentence(away: AwayFigures, n: int) -> str:
    where = "a place that its model was trained on"
    if n == 0:
        return ""
    if away.n_unknown == n:
        return f"Whether a report lies at {where} is not known."
    unknown = f"; of {away.n_unknown:,} it is not known" if away.n_unknown else ""
    text = f"{away.n_at_training_places:,} of {n:,} lie at {where}{unknown}. "
    n1, n0 = away.n_presences, away.n_absences
    rest = f"{_number(n1, 'presence')} and {_number(n0, 'absence')} away from such places"
    if away.auc is None:
        return f"{text}By {rest} there is no figure: it takes {FEWEST} of each."
    return f"{text}By {rest} the model ranks a presence first {_in_100(away.auc)}."


def _auc(groups: Sequence[Sequence[Outcome]]) -> Interval | None:
    sizes, values = [], []
    for group in groups:
        n1 = sum(one.present for one in group)
        if 0 < n1 < len(group):
            sizes.append((n1, len(group) - n1))
            values.append(auc_roc([one.present for one in group], [one.suitability for one in group]))
    if not sizes or min(map(sum, zip(*sizes, strict=True))) < FEWEST:
        return None
    weights = np.array([n1 * n0 for n1, n0 in sizes], np.float64)
    return _interval(auc_interval(float(weights @ values / weights.sum()), sizes))


def _brier(y: NDArray[np.int64], suitability: NDArray[np.float64]) -> Interval:
    low, high = bootstrap_interval(brier, y, suitability, n=_RESAMPLES)
    return Interval(value=brier(y, suitability), low=low, high=high)


def _reliability(y: NDArray[np.int64], suitability: NDArray[np.float64]) -> list[ReliabilityPart]:
    """Compare suitabilities with the share of presences, in parts of nearly equal numbers of observations."""
    number = max(1, min(_BINS, len(y) // _FEWEST_IN_BIN))
    parts = np.array_split(np.argsort(suitability, kind="stable"), number)
    return [
        ReliabilityPart(suitability=float(suitability[part].mean()), observed=float(y[part].mean()), n=len(part))
        for part in parts
    ]


def _interval(estimate: Estimate) -> Interval:
    return Interval(value=estimate.value, low=estimate.low, high=estimate.high)


def _sentence(auc: Interval | None, n1: int, n0: int, n_outside: int) -> str:
    if n1 + n0 + n_outside == 0:
        return "Nobody has confirmed a prediction of it yet."
    counted = f"{_number(n1, 'presence')} and {_number(n0, 'absence')} have been confirmed"
    if n_outside:
        counted += f", and {n_outside:,} more where the model cannot say"
    if auc is None:
        return f"{counted}. That is too few for a figure: it takes {FEWEST} of each."
    return (
        f"{counted}. Of a confirmed presence and a confirmed absence the model ranks the presence first {_in_100(auc)}."
    )


def _in_100(auc: Interval) -> str:
    return f"{auc.value * 100:.0f} times in 100 ({auc.low * 100:.0f} to {auc.high * 100:.0f})"


def _number(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
