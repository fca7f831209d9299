"""Fixtures of every layer: small real models and system programs; the report of the time of each layer."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tools import live
from tools.live import PROJECT

REQUIRE_ALL = os.environ.get("REQUIRE_ALL", "") not in ("", "0")
LAYERS = ("unit", "contract", "services", "browser")
_INSTALL = {
    "amtool": "amtool is not installed; get it with `apt-get install prometheus-alertmanager`",
    "chromium": "Chromium is not installed; get it with `apt-get install chromium-headless-shell`",
    "openssl": "openssl is not installed; get it with `apt-get install openssl`",
    "prometheus": "Prometheus is not installed; get it with `apt-get install prometheus`",
    "prometheus-alertmanager": "Alertmanager is not installed; get it with `apt-get install prometheus-alertmanager`",
    "promtool": "promtool is not installed; get it with `apt-get install prometheus`",
}
_times: dict[str, list[float]] = {}
_summaries: list[tuple[str, str]] = []
pytest_plugins = ["tests.parallel"]
Once = Callable[[str, Callable[[Path], object]], Path]
# the time of an example depends on the load of the machine
hypothesis.settings.register_profile("thorough", deadline=None)
# and `make test` has the same examples on every machine; `make thorough` looks for others
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True)
# Tests start some hundred processes. Without bytecode on disk each of them compiles all modules of the project.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A shell starts what ends with "&" with these signals ignored. The programs that tests start would inherit that, and a
# shell script cannot trap a signal that was ignored when it started.
for _number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)


def _fail_skipped(report: Any) -> None:
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{reason} (REQUIRE_ALL=1: a skip is a failure)"


def pytest_configure(config: pytest.Config) -> None:
    """Choose the examples of property tests before the tests are imported."""
    hypothesis.settings.load_profile("tests" if config.option.markexpr == "not thorough" else "thorough")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    _fail_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    _fail_skipped(report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    # Modules and the list of tests stay until the end. Frozen, they are not visited by every garbage collection. What
    # fixtures keep later is visited: with fewer collections, contract tests take .85 of the processor's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    parts = report.nodeid.split("/")
    layer = parts[1] if len(parts) > 2 and parts[1] in LAYERS else "other"
    times = _times.setdefault(layer, [0, 0.0])
    times[0] += report.when == "call"
    times[1] += report.duration


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["summaries"] = _summaries


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # a worker that crashed has no output
    _summaries.extend(tuple(one) for one in getattr(node, "workeroutput", {}).get("summaries", ()))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for title, text in _summaries:
        terminalreporter.section(title)
        terminalreporter.write_line(text)
    if not _times:
        return
    terminalreporter.section("layers")
    terminalreporter.write_line(f"{'layer':<10} {'tests':>6} {'seconds':>8}")
    for layer in (*LAYERS, "other"):
        if layer in _times:
            count, seconds = _times[layer]
            terminalreporter.write_line(f"{layer:<10} {int(count):>6} {seconds:>8.1f}")


def system_program(name: str) -> str:
    """Return the path of a system program, or skip the test with the command that installs it."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(_INSTALL[name])
    return path


@pytest.fixture(scope="session")
def record_summary() -> Callable[[str, str], None]:
    """Return a function that has a text printed after the tests."""
    return lambda title, text: _summaries.append((title, text))


@pytest.fixture(scope="session")
def promtool() -> str:
    return system_program("promtool")


@pytest.fixture(scope="session")
def amtool() -> str:
    return system_program("amtool")


@pytest.fixture(scope="session")
def openssl() -> str:
    return system_program("openssl")


@pytest.fixture(scope="session")
def nceas() -> Path:
    """The folder of the NCEAS data, which developers share."""
    folder = PROJECT.parent / "shared" / "data" / "nceas"
    if not folder.is_dir():
        pytest.skip(f"the NCEAS data is not at {folder}")
    return folder


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of inputs from outsiders' bug reports, which developers share."""
    folder = PROJECT.parent / "shared" / "cases"
    if not folder.is_dir():
        pytest.skip(f"the cases are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def workroom() -> Iterator[Path]:
    """A folder that other users can read, such as the one that PostgreSQL runs as; pytest's own cannot be read."""
    folder = Path(tempfile.mkdtemp(prefix="ecopredict-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def model_tree(once: Once) -> Path:
    """Small models of four birds, with a categorical predictor and coordinates."""
    from ml.training.train import train_species
    from tests.synthetic import synthetic_study

    def train(models: Path) -> None:
        study = synthetic_study(n_species=4, categorical=True)
        for species in study.species:
            train_species(study, species.slug, models, n_estimators=30, n_networks=5)

    return once("trained", train)


@pytest.fixture(scope="session")
def newer_model(once: Once) -> Path:
    """The folder of a second model of the black-eared wheatear."""
    from ml.training.train import train_species
    from tests.synthetic import synthetic_study

    def train(models: Path) -> None:
        study = synthetic_study(n_species=4, categorical=True)
        train_species(study, "oenanthe-hispanica", models, n_estimators=12, n_networks=1, seed=7)

    (path,) = once("newer", train).glob("*/*/*")
    return path


@pytest.fixture(scope="session")
def prepared(model_tree: Path, once: Once) -> Path:
    """A data directory with the models registered in a migrated database; tests use copies of it."""
    return once("prepared", lambda folder: live.prepare(folder, model_tree))
