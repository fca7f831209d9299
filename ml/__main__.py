"""Command line of the modelling library: ``python -m ml train|evaluate|predict|report|benchmark``."""

from __future__ import annotations

import argparse
import sys
import time

from ml.commands import benchmark, evaluate, predict, report, train


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : list of str, optional
        The command line; that of the process by default.

    Returns
    -------
    int
        0 on success, 1 if some species could not be trained, 2 on bad input, after one line on standard error.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        return int(options.run(options, started))
    except (ValueError, OSError) as error:
        # Messages of libraries can have several lines.
        print(f"python -m ml {options.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml", description="Train, assess and use species distribution models."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    for command in (train, evaluate, predict, report, benchmark):
        command.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
