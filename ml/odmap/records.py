"""Texts for the protocol's Data: records, folds and predictors."""

from __future__ import annotations

from collections.abc import Callable

from ml.card import Predictor, Source
from ml.numbers import fixed, range_seen
from ml.odmap import own_files
from ml.odmap.wording import ElementText, Run, counted, joined, listed, number, numeric_order, percent, sentence, table
from ml.records.duplicates import DUPLICATE_REASONS

_TRANSFORMS = {"log1p": "ln(x + 1)", "none": "none"}
_NO_PROJECTION = "The run makes no projection."


def _names(run: Run) -> ElementText:
    return ElementText(joined(run.card.species.scientific_name))


def _level(run: Run) -> ElementText:
    return ElementText("Species.")


def _sources(run: Run) -> ElementText:
    listing = [_source(s) for s in run.card.study.sources]
    about = run.card.preparation
    files = own_files.sources(about) if about is not None else ElementText("The card names no source.")
    if not listing:
        return files
    text = f"{counted(len(listing), 'source')} of records and predictors:"
    return ElementText(text, points=tuple(listing), tables=files.tables)


def _source(source: Source) -> str:
    # Files of a user that state neither have the same words for both.
    if source.citation == source.licence == own_files.NOT_STATED:
        return joined(source.title, f"Source and licence are {source.citation}")
    return joined(source.title, source.citation, f"Licence: {source.licence}") + (
        f" {source.url}" if source.url else ""
    )


def _design(run: Run) -> ElementText:
    return ElementText(joined(f"Description of the study: {run.card.study.description}"))


def _size(run: Run) -> ElementText:
    n, m = run.card.n_presences, run.card.n_absences
    share = f", which is a prevalence of {percent(n / (n + m))}" if n + m and not run.presence_only else ""
    return ElementText(f"{counted(n, 'presence')} and {m:,} {run.others}{share}.")


def _scaling(run: Run) -> ElementText:
    if run.card.preparation is not None:
        return own_files.scaling(run.card.preparation, run.card.dropped)
    thinned = {reason: n for reason, n in run.card.dropped.items() if reason in DUPLICATE_REASONS}
    return ElementText(
        " ".join(f"{counted(n, 'record')} left out because there was {reason}." for reason, n in thinned.items())
    )


def _cleaning(run: Run) -> ElementText:
    left_out = {_reason(reason): n for reason, n in run.card.dropped.items() if n}
    about = run.card.preparation
    if not left_out and about is not None:
        return own_files.cleaning(about, None, "No record was left out.")
    if not left_out:
        return ElementText("The card lists no records that were left out.")
    kept = f"{counted(run.card.n_presences, 'presence')} and {run.card.n_absences:,} {run.others} were kept"
    rows = [[reason, f"{n:,}"] for reason, n in sorted(left_out.items(), key=lambda item: (-item[1], item[0]))]
    text = f"{counted(sum(left_out.values()), 'record')} left out while the study's records were cleaned; {kept}."
    reasons = table("Records left out", ["Reason", "Records"], rows)
    if about is not None:
        return own_files.cleaning(about, reasons, text)
    return ElementText(text, tables=(reasons,))


def _reason(reason: str) -> str:
    return reason.replace("_", " ")


def _absences(run: Run) -> ElementText:
    if run.presence_only:
        return ElementText("Not applicable: no absences were recorded.")
    note = run.card.background.note if run.card.background else ""
    return ElementText(
        joined(counted(run.card.n_absences, "absence"), note),
        to_write="Say how long and how often each site was searched, and how likely the species was to be found there.",
    )


def _background(run: Run) -> ElementText:
    background = run.card.background
    if not run.presence_only:
        return ElementText("Not applicable: presences were compared with absences.")
    if background is None:
        return ElementText(
            f"{counted(run.card.n_absences, 'background point')}. The card, of an older format, does not say how they "
            "were drawn.",
            to_write="Say how and from which area the background points were drawn.",
        )
    return ElementText(
        joined(
            f"{counted(run.card.n_absences, 'background point')}; kind: {background.kind}; "
            f"share of target group: {percent(background.target_group_share)}"
            + ("" if background.bias_strength is None else f"; bias strength: {fixed(background.bias_strength, 2)}")
            + (
                ""
                if background.bias_between_species is None
                else f"; bias between species: {fixed(background.bias_between_species, 2)}"
            ),
            background.note,
        ),
        to_write="Say from which area the random background points were drawn, and why that area was within reach.",
    )


def _errors(run: Run) -> ElementText:
    limits = tuple(sentence(limit) for limit in run.card.study.limits)
    return ElementText("The study names these limits:" if limits else "", points=limits)


def _training(run: Run) -> ElementText:
    # At a share of 0 or 1 of target group, one kind of background point has no weight.
    background = run.card.background
    random = background is not None and background.kind == "random" and not background.target_group_share
    weighted = (
        " with a weight under the chosen share of target group"
        if run.presence_only and background is not None and not (random and run.card.preparation is not None)
        else ""
    )
    return ElementText(
        f"The final model was fitted to all {run.card.n_presences:,} presences and to the {run.others}{weighted} "
        f"({run.card.n_absences:,} in the table); folds are used for the scores only. SHA-256 of the training table: "
        f"{run.card.training.data_fingerprint}."
    )


def _validation(run: Run) -> ElementText:
    used = run.card.validation
    size = f" of {number(used.block_size_km)} km" if used.block_size_km else ""
    return ElementText(joined(f"Cross-validation with {used.folds} folds, {used.method}{size}", used.note))


def _test(run: Run) -> ElementText:
    return ElementText("None: the card holds no scores on independent records.")


def _predictors(run: Run) -> ElementText:
    rows = [
        [_label(run, p), p.unit or "–", _range(p), number(p.median), _limits(p), _TRANSFORMS[p.transform]]
        for p in run.card.predictors
    ]
    columns = ["Predictor", "Unit", "Range in training", "Median", "Physical limits", "Transform"]
    numeric = run.card.preparation is not None
    points = [joined(f"{p.label}: {_described(p, numeric)}") for p in run.card.predictors if _described(p, numeric)]
    return ElementText(
        joined(counted(len(rows), "predictor")),
        points=tuple(points),
        tables=(table("Predictors with unit, range and transform", columns, rows, words=(0, 1, 5)),),
    )


def _label(run: Run, p: Predictor) -> str:
    """Return label and name; labels of own data contain the name."""
    if run.card.preparation is not None and (p.label.lower() == p.name.lower() or p.label.endswith(f"({p.name})")):
        return p.label
    return f"{p.label} ({p.name})"


def _described(p: Predictor, numeric: bool) -> str:
    levels = f"Its levels are {listed(numeric_order(p.levels) if numeric else p.levels)}" if p.levels else ""
    return joined(p.description, levels)


def _range(p: Predictor) -> str:
    if p.type == "categorical":
        return counted(len(p.levels or []), "level")
    return range_seen(p.minimum, p.maximum) if p.minimum is not None and p.maximum is not None else "–"


def _limits(p: Predictor) -> str:
    if p.lowest_possible is None and p.highest_possible is None:
        return "–"
    return f"{number(p.lowest_possible)} to {number(p.highest_possible)}"


def _predictor_sources(run: Run) -> ElementText:
    if run.card.preparation is not None:
        return own_files.layers(run.card.preparation)
    titles = "; ".join(source.title for source in run.card.study.sources)
    return ElementText(joined(f"Among the sources of the study: {titles}" if titles else ""))


def _crs(run: Run) -> ElementText:
    if run.card.preparation is not None:
        return own_files.grid(run.card.preparation)
    if run.card.places:
        return ElementText("The card gives presences in degrees of longitude and latitude.")
    return ElementText("The card holds no coordinates.")


def _processing(run: Run) -> ElementText:
    about = run.card.preparation
    return own_files.processing(about, _transforms(run)) if about is not None else ElementText(_transforms(run))


def _transforms(run: Run) -> str:
    logged = [p for p in run.card.predictors if p.transform == "log1p"]
    if not logged:
        return own_files.NO_TRANSFORM
    rest = len(run.card.predictors) - len(logged)
    return f"ln(x + 1) was taken of {run.labels(logged)} before the fit" + (
        f"; the other {counted(rest, 'predictor')} went in as measured." if rest else "."
    )


def _reduction(run: Run) -> ElementText:
    return ElementText(
        f"None in the run: the {counted(len(run.card.predictors), 'predictor')} went into the fit one by one."
        if run.card.predictors
        else ""
    )


def _layers_extent(run: Run) -> ElementText:
    about = run.card.preparation
    return own_files.layers_extent(about) if about is not None else ElementText()


def _layers_resolution(run: Run) -> ElementText:
    about = run.card.preparation
    return own_files.layers_resolution(about) if about is not None else ElementText()


def _no_projection(run: Run) -> ElementText:
    return ElementText(_NO_PROJECTION)


def _novelty(run: Run) -> ElementText:
    area = run.card.area
    if area is None:
        return ElementText(
            "Not measured: the card, of an older format, has no area of applicability. Single values outside their "
            "training range can be told, new combinations of familiar values cannot."
        )
    return ElementText(
        f"By the area of applicability (Meyer & Pebesma 2021): conditions are compared with {area.n_points:,} training "
        f"rows, and those with a dissimilarity index above {area.threshold:.3f} lie outside. "
        f"{percent(area.training_inside)} of the training rows lie inside when each is measured without its own of "
        f"{area.folds} folds."
    )


TEXTS: dict[tuple[str, str], Callable[[Run], ElementText]] = {
    ("Biodiversity data", "Taxon names"): _names,
    ("Biodiversity data", "Ecological level"): _level,
    ("Biodiversity data", "Data sources"): _sources,
    ("Biodiversity data", "Sampling design"): _design,
    ("Biodiversity data", "Sample size"): _size,
    ("Biodiversity data", "Scaling"): _scaling,
    ("Biodiversity data", "Cleaning"): _cleaning,
    ("Biodiversity data", "Absence data"): _absences,
    ("Biodiversity data", "Background data"): _background,
    ("Biodiversity data", "Errors and biases"): _errors,
    ("Data partitioning", "Training data"): _training,
    ("Data partitioning", "Validation data"): _validation,
    ("Data partitioning", "Test data"): _test,
    ("Predictor variables", "Predictor variables"): _predictors,
    ("Predictor variables", "Data sources"): _predictor_sources,
    ("Predictor variables", "Spatial extent"): _layers_extent,
    ("Predictor variables", "Spatial resolution"): _layers_resolution,
    ("Predictor variables", "Coordinate reference system"): _crs,
    ("Predictor variables", "Data processing"): _processing,
    ("Predictor variables", "Dimension reduction"): _reduction,
    ("Transfer data", "Data sources"): _no_projection,
    ("Transfer data", "Spatial extent"): _no_projection,
    ("Transfer data", "Spatial resolution"): _no_projection,
    ("Transfer data", "Temporal extent"): _no_projection,
    ("Transfer data", "Temporal resolution"): _no_projection,
    ("Transfer data", "Models and scenarios"): _no_projection,
    ("Transfer data", "Data processing"): _no_projection,
    ("Transfer data", "Quantification of novelty"): _novelty,
}
