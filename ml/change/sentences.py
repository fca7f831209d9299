"""The sentences of a comparison: first what lies beyond what the model has seen, then the exposure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml.change.places import wind

NO_RECORDS = (
    "AOO and EOO are those of suitable cells; a map file has no presence records of which they could be stated."
)
#: The same note as this and an earlier version write it.
NOTES_WITHOUT_RECORDS = (
    NO_RECORDS,
    "A map does not contain the presence records, so that AOO and EOO of the records are not stated.",
)


def percent(share: float) -> str:
    """Return a share in words; only nothing is 0 %, and only all is 100 %."""
    if 0.0 < share < 0.01:
        return "less than 1 %"
    return "more than 99 %" if 0.99 < share < 1.0 else f"{100 * share:.0f} %"


def area(km2: float) -> str:
    """Return an area in words."""
    return f"{km2:,.0f} km²" if km2 >= 10 or km2 == 0 else f"{km2:.2g} km²"


def sentences_of(label: str, counts: Mapping[str, Any]) -> list[str]:
    """Return what a comparison with one scenario says.

    Parameters
    ----------
    label : str
        Of the scenario.
    counts : mapping
        The scenario's part of ``change.json``.
    """
    texts = [counts["beyond"]["sentence"], _exposure(label, counts["exposure"])]
    gain = counts["classes"]["gain"]
    if gain["cells"]:
        texts.append(f"Gain: {area(gain['area_km2'])} that are unsuitable today become suitable.")
    if counts["shift_km"] is not None:
        texts.append(_movement(counts["shift_km"], counts["bearing"], has_gain=bool(gain["cells"])))
    return texts


def _movement(km: float, bearing: float, *, has_gain: bool) -> str:
    """Return how the centre moves among the cells that can be judged under both conditions."""
    beginning = "Of the cells that the model can judge under both conditions, the centre of "
    if km < 0.5:
        return f"{beginning}those that are suitable stays where it is."
    where = f"{km:,.0f} km to the {wind(bearing)}"
    if has_gain:
        return f"{beginning}those that are suitable moves {where}."
    return (
        f"{beginning}those that stay suitable lies {where} of today's. No cell becomes suitable: the others are lost."
    )


def beyond_sentence(label: str, beyond: Mapping[str, Any]) -> str:
    """Return how much of the area of a scenario lies beyond what the model has seen."""
    if not beyond["cells"]:
        return f"All of the area under {label} lies within what the model has seen in training."
    share = percent(beyond["area_share"])
    text = (
        f"{share[:1].upper()}{share[1:]} of the area under {label} lies beyond what the model has seen in training "
        f"({area(beyond['area_km2'])})"
    )
    if not beyond["outside_range"]["cells"]:
        return f"{text}: combinations of values are new there, no single value is outside its training range."
    outside = percent(beyond["outside_range"]["area_share"])
    return f"{text}; in {outside} of the area a value is outside its training range."


def short_beyond(label: str, beyond: Mapping[str, Any]) -> str:
    """Return how much of a scenario lies beyond what the model has seen, for a list of scenarios."""
    return f"{label}: {percent(beyond['area_share'])} of the area lies beyond what the model has seen."


def short_exposure(exposure: Mapping[str, Any]) -> str:
    """Return what becomes of today's suitable area, for a list of scenarios."""
    if not exposure["cells"]:
        return "The model calls no cell suitable today."
    return f"Of today's suitable area, {_parts(exposure)}."


def _exposure(label: str, exposure: Mapping[str, Any]) -> str:
    beginning = f"Exposure of today's suitable area under {label}: "
    if not exposure["cells"]:
        return f"{beginning}the model calls no cell suitable today."
    return f"{beginning}of {area(exposure['area_km2'])}, {_parts(exposure)}."


def _parts(exposure: Mapping[str, Any]) -> str:
    parts = [
        f"{percent(exposure['stays']['share'])} stays suitable",
        f"{percent(exposure['lost']['share'])} becomes unsuitable",
        f"for {percent(exposure['cannot_say']['share'])} the model cannot say",
    ]
    if exposure["no_answer"]["cells"]:
        parts.append(f"{percent(exposure['no_answer']['share'])} has no value in the layers of the scenario")
    return f"{', '.join(parts[:-1])}, and {parts[-1]}"


def agreement_sentence(n: int, agreement: Mapping[str, Any], today_km2: float) -> str:
    """Return in how many scenarios today's suitable area stays suitable."""
    if not today_km2:
        return "The model calls no cell suitable today."
    every, none = agreement["today"][n]["area_km2"], agreement["today"][0]["area_km2"]
    unsure = agreement["today_cannot_say"]["area_km2"]
    rest = max(0.0, today_km2 - every - none - unsure)
    stays, lost, doubtful, differs = (percent(part / today_km2) for part in (every, none, unsure, rest))
    number = "both" if n == 2 else f"all {n}"
    return (
        f"Of today's suitable area, {stays} stays suitable in {number} scenarios and {lost} becomes unsuitable in "
        f"{number}; {differs} is suitable in some of them only; {doubtful} is suitable in none, and in at least one "
        "the model cannot say."
    )
