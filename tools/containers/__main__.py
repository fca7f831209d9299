"""Build, start and walk the composed set-up: ``python3 -m tools.containers``, or ``make containers``."""

from __future__ import annotations

import argparse
import contextlib
import functools
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tools.containers import engine, loaded, steps
from tools.containers.engine import PROJECT, TAG, WalkError
from tools.containers.load import Client
from tools.containers.stack import Stack

#: The steps by name, in their order. Those from the upgrade on walk the configuration of this version.
STEPS = ("train", "worker", "postgres", "upgrade", "scale", "tls", "nginx", "restore")
_OLD, _NEW = f"{TAG}-old", f"{TAG}-new"


def _say(name: str, line: str, begin: float | None = None) -> None:
    seconds = "" if begin is None else f"{time.monotonic() - begin:4.0f} s"
    print(f"{name:9}{seconds:8}{line}", flush=True)


def _build(previous: str | None) -> None:
    """Get the base images, and build those of the project."""
    begin = time.monotonic()
    standins: list[str] = []

    def get(kind: str) -> None:
        standins.extend(filter(None, [engine.get_base(kind)]))

    get("python")
    _say("python", "the base image", begin)
    begin = time.monotonic()
    others = [functools.partial(get, kind) for kind in engine.BASES if kind != "python"]
    engine.together(*others, lambda: engine.build(PROJECT, _NEW, "web"))
    _say("build", f"web, while other bases came; stand-ins: {', '.join(sorted(standins)) or 'none'}", begin)
    begin = time.monotonic()
    rest = [lambda: engine.build(PROJECT, _NEW, *(stage for stage in engine.IMAGES if stage != "web"))]
    if previous is not None:
        rest.append(lambda: engine.build_earlier(previous, _OLD))
    engine.together(*rest)
    sizes = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in engine.sizes(_NEW).items())
    _say("build", f"{sizes}{'' if previous is None else '; the version before'}", begin)


def walk(stack: Stack, folder: Path, previous: str, chosen: list[str]) -> None:
    """Build the images, start the stack and take the steps."""
    upgrades = "upgrade" in chosen
    _build(previous if upgrades else None)
    engine.use(_OLD if upgrades else _NEW)
    stack.make_secrets()
    begin = time.monotonic()
    _say("start", steps.start(stack), begin)
    client = steps.sign_up(stack)
    taken: dict[str, Callable[[], str]] = {
        "train": lambda: steps.train(client),
        "worker": lambda: steps.kill_worker(stack, client),
        "postgres": lambda: loaded.restart_postgres(stack),
        "scale": lambda: loaded.scale(stack),
        "tls": lambda: loaded.renew_certificate(stack),
        "upgrade": lambda: loaded.upgrade(stack, _NEW),
        "nginx": lambda: loaded.replace_nginx(stack),
        "restore": lambda: steps.restore(stack, Client(stack.pages), folder),
    }
    for name in STEPS:
        if name in chosen:
            begin = time.monotonic()
            _say(name, taken[name](), begin)


def _clean(stack: Stack, keep: bool) -> None:
    with contextlib.suppress(WalkError):
        stack.down()
    if not keep:
        names = [f"{name}:{tag}" for name in engine.IMAGES.values() for tag in (TAG, _OLD, _NEW)]
        names.append(engine.OTHER_NGINX)
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
    parser.add_argument("--previous", metavar="COMMIT", help="version to upgrade from (HEAD^)")
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
            walk(stack, Path(text), given.previous or engine.find_previous(), chosen)
        except WalkError as error:
            print(f"containers: {error}", file=sys.stderr)
            with contextlib.suppress(WalkError):
                print(stack.compose("ps"), stack.compose("logs", "--tail", "8", "--no-color"), file=sys.stderr)
            return 1
        finally:
            _clean(stack, given.keep)
    _say("all", "everything is removed", begin)
    return 0


if __name__ == "__main__":
    # so that everything is removed then, too
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
