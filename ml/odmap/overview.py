"""Texts for the protocol's Overview."""

from __future__ import annotations

from collections.abc import Callable

from ml.odmap import own_files
from ml.odmap.wording import (
    MEMBERS,
    ElementText,
    Run,
    counted,
    degrees,
    joined,
    listed,
    percent,
    score,
    sentence,
    table,
)

_LIBRARIES = {"python": "Python", "numpy": "NumPy", "scikit-learn": "scikit-learn", "engine": "EcoPredict's engine"}


def _title(run: Run) -> ElementText:
    version = f", version {run.version}" if run.version is not None else ""
    return ElementText(
        f"Distribution model of {run.species}; study: {run.card.study.title}; model {run.model_id}{version}."
    )


def _target(run: Run) -> ElementText:
    rule = run.card.threshold_rule
    cut = run.card.thresholds.get(rule)
    interval = run.card.interval
    return ElementText(
        joined(
            "A suitability from 0 to 1 for given conditions"
            + (
                ", with an interval that should contain the observed share of a group of similar places in "
                f"{percent(interval.level)} of cases"
                if interval
                else ""
            ),
            f"Conditions are called suitable from {score(cut.value)} upwards, by the rule {rule}" if cut else "",
        )
    )


def _taxon(run: Run) -> ElementText:
    others = run.card.species.other_names
    return ElementText(joined(run.species, f"Also known as: {', '.join(others)}" if others else ""))


def _location(run: Run) -> ElementText:
    return ElementText(joined(f"{run.card.study.title}: {run.card.study.description}"))


def _extent(run: Run) -> ElementText:
    about = run.card.preparation
    return own_files.extent(about, _presences(run)) if about is not None else _presences(run)


def _resolution(run: Run) -> ElementText:
    about = run.card.preparation
    return own_files.resolution(about) if about is not None else ElementText()


def _presences(run: Run) -> ElementText:
    places = run.card.places
    if not places and run.grid_km is not None:
        return ElementText("No places are shown: a species is sensitive, and the card has no places of single records.")
    if not places:
        return ElementText("The card holds no coordinates.")
    longitudes, latitudes = zip(*places, strict=True)
    if run.grid_km is not None:
        return ElementText(
            f"The records lie in {counted(len(places), 'cell')} that measure {run.grid_km} km at least, with centres "
            f"between longitudes {degrees(min(longitudes))} and {degrees(max(longitudes))} and between latitudes "
            f"{degrees(min(latitudes))} and {degrees(max(latitudes))}; exact places are not shown, because a species "
            f"is sensitive. The extent of the {run.others} is not in the card."
        )
    about, n = run.card.preparation, run.card.n_presences
    is_of_records = about is not None and about.places == "records"
    # a presence is a cell of the layers there, which can have several records
    what, of = ("records", "for") if is_of_records else ("presence", "of")
    return ElementText(
        f"The {counted(len(places), 'place')} of {what} that the card keeps, {of} {counted(n, 'presence')}, "
        f"lie between longitudes {degrees(min(longitudes))} and {degrees(max(longitudes))} and between latitudes "
        f"{degrees(min(latitudes))} and {degrees(max(latitudes))}, rounded to 0.01°. "
        f"The extent of the {run.others} is not in the card."
    )


def _response(run: Run) -> ElementText:
    if run.presence_only:
        return ElementText("Presence only, compared with background points.")
    return ElementText("Presence and absence.")


def _kinds(run: Run) -> ElementText:
    continuous, categorical = run.of_type("continuous"), run.of_type("categorical")
    parts = [f"{len(continuous)} continuous ({run.labels(continuous)})"] if continuous else []
    parts += [f"{len(categorical)} categorical ({run.labels(categorical)})"] if categorical else []
    return ElementText(joined(f"{counted(len(run.card.predictors), 'predictor')}: {listed(parts)}"))


def _hypotheses(run: Run) -> ElementText:
    return ElementText(
        to_write="Say for each predictor what effect on the species is expected, in which direction, and why: "
        f"{'; '.join(p.label for p in run.card.predictors)}."
    )


def _assumptions(run: Run) -> ElementText:
    assumed = (
        "The species lives where its conditions are met, and the same conditions mean the same everywhere in the "
        "study area.",
        "Places are independent of each other apart from what the predictors tell.",
        "Background points show what conditions were on offer. Where people looked more, conditions look more suitable "
        "than they are, except as far as the background shares that bias."
        if run.presence_only
        else "A species that was not found is taken to be absent: detection is not modelled.",
    )
    return ElementText("The model takes for granted:", points=assumed)


def _techniques(run: Run) -> ElementText:
    weights = run.card.members
    named = f"The estimator is: {run.card.training.estimator}"
    if len(weights) > 1:
        shares = listed([f"{MEMBERS.get(name, name)} {percent(weight)}" for name, weight in weights.items()])
        return ElementText(joined(named, f"The members weigh {shares} in their mean"))
    return ElementText(joined(named))


def _complexity(run: Run) -> ElementText:
    n, k = run.card.n_presences, len(run.card.predictors)
    return ElementText(
        f"{counted(n, 'presence')} and {run.card.n_absences:,} {run.others} for {counted(k, 'predictor')}: "
        f"{n / k:.1f} presences for each predictor. The settings that bound the complexity stand under model settings."
        if k
        else ""
    )


def _averaging(run: Run) -> ElementText:
    if not run.several_members:
        return ElementText("None: the model has one member.")
    if not run.card.members:
        return ElementText("The members' scores are averaged; the card does not say with which weights.")
    return ElementText(
        "The weighted mean of the members' scores; the weights stand under model selection and averaging."
    )


def _workflow(run: Run) -> ElementText:
    card = run.card
    left_out = sum(card.dropped.values())
    transformed = [p for p in card.predictors if p.transform != "none"]
    steps = [
        f"{counted(left_out, 'record')} left out, each with its reason" if left_out else "",
        f"{counted(len(transformed), 'predictor')} transformed" if transformed else "",
        f"{card.validation.folds} folds drawn ({card.validation.method})",
        "share of target-group background chosen by cross-validation"
        if card.background and len(card.background.share_scores) > 1
        else "",
        "share of target-group background set by the bias between species"
        if card.background and card.background.bias_between_species is not None
        else "",
        f"{counted(len(card.members), 'member')} scored on held-out records" if len(card.members) > 1 else "",
        "score calibrated to a suitability on held-out records" if card.calibration else "",
        "scores and thresholds taken from held-out records",
        "intervals fitted and checked on held-out records" if card.interval else "",
        "the same scored under random folds, which make scores too high, to see by how much" if card.optimism else "",
        "model fitted to all records",
        "area of applicability measured" if card.area else "",
    ]
    done = [step for step in steps if step]
    return ElementText("In this order:", points=tuple(sentence(step[:1].upper() + step[1:]) for step in done))


def _software(run: Run) -> ElementText:
    training = run.card.training
    rows = [[_LIBRARIES.get(name, name), version] for name, version in training.versions.items()]
    return ElementText(
        f"EcoPredict, with seed {training.seed}.",
        tables=(table("Versions of the programs that made the model", ["Program", "Version"], rows, words=(0, 1)),)
        if rows
        else (),
    )


def _code(run: Run) -> ElementText:
    text = (
        "EcoPredict's package ml. To repeat the fit, train "
        f"{run.card.species.slug} of the study {run.card.study.slug} on the same records with seed "
        f"{run.card.training.seed}, the settings under model settings and the versions under software; "
        "the model's id then comes out the same."
    )
    about = run.card.preparation
    return own_files.command(about, text) if about is not None else ElementText(text)


def _data(run: Run) -> ElementText:
    text = (
        f"The training table has the SHA-256 fingerprint {run.card.training.data_fingerprint}. The sources and their "
        "licences stand under the data sources of the biodiversity data."
    )
    about = run.card.preparation
    return own_files.availability(about, text) if about is not None else ElementText(text)


TEXTS: dict[tuple[str, str], Callable[[Run], ElementText]] = {
    ("Authorship", "Study title"): _title,
    ("Model objective", "Target output"): _target,
    ("Focal taxon", "Focal taxon"): _taxon,
    ("Location", "Location"): _location,
    ("Scale of analysis", "Spatial extent"): _extent,
    ("Scale of analysis", "Spatial resolution"): _resolution,
    ("Biodiversity data", "Response data type"): _response,
    ("Predictors", "Predictor types"): _kinds,
    ("Hypotheses", "Hypotheses"): _hypotheses,
    ("Assumptions", "Model assumptions"): _assumptions,
    ("Algorithms", "Modelling techniques"): _techniques,
    ("Algorithms", "Model complexity"): _complexity,
    ("Algorithms", "Model averaging"): _averaging,
    ("Workflow", "Model workflow"): _workflow,
    ("Software", "Software"): _software,
    ("Software", "Code availability"): _code,
    ("Software", "Data availability"): _data,
}
