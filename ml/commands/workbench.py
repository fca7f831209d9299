"""``python -m ml workbench``: one operation on the files of a study, for the web application.

The request is JSON on standard input, ``{"operation": …, "payload": {…}}``, and the result is JSON on standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ml.commands.options import Subparsers
from ml.recipes.recipe import Recipe, RecordFile, check_file_name
from ml.recipes.reports import FileReport, are_samples

#: Largest request, bytes: the reports of 500 files with 500 layers each.
_MOST_INPUT = 256 * 1024 * 1024
#: Memory that an operation may use, bytes.
_MEMORY = 4 * 1024**3
Operation = Callable[[Mapping[str, Any]], BaseModel | dict[str, Any]]
#: Members of payloads, and what they must be. Recipes and reports are validated by their models.
_KINDS: dict[str, type] = {"folder": str, "name": str, "output": str, "files": list, "pictures": list, "texts": list}


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "workbench",
        help="work on the files of a study for the web application",
        description="Read a request as JSON from standard input and write the result as JSON. The web application uses "
        f"it. Operations: {', '.join(OPERATIONS)}.",
    )
    command.add_argument("--watch", type=int, metavar="FD", help="end when the other end of this pipe is closed")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Run one operation; bad input exits 2 with one line."""
    if options.watch is not None:
        threading.Thread(target=_end_with, args=(options.watch,), daemon=True).start()
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    content = sys.stdin.buffer.read(_MOST_INPUT + 1)
    if len(content) > _MOST_INPUT:
        raise ValueError(f"the request is larger than {_MOST_INPUT:,} bytes")
    operation, payload = _request(content)
    try:
        result = operation(payload)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except KeyError as error:
        raise ValueError(f"the payload has no member {error}") from None
    except MemoryError:
        print("not enough memory", file=sys.stderr)
        return 3
    sys.stdout.write(result.model_dump_json() if isinstance(result, BaseModel) else json.dumps(result))
    return 0


def _request(content: bytes) -> tuple[Operation, dict[str, Any]]:
    """Return the operation and the payload of a request.

    Raises
    ------
    ValueError
        The request is not one; the message says why.
    """
    try:
        request = json.loads(content)
    except RecursionError:
        request = None
    except ValueError as error:
        raise ValueError(f"the request is not JSON: {error}") from None
    name = request.get("operation") if isinstance(request, dict) else None
    operation = OPERATIONS.get(name) if isinstance(name, str) else None
    if not isinstance(request, dict) or operation is None:
        raise ValueError(f"the request needs an operation: {', '.join(OPERATIONS)}")
    payload = request.get("payload")
    if not isinstance(payload, dict):
        raise ValueError("the request needs a payload, an object")
    for member, kind in _KINDS.items():
        if member in payload and not isinstance(payload[member], kind):
            raise ValueError(f"{member} must be {'a list' if kind is list else 'a text'}")
    # Each file of a study is in its folder.
    if "name" in payload:
        check_file_name(payload["name"])
    return operation, payload


def _end_with(pipe: int) -> None:
    """End this process when the other end of a pipe is closed."""
    os.read(pipe, 1)
    os._exit(4)


def _study(payload: Mapping[str, Any]) -> tuple[Path, Recipe, list[FileReport]]:
    files = [FileReport.model_validate(file) for file in payload["files"]]
    return Path(payload["folder"]), Recipe.model_validate(payload["recipe"]), files


def _path(payload: Mapping[str, Any], name: str) -> Path | None:
    return Path(payload[name]) if payload.get(name) else None


# Each operation imports what it needs: pandas and GDAL take a second.
def _inspect(payload: Mapping[str, Any]) -> BaseModel:
    from ml.own_data.files import inspect_file

    choice = RecordFile.model_validate(payload["file"]) if payload.get("file") else None
    return inspect_file(Path(payload["folder"]), payload["name"], choice, payload.get("sha256", ""))


def _table(payload: Mapping[str, Any]) -> dict[str, Any]:
    from ml.records.workbooks import write_sheet

    write_sheet(Path(payload["folder"]) / payload["name"], Path(payload["output"]))
    return {}


def _records(payload: Mapping[str, Any]) -> BaseModel:
    from ml.own_data.cleaned import clean_files
    from ml.own_data.landscape import open_landscape
    from ml.own_data.samples import read_samples, report_samples

    folder, recipe, files = _study(payload)
    if are_samples(files):
        return report_samples(read_samples(folder, recipe, files), recipe)
    with open_landscape(folder, recipe, files, _path(payload, "cache")) as landscape:
        cells = landscape.cells if landscape is not None and landscape.n_valid else None
        return clean_files(folder, recipe, files, cells, _path(payload, "audit")).report


def _records_csv(payload: Mapping[str, Any]) -> dict[str, Any]:
    from ml.own_data.cleaned import write_csv

    folder, recipe, files = _study(payload)
    write_csv(
        folder,
        recipe,
        files,
        Path(payload["audit"]),
        Path(payload["output"]),
        payload.get("status"),
        payload.get("grid_km"),
    )
    return {"output": payload["output"]}


def _layers(payload: Mapping[str, Any]) -> BaseModel:
    from ml.layers.grid import check_crs
    from ml.layers.review import review
    from ml.own_data.landscape import open_landscape

    folder, recipe, files = _study(payload)
    with open_landscape(folder, recipe, files, _path(payload, "cache")) as landscape:
        if landscape is not None:
            return landscape.report
    report = review(recipe, sorted(files, key=lambda file: file.name))
    return report.model_copy(update={"problems": [*report.problems, *check_crs(recipe)]})


def _picture(payload: Mapping[str, Any]) -> dict[str, Any]:
    drawn = _pictures({**payload, "pictures": [payload]})
    if drawn["refused"]:
        raise ValueError(next(iter(drawn["refused"].values())))
    return {"output": payload["output"]}


def _pictures(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Draw several layers, each to its `output`; one that cannot be drawn does not stop the others."""
    from ml.layers.picture import picture
    from ml.layers.review import review
    from ml.records.errors import OccurrenceError

    folder, recipe, files = _study(payload)
    layers = {(one.file, one.band): one for one in review(recipe, files).layers}
    refused: dict[str, str] = {}
    for one in payload["pictures"]:
        key = one["file"], one["band"]
        try:
            if key not in layers:
                raise ValueError(f"{one['file']} has no layer {one['band']}")
            picture(folder, layers[key], None, Path(one["output"]))
        except (ValueError, OccurrenceError, OSError) as error:
            refused[one["output"]] = str(error)
    return {"refused": refused}


def _preflight(payload: Mapping[str, Any]) -> BaseModel:
    from ml.own_data.preflight import check_study

    folder, recipe, files = _study(payload)
    return check_study(folder, recipe, files, _path(payload, "cache"))


def _crs(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some texts that name no CRS of layers, or no datum of records."""
    if payload["kind"] == "datum":
        from ml.records.datums import find_crs

        return {"unknown": [text for text in payload["texts"] if find_crs(text) is None]}
    from ml.layers.grid import check_crs

    recipe = Recipe.model_validate(
        {"title": "x", "layers": [{"file": f"{n}.tif", "crs": text} for n, text in enumerate(payload["texts"])]}
    )
    unknown = {problem.file for problem in check_crs(recipe)}
    return {"unknown": [choice.crs for choice in recipe.layers if choice.file in unknown]}


OPERATIONS: dict[str, Operation] = {
    "inspect": _inspect,
    "records": _records,
    "records-csv": _records_csv,
    "layers": _layers,
    "picture": _picture,
    "pictures": _pictures,
    "preflight": _preflight,
    "crs": _crs,
    "table": _table,
}
