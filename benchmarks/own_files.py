"""What every real file of ../shared/data/own-data is recognised as: a table for reading.

python -m benchmarks.own_files --data ../shared/data/own-data
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

from benchmarks.arguments import folder
from ml.own_data.files import inspect_file


def main() -> None:
    """Print one line a file, and the number of files by role."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=folder, required=True)
    data = parser.parse_args().data
    roles: Counter[str] = Counter()
    started = time.perf_counter()
    for path in sorted(data.rglob("*")):
        if path.is_file() and path != data / "README.md":
            report = inspect_file(path.parent, path.name)
            roles[report.role] += 1
            problems = "; ".join(dict.fromkeys(problem.text for problem in report.problems if problem.blocking))
            print(f"{path.relative_to(data)} | {report.role} | {report.sentence} | {problems}")
    print(f"{sum(roles.values())} files in {time.perf_counter() - started:.1f} s: {dict(roles)}")


if __name__ == "__main__":
    main()
