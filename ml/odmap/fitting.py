"""Texts for the protocol's Model: settings, estimates, choices and thresholds."""

from __future__ import annotations

from collections.abc import Callable

from ml.odmap.intervals import fitted_on
from ml.odmap.wording import MEMBERS, SETTINGS, ElementText, Run, counted, joined, listed, number, percent, score, table

_SHARE_BY_BIAS = (
    " The share of target-group background is no such setting: it follows from the bias between species, by a rule "
    "that was fixed before on species with known suitability."
)
_RULES = {
    "maxSSS": "the largest sum of sensitivity and specificity",
    "P10": "keeps at least nine tenths of the presences",
    "MTP": "keeps every presence",
}


def _preselection(run: Run) -> ElementText:
    return ElementText(f"None by the run: it used all {counted(len(run.card.predictors), 'predictor')} of the study.")


def _multicollinearity(run: Run) -> ElementText:
    found = run.card.collinear
    if not found:
        if run.card.area is None:
            return ElementText(
                "Not checked: the card, of an older format, does not list collinear predictors.",
                to_write="Say which predictors are correlated, and what was done about it.",
            )
        return ElementText("The run checked it and found no predictors that cannot be told apart.")
    rows = []
    for one in found:
        pair = one.measure == "spearman"
        measure = "rank correlation (Spearman)" if pair else "variance inflation factor"
        value = score(one.value) if pair else number(one.value)
        rows.append([listed([run.label(name) for name in one.predictors]), measure, value])
    return ElementText(
        f"{counted(len(found), 'finding')} of predictors that cannot be told apart, judged by rank correlations and "
        "variance inflation factors (Dormann et al. 2013). They were reported and all kept.",
        tables=(table("Predictors that cannot be told apart", ["Predictors", "Measure", "Value"], rows, words=(0, 1)),),
        to_write="Say why these predictors were kept together, and which of them is meant to be the cause.",
    )


def _settings(run: Run) -> ElementText:
    training = run.card.training
    rows = [[name, _setting(value), _meaning(run, name)] for name, value in sorted(training.parameters.items())]
    rows.append(["seed", str(training.seed), "seed of every random draw"])
    return ElementText(
        joined(f"The estimator is: {training.estimator}"),
        tables=(table("Settings of the fit", ["Setting", "Value", "What it is"], rows, words=(0, 2)),),
    )


def _meaning(run: Run, name: str) -> str:
    meaning, member = SETTINGS.get(name, ("", ""))
    if member and not run.has(member):
        return f"{meaning}; not used, since there is no {MEMBERS[member]}"
    return meaning or "–"


def _setting(value: float | int | str | None) -> str:
    return number(value) if isinstance(value, int | float) else str(value) if value is not None else "none"


def _extrapolation(run: Run) -> ElementText:
    behaviour = ["the forest predicts the value at the limit of the range"] if run.has("forest") else []
    behaviour += ["the MaxEnt-type model keeps values at the limit (clamping)"] if run.has("maxent") else []
    if run.has("network"):
        behaviour.append(
            "the network keeps ranks at the limit and standardised values at three standard deviations from the mean"
        )
    return ElementText(
        joined(
            f"Beyond the training range {listed(behaviour)}" if behaviour else "",
            "Predictions there are marked, because no record supports them",
        )
    )


def _coefficients(run: Run) -> ElementText:
    return ElementText(
        "Not in the card: the model is described by what each predictor does to the answer (variable importance, and "
        "the contributions shown with every answer), not by coefficients."
    )


def _parameter_uncertainty(run: Run) -> ElementText:
    interval = run.card.interval
    if interval is None:
        return ElementText("Not in the card, which is of an older format.")
    few = f", and for single places to that of few records, whose standard deviation is {number(interval.few_records)}"
    return ElementText(
        joined(
            "From how answers differ between half samples of the records"
            + (" and between the members" if run.several_members else "")
            + f". That spread is multiplied by {number(interval.scale)}. The variance of the product is added to that "
            "of differences between places that the predictors do not describe, whose standard deviation on the logit "
            "scale is "
            f"{number(interval.place)}{few if interval.few_records > 0 else ''}",
            fitted_on(interval),
        )
    )


def _importance(run: Run) -> ElementText:
    shares = sorted(run.card.importance.items(), key=lambda item: (-item[1], item[0]))
    if not shares:
        return ElementText("Not in the card.")
    how = (
        "The share of the forest's splitting gain (mean decrease in impurity) that fell to each predictor."
        if run.card.area is None
        else "The mean absolute contribution of each predictor over training rows, as shares."
    )
    rows = [[run.label(name), percent(share)] for name, share in shares]
    return ElementText(how, tables=(table("Importance of the predictors", ["Predictor", "Share"], rows),))


def _selection(run: Run) -> ElementText:
    background = run.card.background
    if background is None or not background.share_scores:
        by_bias = "" if background is None or background.bias_between_species is None else _SHARE_BY_BIAS
        return ElementText(
            f"The card names no setting that was chosen by score: all are given under model settings.{by_bias}",
        )
    rows = [
        [percent(float(share)), f"{value:.4f}", "chosen" if float(share) == background.target_group_share else "–"]
        for share, value in sorted(background.share_scores.items(), key=lambda item: float(item[0]))
    ]
    return ElementText(
        f"The share of the background that is target group was tuned: {counted(len(rows), 'share')} tried by "
        f"cross-validation within the training data, {percent(background.target_group_share)} chosen.",
        tables=(
            table(
                "Shares of target-group background tried",
                ["Share", "Cross-validated score", "Outcome"],
                rows,
                words=(2,),
            ),
        ),
    )


def _averaging(run: Run) -> ElementText:
    weights = run.card.members
    if not run.several_members:
        return ElementText("None: the model has one member.")
    if not weights:
        return ElementText("The card does not say how much each member weighs.")
    equal = max(weights.values()) - min(weights.values()) < 1e-9
    rows = [[MEMBERS.get(name, name), percent(weight)] for name, weight in weights.items()]
    return ElementText(
        "The members have equal weights in the mean of their scores."
        if equal
        else "The members' weights in the mean of their scores differ; they were found on held-out records.",
        tables=(table("Weights of the members", ["Member", "Weight"], rows),),
    )


def _ensembles(run: Run) -> ElementText:
    parameters = run.card.training.parameters
    trees, networks = parameters.get("n_estimators"), parameters.get("n_networks")
    parts = [f"{trees} trees grown on different samples of the records"] if run.has("forest") and trees else []
    parts += [f"{networks} networks from different random starts"] if run.has("network") and networks else []
    return ElementText(joined(f"Averaged within the members: {listed(parts)}" if parts else "None"))


def _spatial(run: Run) -> ElementText:
    optimism = run.card.optimism
    if not run.spatial:
        return ElementText("Not corrected: no whole areas could be held out, so the scores may be too high.")
    return ElementText(
        joined(
            "Not modelled. Whole areas were held out for the scores, so that held-out records have no near neighbours",
            f"With random folds the AUC would be {score(optimism.auc_roc_random)} instead of "
            f"{score(optimism.auc_roc_spatial)}"
            if optimism
            else "",
        )
    )


def _temporal(run: Run) -> ElementText:
    return ElementText("Not checked: the card holds no dates.")


def _thresholds(run: Run) -> ElementText:
    card = run.card
    rows = [
        [
            rule + (" (in use)" if rule == card.threshold_rule else ""),
            score(cut.value),
            percent(cut.sensitivity),
            percent(cut.specificity),
            _RULES.get(rule, "–"),
        ]
        for rule, cut in card.thresholds.items()
    ]
    return ElementText(
        f"Every rule was applied to suitabilities of held-out records. In use: {card.threshold_rule}. Specificity is "
        f"the share of the {run.others} called unsuitable.",
        tables=(
            table(
                "Thresholds, and how held-out records fall on either side",
                ["Rule", "Threshold", "Sensitivity", "Specificity", "Criterion"],
                rows,
                words=(0, 4),
            ),
        ),
    )


_ENSEMBLES = "Model selection, averaging and ensembles"

TEXTS: dict[tuple[str, str], Callable[[Run], ElementText]] = {
    ("Variable pre-selection", "Variable pre-selection"): _preselection,
    ("Multicollinearity", "Multicollinearity"): _multicollinearity,
    ("Model settings", "Model settings (fitting)"): _settings,
    ("Model settings", "Model settings (extrapolation)"): _extrapolation,
    ("Model estimates", "Coefficients"): _coefficients,
    ("Model estimates", "Parameter uncertainty"): _parameter_uncertainty,
    ("Model estimates", "Variable importance"): _importance,
    (_ENSEMBLES, "Model selection"): _selection,
    (_ENSEMBLES, "Model averaging"): _averaging,
    (_ENSEMBLES, "Model ensembles"): _ensembles,
    ("Analysis and correction of non-independence", "Spatial autocorrelation"): _spatial,
    ("Analysis and correction of non-independence", "Temporal autocorrelation"): _temporal,
    ("Threshold selection", "Threshold selection"): _thresholds,
}
