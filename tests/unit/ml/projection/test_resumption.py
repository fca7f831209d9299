"""Maps that are stopped, killed, cancelled, or made by other processes: the same bytes, and no block twice."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from distributed import LocalCluster

from ml.layers.errors import LayerError
from ml.projection import blocks
from ml.projection import project as projecting
from ml.projection.errors import Cancelled, ProjectionError
from ml.projection.layout import WORK
from ml.projection.project import project
from ml.projection.work import locked
from ml.workers import workers
from tests.unit.ml.projection.interrupted import BLOCK_CELLS
from tests.unit.ml.projection.made_maps import contents, opened, values, write_layers

SCRIPT = [sys.executable, "-m", "tests.unit.ml.projection.interrupted"]
ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    return write_layers(tmp_path_factory.mktemp("resumed") / "layers")


@pytest.fixture(scope="module")
def undisturbed(survey, layers, tmp_path_factory):
    """The bytes of a map that was made in one go by one process."""
    output = tmp_path_factory.mktemp("undisturbed") / "map"
    with opened(survey, layers) as inputs:
        project(survey, inputs, output, block_cells=BLOCK_CELLS)
    return contents(output)


def n_blocks(output):
    return len((output / WORK / "blocks.jsonl").read_text().splitlines())


def total(survey, layers):
    with opened(survey, layers) as inputs:
        return len(list(blocks.block_windows(inputs.stack.grid, inputs.stack.block, 4, BLOCK_CELLS)))


def finish(survey, layers, output, **options):
    """Finish a map; return the number of blocks that were computed for it."""
    shares = []
    with opened(survey, layers) as inputs:
        project(
            survey, inputs, output, block_cells=BLOCK_CELLS, advance=lambda share, _: shares.append(share), **options
        )
    return sum(share <= 0.95 for share in shares) - 2


def test_two_processes_write_the_bytes_of_one(survey, layers, undisturbed, tmp_path):
    with workers(2):
        finish(survey, layers, tmp_path / "map")
    assert contents(tmp_path / "map") == undisturbed
    assert not (tmp_path / "map" / WORK).exists()


def test_a_cluster_of_threads_writes_the_same_bytes(survey, layers, undisturbed, tmp_path):
    """Files of GDAL are not shared between threads."""
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=3, processes=True, host="127.0.0.1", dashboard_address=":0"
        ) as cluster,
        workers(1, cluster.scheduler_address),
    ):
        finish(survey, layers, tmp_path / "map")
    assert contents(tmp_path / "map") == undisturbed


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_killed_map_goes_on_at_the_next_block_and_leaves_no_process(survey, layers, undisturbed, tmp_path, jobs):
    output = tmp_path / "map"
    command = [*SCRIPT, str(survey.path), str(layers), str(output), jobs]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        for _ in range(6):
            assert process.stdout.readline()
        others = psutil.Process(process.pid).children(recursive=True)
        assert len(others) >= (2 if jobs == "2" else 0)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    _, alive = psutil.wait_procs(others, timeout=60)
    # One that nobody waits for stays as an entry without a process.
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []
    assert not (output / "map.json").exists()
    done = n_blocks(output)
    assert 5 <= done < 20
    assert finish(survey, layers, output) == total(survey, layers) - done
    assert contents(output) == undisturbed


def test_a_torn_line_and_a_block_that_never_reached_the_disk_are_done_again(survey, layers, undisturbed, tmp_path):
    output = tmp_path / "map"
    cancel(survey, layers, output, 8)
    record = output / WORK / "blocks.jsonl"
    assert n_blocks(output) == 8
    with record.open("a") as stream:
        stream.write('{"number": 9, "checks')
    raw = np.memmap(output / WORK / "suitability.bin", "<u2", "r+")
    # A cell of the third block.
    raw[2 * (BLOCK_CELLS // 130) * 130 + 5] = 77
    raw.flush()
    assert finish(survey, layers, output) == total(survey, layers) - 7
    assert contents(output) == undisturbed


def cancel(survey, layers, output, after):
    shares = []
    with opened(survey, layers) as inputs, pytest.raises(Cancelled):
        project(
            survey,
            inputs,
            output,
            block_cells=BLOCK_CELLS,
            advance=lambda share, _: shares.append(share),
            cancelled=lambda: len(shares) > after,
        )


def test_a_cancelled_map_has_no_summary_and_goes_on(survey, layers, undisturbed, tmp_path):
    output = tmp_path / "map"
    with workers(2):
        cancel(survey, layers, output, 4)
    assert {path.name for path in output.iterdir()} == {WORK}
    finish(survey, layers, output)
    assert contents(output) == undisturbed


def test_a_finished_map_is_not_made_again(survey, layers, tmp_path):
    output = tmp_path / "map"
    finish(survey, layers, output)
    before = {path.name: path.stat().st_mtime_ns for path in output.iterdir()}
    assert finish(survey, layers, output) == -2
    assert {path.name: path.stat().st_mtime_ns for path in output.iterdir()} == before


def test_a_map_that_was_killed_while_its_files_were_moved_is_completed(
    survey, layers, undisturbed, tmp_path, monkeypatch
):
    output = tmp_path / "map"
    replace = Path.replace

    def stop(path, target):
        if path.name == "mess.tif":
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        finish(survey, layers, output)
    monkeypatch.undo()
    assert (output / "suitability.tif").exists()
    assert not (output / "map.json").exists()
    assert finish(survey, layers, output) == 0
    assert contents(output) == undisturbed


@pytest.mark.thorough
def test_maps_of_other_inputs_are_discarded_only_on_request(survey, records, layers, undisturbed, tmp_path):
    finished, unfinished = tmp_path / "finished", tmp_path / "unfinished"
    finish(records, layers, finished)
    cancel(records, layers, unfinished, 3)
    before = contents(finished)
    for output, kind in (
        (finished, f"a map of other inputs \\(model {records.model_id}\\)"),
        (unfinished, "unfinished"),
    ):
        with pytest.raises(ProjectionError, match=f"{kind}.*add --replace"):
            finish(survey, layers, output)
    assert contents(finished) == before
    assert n_blocks(unfinished) == 3
    for output in (finished, unfinished):
        finish(survey, layers, output, replace=True)
        assert contents(output) == undisturbed


def test_changed_values_of_a_layer_are_other_inputs(survey, tmp_path):
    folder, output = write_layers(tmp_path / "layers"), tmp_path / "map"
    cancel(survey, folder, output, 3)
    write_layers(folder, values() | {"trees": values(seed=5)["trees"]})
    with pytest.raises(ProjectionError, match="unfinished map of other inputs"):
        finish(survey, folder, output)


def test_a_folder_with_other_files_is_never_touched(survey, layers, tmp_path):
    (tmp_path / "map").mkdir()
    (tmp_path / "map" / "thesis.docx").write_text("years of work")
    for replace in (False, True):
        with pytest.raises(ProjectionError, match=r"has other files, as thesis\.docx"):
            finish(survey, layers, tmp_path / "map", replace=replace)
    assert [path.name for path in (tmp_path / "map").iterdir()] == ["thesis.docx"]
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectionError, match="file is not a folder"):
        finish(survey, layers, tmp_path / "file")


def test_two_processes_do_not_write_one_map(survey, layers, tmp_path):
    with locked(tmp_path / "map" / WORK), pytest.raises(ProjectionError, match="another process is writing the map"):
        finish(survey, layers, tmp_path / "map")


def test_a_full_disk_is_one_line_and_what_is_finished_stays(survey, layers, undisturbed, tmp_path, monkeypatch):
    """What is written to one of the raw files goes to a device that is always full."""
    output, opens = tmp_path / "map", os.open
    cancel(survey, layers, output, 6)

    def full(path, flags, *more):
        is_raw = Path(path).name == "high.bin" and flags & os.O_WRONLY
        return opens("/dev/full" if is_raw else path, flags, *more)

    monkeypatch.setattr(blocks.os, "open", full)
    with pytest.raises(ProjectionError, match="is full: free some space and start again") as caught:
        finish(survey, layers, output)
    monkeypatch.undo()
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert n_blocks(output) == 6
    finish(survey, layers, output)
    assert contents(output) == undisturbed


def test_a_disk_that_is_too_small_is_refused_before_the_work(survey, layers, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(ProjectionError, match="the map needs up to 0 MB on the disk"):
        finish(survey, layers, tmp_path / "map")


def test_a_process_that_the_system_ends_is_one_line(survey, layers, tmp_path, monkeypatch):
    monkeypatch.setattr(projecting, "compute_block", killed)
    with workers(2), pytest.raises(ProjectionError, match=r"ended by the system.*--jobs 1"):
        finish(survey, layers, tmp_path / "map")


def killed(projection, number):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_damaged_block_names_the_file(survey, tmp_path):
    folder = write_layers(tmp_path / "layers", tiled=True, blockxsize=16, blockysize=16, compress="deflate")
    path = folder / "temperature.tif"
    with opened(survey, folder) as inputs:
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 2000] = b"\xff" * 2000
        path.write_bytes(content)
        with (
            workers(2),
            pytest.raises(LayerError, match=r"temperature\.tif is damaged: band 1 cannot be read in the block"),
        ):
            project(survey, inputs, tmp_path / "map", block_cells=BLOCK_CELLS)


def test_the_record_is_json_lines(survey, layers, tmp_path):
    cancel(survey, layers, tmp_path / "map", 3)
    for line in (tmp_path / "map" / WORK / "blocks.jsonl").read_text().splitlines():
        assert set(json.loads(line)) >= {"number", "checksum", "cells", "areas"}


def test_a_layer_that_changes_during_the_work_is_noticed(survey, tmp_path):
    folder, output = write_layers(tmp_path / "layers"), tmp_path / "map"
    with opened(survey, folder) as inputs:
        with (folder / "trees.tif").open("ab") as stream:
            stream.write(b"later")
        with pytest.raises(ProjectionError, match=r"trees\.tif has changed"):
            project(survey, inputs, output)
    assert not (output / "map.json").exists()
    assert not (output / WORK / "blocks.jsonl").exists()
