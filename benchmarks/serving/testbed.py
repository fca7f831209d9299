"""The test bed: PostgreSQL, Valkey, and for each variant its server behind an nginx, all started together."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import psutil
from sklearn.ensemble import RandomForestClassifier
from sqlalchemy import Engine, text

from benchmarks.made_up import made_up_study
from benchmarks.serving.checkouts import front_of, train_in
from benchmarks.serving.report import BEFORE
from benchmarks.serving.tables import Base
from ml.predictors.pipeline import FeaturePipeline
from ml.training.train import train_species
from tools import live

SPECIES = "species"
#: The variants that can be compared, with their descriptions.
VARIANTS = {
    "empty": "an empty Flask route; gunicorn, 2 workers of 4 threads",
    "ecopredict": "EcoPredict as it ships; gunicorn, 2 workers of 4 threads",
    "usual": "the usual design: FastAPI, 4 uvicorn workers, Redis cache, pickled forest of 100 trees, an insert each",
    "usual-full": "the usual design with limiter, metrics and log lines",
    "improved": "EcoPredict's own parts under FastAPI; 2 uvicorn workers",
}
_RATE_LIMIT = "1000000/second"
# the limit that is shipped would refuse the load
_NGINX_CHANGES = [("rate=50r/s", "rate=1000000r/s")]


@dataclass
class Variant:
    """One running server.

    Attributes
    ----------
    name : str
    port : int
        Where requests are sent: nginx or the server itself.
    programs : list of Program
        The server, and nginx in front of it.
    database : Engine, optional
        Where it stores its answers.
    metrics_url : str
        Address of its metrics; empty without.
    pages_port : int
        Where nginx serves the pages; 0 without nginx.
    """

    name: str
    port: int
    programs: list[live.Program]
    database: Engine | None = None
    metrics_url: str = ""
    pages_port: int = 0

    def rows(self) -> int:
        """Return the number of stored answers."""
        if self.database is None:
            return 0
        with self.database.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM predictions")).scalar_one())

    def cpu(self) -> float:
        """Return the CPU seconds of its processes."""
        return cpu_seconds([psutil.Process(program.process.pid) for program in self.programs])

    def memory(self) -> int:
        """Return the proportional memory (PSS) of the server and its workers, without nginx, in bytes."""
        server = psutil.Process(self.programs[0].process.pid)
        return sum(process.memory_full_info().pss for process in (server, *server.children(recursive=True)))


@dataclass
class Testbed:
    """The running programs.

    Attributes
    ----------
    fields : dict of str to (float, float)
        Range of each predictor.
    variants : list of Variant
    services : list of psutil.Process
        PostgreSQL and Valkey.
    notes : list of str
        Lines for the report.
    """

    fields: dict[str, tuple[float, float]]
    variants: list[Variant] = field(default_factory=list)
    services: list[psutil.Process] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TestbedOptions:
    """Options of the test bed.

    Attributes
    ----------
    variants : sequence of str
        Names from `VARIANTS`.
    behind_nginx : bool
        Whether requests go through nginx with the shipped configuration, or to the servers themselves.
    fsync : bool
        Whether PostgreSQL waits for the disk, as it does by default.
    rate_limit : str
        Rate limit of the variants that have one.
    trees : int
        Number of trees of EcoPredict's forest.
    against : Path, optional
        Another checkout of EcoPredict, which is served as the variant `BEFORE`.
    shipped_limits : bool
        Whether nginx has the limits of its checkout, and for `BEFORE` all of its configuration. Otherwise the limits
        are too high to be reached.
    environ : dict of str to str
        Further settings of the applications.
    """

    variants: Sequence[str] = tuple(VARIANTS)
    behind_nginx: bool = True
    fsync: bool = True
    rate_limit: str = _RATE_LIMIT
    trees: int = 500
    against: Path | None = None
    shipped_limits: bool = False
    environ: dict[str, str] = field(default_factory=dict)


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Return the CPU seconds of processes and all their children, including children that have ended."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.children_user + times.children_system
            for each in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    own = each.cpu_times()
                    total += own.user + own.system
    return total


@contextlib.contextmanager
def running_testbed(folder: Path, options: TestbedOptions) -> Iterator[Testbed]:
    """Start all programs, and end them also after an error.

    Parameters
    ----------
    folder : Path
        An empty folder that the user nobody may read.
    options : TestbedOptions
    """
    study = made_up_study(200, 12, 0)
    ranges = study.environment.quantile([0.02, 0.98])
    testbed = Testbed({name: (float(ranges[name].iloc[0]), float(ranges[name].iloc[1])) for name in ranges})
    model = train_species(study, SPECIES, folder / "models", options.trees)
    # the usual design alone serves it
    if any(name.startswith("usual") for name in options.variants):
        _pickle_forest(study, folder / "forest.pickle")
    if options.against is not None:
        other = train_in(options.against, SPECIES, folder / "models-before", options.trees)
        same = "the same model" if other == model.name else f"another model ({other}, not {model.name})"
        testbed.notes.append(f"`{BEFORE}` is {options.against}; it trained {same}.")
    with contextlib.ExitStack() as stack:
        server = live.make_postgres(folder / "postgres")
        # The last of several options with one name counts. These are durable and allow connections for all workers.
        durable = "on" if options.fsync else "off"
        settings = {"max_connections": 200, "shared_buffers": "256MB"}
        settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), durable)
        server.command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server.start()
        stack.callback(server.stop)
        valkey = stack.enter_context(live.valkey(folder / "valkey"))
        testbed.services = [_process_on(server.port), psutil.Process(valkey.process.pid)]
        admin = live.connect(server.url, isolation_level="AUTOCOMMIT")
        stack.callback(admin.dispose)
        names = [*options.variants, BEFORE] if options.against is not None else options.variants
        for number, name in enumerate(names):
            database = f"{name.replace('-', '_')}_answers"
            with admin.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {database}")
            environ = live.app_environ(
                folder / name,
                ENVIRONMENT="production",
                DATABASE_URL=server.url.rsplit("/", 1)[0] + f"/{database}",
                REDIS_URL=f"redis://127.0.0.1:{valkey.port}/{number}",
                RATE_LIMIT=options.rate_limit,
                TRUSTED_PROXIES="1",
                FOREST=str(folder / "forest.pickle"),
                **options.environ,
            )
            testbed.variants.append(_start(name, folder, environ, options, stack))
        yield testbed


def _process_on(port: int) -> psutil.Process:
    """Return the process that listens on a port."""
    for connection in psutil.net_connections("tcp4"):
        if connection.laddr.port == port and connection.status == psutil.CONN_LISTEN and connection.pid:
            return psutil.Process(connection.pid)
    raise LookupError(f"no process listens on port {port}")


def _pickle_forest(study: object, file: Path) -> None:
    """Write the forest of the usual design: 100 trees of scikit-learn with its default settings."""
    X = FeaturePipeline(study.predictors).fit(study.environment).transform(study.environment)
    forest = RandomForestClassifier(100, random_state=0).fit(X, study.presence[SPECIES])
    bundle = {"forest": forest, "predictors": list(study.environment), "species": SPECIES, "threshold": 0.5}
    file.write_bytes(pickle.dumps(bundle))


def _start(
    name: str, root: Path, environ: dict[str, str], options: TestbedOptions, stack: contextlib.ExitStack
) -> Variant:
    """Start the server of a variant, and nginx in front of it."""
    folder = root / name
    folder.mkdir()
    database = None if name == "empty" else live.connect(environ["DATABASE_URL"])
    if database is not None:
        stack.callback(database.dispose)
    metrics = ""
    if name in ("ecopredict", BEFORE):
        project = options.against if name == BEFORE and options.against is not None else live.PROJECT
        environ = environ | {"PYTHONPATH": str(project)}
        live.prepare(folder, root / ("models-before" if name == BEFORE else "models"), project=project, **environ)
        site = stack.enter_context(live.serving(environ, project=project, forked=False))
        program, metrics = site.program, f"{site.url}/metrics"
    else:
        if name == "improved":
            live.prepare(folder, root / "models", **environ)
        elif database is not None:
            Base.metadata.create_all(database)
        program = stack.enter_context(_reference(name, folder, environ))
        # EcoPredict's own settings of gunicorn pin its workers in the same way
        _pin(psutil.Process(program.process.pid), 4 if name.startswith("usual") else 2)
    if not options.behind_nginx:
        return Variant(name, program.port, [program], database, metrics_url=metrics)
    if name == BEFORE and options.against is not None and options.shipped_limits:
        opening = front_of(options.against, folder / "nginx", program.port)
    else:
        changes = () if options.shipped_limits else _NGINX_CHANGES
        opening = live.nginx(folder / "nginx", program.port, changes=changes)
    front = stack.enter_context(opening)
    return Variant(name, front.api, [program, front], database, metrics_url=metrics, pages_port=front.port)


def _reference(name: str, folder: Path, environ: dict[str, str]) -> contextlib.AbstractContextManager[live.Program]:
    """Return the running server of a variant that is not the shipped application."""
    port = live.free_port()
    # the working directory is not the project, where gunicorn would read EcoPredict's gunicorn.conf.py
    settings = {**environ, "PYTHONPATH": str(live.PROJECT)}
    if name == "empty":
        command = ["gunicorn", "-k", "gthread", "-w", "2", "--threads", "4", "--keep-alive", "5"]
        command += ["-b", f"127.0.0.1:{port}", "benchmarks.serving.empty_route:app"]
    else:
        module = "usual" if name.startswith("usual") else name
        workers = "4" if module == "usual" else "2"
        if name == "usual-full":
            settings["FULL"] = "1"
        if module == "improved":
            settings["PROMETHEUS_MULTIPROC_DIR"] = str(folder / "metrics")
            (folder / "metrics").mkdir()
        command = ["uvicorn", "--workers", workers, "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
        command += ["--host", "127.0.0.1", "--port", str(port), f"benchmarks.serving.{module}:app"]
    return live.running([sys.executable, "-m", *command], folder / "server.log", port, environ=settings, cwd=folder)


def _pin(server: psutil.Process, n_workers: int) -> None:
    """Give each worker of a server one core in turn, as EcoPredict's own settings do."""

    def workers() -> list[psutil.Process]:
        children = [one for one in server.children() if "resource_tracker" not in " ".join(one.cmdline())]
        return sorted(children, key=lambda one: one.pid)

    live.wait_until(lambda: len(workers()) == n_workers, 30, f"{n_workers} workers")
    for worker, core in zip(workers(), cycle(sorted(os.sched_getaffinity(0))), strict=False):
        # threads that start later inherit the core of the thread that starts them
        for thread in worker.threads():
            os.sched_setaffinity(thread.id, {core})
