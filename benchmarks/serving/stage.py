"""Everything that takes part, started together: services, servers of each variant, nginx in front of each."""

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
from benchmarks.serving.tables import Base
from ml.predictors.pipeline import FeaturePipeline
from ml.training.train import train_species
from tools import live

SPECIES = "species"
#: What there is to compare, by name, and what it is.
VARIANTS = {
    "empty": "an empty Flask route; gunicorn, 2 workers of 4 threads",
    "ecopredict": "EcoPredict as it ships; gunicorn, 2 workers of 4 threads",
    "usual": "the usual design: FastAPI, 4 uvicorn workers, Redis cache, pickled forest of 100 trees, an insert each",
    "usual-full": "the usual design with limiter, metrics and log lines",
    "improved": "EcoPredict's own parts under FastAPI; 2 uvicorn workers",
}
_RATE_LIMIT = "1000000/second"
# nginx's own limit is a wall against floods, and this is one
_NGINX = [("rate=50r/s", "rate=1000000r/s")]


@dataclass
class Variant:
    """One server that answers."""

    name: str
    port: int
    programs: list[live.Program]
    database: Engine | None = None
    metrics_url: str = ""

    def rows(self) -> int:
        """Return how many answers were stored since it was started."""
        if self.database is None:
            return 0
        with self.database.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM predictions")).scalar_one())

    def cpu(self) -> float:
        """Return the CPU seconds its own processes have used."""
        return cpu_seconds([psutil.Process(program.process.pid) for program in self.programs])


@dataclass
class Stage:
    """What was started."""

    fields: dict[str, tuple[float, float]]
    variants: list[Variant] = field(default_factory=list)
    services: list[psutil.Process] = field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """How it is set up.

    Attributes
    ----------
    variants : sequence of str
        Of `VARIANTS`.
    behind_nginx : bool
        Whether questions go through the shipped nginx, or to the application servers themselves.
    fsync : bool
        Whether PostgreSQL waits for the disk, as it does unless told otherwise.
    rate_limit : str
        Of EcoPredict and of the references that limit.
    trees : int
        Of EcoPredict's forest.
    """

    variants: Sequence[str] = tuple(VARIANTS)
    behind_nginx: bool = True
    fsync: bool = True
    rate_limit: str = _RATE_LIMIT
    trees: int = 500


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Return the CPU seconds of some processes and all their children, those that have ended included."""
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
def staged(folder: Path, options: Options) -> Iterator[Stage]:
    """Start everything, and end it whatever happens.

    Parameters
    ----------
    folder : Path
        An empty folder that the user nobody may enter.
    options : Options
    """
    study = made_up_study(200, 12, 0)
    ranges = study.environment.quantile([0.02, 0.98])
    stage = Stage({name: (float(ranges[name].iloc[0]), float(ranges[name].iloc[1])) for name in ranges})
    train_species(study, SPECIES, folder / "models", options.trees)
    _pickle_forest(study, folder / "forest.pickle")
    with contextlib.ExitStack() as stack:
        server = live.make_postgres(folder / "postgres")
        # of two options with one name the later counts: durable, with room for every worker's connections
        durable = "on" if options.fsync else "off"
        kept = {"max_connections": 200, "shared_buffers": "256MB"}
        kept |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), durable)
        server.command += [part for name, value in kept.items() for part in ("-c", f"{name}={value}")]
        server.start()
        stack.callback(server.stop)
        valkey = stack.enter_context(live.valkey(folder / "valkey"))
        stage.services = [_process_on(server.port), psutil.Process(valkey.process.pid)]
        admin = live.connect(server.url, isolation_level="AUTOCOMMIT")
        stack.callback(admin.dispose)
        for number, name in enumerate(options.variants):
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
            )
            stage.variants.append(_start(name, folder / name, folder / "models", environ, options, stack))
        yield stage


def _process_on(port: int) -> psutil.Process:
    """Return the process that listens on a port."""
    for connection in psutil.net_connections("tcp4"):
        if connection.laddr.port == port and connection.status == psutil.CONN_LISTEN and connection.pid:
            return psutil.Process(connection.pid)
    raise LookupError(f"nothing listens on {port}")


def _pickle_forest(study: object, file: Path) -> None:
    """Write the forest of the usual design: scikit-learn's, 100 trees, settings as they come."""
    X = FeaturePipeline(study.predictors).fit(study.environment).transform(study.environment)
    forest = RandomForestClassifier(100, random_state=0).fit(X, study.presence[SPECIES])
    bundle = {"forest": forest, "predictors": list(study.environment), "species": SPECIES, "threshold": 0.5}
    file.write_bytes(pickle.dumps(bundle))


def _start(
    name: str, folder: Path, models: Path, environ: dict[str, str], options: Options, stack: contextlib.ExitStack
) -> Variant:
    folder.mkdir()
    database = None if name == "empty" else live.connect(environ["DATABASE_URL"])
    metrics = ""
    if name in ("ecopredict", "improved"):
        live.prepare(folder, models, **environ)
    if name == "ecopredict":
        site = stack.enter_context(live.serving(environ))
        program, metrics = site.program, f"{site.url}/metrics"
    else:
        program = stack.enter_context(_other(name, folder, environ))
    if database is not None:
        stack.callback(database.dispose)
        if name.startswith("usual"):
            Base.metadata.create_all(database)
    if name != "ecopredict":
        # EcoPredict's own settings do that
        _pin(psutil.Process(program.process.pid), 4 if name.startswith("usual") else 2)
    programs, port = [program], program.port
    if options.behind_nginx:
        front = stack.enter_context(live.nginx(folder / "nginx", program.port, changes=_NGINX))
        programs.append(front)
        port = front.api
    return Variant(name, port, programs, database, metrics_url=metrics)


def _other(name: str, folder: Path, environ: dict[str, str]) -> contextlib.AbstractContextManager[live.Program]:
    port = live.free_port()
    # not in the project's folder, where gunicorn would find EcoPredict's settings
    own = {**environ, "PYTHONPATH": str(live.PROJECT)}
    if name == "empty":
        command = ["gunicorn", "-k", "gthread", "-w", "2", "--threads", "4", "--keep-alive", "5"]
        command += ["-b", f"127.0.0.1:{port}", "benchmarks.serving.empty_route:app"]
    else:
        module = "usual" if name.startswith("usual") else name
        workers = "4" if module == "usual" else "2"
        if name == "usual-full":
            own["FULL"] = "1"
        if module == "improved":
            own["PROMETHEUS_MULTIPROC_DIR"] = str(folder / "metrics")
            (folder / "metrics").mkdir()
        command = ["uvicorn", "--workers", workers, "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
        command += ["--host", "127.0.0.1", "--port", str(port), f"benchmarks.serving.{module}:app"]
    return live.running([sys.executable, "-m", *command], folder / "server.log", port, environ=own, cwd=folder)


def _pin(server: psutil.Process, workers: int) -> None:
    """Give each worker of a server one core, in turn, as EcoPredict's own settings do."""

    def started() -> list[psutil.Process]:
        children = [one for one in server.children() if "resource_tracker" not in " ".join(one.cmdline())]
        return sorted(children, key=lambda one: one.pid)

    live.wait_until(lambda: len(started()) == workers, 30, f"{workers} workers")
    for worker, core in zip(started(), cycle(sorted(os.sched_getaffinity(0))), strict=False):
        # what threads it starts later stay where the first one is
        for thread in worker.threads():
            os.sched_setaffinity(thread.id, {core})
