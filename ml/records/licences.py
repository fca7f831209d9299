"""Licences of records: the Creative Commons licence that a text names."""

from __future__ import annotations

import re

_ADDRESS = re.compile(
    r"(?:https?://)?(?:www\.)?creativecommons\.org/"
    r"(?:licen[sc]es/(?P<licence>by(?:-nc)?(?:-(?:nd|sa))?)|"
    r"(?P<domain>publicdomain/(?:zero|mark)|licen[sc]es/publicdomain|share-your-work/public-domain/cc0))(?![\w-])"
    # The version, the country of a ported licence, the document and its language. Further text is not an address.
    r"(?:/\d(?:\.\d)?)?(?:/(?!(?:deed|legalcode|nc|nd|sa|by)\b)[a-z]{2,8}(?!\w))?"
    r"(?:/(?:deed|legalcode)(?:[.-][a-z_-]{1,10}){0,2})?/?(?:\?ref=[\w-]*)?(?:#[\w-]*)?",
    re.IGNORECASE,
)
#: The list of the Software Package Data Exchange. The last part of an address is the licence's short name.
_SPDX = re.compile(
    r"(?:https?://)?(?:www\.)?spdx\.org/licenses/(?P<name>CC[\w.-]*?)(?:\.(?:html|json))?(?=[\s)>\]]|$)", re.I
)
#: A link in HTML or in EML, without texts that a reader sees.
_LINK = re.compile(
    r'<(?:a|ulink)(?:\s+(?:rel|target)="[\w ]*")*\s+(?:href|url)="(?P<address>[^"<>\s]*)"'
    r'(?:\s+(?:rel|target)="[\w ]*")*\s*>'
    r"|</a>|</ulink>|</?citetitle>",
    re.I,
)
#: Longest text that is a licence, characters.
_LONGEST = 2_000
# Words of the names of licences, and what they say. Each text consists of these and of words without a meaning.
_ELEMENTS = {
    "CC0": "CC0",
    "CCZERO": "CC0",
    "ZERO": "CC0",
    "PUBLICDOMAIN": "CC0",
    "PDDC": "CC0",
    "PDM": "CC0",
    "BY": "BY",
    "ATTRIBUTION": "BY",
    "NC": "NC",
    "NONCOMMERCIAL": "NC",
    "ND": "ND",
    "NODERIVATIVES": "ND",
    "NODERIVS": "ND",
    "NODERIVATIVEWORKS": "ND",
    "SA": "SA",
    "SHAREALIKE": "SA",
}
_JOINED = {
    "PUBLIC DOMAIN": "PUBLICDOMAIN",
    "NON COMMERCIAL": "NONCOMMERCIAL",
    "NO DERIVATIVES": "NODERIVATIVES",
    "NO DERIVS": "NODERIVS",
    "NO DERIVATIVE WORKS": "NODERIVATIVEWORKS",
    "SHARE ALIKE": "SHAREALIKE",
    "CREATIVE COMMONS ZERO": "CC0",
    "CC ZERO": "CC0",
    "NO RIGHTS RESERVED": "CC0",
}
_SPLIT = re.compile(r"(CC)?(BY)(NC)?(ND|SA)?")
_WITHOUT_MEANING = frozenset(
    re.findall(
        r"\w+",
        "A ARE CC COMMONS CREATIVE DATA DATASET DEDICATION DEED EN GENERIC INT INTERNATIONAL IS IT LEGALCODE "
        "LICENCE LICENCED LICENSE LICENSED LICENSES MARK OF ON PORTED PUBLIC RECORD TERMS THE THESE THIS UNDER "
        "UNIVERSAL UNPORTED USE V VERSION WAIVER WORK "
        # where licences of version 3.0 and before were ported to
        "ARGENTINA AUSTRALIA AUSTRIA BELGIUM BRAZIL BULGARIA CANADA CHILE CHINA COLOMBIA CROATIA CZECH DENMARK "
        "ECUADOR EGYPT ENGLAND ESTONIA FINLAND FRANCE GEORGIA GERMANY GREECE GUATEMALA HUNGARY INDIA IRELAND "
        "ISRAEL ITALY JAPAN KOREA LUXEMBOURG MALAYSIA MALTA MEXICO NETHERLANDS NORWAY PERU PHILIPPINES POLAND "
        "PORTUGAL ROMANIA SCOTLAND SERBIA SINGAPORE SLOVENIA SPAIN SWEDEN SWITZERLAND TAIWAN THAILAND UGANDA "
        "UKRAINE VENEZUELA VIETNAM",
    )
)
# A version, with the country of a ported licence: "3.0 AU". In "4.0 NC" the letters are an element of the licence.
_VERSION = re.compile(r"\bV?\d+( \d+)?( (?!NC|ND|SA|BY)(?:IGO|[A-Z]{2})$)?(?![^ ])")
# The sentence with which GBIF's publishing tool offers CC0.
_FREEDOM = "USERS MAY COPY MODIFY DISTRIBUTE AND USE THE WORK INCLUDING FOR COMMERCIAL PURPOSES WITHOUT RESTRICTION"
_WAIVER = (
    "TO THE EXTENT POSSIBLE UNDER LAW THE PUBLISHER HAS WAIVED ALL RIGHTS TO THESE DATA AND HAS DEDICATED THEM TO THE"
)


def licence_class(text: str) -> str:
    """Return the class of the licence that a text names: one for all Creative Commons licences with NC.

    Parameters
    ----------
    text : str
        As `licence_name`.

    Returns
    -------
    str
        ``CC0``, ``CC BY``, ``CC BY-SA``, ``CC BY-NC`` (any with NC), ``CC BY-ND`` or ``""`` when not recognised.
    """
    name = licence_name(text)
    for element in ("NC", "ND"):
        if f"-{element}" in name:
            return f"CC BY-{element}"
    return name


def licence_name(text: str) -> str:
    """Return the short name of the Creative Commons licence that a text names.

    The whole text must be a licence. A text with other words ("All rights reserved, by permission only") is not
    recognised, because such words may restrict the use.

    Parameters
    ----------
    text : str
        As ``CC_BY_NC_4_0`` or ``http://creativecommons.org/licenses/by/4.0/legalcode``.

    Returns
    -------
    str
        ``CC0``, ``CC BY`` with its further elements, as ``CC BY-NC-SA``, or ``""`` when not recognised.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return ""
    text = _SPDX.sub(r"\g<name>", _LINK.sub(lambda link: f" {link['address'] or ''} ", text)).strip()
    elements: set[str] = set()

    def take(match: re.Match[str]) -> str:
        elements.update(["CC0"] if match["domain"] else match["licence"].upper().split("-"))
        return " "

    rest = " ".join(re.findall(r"[^\W_]+", _ADDRESS.sub(take, text).upper()))
    rest = _VERSION.sub(" ", rest.removeprefix(_WAIVER).removesuffix(_FREEDOM).strip())
    for phrase, word in _JOINED.items():
        rest = re.sub(rf"\b{phrase}\b", word, rest)
    words = rest.split()
    if words == ["BY"]:
        return ""
    for word in words:
        if word in _ELEMENTS:
            elements.add(_ELEMENTS[word])
        elif match := _SPLIT.fullmatch(word):
            elements.update(part for part in match.groups() if part and part != "CC")
        elif word not in _WITHOUT_MEANING:
            return ""
    if elements == {"CC0"}:
        return "CC0"
    if "BY" not in elements or "CC0" in elements:
        # "NC" alone, or two licences at once
        return ""
    # SA says how adaptations are licensed, and ND allows none.
    return "-".join(["CC BY", *(element for element in ("NC", "ND") if element in elements)]) + (
        "-SA" if "SA" in elements and "ND" not in elements else ""
    )
