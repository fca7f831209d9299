"""Kinds of jobs for tests."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from app.jobs.steps import JobRef, Step, StepContext, StepError, register_kind

# Sleeps in small parts, and then adds a line to a file: what a step does when it is complete. The last argument is a
# file that says so: as steps must be, this one is repeatable.
_WORK = """
import json, os, sys, time
seconds, path, line, mark = float(sys.argv[1]), *sys.argv[2:]
with open(path + ".starts", "a") as stream:
    stream.write(line + "\\n")
for part in range(10):
    time.sleep(seconds / 10)
    print(json.dumps({"progress": (part + 1) / 10, "message": f"part {part + 1}"}), flush=True)
with open(path, "a") as stream:
    stream.write(line + "\\n")
open(mark, "x").close()
"""


def _file(context: StepContext) -> Path:
    return Path(context.job.parameters["file"])


def _slow(name: str):
    def run(context: StepContext) -> None:
        mark = context.folder / f"{name}.txt"
        if not mark.exists():
            seconds = str(context.job.parameters.get("seconds", 0.5))
            line = f"{context.job.id} {name}"
            context.run_command([sys.executable, "-c", _WORK, seconds, _file(context), line, mark])

    return run


def _result(context: StepContext) -> None:
    # the files of the steps before are there, whichever worker ran them
    assert {path.name for path in context.folder.glob("*.txt")} >= {"one.txt", "two.txt", "three.txt"}
    _slow("four")(context)
    context.result = f"/studies/{context.job.study}"


def _quick(context: StepContext) -> None:
    with _file(context).open("a") as stream:
        stream.write(f"{context.job.id} quick\n")


def _python(context: StepContext) -> None:
    """Run Python code of the test in a command."""
    context.run_command([sys.executable, "-c", context.job.parameters["code"], _file(context)])


def _inside(context: StepContext) -> None:
    """Work in the worker itself."""
    (context.folder / "half-done").mkdir(exist_ok=True)
    _file(context).write_text("left outside")
    for _ in range(600):
        context.check_cancelled()
        time.sleep(0.1)


def _bug(_context: StepContext) -> None:
    raise ZeroDivisionError("a bug")


def _bad_data(_context: StepContext) -> None:
    raise StepError("records.csv, row 3: latitude 95 is not between -90 and 90.")


def _full_disk(_context: StepContext) -> None:
    raise OSError(28, os.strerror(28))


def _suicide(_context: StepContext) -> None:
    os.kill(os.getpid(), 9)


def _clean_up(job: JobRef) -> None:
    Path(job.parameters["file"]).unlink(missing_ok=True)


register_kind(
    "four",
    "Four steps",
    [Step(name, f"Step {name}", _slow(name)) for name in ("one", "two", "three")]
    + [Step("four", "Step four", _result)],
)
register_kind("quick", "Quick", [Step("quick", "Add a line", _quick)])
register_kind("python", "Python", [Step("run", "Run the code", _python)])
register_kind("inside", "Inside", [Step("run", "Wait", _inside)], _clean_up)
register_kind("bug", "Bug", [Step("run", "Divide", _bug)])
register_kind("bad-data", "Bad data", [Step("first", "Read", _quick), Step("run", "Check", _bad_data)])
register_kind("full-disk", "Full disk", [Step("run", "Write", _full_disk)])
register_kind("deadly", "Deadly", [Step("run", "Die", _suicide)])
