"""Usual names of columns, by the Darwin Core term that they stand for."""

from __future__ import annotations

import re
import unicodedata

from ml.records.terms import COORDINATES, READ_TERMS, split_term

_DIRECTION = r"(n|s|e|w|north|south|east|west)"
_HEMISPHERE = re.compile(
    rf"(.+?)[\s_.]*[(\[]\s*(?:°|º|deg\w*\.?)?\s*{_DIRECTION}\s*[)\]]|(.+?)[\s_.]+(?:°|º)?{_DIRECTION}", re.IGNORECASE
)


def plain_label(label: str) -> str:
    """Return the name of a column in lower case, without accents, punctuation and namespace."""
    letters = unicodedata.normalize("NFKD", split_term(label)[1]).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


def split_hemisphere(label: str) -> tuple[str, int]:
    """Return the plain name of a column without its hemisphere, and the sign of its numbers.

    Parameters
    ----------
    label : str
        As ``Latitude (N)``, ``Long. (°W)`` or ``lon_west``.

    Returns
    -------
    name : str
        As `plain_label` returns it.
    sign : int
        -1 for south and west, 1 for north and east, 0 where the name has no hemisphere.
    """
    match = _HEMISPHERE.fullmatch(label.strip())
    if match:
        name = plain_label(match[1] or match[3])
        term = next((term for term in COORDINATES if name == term.casefold() or name in SYNONYMS[term][0]), "")
        direction = (match[2] or match[4])[0].upper()
        if direction in {"decimalLatitude": "NS", "decimalLongitude": "EW"}.get(term, ""):
            return name, -1 if direction in "SW" else 1
    return plain_label(label), 0


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


#: Names for each term: the first set is preferred to the second. All as `plain_label` returns them.
SYNONYMS: dict[str, tuple[frozenset[str], ...]] = {
    "decimalLongitude": (
        _words(
            "longitude lon long lng longitud longitudine longitudedecimal longituddecimal longdecimal declong declon "
            "decimallong decimallon londec longdec londd longdd ddlong ddlon lonwgs84 longwgs84 longitudewgs84 "
            "wgs84lon wgs84long longitudedd geolon xlong xlon xlongitude longitudex lonx longx laengengrad "
            "langengrad geographischelaenge laenge lange lengtegraad lengdegrad dlugosc zemepisnadelka gpslongitude "
            "gpslon observationlongitude longitudewgs longitudedecimaldegrees"
        ),
        _words(
            "x xcoord xcoordinate coordx coordinatex pointx xwgs84 xwgs xcoordwgs84 coordenadax coordonneex easting "
            "eastings utmx utme utmeasting xutm este rechtswert lambertx xlambert"
        ),
        _words("verbatimlongitude"),
    ),
    "decimalLatitude": (
        _words(
            "latitude lat latitud latitudine latitudedecimal latituddecimal latdecimal declat decimallat latdec latdd "
            "ddlat latwgs84 latitudewgs84 wgs84lat latitudedd geolat geolatitude ylat ylatitude latitudey laty "
            "breitengrad geographischebreite breite breedtegraad breddegrad szerokosc zemepisnasirka gpslatitude "
            "gpslat observationlatitude latitudewgs latitudedecimaldegrees"
        ),
        _words(
            "y ycoord ycoordinate coordy coordinatey pointy ywgs84 ywgs ycoordwgs84 coordenaday coordonneey northing "
            "northings utmy utmn utmnorthing yutm norte hochwert lamberty ylambert"
        ),
        _words("verbatimlatitude"),
    ),
    "scientificName": (
        _words(
            "sciname speciesname taxonname latinname binomial binomialname nombrecientifico nomscientifique "
            "nomescientifico nomecientifico wissenschaftlichername wissenschaftlname artname nomlatin acceptedname "
            "acceptedscientificname canonicalname speciesscientificname taxonscientificname naamwetenschappelijk "
            "wetenschappelijkenaam vetenskapligtnamn especie espece"
        ),
        _words("taxon sp spp spec art soort specie name nombre nom taxa speciesid"),
    ),
    "captive": (_words("captivecultivated iscaptive captiveorcultivated"),),
    "eventDate": (
        _words(
            "date obsdate dateobs observationdate dateobserved observedon collectiondate datecollected samplingdate "
            "sampledate recorddate fecha funddatum beobachtungsdatum dateobservation eventdatetime"
        ),
    ),
    "year": (_words("yr annee ano jahr anno jaar yearcollected observationyear"),),
    "coordinateUncertaintyInMeters": (
        # iNaturalist's: that of the coordinates in the file, which may be obscured.
        _words("publicpositionalaccuracy"),
        _words(
            "coordinateuncertainty coorduncertainty coordinateuncertaintym coorduncertaintym coorduncertm uncertaintym "
            "uncertaintyinmeters accuracym accuracyinmeters positionalaccuracy gpsaccuracy "
            "horizontalaccuracy errorradius errorradiusm"
        ),
        _words("accuracy uncertainty precision genauigkeit incertitude incertidumbre incertezza"),
    ),
    "license": (_words("licence licencia licenza lizenz licenca"),),
    "geodeticDatum": (_words("crs srs coordinatesystem spatialreference geodeticdatumepsg horizontaldatum"),),
    "occurrenceStatus": (_words("presence presenceabsence presabs pa pres presentabsent occ"),),
    "individualCount": (_words("count abundance individuals howmany numberofindividuals anzahl"),),
    "stateProvince": (_words("province state"),),
    "issue": (_words("issues"),),
}
#: Names of coordinates that are not in degrees.
METRES = _words(
    "easting eastings northing northings utmx utme utmeasting xutm utmy utmn utmnorthing yutm rechtswert hochwert"
)
#: Names that can mean two things.
TWO_MEANINGS = {"datum": ("eventDate", "geodeticDatum")}
#: Terms by their name in lower case.
TERM_OF = {term.casefold(): term for term in READ_TERMS}
