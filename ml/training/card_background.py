"""What the card says of the background, and of the bias of the records."""

from __future__ import annotations

import numpy as np

from ml.card import BackgroundReport
from ml.numbers import fixed, rounded
from ml.training.background_weight import BiasStrength
from ml.training.preparation import PreparedStudy
from ml.training.target_group import STRONG, WEAK

#: From which AUC on a word applies.
_WEAK = "weakly"
_STRENGTHS = ((0.75, "strongly"), (0.6, "moderately"), (0.0, _WEAK))


def describe_background(prepared: PreparedStudy) -> BackgroundReport:
    """Describe what presences were compared with, and why."""
    group, share, bias = prepared.group, prepared.shared.share, prepared.shared.bias
    if group.absences:
        return BackgroundReport(kind="absences", note="Sites where the species was looked for and not found.")
    if not group.has_target_group:
        note = "Random points of the study area. Where people looked is not known, so biased records stay biased"
        if group.recorded.shape[1] > 1:
            note += ": the other species have too few places to show where people looked"
        return BackgroundReport(kind="random", note=f"{note}.")
    sentences = [] if bias is None else _describe_bias(prepared, bias)
    sentences += [
        f"To correct this, places of other species have {100 * share:.0f} % of the weight of the background, and "
        "random points the rest: such places share the bias of where people looked (Phillips et al. 2009).",
        _reason_of_share(bias),
        "Held-out scores count each background point once, and most points are random. So a score does not show "
        "whether the correction is right.",
    ]
    return BackgroundReport(
        kind="target group",
        target_group_share=share,
        bias_strength=None if bias is None else bias.auc,
        bias_between_species=None if bias is None else bias.between_species,
        note=" ".join(sentences),
    )


def _describe_bias(prepared: PreparedStudy, bias: BiasStrength) -> list[str]:
    """Return in sentences how strong the bias of a group's records is, and where they lie."""
    alone = f"conditions alone tell all places with records from random points with an AUC of {fixed(bias.auc, 2)}"
    if bias.between_species is None:
        word = _word(bias.auc)
        sentences = [f"The records are {word} biased: on held-out blocks, {alone} (bias strength)."]
    else:
        word = _word(bias.between_species)
        sentences = [
            f"The records are {word} biased: on held-out blocks, conditions at places of other species tell a species' "
            f"own places from random points with an AUC of {fixed(bias.between_species, 2)} (bias between species; at "
            "0.5 or less, species share no bias).",
            f"For comparison, {alone} (bias strength), which is above 0.5 without any bias too.",
        ]
    sentences += _describe_places(prepared, bias)
    if word != _WEAK:
        sentences.append("The cause may be where people looked, or that all species of the study like such places.")
    return sentences


def _word(auc: float) -> str:
    return next(word for least, word in _STRENGTHS if auc >= least)


def _describe_places(prepared: PreparedStudy, bias: BiasStrength) -> list[str]:
    if bias.predictor is None:
        return []
    predictor = prepared.encoded.predictors[bias.predictor]
    values = prepared.study.environment[predictor.name].to_numpy(np.float64)
    visited = prepared.group.recorded.any(axis=1)
    unit = f" {predictor.unit}" if predictor.unit else ""
    there, elsewhere = (
        " and ".join(rounded(float(value)) for value in np.quantile(values[rows], [0.25, 0.75])) + unit
        for rows in (visited, ~visited)
    )
    return [
        f"They differ most in {predictor.label}: half of the places lie between {there}, half of the random points "
        f"between {elsewhere}."
    ]


def _reason_of_share(bias: BiasStrength | None) -> str:
    if bias is None or bias.between_species is None:
        return "The bias could not be measured, so the share is one half."
    return (
        f"This share follows from the bias between species: one half up to {fixed(WEAK, 2)}, all from "
        f"{fixed(STRONG, 2)} on."
    )
