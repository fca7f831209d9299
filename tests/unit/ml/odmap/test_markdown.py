"""The ODMAP report as Markdown, which no name can break, and the command that writes it."""

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ml.__main__ import main
from ml.odmap import build_report, to_markdown
from ml.odmap.markdown import escape
from ml.serving.artifact import load_artifact
from ml.training.train import train_species
from tests.synthetic import synthetic_study

SLUG = "oenanthe-hispanica"
READER = MarkdownIt("commonmark").enable("table").enable("strikethrough")
HOSTILE = [
    "rock | bare",
    "<script>alert(1)</script>",
    "line\n\n# heading\n- item",
    "*bold* __b__ `code` ~~gone~~",
    "[link](http://x) ![i](y)",
    "# head",
    "- item",
    "1. one",
    "---",
    "&lt;b&gt; \\| \\",
    "> quoted",
    "```",
]


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory):
    study = synthetic_study(categorical=True)
    return train_species(study, SLUG, tmp_path_factory.mktemp("m"), 30, n_networks=1)


@pytest.fixture(scope="module")
def card(surveyed):
    return load_artifact(surveyed).card


def _missing(text, wanted):
    return [one for one in wanted if one not in text]


def _shape(text):
    return [token.type for token in READER.parse(text)]


def _inline(text):
    return [token for token in READER.parse(text) if token.type == "inline"]


def _shown(token):
    return "".join(child.content if child.type in ("text", "text_special") else " " for child in token.children)


def _renamed(card, names):
    """The card with labels, units, reasons, notes and limits from outside."""
    predictors = [
        p.model_copy(update={"label": f"{name}{i}", "unit": name, "description": name, "name": f"n{i}"})
        for i, (p, name) in enumerate(zip(card.predictors, names, strict=False))
    ]
    study = card.study.model_copy(
        update={"title": names[0], "description": names[1], "limits": [f"{name} ." for name in names]}
    )
    dropped = {f"{name} {i}": i + 1 for i, name in enumerate(names)}
    species = card.species.model_copy(update={"scientific_name": names[2], "vernacular_name": names[3]})
    return card.model_copy(
        update={
            "predictors": predictors,
            "study": study,
            "species": species,
            "dropped": dropped,
            "notes": [f"{name} !" for name in names],
            "importance": {p.name: 0.25 for p in predictors},
            "collinear": [],
        }
    )


@pytest.mark.parametrize("turn", range(len(HOSTILE)))
def test_names_from_outside_cannot_break_the_markdown(card, turn):
    hostile = HOSTILE[turn:] + HOSTILE[:turn]
    tame = [f"name {chr(97 + i)}" for i in range(len(HOSTILE))]
    text = to_markdown(build_report(_renamed(card, hostile), "m<b>|`*", 1))
    assert _shape(text) == _shape(to_markdown(build_report(_renamed(card, tame), "model", 1)))
    kinds = {child.type for token in _inline(text) for child in token.children}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close", "em_open", "em_close"}
    shown = "\n".join(_shown(token) for token in _inline(text))
    assert _missing(shown, [" ".join(name.split()) for name in hostile]) == []


@given(st.text(min_size=1, max_size=40))
def test_any_text_is_shown_as_it_is(text):
    escaped = escape(text)
    assert "\n" not in escaped
    for frame in ("{}", "- {}", "## {}", "| a | b |\n| --- | --- |\n| {} | z |"):
        tokens = _inline(frame.format(escaped))
        inline = tokens[2 if frame.startswith("|") else 0] if tokens else None
        visible = " ".join(escape_free(text).split(" "))
        shown = _shown(inline) if inline is not None else ""
        assert shown.strip() == visible.strip(), frame


def escape_free(text):
    """The text without what is dropped on purpose: line ends, control characters, marks that turn its direction."""
    line = " ".join(text.split())
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "", line)


def test_the_checklist_is_what_a_human_must_write(card):
    report = build_report(card, "the-model", 3)
    text = to_markdown(report)
    found = re.findall(r"^- \[ \] (.+)$", text, re.MULTILINE)
    assert found == [escape(one) for one in report.human_must_write]
    assert len(found) > 20
    assert found[0].startswith("Overview, Authorship, Author names: ")


def test_the_markdown_has_the_protocols_sections_and_every_table(card):
    report = build_report(card, "the-model", 3)
    tokens = READER.parse(to_markdown(report))
    titles = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert _missing(titles, [e.section for e in report.elements]) == []
    assert _missing(titles, [e.subsection for e in report.elements]) == []
    assert sum(token.type == "table_open" for token in tokens) == sum(len(e.tables) for e in report.elements) > 6


# --- The command


def test_the_command_writes_markdown_or_json(surveyed, card, tmp_path, capsys):
    report = build_report(card, surveyed.name)
    assert main(["report", str(surveyed)]) == 0
    assert capsys.readouterr().out == to_markdown(report)
    assert main(["report", str(surveyed), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == report.model_dump()
    assert main(["report", str(surveyed), "--output", str(tmp_path / "card.md")]) == 0
    assert (tmp_path / "card.md").read_text() == to_markdown(report)
    assert str(tmp_path / "card.md") in capsys.readouterr().out


def _end(arguments):
    try:
        return main(arguments)
    except SystemExit as stop:
        return stop.code


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["{tmp}"], "is not the directory of a model"),
        (["{tmp}/none"], "does not exist"),
        (["{model}", "--format", "pdf"], "--format"),
        (["{model}", "--output", "{tmp}/none/card.md"], "cannot be written"),
        (["{model}", "--output", "{tmp}"], "cannot be written"),
        ([], "MODEL_DIR"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(surveyed, tmp_path, capsys, more, message):
    assert _end(["report", *(part.format(tmp=tmp_path, model=surveyed) for part in more)]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert message in error[-1]
    assert "Traceback" not in "".join(error)
    assert list(tmp_path.iterdir()) == []


def test_a_changed_model_is_not_reported(surveyed, tmp_path, capsys):
    for file in surveyed.iterdir():
        content = file.read_bytes()
        (tmp_path / file.name).write_bytes(content + b" " if file.name == "card.json" else content)
    assert main(["report", str(tmp_path)]) == 2
    assert "has changed since the model was written" in capsys.readouterr().err


def test_the_command_has_help():
    command = [sys.executable, "-m", "ml", "report", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert "usage: python -m ml report" in done.stdout
