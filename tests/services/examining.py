"""Schemathesis on a served application: its command, and what the application answered."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.live import Site

#: Times as many examples, for a run that is longer than those of the suite.
TIMES = int(os.environ.get("SCHEMATHESIS_TIMES", "1"))


@dataclass(frozen=True)
class Examination:
    """What schemathesis found.

    Attributes
    ----------
    returncode : int
    output : str
    statuses : Counter of int
        Of all answers.
    """

    returncode: int
    output: str
    statuses: Counter[int]

    @property
    def summary(self) -> str:
        """The end of the output, and the statuses."""
        at = self.output.find("= SUMMARY")
        return f"{self.output[at:] if at >= 0 else self.output[-3000:]}\nstatuses: {sorted(self.statuses.items())}"

    @property
    def throttled(self) -> float:
        """The share of the requests that a limit answered."""
        return self.statuses[429] / max(1, self.statuses.total())

    def assert_keeps(self, least: int) -> None:
        """Fail unless the application kept to its document, in at least a number of generated requests."""
        assert self.returncode == 0, "\n".join(line[:300] for line in self.output.splitlines())
        generated = re.search(r"(\d+) generated", self.output)
        assert generated, self.output[-2000:]
        assert int(generated[1]) >= least


def examine(
    site: Site, workroom: Path, config: Path, examples: int, headers: Sequence[str] = (), options: Sequence[str] = ()
) -> Examination:
    """Let schemathesis examine a site, with a number of examples for each operation.

    Parameters
    ----------
    site : Site
    workroom : Path
    config : Path
        The configuration of schemathesis.
    examples : int
    headers : sequence of str
        Sent with each request.
    options : sequence of str
        Further options of its command.
    """
    command = [Path(sysconfig.get_paths()["scripts"]) / "schemathesis", "--config-file", config]
    command += ["run", f"{site.url}/openapi.json", "--max-examples", examples * TIMES]
    command += ["--seed", "1", "--generation-database", "none", "--request-timeout", "30", "--max-response-time", "30"]
    command += ["--no-color"]
    report = workroom / "schemathesis.har"
    command += ["--report", "har", "--report-har-path", report, *options]
    for header in headers:
        command += ["--header", header]
    done = subprocess.run(
        list(map(str, command)), cwd=workroom, env=site.environ, capture_output=True, text=True, check=False
    )
    entries = json.loads(report.read_text())["log"]["entries"] if report.exists() else []
    report.unlink(missing_ok=True)
    statuses = Counter(int(entry["response"]["status"]) for entry in entries)
    return Examination(done.returncode, done.stdout + done.stderr, statuses)
