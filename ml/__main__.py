"""Command line of the modelling library, ``python -m ml COMMAND``."""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import sys
import time

#: Modules of ``ml.commands`` in the order of the help.
COMMANDS = (
    "train",
    "records",
    "layers",
    "gbif",
    "evaluate",
    "predict",
    "project",
    "change",
    "report",
    "benchmark",
    "workbench",
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : list of str, optional
        The command line; that of the process by default.

    Returns
    -------
    int
        0 on success, 1 if some species could not be trained, 2 on bad input, after one line on standard error;
        130 after an interrupt.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser(arguments[:1]).parse_args(arguments)
    started = time.monotonic()
    try:
        return int(options.run(options, started))
    except KeyboardInterrupt:
        print(f"python -m ml {options.command}: interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        # Messages of libraries can have several lines.
        print(f"python -m ml {options.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def _parser(first: list[str]) -> argparse.ArgumentParser:
    """Return the parser of the command that the first argument names, or of all of them."""
    parser = argparse.ArgumentParser(
        prog="python -m ml", description="Train, assess and use species distribution models."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    # Each imports what it needs, so that a short command does not wait a second for the libraries of training.
    for name in first if first and first[0] in COMMANDS else COMMANDS:
        importlib.import_module(f"ml.commands.{name}").add_parser(commands)
    return parser


if __name__ == "__main__":
    # Nearly all objects of a command stay until it ends, so that garbage is collected seldom, and not at the end.
    gc.set_threshold(50_000, 20, 20)
    atexit.register(gc.freeze)
    sys.exit(main())
