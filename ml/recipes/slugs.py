"""Slugs of studies and of their species."""

from __future__ import annotations

import hashlib
import re
import unicodedata

#: Longest slug of a study, characters.
LONGEST_STUDY_SLUG = 60
#: Longest slug of a species, as the registry stores it.
LONGEST_SPECIES_SLUG = 100
#: Addresses of pages beside those of studies.
RESERVED = frozenset({"new"})
_OTHER = re.compile(r"[^a-z0-9]+")


def study_slug(title: str) -> str:
    """Return the slug of a study with this title: lower-case letters without accents, digits and hyphens.

    Returns
    -------
    str
        Of a hash where the title has no letter of the Latin alphabet and no digit.
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = _OTHER.sub("-", plain).strip("-")[:LONGEST_STUDY_SLUG].strip("-")
    if slug in RESERVED:
        return f"study-{slug}"
    return slug or f"study-{hashlib.sha256(title.encode()).hexdigest()[:8]}"


def species_slug_in(study: str, species: str) -> str:
    """Return the slug of a species within a study of a user's own data.

    Slugs of species are unique over all studies, so that the slug contains that of the study.

    Parameters
    ----------
    study, species : str
        Slugs.
    """
    slug = f"{species}-{study}"
    if len(slug) <= LONGEST_SPECIES_SLUG:
        return slug
    digest = hashlib.sha256(slug.encode()).hexdigest()[:8]
    return f"{slug[: LONGEST_SPECIES_SLUG - 9].rstrip('-')}-{digest}"
