"""``python -m ml gbif``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from ml.commands.options import Subparsers
from ml.records.gbif import fetch_download, fetch_species
from ml.records.gbif_http import SERVER, Client


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "gbif",
        help="fetch records from GBIF",
        description="Fetch the records of a species (at most 100,000), or a download that was made on GBIF's website. "
        "A fetch that was interrupted goes on where it stopped when the command is run again. The citation is written "
        "beside the file, as FILE.citation.txt.",
    )
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--species", metavar="NAME", help="scientific name: all records with coordinates")
    source.add_argument("--download", metavar="KEY", help="key or DOI of a finished download")
    command.add_argument("--output", type=Path, required=True, metavar="FILE", help="file to write")
    command.add_argument("--server", default=SERVER, help="address of the API (default: %(default)s)")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Fetch records and print where they are and how they are cited."""
    output: Path = options.output
    if not output.parent.is_dir():
        raise ValueError(f"{output.parent} is not a folder; make it first")
    if output.exists():
        raise ValueError(f"{output} exists already; remove it or choose another name")
    client = Client(options.server)
    unit = "records" if options.species else "B"
    with tqdm(unit=unit, unit_scale=unit == "B", disable=not sys.stderr.isatty()) as bar:

        def show(done: int, total: int) -> None:
            bar.total = max(total, 0) or None
            bar.update(done - bar.n)

        if options.species:
            fetched = fetch_species(client, options.species, output, show)
        else:
            fetched = fetch_download(client, options.download, output, show)
    if fetched.remark:
        print(fetched.remark)
    print(f"{fetched.n:,} records written to {fetched.path}")
    print(f"Cite: {fetched.citation.partition(' Datasets:')[0]}")
    return 0
