"""The targets of short texts in records: scientific names and licences."""

from __future__ import annotations

import random
import re
from pathlib import Path

from ml.records.licences import licence_class
from ml.records.names import canonical_name, species_slug
from tools.fuzzing.targets import Mutate

_CLASSES = ("CC0", "CC BY", "CC BY-SA", "CC BY-NC", "CC BY-ND", "")
_SLUG = re.compile(r"([a-z0-9]+(-[a-z0-9]+)*)?")
_NOT_COMMERCIAL = re.compile(r"(?<![a-z])nc(?![a-z])|non.?commercial", re.IGNORECASE)


def _text(data: bytes) -> str:
    # Bytes that are not UTF-8 become unpaired surrogates.
    return data.decode("utf-8", "surrogateescape")


class _TextTarget:
    def __init__(self, folder: Path) -> None:
        pass

    def mutate(self, data: bytes, most: int, draw: random.Random, change: Mutate) -> bytes:
        """Change a text at random."""
        return change(data, most)


class NamesTarget(_TextTarget):
    """Every text has a canonical form, which is its own canonical form."""

    def seeds(self) -> list[bytes]:
        """Return names as records have them."""
        names = (
            "Acropora digitifera (Dana, 1846)",
            "Bombus (Pyrobombus) pratorum (L.)",
            "Quercus × hispanica Lam.",
            "×Crataemespilus grandiflora",
            "Poa annua var. reptans Hausskn.",
            "PARUS MAJOR SUBSP. MAJOR",
            "Allium sp. 1",
            "Canis lupus / Canis aureus",
            "Solanum tuberosum 'Desiree'",
            "Tobacco mosaic virus",
            "Müllerella lichenicola (Sommerf.) D. Hawksw. 1979",
            "cf. Aus bus",
        )
        return [name.encode() for name in names]

    def check(self, data: bytes) -> None:
        """Compare the canonical form of a text with that of its canonical form."""
        text = _text(data)
        canonical = canonical_name(text)
        assert canonical_name(canonical) == canonical, (canonical, canonical_name(canonical))
        assert canonical == " ".join(canonical.split()), f"surplus blanks in {canonical!r}"
        assert _SLUG.fullmatch(species_slug(text)), species_slug(text)


class LicencesTarget(_TextTarget):
    """Every text has a class, and no text of a restrictive licence has the class of a free one."""

    def seeds(self) -> list[bytes]:
        """Return licences as records have them."""
        licences = (
            "CC_BY_NC_4_0",
            "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication",
            "http://creativecommons.org/licenses/by/4.0/legalcode",
            "https://creativecommons.org/publicdomain/zero/1.0/",
            "Creative Commons Attribution Non Commercial (CC-BY-NC) 4.0 License",
            "CC BY-SA 3.0 AU",
            "Attribution-NoDerivs 2.0 Generic",
            "To the extent possible under law, the publisher has waived all rights to these data and has dedicated "
            "them to the Public Domain (CC0 1.0)",
            "All rights reserved",
        )
        return [licence.encode() for licence in licences]

    def check(self, data: bytes) -> None:
        """Compare the class of a text with those of texts that mean the same or less."""
        text = _text(data)
        licence = licence_class(text)
        assert licence in _CLASSES, licence
        assert licence_class(licence) == licence, licence
        if not licence or len(text) > 1_900:
            return
        assert licence_class(f"  {text}\n") == licence, "blanks decide"
        assert licence_class(text + " all rights reserved") == "", "a text with other words is free"
        assert licence_class(text + " NC") in ("CC BY-NC", ""), "a text with NC is free"
        if _NOT_COMMERCIAL.search(text):
            assert licence in ("CC BY-NC", ""), f"not commercial, but {licence}"
