"""Versions of CHANGELOG.md: ``python tools/release.py notes 0.2.0`` prints the section of a version.

``python tools/release.py cut 0.2.0 2026-12-01`` makes the unreleased section that of a version, begins a new one, and
writes the version into pyproject.toml. The release is the tag ``v0.2.0`` of the commit that contains both.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_HEADING = re.compile(r"^## (\S+)(?: \((\d{4}-\d{2}-\d{2})\))?$", re.MULTILINE)
_UNRELEASED = "Unreleased"
_OWN_VERSION = re.compile(r'^version = "([^"]+)"$', re.MULTILINE)


class ReleaseError(Exception):
    """A release that cannot be made; the message is one line."""


def sections(changelog: str) -> dict[str, str]:
    """Return the text of each version, by its name."""
    headings = list(_HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    found: dict[str, str] = {}
    for heading, end in zip(headings, ends, strict=True):
        if heading[1] in found:
            raise ReleaseError(f"CHANGELOG.md has {heading[1]} twice")
        found[heading[1]] = changelog[heading.end() : end].strip()
    return found


def notes(changelog: str, version: str) -> str:
    """Return the section of a version.

    Raises
    ------
    ReleaseError
        There is none, or it is empty.
    """
    text = sections(changelog).get(_checked(version))
    if not text:
        raise ReleaseError(f"CHANGELOG.md has {'no text' if text == '' else 'no section'} for {version}")
    return text


def cut(changelog: str, version: str, day: str) -> str:
    """Return the change log in which the unreleased section is that of a version.

    Raises
    ------
    ReleaseError
        The version is not newer than all others, the day is no date, or nothing is unreleased.
    """
    known = sections(changelog)
    number = _number(_checked(version))
    try:
        # fromisoformat takes other forms too
        if datetime.date.fromisoformat(day).isoformat() != day:
            raise ValueError
    except ValueError:
        raise ReleaseError(f"{day} is not a date such as 2026-12-01") from None
    older = [name for name in known if VERSION.fullmatch(name) and _number(name) >= number]
    if older:
        raise ReleaseError(f"{version} is not newer than {older[0]}")
    if not known.get(_UNRELEASED):
        raise ReleaseError("CHANGELOG.md has nothing under Unreleased")
    return re.sub(
        rf"^## {_UNRELEASED}$", f"## {_UNRELEASED}\n\n## {version} ({day})", changelog, count=1, flags=re.MULTILINE
    )


def with_version(pyproject: str, version: str) -> str:
    """Return pyproject.toml with another version of the project."""
    text, count = _OWN_VERSION.subn(f'version = "{version}"', pyproject, count=1)
    if count != 1:
        raise ReleaseError("pyproject.toml has no version")
    return text


def check(project: Path, version: str) -> None:
    """Check that a version has a section, and is that of pyproject.toml.

    Raises
    ------
    ReleaseError
        It has none, or is another one.
    """
    notes(_read(project / "CHANGELOG.md"), version)
    own = _OWN_VERSION.search(_read(project / "pyproject.toml"))
    if own is None or own[1] != version:
        raise ReleaseError(f"pyproject.toml has version {own[1] if own else 'none'}, not {version}")


def _checked(version: str) -> str:
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"{version} is not a version such as 0.2.0")
    return version


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path} cannot be read: {error}") from None


def _run(given: argparse.Namespace) -> None:
    changelog = given.project / "CHANGELOG.md"
    if given.command == "check":
        check(given.project, given.version)
    elif given.command == "notes":
        print(notes(_read(changelog), given.version))
    else:
        text = cut(_read(changelog), given.version, given.day)
        pyproject = with_version(_read(given.project / "pyproject.toml"), given.version)
        changelog.write_text(text, encoding="utf-8")
        (given.project / "pyproject.toml").write_text(pyproject, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 where the release cannot be made."""
    parser = argparse.ArgumentParser(prog="tools/release.py", description="Versions of CHANGELOG.md.")
    parser.add_argument("--project", type=Path, default=PROJECT, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("check", "check that the version has a section and is that of pyproject.toml"),
        ("notes", "print the section of a version"),
        ("cut", "make the unreleased section that of a version"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("version", help="such as 0.2.0")
        if name == "cut":
            command.add_argument("day", help="of the release, such as 2026-12-01")
    try:
        _run(parser.parse_args(arguments))
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
