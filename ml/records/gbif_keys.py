"""Keys and DOIs of GBIF downloads, and the files of an archive that state how it is cited."""

from __future__ import annotations

import re

KEY = re.compile(r"[0-9]{7}-[0-9]{15,18}")
_PAGE = re.compile(r"https?://(?:www\.)?gbif\.org/occurrence/download/([0-9]{7}-[0-9]{15,18})/?")
_DOI = re.compile(
    r"(?:https?://(?:dx\.)?doi\.org/|doi:\s?)?(10\.[0-9]{4,9}/(?!.*\.\.)[\w.;()/-]{1,100})", re.IGNORECASE | re.ASCII
)
_OTHER_ADDRESS = re.compile(r"[0-9]|doi:|https?:|www\.", re.IGNORECASE)
#: DOI of a GBIF download within a text.
DOWNLOAD_DOI = re.compile(r"\b10\.15468/dl\.[a-z0-9]+\b")
CITATIONS = "citations.txt"
#: Files of an archive that state how it is cited, the first of them preferred.
CITATION_FILES = (CITATIONS, "metadata.xml", "eml.xml")


def download_id(text: str) -> str | None:
    """Return the key or the DOI of a GBIF download, or None where a text is neither.

    Parameters
    ----------
    text : str
        A key, as ``0001234-240101000000000``, a DOI, as ``10.15468/dl.abcdef``, or the address of either.
    """
    text = text.strip()
    if KEY.fullmatch(text):
        return text
    match = _PAGE.fullmatch(text) or _DOI.fullmatch(text)
    return match[1] if match else None


def is_like_download(text: str) -> bool:
    """Return whether a text is meant as a key, a DOI or an address: no scientific name begins like one."""
    return _OTHER_ADDRESS.match(text.strip()) is not None
