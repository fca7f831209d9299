"""``python -m ml gbif``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tqdm import tqdm

from ml.commands.options import Subparsers
from ml.records.gbif import fetch_download, fetch_species
from ml.records.gbif_http import LARGEST_DOWNLOAD, SERVER, Client

# Seconds between two lines of progress.
_PAUSE_S = 0.3
_MEGABYTE = 1_000_000


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "gbif",
        help="fetch records from GBIF",
        description="Fetch the records of a species (at most 100,000), or a download that was made on GBIF's website. "
        "A fetch that was interrupted goes on where it stopped when the command is run again. The citation is written "
        "beside the file, as FILE.citation.txt, and into it where it is a zip file.",
    )
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--species", metavar="NAME", help="scientific name: all records with coordinates")
    source.add_argument("--download", metavar="KEY", help="key or DOI of a finished download")
    command.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="file to write; a folder gets a zip file that is named after the species or the download",
    )
    command.add_argument("--server", default=SERVER, help="address of the API (default: %(default)s)")
    command.add_argument(
        "--largest", type=_bytes, default=LARGEST_DOWNLOAD, metavar="BYTES", help="largest download (%(default)s)"
    )
    command.add_argument("--progress", choices=["bar", "json"], default="bar", help="how progress is shown")
    command.set_defaults(run=run)


def _bytes(text: str) -> int:
    """Read a number of bytes."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:20]) < 10**18:
        raise argparse.ArgumentTypeError("must be a number of bytes, at least 1")
    return int(text)


class _Progress:
    """Progress as a bar on a terminal, or as lines of JSON."""

    def __init__(self, kind: str, unit: str) -> None:
        self._json, self._unit = kind == "json", unit
        self._share, self._next = 0.0, 0.0
        off = self._json or not sys.stderr.isatty()
        self._bar = tqdm(unit=unit, unit_scale=unit == "B", disable=off, file=sys.stderr)

    def __call__(self, done: int, total: int) -> None:
        """Show what is done; the total is negative where it is not known."""
        self._bar.total = max(total, 0) or None
        self._bar.update(done - self._bar.n)
        self._share = min(1.0, done / total) if total > 0 else 0.0
        if self._json and (done == total or time.monotonic() >= self._next):
            self._next = time.monotonic() + _PAUSE_S
            self._print(self._text(done, total))

    def wait(self, seconds: float) -> None:
        """Wait until GBIF may answer."""
        if self._json:
            self._print(f"Waiting {seconds:.0f} s for GBIF, which is busy or out of reach")
        time.sleep(seconds)

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()

    def _text(self, done: int, total: int) -> str:
        if self._unit == "B":
            size = f" of {total / _MEGABYTE:,.1f}" if total > 0 else ""
            return f"{done / _MEGABYTE:,.1f}{size} MB"
        return f"{done:,} of {total:,} records"

    def _print(self, message: str) -> None:
        print(json.dumps({"progress": round(self._share, 4), "message": message}), flush=True)


def run(options: argparse.Namespace, started: float) -> int:
    """Fetch records and print where they are and how they are cited."""
    output: Path = options.output
    if not output.parent.is_dir():
        raise ValueError(f"{output.parent} is not a folder; make it first")
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} exists already; remove it or choose another name")
    progress = _Progress(options.progress, " records" if options.species else "B")
    client = Client(options.server, progress.wait, options.largest)
    try:
        if options.species:
            fetched = fetch_species(client, options.species, output, progress)
        else:
            fetched = fetch_download(client, options.download, output, progress)
    finally:
        progress.close()
    if fetched.remark:
        print(fetched.remark)
    print(f"{fetched.n:,} records written to {fetched.path}")
    print(f"Cite: {fetched.citation.partition(' Datasets:')[0]}")
    return 0
