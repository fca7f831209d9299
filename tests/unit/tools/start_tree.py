"""A small tree with `tools/start.py` and steps that take no time and can be made to hang or fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from tools import live
from tools.live import PROJECT

STEPS = ["fetch", "upgrade", "train", "register"]
# The command that stands for each step. While a file `hang-NAME` exists, it waits with a child process; `stubborn-NAME`
# makes both ignore SIGTERM, `fail-NAME` makes it fail.
STEP = """
import os, signal, subprocess, sys, time
from pathlib import Path

name = next(word for word in ("fetch", "upgrade", "train", "register") if word in " ".join(sys.argv))
data = Path(os.environ["DATA_DIR"])
with open("log", "a") as log:
    log.write(name + "\\n")
if Path(f"stubborn-{name}").exists():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if Path(f"hang-{name}").exists():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    Path("draft").write_text(f"{os.getpid()} {child.pid}")
    Path("draft").rename("pids")
    while Path(f"hang-{name}").exists():
        time.sleep(0.02)
    child.kill()
if Path(f"fail-{name}").exists():
    sys.exit(3)
results = {
    "fetch": [Path("app/static/vendor/htmx.min.js")],
    "upgrade": [data / "ecopredict.db"],
    "train": [data / "models/study/species/model/manifest.json", data / "layers/study/key/layers.json"],
    "register": [data / "registered"],
}[name]
for result in results:
    result.parent.mkdir(parents=True, exist_ok=True)
    result.touch()
"""
# As gunicorn with the shipped settings, it closes the lock when it listens.
SERVER = """
import os, socket, time
with open("log", "a") as log:
    log.write("serve\\n")
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
os.close(int(os.environ["START_LOCK_FD"]))
print("ready", flush=True)
time.sleep(300)
"""

# As `flask jobs work`: adds its process id to a file, and waits. While a file `dying-worker` exists, it ends.
WORKER = """
import os, sys, time
from pathlib import Path
if "jobs" in sys.argv:
    with open("workers", "a") as workers:
        workers.write(f"{os.getpid()}\\n")
    if Path("dying-worker").exists():
        sys.exit(7)
    time.sleep(300)
"""


class Tree:
    """A tree that `tools/start.py` starts in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "instance"
        self.port = live.free_port()
        self.started: list[subprocess.Popen[str]] = []
        self._write("tools/start.py", (PROJECT / "tools/start.py").read_text())
        self._write("tools/serving.py", (PROJECT / "tools/serving.py").read_text())
        steps = (PROJECT / "tools/steps.py").read_text()
        self._write("tools/steps.py", steps.replace("_GRACE_S = 10.0", "_GRACE_S = 0.5"))
        # the step that draws the coasts has nothing to draw
        for path in ("requirements.txt", "tools/fetched.toml", "tools/coast.py", "migrations/env.py"):
            self._write(path, "")
        self._write("tools/fetch.py", STEP)
        self._write("ml/__main__.py", STEP)
        interpreter = Path(sys.executable).resolve()
        self._write(".venv/bin/flask", f"#!{interpreter}\n{WORKER}{STEP}").chmod(0o755)
        self._write(".venv/bin/gunicorn", f"#!{interpreter}\n{SERVER}").chmod(0o755)
        (folder / ".venv/bin/python").symlink_to(interpreter)

    def _write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def touch(self, name: str) -> None:
        (self.folder / name).touch()

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def start(self, port: int | str | None = None, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
        environ = {name: value for name, value in os.environ.items() if name not in ("DATA_DIR", "PORT")}
        process = subprocess.Popen(
            [*prefix, self.folder / ".venv/bin/python", "-m", "tools.start"],
            cwd=self.folder, env=environ | {"PORT": str(port or self.port)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            # nohup's SIG_IGN would be inherited
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )  # fmt: skip
        self.started.append(process)
        return process

    def fails(self, port: int | str | None = None, prefix: Sequence[str] = ()) -> str:
        """Start, expect exit code 1, and return what was written to standard error."""
        process = self.start(port, prefix)
        error = process.communicate(timeout=20)[1]
        assert process.returncode == 1, error
        return error

    def serves(self, port: int | None = None) -> list[str]:
        """Start, wait for the server, end it, and return the steps that were run."""
        self.remove_log()
        process = self.start(port)
        live.wait_until(lambda: live.listens(port or self.port), 20, "the server listens")
        process.terminate()
        process.communicate(timeout=20)
        assert self.log().pop() == "serve"
        return self.log()[:-1]

    def log(self) -> list[str]:
        file = self.folder / "log"
        return file.read_text().splitlines() if file.exists() else []

    def remove_log(self) -> None:
        (self.folder / "log").unlink(missing_ok=True)

    def hanging(self) -> list[int]:
        """Wait for the step that hangs; return the ids of its process and of the child of that."""
        pids = self.folder / "pids"
        live.wait_until(pids.exists, 20, "the step hangs")
        return [int(pid) for pid in pids.read_text().split()]

    def workers(self) -> list[int]:
        """Return the process ids of the workers that were started."""
        file = self.folder / "workers"
        return [int(pid) for pid in file.read_text().split()] if file.exists() else []

    def stamps(self) -> list[str]:
        return sorted(path.name for path in self.data.glob(".ready*"))


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
