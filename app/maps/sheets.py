"""The words on the picture of a finished map."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from app.maps import change_legends
from app.maps import legends as map_legends
from app.maps.change_schemas import ChangeContent
from app.maps.schemas import MapDetail
from app.maps.sheet import SheetText

#: Sentences of a comparison above its map.
_MOST_SENTENCES = 4


def text_of(found: MapDetail, quantity: str, site: str, labels: Mapping[str, str]) -> SheetText | None:
    """Return the words on the picture of a quantity, or None before the map is finished.

    Parameters
    ----------
    found : MapDetail
    quantity : str
    site : str
        Address of the pages, without a trailing slash.
    labels : mapping
        Of the predictors, by name.
    """
    content = found.content
    if content is None:
        return None
    if isinstance(content, ChangeContent):
        legends, sentences = change_legends.legends_of(content), content.sentences[:_MOST_SENTENCES]
    else:
        legends, sentences = map_legends.legends_of(content, labels), [content.beyond.sentence]
        unsure, valid = content.area_km2["by_verdict"]["cannot_say"], content.area_km2["valid"]
        if unsure:
            sentences.append(f"The model cannot say anything on {unsure:,.0f} of {valid:,.0f} km².")
    legend = next((one for one in legends if one.name == quantity), None)
    if legend is None:
        return None
    return SheetText(
        species=found.species.scientific_name,
        conditions=conditions_of(found),
        legend=legend,
        sentences=sentences,
        citation=[
            content.citation,
            f"Licences: {'; '.join(content.licences) or 'none stated'}.",
            f"Model {found.model.id}, map of {found.created_at:%Y-%m-%d}.",
            f"{site}/maps/{found.id}",
        ],
    )


def conditions_of(found: MapDetail) -> str:
    """Return the conditions of a map in words."""
    shift = f", {found.shift_text}" if found.shift_text else ""
    if found.content is not None and isinstance(found.content, ChangeContent):
        return f"Change between today and {', '.join(found.scenarios) or 'the same layers'}{shift}"
    return (found.scenario or "Conditions of the training (today)") + shift


def digest(text: SheetText) -> str:
    """Return a short name of the words: they contain the address of the site."""
    return hashlib.sha256(repr(text).encode()).hexdigest()[:16]
