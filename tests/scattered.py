"""Observations all over the world, and areas that they are looked up by."""

from __future__ import annotations

import json
from datetime import date

import numpy as np

from app.confirmations.tables import Observation
from app.database.db import db
from app.geography.areas import Area, Circle, read_box, read_polygon
from app.geography.index import band_of
from app.predictions.tables import new_id

DIAMOND = {"type": "Polygon", "coordinates": [[[170, 0], [-175, 20], [-160, 0], [-175, -20], [170, 0]]]}
AREAS = [
    ({"bbox": "-10,-10,10,10"}, read_box("-10,-10,10,10")),
    ({"bbox": "170,-90,-170,90"}, read_box("170,-90,-170,90")),
    ({"bbox": "-180,-90,180,90"}, read_box("-180,-90,180,90")),
    ({"bbox": "3,40,3,41"}, read_box("3,40,3,41")),
    ({"near": "0,179.9", "radius_km": "1500"}, Circle(0, 179.9, 1500)),
    ({"near": "-89,20", "radius_km": "900"}, Circle(-89, 20, 900)),
    ({"near": "45,280", "radius_km": "300.5"}, Circle(45, -80, 300.5)),
    ({"near": "0,0", "radius_km": "20015"}, Circle(0, 0, 20015)),
    ({"polygon": "0,0;30,0;30,40;10,20"}, read_polygon("0,0;30,0;30,40;10,20")),
    ({"polygon": json.dumps(DIAMOND)}, read_polygon(json.dumps(DIAMOND))),
]


def scatter(number: int, seed: int = 0) -> list[tuple[float, float]]:
    """Places all over the world, some of them on corners, poles and the meridian of 180 degrees."""
    rng = np.random.default_rng(seed)
    places = [(float(np.degrees(np.arcsin(2 * u - 1))), float(360 * v - 180)) for u, v in rng.random((number, 2))]
    return [*places, (0, 180), (0, -180), (90, 0), (-90, 12), (10, 10), (-10, -10), (41, 3), (40.5, 3), (10, 20)]


def store(places: list[tuple[float, float]], species: int, model: str) -> None:
    rows = [
        Observation(
            id=new_id(), same_key=f"{number}", species_id=species, model_id=model, present=True, suitability=0.5,
            observed_on=date(2026, 5, 1), latitude=latitude, longitude=longitude, band=band_of(latitude), low=0.4,
            high=0.6, inside=True, environment={},
        )
        for number, (latitude, longitude) in enumerate(places)
    ]  # fmt: skip
    db.session.add_all(rows)
    db.session.commit()


def ids_within(area: Area) -> list[str]:
    rows = db.session.query(Observation).order_by(Observation.id.desc())
    return [row.id for row in rows if area.contains(row.latitude, row.longitude)]
