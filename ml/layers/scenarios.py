"""Scenarios of layers, read from the names of files."""

from __future__ import annotations

import re

from ml.recipes.reports import Scenario

#: Climate models of CMIP5 and CMIP6 of WorldClim and CHELSA, and their two letters in WorldClim 1.4.
_MODELS = (
    *("ACCESS-CM2", "ACCESS-ESM1-5", "ACCESS1-0", "ACCESS1-3", "AWI-CM-1-1-MR", "BCC-CSM2-MR", "BCC-CSM1-1"),
    *("CAMS-CSM1-0", "CanESM5-CanOE", "CanESM5", "CanESM2", "CCSM4", "CESM1-BGC", "CESM1-CAM5", "CESM2-WACCM"),
    *("CESM2", "CMCC-CM2-SR5", "CMCC-ESM2", "CMCC-CM", "CNRM-CM6-1-HR", "CNRM-CM6-1", "CNRM-ESM2-1", "CNRM-CM5"),
    *("CSIRO-Mk3-6-0", "EC-Earth3-Veg-LR", "EC-Earth3-Veg", "EC-Earth3", "FGOALS-g3", "FGOALS-g2", "FIO-ESM-2-0"),
    *("FIO-ESM", "GFDL-ESM4", "GFDL-ESM2G", "GFDL-ESM2M", "GFDL-CM3", "GISS-E2-1-G", "GISS-E2-1-H", "GISS-E2-R"),
    *("HadGEM3-GC31-LL", "HadGEM3-GC31-MM", "HadGEM2-AO", "HadGEM2-CC", "HadGEM2-ES", "INM-CM4-8", "INM-CM5-0"),
    *("INM-CM4", "IPSL-CM6A-LR", "IPSL-CM5A-LR", "IPSL-CM5A-MR", "MIROC-ES2L", "MIROC-ESM-CHEM", "MIROC-ESM"),
    *("MIROC6", "MIROC5", "MPI-ESM1-2-HR", "MPI-ESM1-2-LR", "MPI-ESM-LR", "MPI-ESM-MR", "MPI-ESM-P", "MRI-ESM2-0"),
    *("MRI-CGCM3", "NESM3", "NorESM2-LM", "NorESM2-MM", "NorESM1-M", "TaiESM1", "UKESM1-0-LL"),
)
_SHORT_MODELS = {
    **{"ac": "ACCESS1-0", "bc": "BCC-CSM1-1", "cc": "CCSM4", "ce": "CESM1-CAM5-1-FV2", "cn": "CNRM-CM5"},
    **{"gf": "GFDL-CM3", "gd": "GFDL-ESM2G", "gs": "GISS-E2-R", "hd": "HadGEM2-AO", "hg": "HadGEM2-CC"},
    **{"he": "HadGEM2-ES", "in": "INM-CM4", "ip": "IPSL-CM5A-LR", "mi": "MIROC-ESM-CHEM", "mr": "MIROC-ESM"},
    **{"mc": "MIROC5", "me": "MPI-ESM-P", "mp": "MPI-ESM-LR", "mg": "MRI-CGCM3", "no": "NorESM1-M"},
}
_PAST = {
    **{"lgm": "LGM", "lig": "LIG", "mid": "MH", "mh": "MH"},
    **dict.fromkeys(("midholocene", "mid_holocene", "mid-holocene"), "MH"),
}
_PAST_WORDS = re.compile(r"(?<![a-z])(lgm|mh|mid[_-]?holocene|lig)(?![a-z])", re.IGNORECASE)
_PATHWAY = re.compile(
    r"(?<![a-z])(ssp)[_-]?([1-5])[_.-]?(\d)[._p]?(\d)(?!\d)|(?<![a-z])(rcp)[_-]?(\d)[._p]?(\d)(?!\d)", re.IGNORECASE
)
# SRES of CMIP3: "sres_a2", and the names that are no usual words also without "sres": A1B, A1FI, A2A, B2A.
_SRES = re.compile(
    r"(?<![a-z0-9])(?:sres[_-]?(a1b|a1fi|a1t|a1|a2a?|b1|b2a?)|(a1b|a1fi|a2a|b2a))(?![a-z0-9])", re.IGNORECASE
)
# A forcing of CMIP5 without its letters, before a year: bio1_45_2070.
_FORCING = re.compile(r"[_\-. ](26|45|60|85)[_\-. ](?=20[3-9]\d|2100)")
_YEARS = re.compile(r"(?<!\d)((?:18|19|20|21)\d\d)[-–_](\d{4})(?!\d)")
_YEAR = re.compile(r"(?<!\d)(20[3-9]\d|2100)(?:s(?![a-z]))?(?!\d)", re.IGNORECASE)
# One layer a file has its number before the model: wc2.1_10m_bio_12_MIROC6_ssp585_2061-2080.
_WORLDCLIM_2 = re.compile(r"wc2\.1_[^_]+_[a-z]+_(?:\d{1,2}_)?(.+?)_ssp\d{3}_\d{4}-\d{4}", re.IGNORECASE)
# Model, then pathway and decade, or a time of the past: cc45bi7019, cclgmbi1, mrmidbi12.
WORLDCLIM_1 = re.compile(
    r"(?<![a-z0-9])([a-z]{2})(?:(26|45|60|85)(bi|tn|tx|tm|pr)([57]0)|(lgm|mid)(bi|tn|tx|tm|pr))(\d{0,2})(?!\d)",
    re.IGNORECASE,
)
# CHELSA names the LGM of PMIP3 only "PMIP"; its TraCE21k counts centuries, of which 20 is the present.
_PMIP = re.compile(r"(?<![a-z])pmip\d?(?![a-z])", re.IGNORECASE)
_TRACE = re.compile(r"(?<![a-z])trace21k[^a-z].*?_(-?\d{1,3})_v?\d", re.IGNORECASE)
_PRESENT_CENTURY = "20"
# megaSDM: Bio3_5045 is 2050, RCP 4.5.
_DECADE = re.compile(r"bio\d{1,2}_([57]0)(26|45|60|85)(?!\d)", re.IGNORECASE)
_FUTURE = re.compile(r"(?<![a-z])(future|fut)(?![a-z])", re.IGNORECASE)
# At an end of a name or before a number: "ocean_current_speed" is a variable.
_TIME_WORDS = re.compile(
    r"^(present|current|baseline|historical)(?=[_\-. ])|"
    r"(?<=[_\-. ])(present|current|baseline|historical)(?=$|[_\-. ]+v?\d)",
    re.IGNORECASE,
)
# The version of CHELSA, its run and grid of CMIP5.
_VERSION = re.compile(r"(?<![a-z0-9])v[._]?\d[._]\d(?![a-z0-9])", re.IGNORECASE)
_RUN = re.compile(r"(?<![a-z0-9])(r\d+i\d+p\d+(?:f\d+)?|g025|nc)(?![a-z0-9])", re.IGNORECASE)
_FIRST_FUTURE_YEAR = 2015


def recognise_scenario(file: str) -> Scenario | None:
    """Return the scenario that the name of a file states.

    Parameters
    ----------
    file : str
        As ``wc2.1_10m_bioc_ACCESS-CM2_ssp126_2041-2060.tif`` or ``CHELSA_LGM_CCSM4.tif``.

    Returns
    -------
    Scenario or None
        None for layers of the present, among them those with a period that begins before 2015 and no pathway.
    """
    model, pathway, period = _model(file), _pathway(file), _period(file)
    short = WORLDCLIM_1.search(file)
    if short:
        model = _SHORT_MODELS.get(short[1].lower(), short[1].lower())
        pathway = f"rcp{short[2]}" if short[2] else ""
        period = f"20{short[4]}" if short[2] else _PAST[short[5].lower()]
    century = _TRACE.search(file)
    if century:
        if century[1] == _PRESENT_CENTURY:
            return None
        model, period = "TraCE21k", f"century {century[1]}"
    decade = _DECADE.search(file)
    if decade:
        pathway, period = f"rcp{decade[2]}", f"20{decade[1]}"
    past = period in _PAST.values() or bool(century)
    year = int(period[:4]) if period[:4].isdigit() else 0
    future = year >= _FIRST_FUTURE_YEAR or bool(pathway) or bool(_FUTURE.search(file))
    if not (past or future):
        return None
    label = " ".join(part for part in (model, pathway, period) if part) or "future"
    return Scenario(label=label, model=model, pathway=pathway, period=period)


def named_scenario(label: str, recognised: Scenario | None = None) -> Scenario:
    """Return the scenario of a label that a user typed; its parts are those of the recognised one where it is that."""
    if recognised is not None and recognised.label == label:
        return recognised
    stated = recognise_scenario(label)
    return stated.model_copy(update={"label": label}) if stated else Scenario(label=label)


def _model(file: str) -> str:
    match = _WORLDCLIM_2.search(file)
    if match:
        return match[1]
    plain = re.sub(r"[^a-z0-9]+", "-", file.lower())
    # The longest name first, so that CanESM5-CanOE is not CanESM5.
    for model in sorted(_MODELS, key=len, reverse=True):
        if re.search(rf"(?<![a-z0-9]){model.lower().replace('-', '-?')}(?![a-z0-9])", plain):
            return model
    return ""


def _pathway(file: str) -> str:
    match = _PATHWAY.search(file)
    if not match:
        if sres := _SRES.search(file):
            return f"sres{(sres[1] or sres[2]).lower()}"
        forcing = _FORCING.search(file)
        return f"rcp{forcing[1]}" if forcing else ""
    return (f"ssp{match[2]}{match[3]}{match[4]}" if match[1] else f"rcp{match[6]}{match[7]}").lower()


def _period(file: str) -> str:
    match = _PAST_WORDS.search(file)
    if match:
        return _PAST[match[1].lower()]
    match = _YEARS.search(file)
    if match and int(match[1]) < int(match[2]):
        return f"{match[1]}-{match[2]}"
    match = _YEAR.search(file)
    if match:
        return match[1]
    return "LGM" if _PMIP.search(file) else ""


def without_scenario(text: str) -> str:
    """Return the name of a layer without what says of which time, model or pathway it is.

    Parameters
    ----------
    text : str
        As ``landcover_ssp126_2050``, ``current_landcover`` or ``CHELSA_gdd5_2041-2070_gfdl-esm4_ssp370_V.2.1``.

    Returns
    -------
    str
        As ``landcover`` or ``CHELSA_gdd5``; the text itself where nothing else is left.
    """
    shorter = text
    stated = recognise_scenario(text)
    for pattern in (_PATHWAY, _YEARS, _VERSION, _TIME_WORDS):
        shorter = pattern.sub("_", shorter)
    if stated is not None:
        for pattern in (_FORCING, _SRES, _FUTURE, _PAST_WORDS, _PMIP, _YEAR, _RUN):
            shorter = pattern.sub("_", shorter)
        if stated.model:
            letters = [part for part in re.split(r"[^a-z0-9]+", stated.model.lower()) if part]
            shorter = re.sub(rf"(?<![a-z0-9]){'[^a-z0-9]*'.join(letters)}(?![a-z0-9])", "_", shorter, flags=re.I)
    if shorter == text:
        return text
    shorter = re.sub(r"[_\-. ]*_[_\-. ]*", "_", shorter).strip("_-. ")
    return shorter if re.search(r"[^\W\d_]", shorter) else text
