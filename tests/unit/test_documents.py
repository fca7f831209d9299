"""A stale document fails: what the code offers is documented, and what the documents name exists."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.cli import ScriptInfo
from pydantic import BaseModel

from app import create_app
from app.config.settings import SECRETS, Settings
from ml.__main__ import main
from ml.card import ModelCard

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
REFERENCE = DOCS / "reference"
README = (PROJECT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (PROJECT / "ARCHITECTURE.md").read_text(encoding="utf-8")
MARKDOWN = [PROJECT / "README.md", PROJECT / "ARCHITECTURE.md", *sorted(DOCS.rglob("*.md"))]
MOST_WORDS = 700
LARGEST_IMAGE = 200_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application on PostgreSQL, which has the most metrics; nothing in these tests connects to it."""
    settings = Settings(
        environment="testing",
        data_dir=tmp_path_factory.mktemp("data"),
        database_url="postgresql+psycopg2://nobody@127.0.0.1:1/none",
        secret_key="for-tests-only",
    )
    return create_app(settings)


def reference(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def code_spans(text: str) -> str:
    """Everything that is marked as code, so that a common word in a sentence does not count as documentation."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]*`", text, re.DOTALL))


def names(text: str) -> set[str]:
    """Every word that is marked as code; a line break may stand within a span."""
    return set(re.findall(r"\w+", code_spans(text.replace("\n", " "))))


# --- what the code offers is documented ---------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [*map(str.upper, Settings.model_fields), *(f"{name}_FILE" for name in SECRETS)])
def test_every_setting_is_documented(setting: str) -> None:
    assert f"`{setting}`" in reference("settings")


def test_documented_defaults_of_settings_are_the_defaults() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", reference("settings"), re.MULTILINE))
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, int | str) and field.default != "":
            default = int(field.default) if isinstance(field.default, bool) else field.default
            assert rows[name.upper()] == str(default), name


def test_every_route_is_documented(app: Flask) -> None:
    documented = code_spans(reference("api"))
    for rule in app.url_map.iter_rules():
        # a page's or the API's own name for a part of the address may be shorter than the view's
        path = re.escape(re.sub(r"<[^>]*>", "\0", rule.rule)).replace("\0", r"\{\w+\}")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert re.search(rf"`{method} {path}(\?[^`]*)?`", documented), f"{method} {rule.rule}"


def test_every_member_of_the_api_is_documented(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'test.db'}"
    app = create_app(Settings(environment="testing", data_dir=tmp_path, database_url=database, secret_key="for-tests"))
    upgraded = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert upgraded.exit_code == 0, upgraded.output
    document = app.test_client().get("/openapi.json").get_json()
    documented = names(reference("api") + reference("model-card"))
    members = {
        f"{schema}.{member}": member
        for schema, description in document["components"]["schemas"].items()
        for member in description.get("properties", {})
    }
    assert len(members) > 100
    assert not [path for path, member in members.items() if member not in documented]


def test_every_metric_is_documented(app: Flask) -> None:
    exported = app.test_client().get("/metrics").get_data(as_text=True)
    metrics = [name for name in re.findall(r"^# HELP (\S+)", exported, re.MULTILINE) if "created" not in name]
    ours = [name for name in metrics if name.startswith(("ecopredict_", "flask_"))]
    assert len(ours) > 15
    documented = names(reference("metrics"))
    assert not [name for name in ours if name not in documented]


def flask_commands(app: Flask) -> Iterator[tuple[str, list[str]]]:
    """Every command of the application's own groups, with its options; those of `db` are Flask-Migrate's."""
    info = ScriptInfo(create_app=lambda: app)
    for group_name, group in app.cli.commands.items():
        if group_name == "db":
            continue
        context = group.make_context(group_name, [], obj=info, resilient_parsing=True)
        for name, command in group.commands.items():  # type: ignore[attr-defined]  # typed as Command; ours are groups
            options = [option for parameter in command.get_params(context) for option in parameter.opts]
            yield f"{group_name} {name}", [option for option in options if option.startswith("--")]


def test_every_flask_command_is_documented(app: Flask) -> None:
    page = reference("commands")
    commands = dict(flask_commands(app))
    assert {"models register", "predictions prune"} <= set(commands)
    for command, options in commands.items():
        entry = section(page, rf"^- `flask --app wsgi {command}\b", r"^(- `flask|#)")
        assert not [option for option in options if option != "--help" and option not in entry], command


def help_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit):
        main([*arguments, "--help"])
    return capsys.readouterr().out


def test_every_ml_command_and_option_is_documented(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    page = reference("commands")
    commands = re.findall(r"^    (\w+) ", help_of(capsys), re.MULTILINE)
    assert {"train", "predict", "report"} <= set(commands)
    for command in commands:
        entry = section(page, rf"^### {command}$", r"^##")
        options = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", help_of(capsys, command))) - {"--help"}
        # an option that a sentence of the help only mentions is an option all the same
        assert not sorted(option for option in options if option not in entry), command


def section(page: str, begins: str, ends: str) -> str:
    """The lines from one that matches to the next that matches the second pattern."""
    lines = page.splitlines()
    starts = [number for number, line in enumerate(lines) if re.search(begins, line)]
    assert starts, f"{begins} is not in the reference"
    rest = lines[starts[0] + 1 :]
    length = next((number for number, line in enumerate(rest) if re.search(ends, line)), len(rest))
    return "\n".join(lines[starts[0] : starts[0] + 1 + length])


def card_members(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    """Every member of a model and of the models within it."""
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        yield name
        for part in parts(field.annotation):
            yield from card_members(part, seen)


def parts(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from parts(argument)


def test_every_member_of_the_model_card_is_documented() -> None:
    documented = names(reference("model-card"))
    assert not [name for name in card_members(ModelCard, set()) if name not in documented]


# --- what the documents name exists -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w.-]+/[\w./-]*|[\w.-]+\.(?:py|toml|md))`", ARCHITECTURE))))
def test_every_path_in_architecture_exists(path: str) -> None:
    # these four are files of each feature
    if path in ("views.py", "service.py", "tables.py", "schemas.py"):
        path = f"app/predictions/{path}"
    assert (PROJECT / path).exists()


@pytest.mark.parametrize("document", MARKDOWN, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        assert file.exists(), target
        if anchor:
            assert anchor in headings(file), target


def headings(document: Path) -> set[str]:
    """Anchors of a document's headings, as GitHub and MyST make them."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for document in MARKDOWN:
        for target in set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)", document.read_text("utf-8"), re.MULTILINE)):
            assert f"\n{''.join(target)}:" in makefile, (document, target)


def test_every_module_that_is_run_exists() -> None:
    for document in MARKDOWN:
        for module in set(re.findall(r"python -m ((?:ml|benchmarks|tools)[\w.]*)", document.read_text("utf-8"))):
            place = PROJECT / module.rstrip(".").replace(".", "/")
            # a package that is named alone stands for its modules
            assert place.with_suffix(".py").exists() or place.is_dir(), (document, module)


def test_every_alert_that_is_named_exists_and_has_a_section() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", (PROJECT / "monitoring" / "alerts.yml").read_text("utf-8")))
    sections = headings(DOCS / "how-to" / "runbooks.md")
    assert {name.lower() for name in alerts} <= sections
    for document in MARKDOWN:
        assert set(re.findall(r"`(EcoPredict[A-Z]\w+)`", document.read_text("utf-8"))) <= alerts, document


def test_each_disaster_says_how_it_shows_and_what_to_do() -> None:
    page = (DOCS / "how-to" / "disasters.md").read_text("utf-8").partition("\n## ")[0]
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for event, shows, *rest in rows:
        assert len(rest) == 4, event
        assert "`EcoPredict" in shows or "no alert" in shows, event


# --- README.md ----------------------------------------------------------------------------------------------------


def test_requests_in_documents_are_about_species_that_have_a_model() -> None:
    """`make run` trains models of these; of others of the same studies there are too few records."""
    trained = {"acropora-digitifera", "ariolimax-buttoni-banana-slug-climate", "oenanthe-hispanica", "parus-major"}
    text = "\n".join(path.read_text() for path in [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")])
    named = re.findall(r"[?&]species=([a-z][a-z,-]+)", text) + re.findall(r'"species": ?"([a-z-]+)"', text)
    assert named and {slug for names in named for slug in names.split(",")} <= trained


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= MOST_WORDS


def test_the_readme_has_one_small_picture() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert len(pictures) == 1
    assert (PROJECT / pictures[0]).stat().st_size <= LARGEST_IMAGE


# --- the generator ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(
    importlib.util.find_spec("sphinx") is None, reason="Sphinx is not installed; `sh tools/venv.sh dev`"
)
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    done = build(DOCS, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(
    importlib.util.find_spec("sphinx") is None, reason="Sphinx is not installed; `sh tools/venv.sh dev`"
)
def test_broken_links_fail_the_build(tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    (source / "conf.py").write_text((DOCS / "conf.py").read_text(encoding="utf-8") + "html_static_path = []\n")
    (source / "index.md").write_text("# Title\n\n[1](no-page.md) [2](index.md#no-heading) {doc}`no-document`\n")
    done = build(source, tmp_path / "html")
    assert done.returncode != 0
    for target in ("no-page", "no-heading", "no-document"):
        assert target in done.stderr


def build(source: Path, output: Path) -> subprocess.CompletedProcess[str]:
    strict = ["--nitpicky", "--fail-on-warning", "--keep-going", "--quiet"]
    command = [sys.executable, "-m", "sphinx", "--builder", "html", *strict, str(source), str(output)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
