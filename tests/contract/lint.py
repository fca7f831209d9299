"""Checks that every page must pass."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
LABELLED = {"input", "select", "textarea"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.problems: list[str] = []
        self.inline: list[str] = []
        self.within_label: set[int] = set()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "label" in self.open:
            self.within_label.add(len(self.elements))
        self.elements.append((tag, attributes))
        if tag == "style" or "style" in attributes:
            self.problems.append(f"inline style on <{tag}>")
        for name in attributes:
            if name.startswith("on"):
                self.problems.append(f"inline handler {name}")
        if tag == "script" and not attributes.get("src"):
            self.problems.append("inline script")
        for name in ("src", "href"):
            value = attributes.get(name) or ""
            if tag in {"script", "link", "img"} and value.startswith(("http:", "https:", "//")):
                self.problems.append(f"{tag} from another host: {value}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1] if self.open else 'nothing'}")
        if tag in self.open:
            while self.open.pop() != tag:
                pass


def lint_page(html: str, *, whole: bool = True) -> None:
    """Fail on errors of structure, accessibility or security; ``whole`` is false for fragments."""
    reader = _Reader()
    reader.feed(html)
    problems = reader.problems
    if reader.open:
        problems.append(f"never closed: {reader.open}")
    tags = [tag for tag, _ in reader.elements]
    if whole:
        if tags.count("h1") != 1:
            problems.append(f"{tags.count('h1')} h1")
        if not any(tag == "html" and attributes.get("lang") for tag, attributes in reader.elements):
            problems.append("no lang")
        if tags.count("title") < 1 or tags.count("main") != 1:
            problems.append("title and main are needed")
    ids = [attributes["id"] for _, attributes in reader.elements if attributes.get("id")]
    problems += [f"duplicate id {name}" for name in {name for name in ids if ids.count(name) > 1}]
    targets = {attributes.get("for") for tag, attributes in reader.elements if tag == "label"}
    for at, (tag, attributes) in enumerate(reader.elements):
        if tag in LABELLED and attributes.get("type") not in {"hidden", "submit", "button"}:
            named = attributes.get("aria-label") or attributes.get("aria-labelledby") or at in reader.within_label
            if not named and attributes.get("id") not in targets:
                problems.append(f"no label for <{tag} name={attributes.get('name')}>")
        if tag == "img" and "alt" not in attributes:
            problems.append("img without alt")
        for name in ("aria-describedby", "aria-labelledby", "aria-controls", "for"):
            for target in (attributes.get(name) or "").split():
                if target not in ids and whole:
                    problems.append(f"{name} refers to {target}, which does not exist")
    assert not problems, problems
