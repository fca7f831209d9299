"""Small made-up regions in the NCEAS benchmark's own files."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import rdata

N_BACKGROUND, N_SITES = 300, 80
AWT = {"bird": {"awt01": 40, "awt02": 25, "awt03": 8}, "plant": {"awt21": 12, "awt22": 6, "awt23": 1}}
NZ = {"plant": {"nz01": 20, "nz02": 9}}


def write(table: pd.DataFrame, file: Path) -> None:
    """Write a data frame as R does."""
    table = table.set_axis(pd.RangeIndex(1, len(table) + 1))
    rdata.write_rds(file, table)


def read(file: Path) -> pd.DataFrame:
    """Read one back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rdata.read_rds(file).reset_index(drop=True)


def _places(draw: np.random.Generator, n: int, categorical: bool) -> pd.DataFrame:
    xy = draw.uniform(0, 100_000, (n, 2)).round(1)
    out = pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1]})
    out["warmth"] = (xy[:, 0] / 10_000 + draw.normal(size=n)).round(2)
    out["rain"] = draw.integers(500, 3000, n)
    if categorical:
        out["age"] = draw.choice([1, 2, 3], n, p=[0.2, 0.5, 0.3])
    return out


def _suited(places: pd.DataFrame, species: str) -> np.ndarray:
    sign = 1 if int(species[-1]) % 2 else -1
    level = (places["age"] == 2) if "age" in places else 0
    return np.asarray(sign * (places["warmth"] - 5) / 2 + places["rain"] / 1000 + level)


def make_region(data: Path, region: str, groups: dict[str, dict[str, int]], own_files: bool, seed: int = 0) -> None:
    """Write a region's training records, background, test sites and survey."""
    draw = np.random.default_rng(seed)
    categorical = not own_files
    parts = []
    for group, counts in groups.items():
        for species, n in counts.items():
            pool = _places(draw, 1000, categorical)
            wish = _suited(pool, species) + draw.gumbel(size=1000)
            chosen = pool.iloc[np.argsort(-wish)[:n]]
            parts.append(chosen.assign(siteid=range(n), spid=species, occ=1, group=group))
    write(pd.concat(parts), data / f"{region}train_po.rds")
    background = _places(draw, N_BACKGROUND, categorical)
    write(background.assign(siteid=range(N_BACKGROUND), spid="bg", occ=0), data / f"{region}train_bg.rds")
    for group, counts in groups.items():
        sites = _places(draw, N_SITES, categorical).assign(group=group)
        sites["siteid"] = [f"{region.lower()}-{group}-{k}" for k in range(N_SITES)]
        survey = sites[["group", "siteid", "x", "y"]].copy()
        for species in counts:
            survey[species] = (_suited(sites, species) + draw.normal(size=N_SITES) > 2).astype(int)
        end = f"_{group}.rds" if own_files else ".rds"
        write(sites, data / f"{region}test_env{end}")
        # a survey lists its sites in an order of its own
        write(survey.iloc[::-1], data / f"{region}test_pa{end}")


def make_regions(data: Path) -> Path:
    """AWT with two groups of their own sites, and NZ with one group and a categorical predictor."""
    data.mkdir(exist_ok=True)
    make_region(data, "AWT", AWT, own_files=True)
    make_region(data, "NZ", NZ, own_files=False)
    return data
