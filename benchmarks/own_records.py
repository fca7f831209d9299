"""Reading and cleaning a GBIF simple download of a million rows, beside pandas reading the same file.

    python -m benchmarks.own_records [--rows 1000000] [--rounds 3]

Each measurement is a process of its own. It prints seconds, rows/s and the largest resident memory, and the ratio to
pandas with its range over the rounds. The file is made in a temporary folder and removed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

#: Columns of GBIF's simple download.
_HEADER = (
    "gbifID datasetKey occurrenceID kingdom phylum class order family genus species infraspecificEpithet "
    "taxonRank scientificName verbatimScientificName verbatimScientificNameAuthorship countryCode "
    "locality stateProvince occurrenceStatus individualCount publishingOrgKey decimalLatitude "
    "decimalLongitude coordinateUncertaintyInMeters coordinatePrecision elevation elevationAccuracy depth "
    "depthAccuracy eventDate day month year taxonKey speciesKey basisOfRecord institutionCode "
    "collectionCode catalogNumber recordNumber identifiedBy dateIdentified license rightsHolder "
    "recordedBy typeStatus establishmentMeans lastInterpreted mediaType issue "
)
COLUMNS = _HEADER.split()
_READ = """
import sys, json, time, resource
started = time.perf_counter()
from pathlib import Path
from ml.recipes.recipe import Recipe
from ml.records.audit import audit
from ml.records.reading import read_records
from ml.records.recount import recount
imported = time.perf_counter()
table = read_records(Path(sys.argv[1]))
read = time.perf_counter()
recipe = Recipe(title="made")
result = audit([table], recipe, None)
audited = time.perf_counter()
report = recount(result, recipe)
counted = time.perf_counter()
print(json.dumps({
    "n": report.n, "kept": report.kept, "import": imported - started, "read": read - imported,
    "audit": audited - read, "recount": counted - audited, "total": counted - imported,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""
_PANDAS = """
import sys, json, time, resource
import pandas
started = time.perf_counter()
table = pandas.read_csv(sys.argv[1], sep="\\t", quoting=3, dtype=str, keep_default_na=False)
print(json.dumps({
    "n": len(table), "total": time.perf_counter() - started,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""


def make(path: Path, n_rows: int, seed: int = 0) -> None:
    """Write a simple download with `n_rows` records of five species, some of them unusable."""
    draw = np.random.default_rng(seed)
    names = ["Lacerta schreiberi", "Parus major", "Bufo bufo", "Quercus robur", "Fagus sylvatica"]
    licences = np.array(["CC0_1_0", "CC_BY_4_0", "CC_BY_NC_4_0"])
    with path.open("w", encoding="utf-8") as stream:
        stream.write("\t".join(COLUMNS) + "\n")
        for start in range(0, n_rows, 50_000):
            n = min(50_000, n_rows - start)
            latitude, longitude = draw.uniform(36, 60, n).round(5), draw.uniform(-9, 30, n).round(5)
            species, year = draw.integers(0, len(names), n), draw.integers(1950, 2026, n)
            licence, missing = licences[draw.integers(0, 3, n)], draw.random(n) < 0.02
            uncertainty = draw.choice(["", "10.0", "250.0", "5000.0", "30000.0"], n)
            for i in range(n):
                name = names[species[i]]
                row = dict.fromkeys(COLUMNS, "")
                row |= {
                    "gbifID": str(10**9 + start + i),
                    "datasetKey": "50c9509d-22c7-4a22-a47d-8c48425ef4a7",
                    "occurrenceID": f"https://example.org/observations/{start + i}",
                    "kingdom": "Animalia",
                    "genus": name.split()[0],
                    "species": name,
                    "scientificName": f"{name} Linnaeus, 1758",
                    "countryCode": "ES",
                    "locality": f"Made-up place {i % 977}",
                    "occurrenceStatus": "PRESENT",
                    "decimalLatitude": "" if missing[i] else str(latitude[i]),
                    "decimalLongitude": "" if missing[i] else str(longitude[i]),
                    "coordinateUncertaintyInMeters": uncertainty[i],
                    "eventDate": f"{year[i]}-05-{1 + i % 28:02d}T10:20:00",
                    "year": str(year[i]),
                    "taxonKey": str(5_000_000 + species[i]),
                    "basisOfRecord": "HUMAN_OBSERVATION",
                    "license": licence[i],
                    "lastInterpreted": "2026-01-01T00:00:00.000Z",
                    "issue": "COORDINATE_ROUNDED;CONTINENT_DERIVED_FROM_COORDINATES",
                }
                stream.write("\t".join(row.values()) + "\n")


def measure(code: str, path: Path) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(run.stdout)
    return result


def main() -> None:
    """Make the file, measure both variants in turn, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.csv"
        make(path, options.rows)
        print(f"{options.rows:,} rows, {len(COLUMNS)} columns, {path.stat().st_size / 1e6:.0f} MB")
        ratios = []
        for number in range(options.rounds):
            ours, pandas = measure(_READ, path), measure(_PANDAS, path)
            ratios.append(ours["total"] / pandas["total"])
            print(
                f"round {number + 1}: read {ours['read']:.1f} s, audit {ours['audit']:.1f} s, "
                f"count {ours['recount']:.2f} s; {options.rows / ours['total']:,.0f} rows/s, "
                f"peak {ours['peak_mb']:.0f} MB; kept {ours['kept']:,} of {ours['n']:,} | pandas alone: "
                f"{pandas['total']:.1f} s, {options.rows / pandas['total']:,.0f} rows/s, "
                f"peak {pandas['peak_mb']:.0f} MB",
                flush=True,
            )
    ratios.sort()
    print(
        f"time of reading and cleaning ÷ time of pandas: {ratios[len(ratios) // 2]:.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    main()
