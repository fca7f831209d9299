"""Commands of Compose in documents name services that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml

from tools.live import PROJECT

SERVICES = set(yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"))["services"])
_DOCUMENTS = "\n\n".join(
    path.read_text(encoding="utf-8") for path in [*PROJECT.glob("*.md"), *sorted((PROJECT / "docs").rglob("*.md"))]
)
#: Options whose value is the next word.
_VALUED = {"--tail", "--since", "--profile", "--signal", "--scale", "--user", "--env", "--timeout", "-u", "-e", "-f"}
_FIRST = {"exec", "run"}
_ALL = {"logs", "ps", "up", "stop", "start", "restart", "kill", "rm", "pull"}


def _commands(text: str) -> Iterator[str]:
    """Yield what follows `docker compose` in blocks and spans of code; a line or a span may go on after a break."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    blocks = "\n".join(re.findall(r"```.*?```", joined, re.DOTALL))
    yield from re.findall(r"docker[ -]compose (.+)", blocks)
    for span in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", joined, flags=re.DOTALL)):
        yield from re.findall(r"^docker[ -]compose (.+)", " ".join(span.split()))


def _named(command: str) -> list[str]:
    """Return the services that a command names."""
    words = iter(re.split(r"[;|&<>#]|\$\(", command)[0].split())
    plain = []
    for word in words:
        if word in _VALUED:
            next(words, None)
        elif not word.startswith("-"):
            plain.append(word)
    if not plain or plain[0] not in _FIRST | _ALL:
        return []
    return plain[1:2] if plain[0] in _FIRST else plain[1:]


def test_services_in_documents_exist() -> None:
    named = {command: _named(command) for command in _commands(_DOCUMENTS)}
    assert len([one for one in named.values() if one]) > 10
    assert {command: found for command, found in named.items() if set(found) - SERVICES} == {}


@pytest.mark.parametrize(
    ("text", "services"),
    [
        ("`docker compose logs --tail 100 app`", ["app"]),
        ("`docker compose kill --signal\nHUP web`", ["web"]),
        ("```sh\ndocker compose exec -T postgres psql -U eco \\\n  other >file\n```", ["postgres"]),
        ("```sh\ndocker compose up --detach --scale web=2 web worker    # words\n```", ["web", "worker"]),
        ("`docker compose build`", []),
    ],
)
def test_the_services_of_a_command_are_found(text: str, services: list[str]) -> None:
    assert [name for command in _commands(text) for name in _named(command)] == services
