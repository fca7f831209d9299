"""The targets of the fuzzer accept their own seeds and random changes of them, and notice a wrong result."""

from __future__ import annotations

import importlib.util
import random
import shutil
import subprocess
import sys

import pytest

from tools.fuzzing import models, tables, targets, texts
from tools.live import PROJECT


def change(draw):
    def at_random(data, most):
        place = draw.randrange(len(data) + 1)
        piece = draw.choice([b"", b"\0", b'"', b",", b"\xff", b"9", draw.randbytes(3)])
        return (data[:place] + piece + data[place + draw.randrange(4) :])[:most]

    return at_random


@pytest.mark.parametrize("name", targets.NAMES)
def test_seeds_and_changes_of_them_pass_the_check(name, tmp_path, model_tree, monkeypatch):
    model = sorted(model_tree.glob("*/*/*"))[0]
    monkeypatch.setattr(models, "_make_model", lambda folder: shutil.copytree(model, folder / model.name))
    target, draw = targets.find(name)(tmp_path), random.Random(1)
    inputs = list(target.seeds())
    assert inputs
    for data in inputs:
        target.check(data)
    for _ in range(60):
        changed = target.mutate(draw.choice(inputs), 100_000, draw, change(draw))
        assert len(changed) <= 100_000
        target.check(changed)


def test_a_wrong_result_and_an_undocumented_error_are_crashes(tmp_path, monkeypatch):
    target = targets.find("records")(tmp_path)
    monkeypatch.setattr(tables, "clean", lambda table, rules: (table.iloc[:0].assign(latitude=0, longitude=0), {}))
    with pytest.raises(AssertionError, match="neither kept nor counted"):
        target.check(target.seeds()[0])
    monkeypatch.setattr(texts, "licence_class", lambda text: "CC BY")
    with pytest.raises(AssertionError, match="other words is free"):
        targets.find("licences")(tmp_path).check(b"CC BY")


def test_the_command_describes_itself_and_names_what_to_install():
    command = [sys.executable, "-m", "tools.fuzzing"]
    text = subprocess.run([*command, "--help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert all(name in text for name in targets.NAMES)
    if importlib.util.find_spec("atheris") is None:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "pip install -r tools/fuzzing/requirements.txt" in done.stderr
