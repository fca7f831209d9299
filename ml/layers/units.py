"""Units of a climatology's temperature and precipitation, from the attribute and the values together.

The attribute alone is not reliable: those of the ERA5 climatology are K and m, but its values are °C and mm. The values
alone are not reliable either: degrees Fahrenheit and millimetres a day have numbers that °C and mm a month also have.
"""

from __future__ import annotations

_CELSIUS = {"degc", "celsius", "c", "°c", "degcelsius", "degreecelsius", "degreescelsius", "degreec", "degreesc"}
_KELVIN = {"k", "kelvin", "kelvins", "degk", "degreek", "degreesk", "degkelvin", "degreekelvin", "degreeskelvin"}
_FAHRENHEIT = {
    *{"degf", "fahrenheit", "f", "°f", "degfahrenheit", "degreefahrenheit", "degreesfahrenheit"},
    *{"degreef", "degreesf"},
}
_MILLIMETRES = {"mm", "millimeter", "millimeters", "millimetre", "millimetres", "kgm-2", "kg/m2", "kgm**-2", "kg/m^2"}
_METRES = {"m", "meter", "meters", "metre", "metres"}
_CENTIMETRES = {"cm", "centimeter", "centimeters", "centimetre", "centimetres"}
_INCHES = {"in", "inch", "inches"}
#: Endings of a unit of an amount for each month.
_MONTHLY = ("/month", "month-1", "permonth", "month^-1", "month**-1", "/mon", "mon-1", "/mth")


def temperature_unit(unit: str) -> str:
    """Return the unit of temperature that a text names: °C, K or °F; "" where it names none."""
    name = _normalise(unit)
    for kind, names in (("°C", _CELSIUS), ("K", _KELVIN), ("°F", _FAHRENHEIT)):
        if name in names:
            return kind
    return ""


def temperature_to_celsius(unit: str, low: float, high: float) -> tuple[float, float]:
    """Return the factor and offset that turn temperatures into °C.

    Parameters
    ----------
    unit : str
        Attribute ``units``; empty if there is none.
    low, high : float
        Smallest and largest value.

    Returns
    -------
    factor, offset : float
        °C = factor × value + offset.

    Raises
    ------
    ValueError
        The unit is none of temperature, or the values cannot be temperatures in it.
    """
    name = _normalise(unit)
    if name in _FAHRENHEIT:
        factor, offset = 5.0 / 9.0, -160.0 / 9.0
    elif name in _CELSIUS | _KELVIN or not name:
        # A monthly temperature in K is above 150, one in °C below 70.
        factor, offset = 1.0, -273.15 if low > 150.0 else 0.0
    else:
        raise ValueError(f"has the unit {unit!r}, which is not °C, K or °F")
    if factor * low + offset < -100.0 or factor * high + offset > 70.0:
        kinds = "not °F" if name in _FAHRENHEIT else "neither °C nor K"
        raise ValueError(f"has temperatures from {low:g} to {high:g}, which are {kinds}")
    return factor, offset


def precipitation_to_mm(unit: str, low: float, high: float) -> float:
    """Return the factor that turns precipitation into mm a month.

    Parameters
    ----------
    unit : str
        Attribute ``units``; empty if there is none.
    low, high : float
        Smallest and largest value.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        The unit is none of an amount in a month, or the values cannot be monthly sums in it. Rates for another time are
        refused, because the length of February in a climatology is not known.
    """
    name = _normalise(unit)
    for ending in _MONTHLY:
        name = name.removesuffix(ending) or name
    # Monthly precipitation in metres never exceeds 1, so values above 1 are mm whatever the attribute is.
    factors = {"": 1.0} | dict.fromkeys(_MILLIMETRES | _METRES, 1.0) | dict.fromkeys(_CENTIMETRES, 10.0)
    factors |= dict.fromkeys(_INCHES, 25.4)
    if name not in factors:
        raise ValueError(f"has the unit {unit!r}, which is not mm, cm or inches of precipitation a month")
    factor = factors[name]
    if factor * low < -1e-3 or factor * high <= 1.0 or factor * high > 10_000.0:
        raise ValueError(f"has precipitation from {low:g} to {high:g}, which is not in mm a month")
    return factor


def _normalise(unit: str) -> str:
    """Return a unit in lower case, without spaces, underscores, dots and the null bytes of fixed-length text."""
    return unit.lower().translate(str.maketrans("", "", " _.\t\n\0"))
