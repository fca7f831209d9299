"""What the card says of the background, and of the bias of the records."""

from __future__ import annotations

import numpy as np

from ml.card import BackgroundReport
from ml.numbers import fixed, rounded
from ml.training.background_weight import BiasStrength
from ml.training.preparation import PreparedStudy
from ml.training.target_group import STRONG, WEAK

#: From which AUC on a word applies.
_STRENGTHS = ((0.75, "strongly"), (0.6, "moderately"), (0.0, "weakly"))
_NO_BIAS = 0.5


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
        *_describe_share(share, bias),
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
    """Return in sentences how strong the bias of a group's records may be, and where they lie."""
    alone = f"conditions alone tell all places with records from random points with an AUC of {fixed(bias.auc, 2)}"
    between = bias.between_species
    if between is None:
        sentences = [
            f"The conditions of places with records differ {_word(bias.auc)} from those of random points: on held-out "
            f"blocks, {alone} (bias strength)."
        ]
    else:
        measured = (
            "on held-out blocks, conditions at places of other species tell a species' own places from random points "
            f"with an AUC of {fixed(between, 2)} (bias between species; 0.5 or less without a shared bias)."
        )
        if between <= _NO_BIAS:
            sentences = [f"The species have no bias in common that the predictors show: {measured}"]
        else:
            sentences = [f"What the species have in common differs {_word(between)} from random points: {measured}"]
        sentences.append(f"For comparison, {alone} (bias strength), which is above 0.5 without any bias too.")
    sentences += _describe_places(prepared, bias)
    if between is None or between > _NO_BIAS:
        sentences.append(
            "The cause may be where people looked, or that the species like such places. Records cannot tell these "
            "apart."
        )
    sentences.append("A bias that no predictor shows, such as one towards roads without a layer of roads, is not seen.")
    return sentences


def _describe_share(share: float, bias: BiasStrength | None) -> list[str]:
    """Return in sentences how much of the background is target group, and why."""
    weights = (
        f"places of other species have {100 * share:.0f} % of the weight of the background, and random points the rest"
    )
    if bias is None or bias.between_species is None:
        return [
            f"As a correction, {weights}: such places share the bias of where people looked (Phillips et al. 2009).",
            "The bias could not be measured, so the share is one half.",
        ]
    if bias.between_species <= _NO_BIAS:
        return [f"Even so, {weights}. One half is the least share, whatever was measured."]
    return [
        f"As a correction, {weights}: such places share the bias of where people looked (Phillips et al. 2009).",
        f"This share follows from the bias between species: one half up to {fixed(WEAK, 2)}, all from "
        f"{fixed(STRONG, 2)} on.",
    ]


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
