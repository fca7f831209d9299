"""Names of files and slugs of studies that come in with requests."""

from __future__ import annotations

import re
import unicodedata

from app.errors import ValidationFailed
from ml.recipes.recipe import check_file_name
from ml.recipes.slugs import LONGEST_STUDY_SLUG, RESERVED, study_slug

# Windows opens a device instead of a file with such a name, whatever its ending.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)", re.IGNORECASE)


def file_name(text: str) -> str:
    """Return the name of a file as it is stored: in composed form (NFC), as most systems write it.

    Raises
    ------
    ValidationFailed
        It cannot be the name of one file in one folder.
    """
    name = unicodedata.normalize("NFC", text)
    try:
        check_file_name(name)
        if "\ufffd" in name:
            raise ValueError("must be in UTF-8")
        if _DEVICE.match(name):
            raise ValueError("must not be the name of a device, such as con or nul")
    except ValueError as error:
        raise ValidationFailed([("/name", str(error))], f"The name of the file {error}.") from None
    return name


def name_key(name: str) -> str:
    """Return what two names have in common that differ in case alone."""
    return unicodedata.normalize("NFC", name.casefold())


def stem(name: str) -> str:
    """Return the part of a name that files that belong together share, as bio1 of bio1.tif.aux.xml."""
    key = name_key(name)
    if key.endswith(".aux.xml"):
        key = key.removesuffix(".aux.xml")
        base, dot, _ = key.rpartition(".")
        return base if dot else key
    base, dot, _ = key.removesuffix(".gz").rpartition(".")
    return base if dot else key


def slug_of(title: str) -> str:
    """Return the slug that a study with this title gets on every road, by command too."""
    return study_slug(title)


def numbered(slug: str, number: int) -> str:
    """Return a slug with a number, no longer than a slug may be."""
    ending = f"-{number}"
    return slug[: LONGEST_STUDY_SLUG - len(ending)].rstrip("-") + ending


def is_taken_by_page(slug: str) -> bool:
    """Return whether a slug is the address of another page."""
    return slug.lower() in RESERVED
