"""The report as Markdown, with all names and labels escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ml.odmap.report import OdmapElement, OdmapReport
from ml.odmap.wording import OdmapTable

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#$]|&(?=[#\w]+;))")
# At the beginning of a line these would begin a list or underline a heading.
_OPENING = re.compile(r"^(\d*)([-+=.)])")
# Control characters, and characters that change the direction of text and could falsify a sentence.
_UNSEEN = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def escape(text: str) -> str:
    """Escape a text so that Markdown shows it literally, in one line.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    line = " ".join(text.split()).translate(_UNSEEN)
    return _OPENING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", line))


def to_markdown(report: OdmapReport) -> str:
    """Write a report as Markdown (CommonMark with GitHub's tables and task lists).

    Parameters
    ----------
    report : OdmapReport

    Returns
    -------
    str
        Ends with a newline; the same report gives the same text.
    """
    version = f", version {report.version}" if report.version is not None else ""
    blocks = [
        f"# {escape(report.title)}",
        escape(report.summary),
        f"Model {escape(report.model_id)}{version}. Study: {escape(report.study)}. "
        f"SHA-256 of the training table: {escape(report.data_fingerprint)}.",
        f"By the ODMAP protocol ({escape(report.protocol)}). Text was filled in from the training run; what a human "
        "must still write is marked.",
        "## What it is for",
        _bullets(report.intended_use),
        "## What it must not be used for",
        _bullets(report.not_for),
        "## Known limits",
        _bullets(report.known_limits) if report.known_limits else "None has been written down.",
        "## What a human must still write",
        "\n".join(f"- [ ] {escape(text)}" for text in report.human_must_write) or "Nothing.",
    ]
    section = subsection = ""
    for element in report.elements:
        if element.section != section:
            section, subsection = element.section, ""
            blocks.append(f"## {escape(section)}")
        if element.subsection != subsection:
            subsection = element.subsection
            blocks.append(f"### {escape(subsection)}")
        blocks += _element(element)
    return "\n\n".join(blocks) + "\n"


def _element(element: OdmapElement) -> list[str]:
    name = f"**{escape(element.element)}.** " if element.element != element.subsection else ""
    missing = f"*Still to be written:* {escape(element.to_write)}" if element.to_write else ""
    if element.source == "human":
        return [name + missing]
    blocks = [(name + escape(element.text)).rstrip()]
    if element.points:
        blocks.append(_bullets(element.points))
    for one in element.tables:
        blocks += [f"{escape(one.caption)}:", _table(one)]
    return [*blocks, missing] if missing else blocks


def _bullets(texts: Iterable[str]) -> str:
    return "\n".join(f"- {escape(text)}" for text in texts)


def _table(table: OdmapTable) -> str:
    rule = ["---:" if figure else "---" for figure in table.figures]
    rows = [[escape(cell) for cell in row] for row in (table.columns, *table.rows)]
    rows.insert(1, rule)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
