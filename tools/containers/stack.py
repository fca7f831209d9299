"""The composed set-up of a walk: a project of its own, on ports of the loopback address."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import time
from collections.abc import Callable
from pathlib import Path

from tools.containers.engine import PROJECT, TAG, WalkError, docker, run

NAME = "ecopredict-walk"


def wait_for(what: str, done: Callable[[], bool], seconds: float) -> float:
    """Wait until something is done; return the seconds that it took.

    Raises
    ------
    WalkError
        It was not done in time.
    """
    start = time.monotonic()
    while not done():
        if time.monotonic() - start > seconds:
            raise WalkError(f"not after {seconds:.0f} s: {what}")
        # what is asked may start a program: the longer it takes, the less often it is asked
        time.sleep(min(1.0, max(0.1, (time.monotonic() - start) / 20)))
    return time.monotonic() - start


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Stack:
    """The services of docker-compose.yml.

    Parameters
    ----------
    folder : Path
        For the secrets and the certificate.
    """

    def __init__(self, folder: Path) -> None:
        self.pages, self.api, self.tls = _free_port(), _free_port(), _free_port()
        cores = str(min(2, os.cpu_count() or 1))
        self._command = shlex.split(os.environ.get("COMPOSE", "docker compose"))
        self.environ = {
            "TAG": TAG,
            "COMPOSE_PROJECT_NAME": NAME,
            "SECRETS_DIR": str(folder / "secrets"),
            "TLS_DIR": str(folder / "tls"),
            "PUBLISH": "127.0.0.1",
            "PAGES_PORT": str(self.pages),
            "API_PORT": str(self.api),
            "TLS_PORT": str(self.tls),
            # the load comes from one address
            "RATE_LIMIT": "100000/second",
            "HOST_NAME": "localhost",
            **{f"{name}_CPUS": cores for name in ("APP", "WORKER", "SETUP")},
        }

    @property
    def url(self) -> str:
        """The address of the pages through nginx."""
        return f"http://127.0.0.1:{self.pages}"

    def compose(self, *words: str, seconds: float = 900, given: bytes | None = None) -> str:
        """Run a command of Compose; COMPOSE names it."""
        return run([*self._command, *words], seconds=seconds, given=given, environ=self.environ)

    def make_secrets(self) -> None:
        """Make the secrets of this walk, and a certificate as an operator brings it."""
        run(["sh", "tools/secrets.sh", self.environ["SECRETS_DIR"]])
        self.make_certificate()

    def make_certificate(self) -> None:
        """Put a new certificate into the place of the one that is there."""
        folder = Path(self.environ["TLS_DIR"])
        for path in folder.glob("*.pem"):
            path.unlink()
        run(["sh", "tools/certificate.sh", folder, "localhost", "127.0.0.1"])

    def up(self, *services: str) -> None:
        """Start services, or all of them."""
        self.compose("up", "--detach", "--no-build", *services)

    def down(self) -> None:
        """Remove containers, networks and volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")

    def scale(self, service: str, count: int) -> None:
        """Start or end containers of a service, until there are so many."""
        self.up("--no-deps", "--no-recreate", "--scale", f"{service}={count}", service)

    def containers(self, service: str) -> list[str]:
        """Return the ids of the containers of a service.

        The engine says it within milliseconds; Compose 1.29 needs a second.
        """
        labels = {"project": NAME, "service": service, "oneoff": "False"}
        filters = [
            word for key, value in labels.items() for word in ("--filter", f"label=com.docker.compose.{key}={value}")
        ]
        return docker("ps", "--all", "--quiet", "--no-trunc", *filters).split()

    def container(self, service: str) -> str:
        """Return the id of a container of a service."""
        return self.containers(service)[0]

    def execute(self, service: str, *words: str) -> str:
        """Run a command in a container of a service."""
        return docker("exec", self.container(service), *words, seconds=300)

    def shell(self, line: str) -> None:
        """Run a command of Compose with redirections."""
        words = " ".join(shlex.quote(word) for word in self._command)
        run(["sh", "-ec", f"{words} {line}"], environ=self.environ)

    def once(self, command: str) -> str:
        """Return the output of a shell command in a new container that has the data volume."""
        return self.compose("run", "--rm", "--no-deps", "-T", "migrate", "sh", "-c", command)

    def is_healthy(self, service: str) -> bool:
        """Return whether all containers of a service are healthy."""
        states = docker("inspect", "--format", "{{.State.Health.Status}}", *self.containers(service))
        return set(states.split()) == {"healthy"}

    def flask(self, *words: str) -> str:
        """Run a command of the application."""
        return self.execute("web", "flask", "--app", "wsgi", *words)

    def sql(self, statement: str) -> str:
        """Return what PostgreSQL answers to a statement."""
        return self.execute("postgres", "psql", "-U", "eco", "-d", "eco", "-Atc", statement).strip()

    def kill_processes(self, service: str) -> None:
        """Kill all processes of a container but its first, as a crash would; the engine restarts it.

        `docker kill` would mark it as stopped by hand, and it would stay down.
        """
        container = self.container(service)
        client = os.environ.get("DOCKER", "docker")
        # the command is killed with the container
        with contextlib.suppress(WalkError):
            run([client, "exec", container, "sh", "-c", "kill -9 -1"], seconds=30)

    def restarts(self, service: str) -> int:
        """Return how often the engine has restarted a container."""
        return int(docker("inspect", "--format", "{{.RestartCount}}", self.container(service)))

    def upgrade(self) -> str:
        """Run tools/upgrade.sh with images that were built."""
        environ = {"COMPOSE": " ".join(self._command), "ENGINE": os.environ.get("DOCKER", "docker")}
        return run(["sh", PROJECT / "tools" / "upgrade.sh", "--no-build"], environ={**self.environ, **environ})
