"""Maps as SpatioTemporal Asset Catalog: an item for each finished map, and the collection of all of them (STAC 1.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.maps.change_schemas import ChangeContent
from app.maps.schemas import MapContent, MapDetail
from app.maps.sheets import conditions_of
from ml.layers.store import extent_of
from ml.recipes.reports import Grid

_VERSION = "1.1.0"
_SCHEMAS = "https://stac-extensions.github.io"
_EXTENSIONS = ("projection/v2.0.0", "raster/v2.0.0", "file/v2.1.0", "classification/v2.0.0", "scientific/v1.0.0")
_COLLECTION = "ecopredict-maps"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
GEOJSON = "application/geo+json"
#: A multihash: the function SHA-256, and its 32 bytes.
_SHA256 = "1220"
_CODE = re.compile(r"[A-Z]+:[A-Za-z0-9]+")
_CLASS = re.compile(r"[0-9A-Za-z_-]+")


def item_of(
    found: MapDetail, content: MapContent | ChangeContent, site: str, api: str, *, has_outlines: bool
) -> dict[str, Any]:
    """Return a finished map as item.

    Parameters
    ----------
    found : MapDetail
    content : MapContent or ChangeContent
        Of the same map.
    site, api : str
        Addresses of the pages and of the API, without a trailing slash.
    has_outlines : bool
        Whether the suitable area is stored as GeoJSON.
    """
    if isinstance(content, MapContent):
        description, own = content.beyond.sentence, {"ecopredict:threshold": content.threshold["value"]}
    else:
        description, own = " ".join(content.sentences), {}
    grid = Grid.model_validate(content.grid)
    extent = extent_of(grid)
    address, page = f"{api}/maps/{found.id}", f"{site}/maps/{found.id}"
    created = _moment(found.created_at)
    title = _title(found)
    assets = {name: _cog(one, f"{address}.tif?quantity={name}") for name, one in content.quantities.items()}
    if has_outlines:
        assets["suitable_area"] = {
            "href": f"{address}.geojson",
            "title": "Suitable area",
            "type": GEOJSON,
            "roles": ["data"],
        }
    assets["thumbnail"] = {
        "href": f"{address}.png?quantity={next(iter(content.quantities))}",
        "title": "Picture with legend",
        "type": "image/png",
        "roles": ["thumbnail"],
    }
    return {
        "type": "Feature",
        "stac_version": _VERSION,
        "stac_extensions": [f"{_SCHEMAS}/{name}/schema.json" for name in _EXTENSIONS],
        "id": found.id,
        "collection": _COLLECTION,
        "geometry": _footprint(extent),
        "bbox": list(extent),
        "properties": {
            "title": title,
            "description": description,
            "datetime": created,
            "created": created,
            "license": "other",
            "sci:citation": content.citation,
            "ecopredict:species": found.species.scientific_name,
            "ecopredict:model": found.model.id,
            "ecopredict:scenario": found.scenario,
            **own,
            "ecopredict:licences": content.licences,
            **_projection(grid),
        },
        "links": [
            _link("self", f"{address}/item", GEOJSON),
            *(_link(rel, f"{api}/stac") for rel in ("root", "parent", "collection")),
            _link("license", page, "text/html", "Licences of the records and the layers"),
            _link("alternate", page, "text/html", title),
        ],
        "assets": assets,
    }


def collection_of(maps: Sequence[MapDetail], first: datetime | None, api: str, following: str | None) -> dict[str, Any]:
    """Return the collection of the finished maps.

    Parameters
    ----------
    maps : sequence of MapDetail
        Those of a page of the list.
    first : datetime or None
        When the first of all maps was made.
    api : str
        Address of the API, without a trailing slash.
    following : str or None
        Address of the next page.
    """
    own = f"{api}/stac"
    items = [
        _link("item", f"{api}/maps/{one.id}/item", GEOJSON, _title(one)) for one in maps if one.content is not None
    ]
    return {
        "type": "Collection",
        "stac_version": _VERSION,
        "id": _COLLECTION,
        "title": "Maps of EcoPredict",
        "description": "Maps of species distribution models: suitability with its interval, verdict, area of "
        "applicability, MESS and dissimilarity index as cloud-optimised GeoTIFFs.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [[-180.0, -90.0, 180.0, 90.0]]},
            "temporal": {"interval": [[_moment(first) if first is not None else None, None]]},
        },
        "links": [
            _link("self", own),
            _link("root", own),
            *([_link("next", following)] if following is not None else []),
            *items,
        ],
    }


def _link(rel: str, href: str, media_type: str = "application/json", title: str = "") -> dict[str, str]:
    return {"rel": rel, "href": href, "type": media_type} | ({"title": title} if title else {})


def _title(found: MapDetail) -> str:
    return f"{found.species.scientific_name}, {conditions_of(found)}"


def _moment(moment: datetime) -> str:
    """Return a moment of UTC as RFC 3339 writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _footprint(extent: tuple[float, float, float, float]) -> dict[str, Any]:
    """Return the rectangle of an extent, cut at the antimeridian."""
    west, south, east, north = extent
    sides = [(west, east)] if west < east else [(west, 180.0), (-180.0, east)]
    rings = [[[[a, south], [b, south], [b, north], [a, north], [a, south]]] for a, b in sides if a < b]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def _projection(grid: Grid) -> dict[str, Any]:
    east, south = grid.west + grid.width * grid.cell_x, grid.north - grid.height * grid.cell_y
    has_code = _CODE.fullmatch(grid.crs) is not None
    return {
        "proj:code": grid.crs if has_code else None,
        **({} if has_code else {"proj:wkt2": grid.crs}),
        "proj:shape": [grid.height, grid.width],
        "proj:transform": [grid.cell_x, 0.0, grid.west, 0.0, -grid.cell_y, grid.north],
        "proj:bbox": [grid.west, south, east, grid.north],
    }


def _cog(quantity: Mapping[str, Any], href: str) -> dict[str, Any]:
    band: dict[str, Any] = {
        "name": quantity["title"],
        "data_type": quantity["dtype"],
        # JSON has no NaN, and STAC writes it as text
        "nodata": quantity["nodata"] if quantity["nodata"] is not None else "nan",
    }
    if quantity["scale"] is not None:
        band |= {"raster:scale": quantity["scale"], "raster:offset": 0}
    categories = quantity["categories"]
    if categories and all(_CLASS.fullmatch(one["name"]) for one in categories):
        band["classification:classes"] = [
            {
                "value": one["value"],
                "name": one["name"],
                "title": one["label"],
                "color_hint": one["colour"].lstrip("#").upper(),
            }
            for one in categories
        ]
    return {
        "href": href,
        "title": quantity["title"],
        "description": quantity["description"],
        "type": COG,
        "roles": ["data"],
        "bands": [band],
        "file:size": quantity["size"],
        "file:checksum": f"{_SHA256}{quantity['sha256']}",
    }
