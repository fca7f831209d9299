"""What would change an answer, and the training records most like its conditions."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import sensitive, snapshot
from app.errors import NotFound, Unavailable
from app.predictions import stored
from app.predictions.addresses import edit_url
from app.predictions.explanation_schemas import (
    CHANGE_CAVEAT,
    ConditionChange,
    ExplanationAnswer,
    NearestRecord,
    RecordPlace,
)
from app.predictions.inference import cached_or_computed
from app.predictions.schemas import PredictionAnswer
from app.predictions.verdict import verdict_for
from app.registry import service as registry
from ml.card import ModelCard, Predictor
from ml.numbers import rounded, with_unit
from ml.serving.artifact import Artifact
from ml.serving.changes import smallest_change
from ml.serving.nearest_records import NearRecord
from ml.serving.verdict import WORDS, is_suitable

#: Predictors of a record that a page names.
_MOST_DIFFERENCES = 3
#: Decimals of a place in degrees: the map of a species has as many.
_DECIMALS = 2
#: Significant digits of a record's values; those of the answer are shown in full.
_DIGITS = 4
_NO_CHANGE = "No change of a single condition, within what the model has seen, crosses the threshold."
_OUTSIDE = "Not computed: these conditions lie outside what the model has seen."
_SMALLEST = "The smallest change of a single condition within what the model has seen."
_ANOTHER_LEVEL = "Another category of a single condition; a change of a number that is smaller was not found."


@dataclass(frozen=True)
class Difference:
    """A value of a record beside the value of the answer."""

    label: str
    value: str
    yours: str


@dataclass(frozen=True)
class NearRecordView:
    """A near record on a page."""

    record: str
    n_records: int
    index: float
    place: str
    differences: list[Difference]
    n_more: int


@dataclass(frozen=True)
class Explanation:
    """The explanation of an answer, with its sentences and links.

    Attributes
    ----------
    data : ExplanationAnswer
    sentence : str
        What would change the answer; empty for an answer that cannot say.
    href : str or None
        The form with the changed value; None without a change, or where the model that answered is not active any more.
    note : str
        What kind of change it is.
    records : list of NearRecordView
    searched : str
        Which records were compared, where not all were.
    coarse : str
        On which grid places are shown; empty where they are exact.
    caveat : str
        How the change may be read.
    """

    data: ExplanationAnswer
    sentence: str
    href: str | None
    note: str
    records: list[NearRecordView]
    searched: str
    coarse: str = ""
    caveat: str = CHANGE_CAVEAT


def explain_answer(answer: PredictionAnswer, card: ModelCard) -> Explanation | None:
    """Explain an answer, stored or not.

    Parameters
    ----------
    answer : PredictionAnswer
        An answer without an id is a preview.
    card : ModelCard
        Of the model that answered.

    Returns
    -------
    Explanation or None
        None where the model cannot be opened, or where the stored conditions do not fit it.
    """
    try:
        return present(explain(answer), answer, card)
    except (NotFound, Unavailable, SQLAlchemyError):
        return None


def explain(answer: PredictionAnswer) -> ExplanationAnswer:
    """Compute the explanation of an answer by the model that gave it.

    Raises
    ------
    NotFound
        The model is not registered any more.
    Unavailable
        The model cannot be opened, or the stored conditions do not fit it.
    """
    model = stored.model_of(answer.species.slug, answer.model.id)
    artifact = registry.opened(model if model is not None else registry.find(answer.model.id))
    with stored.conditions_that_fit():
        row = [answer.environment[predictor.name] for predictor in artifact.card.predictors]
        nearest = artifact.predictor.nearest_records(row)
    grid_km = sensitive.grid_for(answer.study)
    # on a grid none: whoever tries conditions of many cells would learn which of them are those of a record
    shown = nearest if grid_km is None else []
    return ExplanationAnswer(
        change=_change(artifact, answer, row),
        nearest=[_nearest(record, artifact.card) for record in shown],
        places_grid_km=grid_km,
        missing=[] if nearest else ["nearest records"],
    )


def present(data: ExplanationAnswer, answer: PredictionAnswer, card: ModelCard) -> Explanation:
    """Return an explanation with its sentences and links."""
    predictors = {predictor.name: predictor for predictor in card.predictors}
    change = data.change
    sentence, href, note = "" if answer.verdict == "cannot_say" else _NO_CHANGE, None, _SMALLEST
    if sentence and not answer.novelty.in_area_of_applicability:
        sentence = _OUTSIDE
    if change is not None:
        predictor = predictors[change.predictor]
        sentence = (
            f"{WORDS[change.verdict]} with {predictor.label} at {_exact(change.value_needed, predictor)} "
            f"(now {_exact(change.value_now, predictor)})"
        )
        href = edit_url(answer, card, {change.predictor: change.value_needed}) if _answers(answer) else None
        note = _ANOTHER_LEVEL if predictor.type == "categorical" else _SMALLEST
    records = [_record_view(one, answer, predictors) for one in data.nearest]
    is_coarse = data.places_grid_km is not None
    coarse = sensitive.sentence(answer.study, answer.species.scientific_name) if is_coarse else ""
    return Explanation(data, sentence, href, note, records, _searched(card), coarse)


def _searched(card: ModelCard) -> str:
    """Return which records were compared; empty where all were."""
    total = card.n_presences + card.n_absences
    if card.area is None or card.area.n_points >= total:
        return ""
    return f"Compared with a sample of {card.area.n_points:,} of the {total:,} training records."


def _change(artifact: Artifact, answer: PredictionAnswer, row: list[float | str]) -> ConditionChange | None:
    if answer.verdict == "cannot_say":
        return None
    change = smallest_change(artifact.predictor, row, answer.threshold)
    if change is None:
        return None
    environment = answer.environment | {change.predictor: change.needed}
    computed, _ = cached_or_computed(artifact, environment)
    verdict = verdict_for(computed, answer.threshold, answer.extrapolation, artifact.quality)
    return ConditionChange(
        predictor=change.predictor,
        value_now=change.now,
        value_needed=change.needed,
        size=change.size,
        suitability=computed.suitability,
        interval=computed.interval,
        verdict=verdict,
        suitable=is_suitable(verdict),
    )


def _nearest(record: NearRecord, card: ModelCard) -> NearestRecord:
    absence = card.study.records == "presence-absence"
    place = None
    if record.place is not None:
        longitude, latitude = (round(degrees, _DECIMALS) for degrees in record.place)
        place = RecordPlace(latitude=latitude, longitude=longitude)
    return NearestRecord(
        record="presence" if record.present else "absence" if absence else "background point",
        dissimilarity_index=record.index,
        place=place,
        environment=record.values,
        differing=record.differing,
        n_records=record.count,
    )


def _record_view(record: NearestRecord, answer: PredictionAnswer, predictors: dict[str, Predictor]) -> NearRecordView:
    differences = []
    for name in record.differing:
        if name in record.environment and name in answer.environment:
            predictor = predictors[name]
            value, yours = (_of_record(v, predictor) for v in (record.environment[name], answer.environment[name]))
            # Values that differ in a digit that is not shown would look equal.
            if value != yours:
                differences.append(Difference(predictor.label, value, _exact(answer.environment[name], predictor)))
    return NearRecordView(
        record=record.record.capitalize(),
        n_records=record.n_records,
        index=record.dissimilarity_index,
        place=_place_text(record.place),
        differences=differences[:_MOST_DIFFERENCES],
        n_more=max(0, len(differences) - _MOST_DIFFERENCES),
    )


def _place_text(place: RecordPlace | None) -> str:
    if place is None:
        return ""
    north = f"{abs(place.latitude):.{_DECIMALS}f}° {'S' if place.latitude < 0 else 'N'}"
    return f"{north}, {abs(place.longitude):.{_DECIMALS}f}° {'W' if place.longitude < 0 else 'E'}"


def _of_record(value: float | str, predictor: Predictor) -> str:
    # no separators: the value stands beside one that has none
    text = value if isinstance(value, str) else rounded(value, _DIGITS).replace(",", "")
    return f"{text} {predictor.unit}".strip()


def _exact(value: float | str, predictor: Predictor) -> str:
    """Return a value with its unit and all of its digits: a rounded one might not cross the threshold."""
    return with_unit(value, predictor.unit)


def _answers(answer: PredictionAnswer) -> bool:
    """Return whether the model that gave an answer still answers for its species."""
    species = snapshot.current().by_slug.get(answer.species.slug)
    return species is not None and species.answering(answer.model.id) is not None
