"""Texts for the protocol's Assessment and Prediction: scores, what a suitability means, intervals."""

from __future__ import annotations

from collections.abc import Callable

from ml.odmap.intervals import check_words, fitted_on, hidden_bias, single_places
from ml.odmap.wording import ElementText, OdmapTable, Run, counted, interval, joined, number, percent, score, table

_SCORES = {
    "auc_roc": ("AUC-ROC", "0.5 is chance, 1 is perfect"),
    "auc_prg": ("AUC-PRG", "0 is no better than predicting presence everywhere, 1 is perfect"),
    "cor": ("COR", "correlation with the records; 0 is none, 1 is perfect"),
    "tss": ("TSS", "0 is chance, 1 is perfect"),
    "cbi": (
        "Continuous Boyce index",
        "0 is chance, 1 is perfect, negative: presences become rarer as suitability rises",
    ),
    "brier": ("Brier score", "mean squared error; 0 is perfect"),
}


def _training(run: Run) -> ElementText:
    return ElementText("Not given: scores on training records are too high.")


def _held_out(run: Run) -> ElementText:
    card = run.card
    names = [name for name in _SCORES if name in card.metrics] + [name for name in card.metrics if name not in _SCORES]
    rows = []
    for name in names:
        label, meaning = _SCORES.get(name, (name, "–"))
        metric = card.metrics[name]
        rows.append([label, score(metric.value), interval(metric.low, metric.high), meaning])
    gap = card.optimism.auc_roc_random - card.optimism.auc_roc_spatial if card.optimism else None
    if card.optimism and gap is not None:
        optimism = (
            f"The optimism gap is {score(gap)}: AUC-ROC {score(card.optimism.auc_roc_random)} under random folds, "
            f"{score(card.optimism.auc_roc_spatial)} with whole areas held out"
        )
    elif run.spatial:
        optimism = "The card holds no score under random folds, so the optimism gap is not known"
    else:
        optimism = "There is no optimism gap to give: no whole areas could be held out, and the scores may be too high"
    return ElementText(
        joined(
            "Every score is of records that the model had not seen" if rows else "The card holds no scores", optimism
        ),
        tables=(
            table(
                "Cross-validated scores with 95 % bootstrap intervals; a dash where none was computed",
                ["Score", "Value", "Interval", "How to read it"],
                rows,
                words=(0, 3),
            ),
            *_reliability(run),
        )
        if rows
        else (),
    )


def _reliability(run: Run) -> tuple[OdmapTable, ...]:
    calibration = run.card.calibration
    if calibration is None or not calibration.reliability:
        return ()
    rows = [[score(bin_.suitability), percent(bin_.observed), f"{bin_.n:,}"] for bin_ in calibration.reliability]
    caption = "Reliability: held-out sites of similar suitability, and how many of them had the species"
    return (table(caption, ["Suitability", "Had the species", "Sites"], rows, words=()),)


def _test(run: Run) -> ElementText:
    return ElementText("None: the card holds no scores on independent records.")


def _unit(run: Run) -> ElementText:
    calibration = run.card.calibration
    if calibration is not None:
        meaning = calibration.meaning
    else:
        meaning = (
            "The card, of an older format, does not say what a suitability means, so it ranks conditions and no more"
        )
    return ElementText(
        joined(
            "A suitability from 0 (unsuitable) to 1 (suitable)",
            meaning,
            "It is a relative index: the records do not tell how often the species would be found"
            if run.presence_only
            else "",
        )
    )


def _processing(run: Run) -> ElementText:
    calibration = run.card.calibration
    cut = run.card.thresholds.get(run.card.threshold_rule)
    return ElementText(
        joined(
            "The score becomes a suitability by a logistic function fitted to held-out records, with intercept "
            f"{score(calibration.intercept)} and slope {score(calibration.slope)}"
            if calibration
            else "The card, of an older format, names no calibration",
            f"Suitable means {score(cut.value)} or more ({run.card.threshold_rule})" if cut else "",
        )
    )


def _algorithms(run: Run) -> ElementText:
    if run.card.interval is None:
        return ElementText("Not in the card, which is of an older format.")
    if run.several_members:
        return ElementText("Disagreement of the members widens the interval of every answer.")
    return ElementText("Not quantified: the model has one member.")


def _input_data(run: Run) -> ElementText:
    report = run.card.interval
    if report is None:
        return ElementText("Not in the card, which is of an older format.")
    return ElementText(
        joined(
            "Every interval includes the uncertainty from the sample of records",
            "For single places it has a part for few records, whose standard deviation on the logit scale is "
            f"{number(report.few_records)} with {counted(run.card.n_presences, 'presence')}"
            if report.few_records > 0
            else "It has no part for few records, so it can be too narrow for single places",
            "It does not include errors in the records or the predictors",
            hidden_bias(run.card),
        )
    )


def _intervals(run: Run) -> ElementText:
    report = run.card.interval
    if report is None:
        return ElementText(
            "Intervals were never checked against held-out records: the card, of an older format, has no check."
        )
    return ElementText(joined(check_words(report), single_places(run.card), fitted_on(report)))


def _scenarios(run: Run) -> ElementText:
    return ElementText("None: the run uses no scenarios.")


def _novel(run: Run) -> ElementText:
    area = run.card.area
    if area is None:
        return ElementText(
            "Only single values outside the training range can be marked; the card has no area of applicability."
        )
    return ElementText(
        f"Answers outside the area of applicability (dissimilarity index above {score(area.threshold)}) are marked as "
        "such."
    )


TEXTS: dict[tuple[str, str], Callable[[Run], ElementText]] = {
    ("Performance statistics", "Performance on training data"): _training,
    ("Performance statistics", "Performance on validation data"): _held_out,
    ("Performance statistics", "Performance on test data"): _test,
    ("Prediction output", "Prediction unit"): _unit,
    ("Prediction output", "Post-processing"): _processing,
    ("Uncertainty quantification", "Algorithmic uncertainty"): _algorithms,
    ("Uncertainty quantification", "Input data uncertainty"): _input_data,
    ("Uncertainty quantification", "Parameter uncertainty"): _intervals,
    ("Uncertainty quantification", "Scenario uncertainty"): _scenarios,
    ("Uncertainty quantification", "Novel environments"): _novel,
}
