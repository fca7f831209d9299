"""Build, start and walk the composed set-up: ``python3 -m tools.containers``, or ``make containers``."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tools.containers import engine, steps
from tools.containers.engine import PROJECT, TAG, WalkError
from tools.containers.load import Client
from tools.containers.stack import Stack

#: The steps by name, in their order.
STEPS = ("train", "worker", "postgres", "upgrade", "restore")
_OLD, _NEW = f"{TAG}-old", f"{TAG}-new"


def _say(name: str, line: str) -> None:
    print(f"{name:10} {line}", flush=True)


def _timed(name: str, action: Callable[[], object]) -> None:
    start = time.monotonic()
    action()
    _say(name, f"{time.monotonic() - start:.0f} s")


def walk(stack: Stack, folder: Path, previous: str, chosen: list[str]) -> None:
    """Build the images, start the stack and take the steps."""
    standins = engine.get_bases()
    _say("bases", f"stand-ins of {', '.join(standins)}" if standins else "those of the engine")
    _timed("build", lambda: engine.build(PROJECT, _NEW))
    for name, size in engine.sizes(_NEW).items():
        _say("image", f"{name} {size / 1e6:.0f} MB")
    if "upgrade" in chosen:
        _timed("previous", lambda: engine.build_commit(previous, _OLD))
    engine.use(_OLD if "upgrade" in chosen else _NEW)
    stack.make_secrets()
    _say("start", steps.start(stack))
    client = steps.sign_up(stack)
    taken: dict[str, Callable[[], str]] = {
        "train": lambda: steps.train(client),
        "worker": lambda: steps.kill_worker(stack, client),
        "postgres": lambda: steps.restart_postgres(stack),
        "upgrade": lambda: steps.upgrade(stack, _NEW),
        "restore": lambda: steps.restore(stack, Client(stack.pages), folder),
    }
    for name in STEPS:
        if name in chosen:
            _say(name, taken[name]())


def _clean(stack: Stack, keep: bool) -> None:
    with contextlib.suppress(WalkError):
        stack.down()
    if not keep:
        names = [f"{name}:{tag}" for name in engine.IMAGES.values() for tag in (TAG, _OLD, _NEW)]
        with contextlib.suppress(WalkError):
            engine.remove(names)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 where a step fails."""
    parser = argparse.ArgumentParser(
        prog="make containers",
        description="Build the images, start docker-compose.yml from empty volumes on free ports of the loopback "
        "address, and walk through it. Everything is removed at the end, also after a failure.",
        epilog="DOCKER and COMPOSE name other commands, such as COMPOSE=docker-compose. Without a registry, stand-ins "
        "of base images are made from Debian packages, which needs root and debootstrap.",
    )
    parser.add_argument("--previous", default="HEAD^", metavar="COMMIT", help="version to upgrade from (%(default)s)")
    parser.add_argument("--step", action="append", choices=STEPS, help="take this step only; may be repeated")
    parser.add_argument("--keep", action="store_true", help="keep the images, so that the next walk is faster")
    given = parser.parse_args(arguments)
    chosen = list(given.step or STEPS)
    if "worker" in chosen and "train" not in chosen:
        parser.error("the step worker needs the step train")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ecopredict-walk-") as text:
        stack = Stack(Path(text))
        try:
            walk(stack, Path(text), given.previous, chosen)
        except WalkError as error:
            print(f"containers: {error}", file=sys.stderr)
            with contextlib.suppress(WalkError):
                print(stack.compose("ps"), stack.compose("logs", "--tail", "8", "--no-color"), file=sys.stderr)
            return 1
        finally:
            _clean(stack, given.keep)
    _say("all", f"{time.monotonic() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    # so that everything is removed then, too
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
