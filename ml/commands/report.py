"""``python -m ml report``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ml.commands.options import Subparsers
from ml.commands.tables import write_atomically
from ml.serving.artifact import load_artifact


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "report",
        help="write a model's card and ODMAP report",
        description="Write the ODMAP report of a model as Markdown or JSON. It is filled in from the model card and "
        "lists the texts that a person must still write. Example: python -m ml report "
        "instance/models/STUDY/SPECIES/VERSION --output report.md",
    )
    command.add_argument("model", type=Path, metavar="MODEL_DIR", help="a model's directory")
    command.add_argument(
        "--format", choices=("markdown", "json"), default="markdown", help="format of the report (default: %(default)s)"
    )
    command.add_argument("--output", type=Path, metavar="FILE", help="file to write; standard output by default")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Write a model's card and ODMAP report."""
    from ml.odmap import build_report, to_markdown

    if not (options.model / "manifest.json").is_file():
        problem = "is not the directory of a model" if options.model.is_dir() else "does not exist"
        raise ValueError(f"{options.model} {problem}")
    artifact = load_artifact(options.model)
    report = build_report(artifact.card, artifact.model_id)
    text = report.model_dump_json(indent=1) + "\n" if options.format == "json" else to_markdown(report)
    if options.output is None:
        sys.stdout.write(text)
    else:
        write_atomically(options.output, lambda draft: Path(draft).write_text(text, encoding="utf-8"))
        print(f"{artifact.model_id} written to {options.output}")
    return 0
