"""The quantities of a comparison: classes of change, agreement and spread of scenarios."""

from __future__ import annotations

from typing import Final, Literal, get_args

from ml.projection.quantities import SCALE, Category, Colour, Quantity

ChangeClass = Literal["stable", "gain", "loss", "unsuitable", "cannot_say", "differ"]
#: In the order of their values in the file; `differ` is of several scenarios alone.
CLASSES: Final[tuple[ChangeClass, ...]] = get_args(ChangeClass)
STABLE, GAIN, LOSS, UNSUITABLE, CANNOT_SAY, DIFFER = range(len(CLASSES))
NO_ANSWER: Final = 255
WORDS: Final[dict[ChangeClass, str]] = {
    "stable": "Stays suitable",
    "gain": "Gain: becomes suitable",
    "loss": "Loss: becomes unsuitable",
    "unsuitable": "Stays unsuitable",
    "cannot_say": "Cannot say, today or in the scenario",
    "differ": "Scenarios differ",
}
_WORDS_OF_SEVERAL: Final[dict[ChangeClass, str]] = {
    "stable": "Stays suitable in all scenarios",
    "gain": "Gain: becomes suitable in all scenarios",
    "loss": "Loss: becomes unsuitable in all scenarios",
    "unsuitable": "Stays unsuitable in all scenarios",
    "cannot_say": "Cannot say, today or in a scenario",
    "differ": "Scenarios differ",
}
_COLOURS: Final[dict[ChangeClass, Colour]] = {
    "stable": (27, 110, 62),
    "gain": (86, 180, 233),
    "loss": (213, 94, 0),
    "unsuitable": (240, 232, 208),
    "cannot_say": (160, 164, 168),
    "differ": (152, 78, 163),
}
#: Pale to dark blue, for the number of scenarios.
_FEW, _MANY = (240, 232, 208), (8, 48, 107)


def words_of(n_scenarios: int) -> dict[ChangeClass, str]:
    """Return the words of the classes for a number of scenarios."""
    if n_scenarios > 1:
        return dict(_WORDS_OF_SEVERAL)
    return {name: text for name, text in WORDS.items() if name != "differ"}


def quantities_of(n_scenarios: int) -> tuple[Quantity, ...]:
    """Return the quantities of a comparison with so many scenarios: one alone has no agreement and no spread."""
    change = Quantity(
        "change",
        "Change",
        "Suitable today and in the scenario, in one of them, or in neither; a cell of which the model cannot say "
        "anything today or in a scenario is neither a gain nor a loss. A class of several scenarios holds in all.",
        "|u1",
        NO_ANSWER,
        resampling="MODE",
        categories=tuple(
            Category(CLASSES.index(name), name, text, _COLOURS[name]) for name, text in words_of(n_scenarios).items()
        ),
    )
    if n_scenarios < 2:
        return (change,)
    counts = tuple(
        Category(n, str(n), f"{n} of {n_scenarios} scenarios", _mixed(n / n_scenarios)) for n in range(n_scenarios + 1)
    )
    unsure = Category(n_scenarios + 1, "cannot_say", "Cannot say", _COLOURS["cannot_say"])
    agreement = Quantity(
        "agreement",
        "Agreement of scenarios",
        "Number of scenarios in which the cell is suitable, at least: a scenario in which the model cannot say "
        f"anything is not counted. 0: unsuitable in all of them. {n_scenarios + 1}: suitable in none, and in at least "
        "one the model cannot say.",
        "|u1",
        NO_ANSWER,
        resampling="MODE",
        categories=(*counts, unsure),
    )
    spread = Quantity(
        "spread",
        "Spread of suitability",
        "Largest minus smallest suitability of the scenarios, from 0 to 1.",
        "<u2",
        65535,
        SCALE,
    )
    return change, agreement, spread


def _mixed(share: float) -> Colour:
    red, green, blue = (round(few + share * (many - few)) for few, many in zip(_FEW, _MANY, strict=True))
    return red, green, blue
