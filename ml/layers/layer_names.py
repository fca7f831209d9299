"""Names of layers: one name for each variable, whatever its file is called, with label, unit and physical limits."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from ml.layers.bioclim import LAYERS, Layer
from ml.layers.scenarios import WORLDCLIM_1, without_scenario

_T, _RANGE, _MM = (-100.0, 70.0), (0.0, 120.0), (0.0, 50_000.0)
_MONTHS = range(1, 13)

#: Variables that are recognised by name. The descriptions of `bioclim.LAYERS` are of the demo climatology's monthly
#: means; layers of users are of WorldClim, CHELSA and others, so that their descriptions are left out.
KNOWN: dict[str, Layer] = {
    name: Layer(name, layer.label, layer.unit, layer.lowest_possible, layer.highest_possible, "")
    for name, layer in LAYERS.items()
}
KNOWN |= {
    layer.name: layer
    for layer in (
        Layer("bio2", "Mean diurnal range of temperature", "°C", *_RANGE, ""),
        Layer("bio3", "Isothermality", "%", 0.0, 100.0, "bio2 as a share of bio7."),
        Layer("bio5", "Maximum temperature of the warmest month", "°C", *_T, ""),
        Layer("bio6", "Minimum temperature of the coldest month", "°C", *_T, ""),
        Layer("bio8", "Mean temperature of the wettest quarter", "°C", *_T, ""),
        Layer("bio9", "Mean temperature of the driest quarter", "°C", *_T, ""),
        Layer("elevation", "Elevation", "m", -12_000.0, 9_000.0, ""),
        Layer("slope", "Slope", "°", 0.0, 90.0, ""),
        Layer("aspect", "Aspect", "°", -1.0, 360.0, "Direction of the slope, clockwise from north."),
        *(Layer(f"tmin{month}", f"Minimum temperature, month {month}", "°C", *_T, "") for month in _MONTHS),
        *(Layer(f"tmax{month}", f"Maximum temperature, month {month}", "°C", *_T, "") for month in _MONTHS),
        *(Layer(f"tavg{month}", f"Mean temperature, month {month}", "°C", *_T, "") for month in _MONTHS),
        *(Layer(f"prec{month}", f"Precipitation, month {month}", "mm", *_MM, "") for month in _MONTHS),
    )
}
#: Variables that are temperatures.
TEMPERATURES = frozenset({"bio1", "bio5", "bio6", "bio8", "bio9", "bio10", "bio11"}) | {
    f"{name}{month}" for name in ("tmin", "tmax", "tavg") for month in _MONTHS
}

_SUFFIX = re.compile(r"\.(tiff?|asc|grd|gri|nc4?|cdf|img|bil)$", re.IGNORECASE)
# CHELSA 1.2 writes "bio10_01" for bio1 in units of 0.1.
_CHELSA_1 = re.compile(r"(?<![a-z0-9])bio10[_-](\d{2})(?!\d)", re.IGNORECASE)
# CHELSA 1.2 writes the number of a layer of the future after the grid: CHELSA_bio_mon_CCSM4_…_g025.nc_12_2061-2080.
_CHELSA_FUTURE = re.compile(
    r"(?<![a-z0-9])(bio|tas|tasmin|tasmax|tmin|tmax|pr|prec)_mon_.+?[._]nc_(\d{1,2})(?![a-z0-9])", re.IGNORECASE
)
#: Resolutions, in the order in which they are left out: 2.5 is also written 2-5 and 2_5.
_RESOLUTIONS = tuple(
    re.compile(
        rf"(?<![a-z0-9.])(?:{number}(?:m|s|km)|{number}[_\-. ]?(?:arc[_\- ]?)?"
        r"(?:min|minutes?|sec|seconds?|deg|degrees?))(?![a-z0-9])",
        re.IGNORECASE,
    )
    for number in (r"(?:2[_\-.]5|\d+(?:\.\d+)?)", r"\d+(?:\.\d+)?")
)
_BIO = re.compile(r"(?<![a-z0-9])bio(?:clim)?[_\-. ]?(\d{1,2})(?!\d)", re.IGNORECASE)
_MONTHLY = re.compile(
    r"(?<![a-z0-9])(tmin|tmax|tavg|tmean|tasmin|tasmax|tas|prec|precip|pr)[_\-. ]?(\d{1,2})(?!\d)", re.IGNORECASE
)
_MONTHLY_NAMES = {
    **{"tmean": "tavg", "tas": "tavg", "tasmin": "tmin", "tasmax": "tmax", "precip": "prec", "pr": "prec"},
    **{"tn": "tmin", "tx": "tmax", "tm": "tavg"},
}
#: Letters that are not a Latin letter with a mark.
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_WORDS = {
    "elevation": {"elev", "elevation", "altitude", "alt", "dem", "dtm", "srtm", "gmted", "etopo", "height"},
    "slope": {"slope", "slp"},
    "aspect": {"aspect"},
}
#: Words before a name that say when it is of, or where it is from.
_PREFIX = re.compile(
    r"^(present|current|baseline|historical|future|training|train|projection|env|wc2[._][01]|worldclim|chelsa|"
    r"(?:2[._]5|5|10|30)(?:m|s|min|sec)|\d+(?:\.\d+)?(?:m|km|min|arcmin|deg))[_\-. ]+",
    re.IGNORECASE,
)
_NO_NAME = re.compile(r"^(band|layer|lyr|var|x|v|b)?[_\-. ]?\d*$", re.IGNORECASE)
_STATIC = re.compile(
    r"(elev|altitude|slope|aspect|soil(?!.?(?:moist|temp|water))|geolog|substrat|litholog|topo|terrain|bathymetr|roughness|distance|dist_|"
    r"curvature|hillshade|rugged|landform|clay|sand|silt|bedrock|ph_?h2o)",
    re.IGNORECASE,
)
_CLASSES = re.compile(
    r"(biome|soil_?(type|class|group)|land_?(cover|use|form|class)|lulc|lucc|corine|clc|globcover|substrat|geolog|"
    r"litholog|eco_?region|region|zone|class|categor|habitat|vegetation_?type|veg_?type|type$|koppen)",
    re.IGNORECASE,
)
_BIAS = re.compile(
    r"(?<![a-z])(bias|mask|sampling|sample|samples|effort|kde|density_?(of_?)?records|weights?)(?![a-z])", re.IGNORECASE
)


def canonical_name(text: str) -> str:
    """Return the name of a variable from a name in a file, or from the name of a file.

    Parameters
    ----------
    text : str
        As ``bio_1``, ``wc2.1_10m_bio_1.tif``, ``CHELSA_bio1_1981-2010_V.2.1`` or ``SoilType``.

    Returns
    -------
    str
        As ``bio1`` or ``soiltype``: lower-case letters, digits and ``_``, beginning with a letter; "layer" where the
        text has neither.
    """
    text = _SUFFIX.sub("", text.strip())
    known = _known_name(text.replace("__", "_"))
    if known:
        return known
    text = without_scenario(text)
    while (shorter := _PREFIX.sub("", text)) != text:
        text = shorter
    latin, is_other_script = _in_latin(text)
    words = re.split(r"[^a-z]+", latin)
    for name, aliases in _WORDS.items():
        if words[0] in aliases and len([word for word in words if word]) <= 2:
            return name
    clean = re.sub(r"[^a-z0-9]+", "_", latin).strip("_")
    if is_other_script:
        digest = hashlib.sha256(unicodedata.normalize("NFC", text.casefold()).encode()).hexdigest()[:8]
        clean = f"{clean[:50]}_{digest}" if clean else f"layer_{digest}"
    if not clean:
        return "layer"
    return (clean if clean[0].isalpha() else f"layer_{clean}")[:60].rstrip("_")


def _known_name(text: str) -> str:
    """Return the name of a bioclimatic or monthly variable; empty where the text has none."""
    match = _CHELSA_FUTURE.search(text)
    if match:
        kind, number = match[1].lower(), int(match[2])
        return _numbered("" if kind == "bio" else kind, number)
    match = WORLDCLIM_1.search(text)
    if match and match[7]:
        kind = (match[3] or match[6]).lower()
        return _numbered("" if kind == "bi" else kind, int(match[7]))
    # The number of the variable, not the resolution: wc2.0_bio_10m_01.
    for resolution in _RESOLUTIONS:
        plain = re.sub(r"[_\-. ]{2,}", "_", resolution.sub("", text))
        for pattern in (_CHELSA_1, _BIO):
            match = pattern.search(plain)
            if match and (name := _numbered("", int(match[1]))):
                return name
        match = _MONTHLY.search(plain)
        if match and (name := _numbered(match[1].lower(), int(match[2]))):
            return name
    return ""


def _numbered(kind: str, number: int) -> str:
    """Return the name of a variable of a month, or of a bioclimatic one without a kind; empty if there is none."""
    if not kind:
        return f"bio{number}" if 1 <= number <= 19 else ""
    return f"{_MONTHLY_NAMES.get(kind, kind)}{number}" if 1 <= number <= 12 else ""


def _in_latin(text: str) -> tuple[str, bool]:
    """Return a text in lower-case letters without marks, and whether it has letters of another script."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return plain, any(letter.isalpha() and not letter.isascii() for letter in plain)


def is_latin(text: str) -> bool:
    """Return whether all letters of a text are Latin ones, with or without marks."""
    return not _in_latin(text)[1]


def is_useful(title: str) -> bool:
    """Return whether a band's description names a variable, unlike "Band 1" or "layer.1"."""
    return not _NO_NAME.match(title.strip())


def is_static(name: str, file: str) -> bool:
    """Return whether a layer does not change with the climate, judged by its name or its file's."""
    return bool(_STATIC.search(name) or (name not in KNOWN and _STATIC.search(file)))


def is_of_classes(name: str) -> bool:
    """Return whether a name says that the layer has classes rather than quantities."""
    return name not in KNOWN and bool(_CLASSES.search(name))


def is_auxiliary(file: str, name: str) -> bool:
    """Return whether a layer is about the records, not the environment: sampling bias, a mask, a sample."""
    return bool(_BIAS.search(_SUFFIX.sub("", file)) or (name not in KNOWN and _BIAS.search(name)))
