"""``python -m ml records``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from ml.commands.options import Subparsers
from ml.recipes.recipe import RecordFile
from ml.recipes.reports import RecordFileReport

_DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "bar": "|"}
_NAMES = {delimiter: name for name, delimiter in _DELIMITERS.items()}
_FORMATS = {
    "darwin-core-archive": "Darwin Core Archive",
    "event-core-archive": "Darwin Core Archive with an Event core",
    "gbif-simple-csv": "GBIF simple download",
    "table": "table",
    "swd-table": "samples with data (SWD)",
    "workbook": "Excel workbook",
}
#: Terms whose columns are printed before others.
_FIRST = ("species", "scientificName", "decimalLatitude", "decimalLongitude", "eventDate", "year")
#: Characters of a cell, columns of a row and names of species that are printed.
_CELL, _COLUMNS, _SPECIES = 24, 8, 5


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "records",
        help="show what files of occurrence records are recognised as",
        description="Read files of occurrence records completely and print what was recognised: format, number of "
        "records, species, columns, encoding, delimiter, guesses that should be looked at, and the first rows. "
        "Darwin Core Archives (zip, tar.gz), GBIF downloads, tables (CSV, TSV, also compressed) and workbooks (.xlsx) "
        "are read. The exit status is 2 if a file cannot be read; the other files are still reported. "
        "Example: python -m ml records download.zip points.csv --column decimalLongitude=long",
    )
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a file of records")
    command.add_argument("--json", action="store_true", help="print a JSON list with a report for each file")
    command.add_argument(
        "--encoding", metavar="NAME", help="encoding of the texts, as cp1252 or utf-16; recognised by default"
    )
    command.add_argument(
        "--delimiter", type=_delimiter, metavar="CHARACTER", help="delimiter: tab, comma, semicolon, bar or a character"
    )
    command.add_argument(
        "--column",
        action="append",
        type=_column,
        default=[],
        metavar="TERM=COLUMN",
        help="column of a Darwin Core term, as decimalLongitude=long; an empty COLUMN means that no column has the "
        "term; can be repeated",
    )
    command.add_argument("--sheet", metavar="NAME", help="sheet of a workbook; by default the first with coordinates")
    command.add_argument("--species", metavar="NAME", help="species of the records of files without names")
    command.set_defaults(run=run)


def _delimiter(text: str) -> str:
    delimiter = _DELIMITERS.get(text, text)
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, tab, comma, semicolon or bar")
    return delimiter


def _column(text: str) -> tuple[str, str]:
    term, sign, column = text.partition("=")
    if not sign or not term.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form TERM=COLUMN")
    return term.strip(), column.strip()


def run(options: argparse.Namespace, started: float) -> int:
    """Print what each file is recognised as; return 2 when a file cannot be read."""
    from ml.records.errors import OccurrenceError
    from ml.records.reading import column_problems

    reports: list[dict[str, object]] = []
    status = 0
    for number, path in enumerate(options.files):
        try:
            report = _inspect(path, options)
        except OccurrenceError as error:
            problem = " ".join(str(error).split())
            reports.append({"file": path.name, "report": None, "problem": problem})
            print(f"python -m ml records: {problem}", file=sys.stderr)
            status = 2
            continue
        problems = column_problems(report)
        content = report.model_dump(mode="json")
        reports.append({"file": path.name, "report": content, "problem": problems[0] if problems else None})
        if not options.json:
            print(("\n" if number else "") + describe(path.name, report), flush=True)
        if problems:
            print(f"python -m ml records: {problems[0]}", file=sys.stderr)
            status = 2
    if options.json:
        print(json.dumps(reports, ensure_ascii=False, indent=1))
    return status


def _inspect(path: Path, options: argparse.Namespace) -> RecordFileReport:
    from ml.records.reading import inspect_records

    file = RecordFile.model_construct(
        name=path.name,
        encoding=options.encoding,
        delimiter=options.delimiter,
        sheet=options.sheet,
        columns=dict(options.column),
        datum=None,
        species=options.species,
    )
    with tqdm(
        unit="B", unit_scale=True, desc=path.name[:30], leave=False, delay=0.5, disable=None, file=sys.stderr
    ) as bar:

        def progress(read: int, size: int | None) -> None:
            if size is not None and bar.total is None:
                bar.total = size
            bar.update(read)

        return inspect_records(path, file, progress)


def describe(name: str, report: RecordFileReport) -> str:
    """Return a report as text."""
    lines = [f"{name}: {_FORMATS.get(report.format, report.format)}, {report.n:,} records"]
    if report.species:
        shown = [f"{species} ({n:,})" for species, n in report.species[:_SPECIES]]
        more = f" and others, {len(report.species)} or more in all" if len(report.species) > _SPECIES else ""
        lines.append(f"  species     {', '.join(shown)}{more}")
    text = ", ".join(term if term == column else f"{term} = {column}" for term, column in report.mapping.items())
    lines.append(f"  columns     {text or 'none recognised'}")
    if report.environment:
        lines.append(f"  conditions  {', '.join(report.environment)}")
    if report.encoding:
        delimiter = _NAMES.get(report.delimiter, report.delimiter)
        lines.append(f"  encoding    {report.encoding}, delimiter {delimiter}")
    if report.citation:
        lines.append(f"  citation    {report.citation}")
    lines += [f"  unsure      {note}" for note in report.unsure]
    lines += _first_rows(report)
    # What a file contains must not control the terminal.
    return "\n".join("".join(letter if letter.isprintable() else " " for letter in line) for line in lines)


def _first_rows(report: RecordFileReport) -> list[str]:
    """Return the first rows: the columns that were recognised, then others as far as there is room."""
    if not report.preview:
        return []
    columns = [report.mapping[term] for term in [*_FIRST, *report.mapping] if term in report.mapping]
    recognised = list(dict.fromkeys(report.columns.index(column) for column in columns if column in report.columns))
    others = [position for position in range(len(report.columns)) if position not in recognised]
    positions = sorted([*recognised, *others][:_COLUMNS])
    rows = [[cells[position][:_CELL] for position in positions] for cells in [report.columns, *report.preview]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(positions))]
    return ["  first rows"] + [
        "    " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
