"""Names of datums and coordinate reference systems as records state them."""

from __future__ import annotations

import re
from functools import lru_cache

import pyproj
from pyproj.exceptions import CRSError

from ml.records.missing import is_missing

WGS84 = "EPSG:4326"
#: Datums by their names as records have them: in lower case, letters and digits only.
_DATUMS = {
    "nad27": "EPSG:4267", "northamericandatum1927": "EPSG:4267", "northamerican1927": "EPSG:4267",
    "nad83": "EPSG:4269", "northamericandatum1983": "EPSG:4269", "northamerican1983": "EPSG:4269",
    "nad1927": "EPSG:4267", "nad1983": "EPSG:4269",
    "ed50": "EPSG:4230", "europeandatum1950": "EPSG:4230", "european1950": "EPSG:4230", "ed1950": "EPSG:4230",
    "etrs89": "EPSG:4258", "etrs1989": "EPSG:4258", "europeanterrestrialreferencesystem1989": "EPSG:4258",
    "tokyo": "EPSG:4301", "tokyodatum": "EPSG:4301", "jgd2000": "EPSG:4612", "jgd2011": "EPSG:6668",
    "gda94": "EPSG:4283", "geocentricdatumofaustralia1994": "EPSG:4283", "gda2020": "EPSG:7844",
    "agd66": "EPSG:4202", "australiangeodeticdatum1966": "EPSG:4202", "agd84": "EPSG:4203",
    "australiangeodeticdatum1984": "EPSG:4203",
    "sirgas2000": "EPSG:4674", "sirgas": "EPSG:4674", "sirgas1995": "EPSG:4170", "sad69": "EPSG:4618",
    "southamericandatum1969": "EPSG:4618", "southamerican1969": "EPSG:4618", "sad1969": "EPSG:4618",
    "psad56": "EPSG:4248", "provisionalsouthamericandatum1956": "EPSG:4248", "corregoalegre": "EPSG:4225",
    "nzgd49": "EPSG:4272", "nzgd1949": "EPSG:4272", "newzealandgeodeticdatum1949": "EPSG:4272",
    "nzgd2000": "EPSG:4167", "newzealandgeodeticdatum2000": "EPSG:4167",
    "osgb36": "EPSG:4277", "osgb1936": "EPSG:4277", "ordnancesurveygreatbritain1936": "EPSG:4277",
    "pulkovo1942": "EPSG:4284", "pulkovo42": "EPSG:4284", "sk42": "EPSG:4284",
    "cape": "EPSG:4222", "capedatum": "EPSG:4222", "hartebeesthoek94": "EPSG:4148", "arc1950": "EPSG:4209",
    "arc1960": "EPSG:4210", "indian1975": "EPSG:4240", "hu-tzu-shan": "EPSG:4236", "twd67": "EPSG:3821",
    "twd97": "EPSG:3824", "kgd2002": "EPSG:4737", "cgcs2000": "EPSG:4490", "beijing1954": "EPSG:4214",
    "xian1980": "EPSG:4610", "rt90": "EPSG:4124", "rgf93": "EPSG:4171", "ntf": "EPSG:4275", "dhdn": "EPSG:4314",
    "mgi": "EPSG:4312", "ch1903": "EPSG:4149", "roma40": "EPSG:4806", "montemario": "EPSG:4265",
    "lisbon": "EPSG:4207", "datum73": "EPSG:4274", "amersfoort": "EPSG:4289", "wgs72": "EPSG:4322",
    "clarke1866": "EPSG:4267", "nad1927clarke1866": "EPSG:4267", "ordnancesurveyofgreatbritain1936": "EPSG:4277",
    "ordnancesurvey1936": "EPSG:4277", "geodeticreferencesystem1980": "EPSG:4269", "grs80": "EPSG:4269",
    "grs1980": "EPSG:4269", "geodeticdatumofaustralia1994": "EPSG:4283", "geocentricdatumofaustralia2020": "EPSG:7844",
    "rijksdriehoeksmeting": "EPSG:4289", "potsdam": "EPSG:4314", "deutscheshauptdreiecksnetz": "EPSG:4314",
    "sistemadereferenciageocentricoparalasamericas2000": "EPSG:4674", "japanesegeodeticdatum2000": "EPSG:4612",
    "japanesegeodeticdatum2011": "EPSG:6668", "worldgeodeticsystem1972": "EPSG:4322",
    "wgs1972": "EPSG:4322", "wgs66": "EPSG:4760", "oldhawaiian": "EPSG:4135", "puertorico": "EPSG:4139",
}  # fmt: skip
#: Names of WGS 84. ITRF and the realisations of WGS 84 differ from it by less than a metre.
_WGS84_NAME = re.compile(
    r"(w(orld)?g(eodetic)?s(ystem)?(of)?(19)?84(g\d+)?(datum|lonlat|latlon|geographic\w*)?|itrf\d*|gcswgs(19)?84|"
    r"googleearth|gps)"
)
_CODE = re.compile(
    r"(?:urn:ogc:def:crs:|https?://www\.opengis\.net/(?:def|gml)/crs/|https?://epsg\.io/)?(epsg|esri|ogc)?"
    r"(?:[:/_ #]|\.xml#)*(?:[\d.]*[:/])?(crs84|\d{4,6})",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[;,|]")
_IN_BRACKETS = re.compile(r"\(([^()]*)\)")
#: Texts that say that the datum is not known.
_NOT_KNOWN = frozenset(
    {
        "unknown", "notrecorded", "notknown", "notspecified", "notstated", "unspecified", "undetermined", "notprovided",
        "notavailable", "noaplica", "unk", "norecorded", "desconocido", "desconhecido", "unbekannt", "inconnu", "other",
        "unavailable", "notgiven", "missing", "noespecificado", "unknowndatum", "datumunknown", "assumed", "x",
    }
)  # fmt: skip
#: Words of a name that make no difference.
_SMALL_WORDS = frozenset({"of", "the", "de", "del", "la", "ellipsoid", "spheroid"})
#: A zone of UTM after the name of a datum.
_ZONE = re.compile(r"(.*?)\s*\bUTM\b[\s,_-]*(?:zone)?[\s,_-]*(\d{1,2})\s*([C-HJ-NP-X]?)(?:orth|outh)?", re.IGNORECASE)
_ZONES = 60
#: First code before zone 1, and the zones, of UTM in the north, by geographic CRS.
_UTM_NORTH = {
    "EPSG:4258": (25800, range(28, 39)),
    "EPSG:4230": (23000, range(28, 39)),
    "EPSG:4269": (26900, range(1, 24)),
    "EPSG:4267": (26700, range(1, 23)),
}
_LONGEST = 200
_YEAR_DIGITS = 4


def find_crs(text: str) -> str | None:
    """Return the authority code of a datum or CRS as records state it; None where it is not known.

    Parameters
    ----------
    text : str
        As ``WGS84``, ``EPSG:4267``, ``North American Datum 1927``, ``NAD27 (EPSG:4267)`` or
        ``urn:ogc:def:crs:EPSG::4326``.
    """
    text = text.strip()
    if is_missing(text) or len(text) > _LONGEST:
        return None
    parts = [text, *_IN_BRACKETS.findall(text), _IN_BRACKETS.sub("", text), *_SEPARATOR.split(text)]
    for part in parts:
        if code := _find(part.strip()):
            return code
    return None


def _find(text: str) -> str | None:
    plain = "".join(letter for letter in text.casefold() if letter.isalnum())
    if _WGS84_NAME.fullmatch(plain):
        return WGS84
    if match := _CODE.fullmatch(text):
        authority = (match[1] or "EPSG").upper()
        code = f"{authority}:{match[2].upper()}"
        if code in ("EPSG:CRS84", "OGC:CRS84"):
            return WGS84
        if not match[1] and len(match[2]) == _YEAR_DIGITS and not _is_geographic(code):
            # A number alone may be a year.
            return None
        return code if is_usable(code) else None
    if match := _ZONE.fullmatch(text):
        return _zone(match[1], int(match[2]), match[3].upper())
    # "North American Datum of 1927" and "NAD 1927 (Clarke 1866)" are the same name with and without small words.
    shorter = "".join(word for word in re.findall(r"[^\W_]+", text.casefold()) if word not in _SMALL_WORDS)
    for name in (plain, shorter):
        datum = _DATUMS.get(name) or _DATUMS.get(name.removesuffix("datum"))
        if datum:
            return datum
    return WGS84 if _WGS84_NAME.fullmatch(shorter) else None


def _zone(datum: str, zone: int, band: str) -> str | None:
    """Return the code of a zone of UTM on a datum, as ``WGS84 / UTM zone 32N``."""
    if not 1 <= zone <= _ZONES:
        return None
    geographic = _find(datum.strip(" /,-_")) if datum.strip(" /,-_") else WGS84
    # A band of latitude from N is north of the equator; S alone means south.
    south = band == "S" or (band != "" and band < "N")
    if geographic == WGS84:
        return f"EPSG:{(32700 if south else 32600) + zone}"
    first = {} if south else _UTM_NORTH
    base, zones = first.get(geographic or "", (0, range(0)))
    return f"EPSG:{base + zone}" if zone in zones else None


def geodetic_code(code: str) -> str:
    """Return the code of the geographic CRS that a CRS is based on; the code itself where it is geographic.

    WGS 84 where the base has no code.
    """
    crs = pyproj.CRS.from_user_input(code)
    if crs.is_geographic:
        return code
    base = crs.geodetic_crs
    authority = base.to_authority() if base is not None else None
    return ":".join(authority) if authority else WGS84


@lru_cache(maxsize=256)
def _is_geographic(code: str) -> bool:
    return is_usable(code) and bool(pyproj.CRS.from_user_input(code).is_geographic)


@lru_cache(maxsize=256)
def is_usable(code: str) -> bool:
    """Return whether a text is a CRS of degrees, or a projected one."""
    try:
        crs = pyproj.CRS.from_user_input(code)
    except CRSError:
        return False
    return bool(crs.is_geographic or crs.is_projected)


def says_not_known(text: str) -> bool:
    """Return whether a geodeticDatum is missing, or says that the datum is not known."""
    return is_missing(text) or "".join(letter for letter in text.casefold() if letter.isalnum()) in _NOT_KNOWN
