"""Opened models in memory: bounded by bytes, opened once, nobody waits for another's model, no failure is kept."""

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry

from app.components import components
from app.components import init_app as init_components
from app.errors import Unavailable
from app.registry import model_cache
from app.registry.model_cache import OBJECTS, ModelCache
from app.telemetry import metrics
from app.telemetry.metrics import Counters
from ml.serving.artifact import load_artifact
from ml.training.train import TrainingOptions, train_study
from tests.synthetic import recorded_study

AMPLE = 10**9
PATIENCE = 20


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Three species of one study, which share a network."""
    folder = tmp_path_factory.mktemp("models")
    trained = list(train_study(recorded_study(), folder, TrainingOptions(n_estimators=20, n_folds=3, n_networks=2)))
    assert not [one.problem for one in trained if one.path is None]
    return sorted(one.path for one in trained)


@pytest.fixture
def app():
    app = Flask("loader")
    init_components(app).add(metrics._counters(CollectorRegistry()))
    return app


@pytest.fixture
def copies(models, tmp_path):
    return [Path(shutil.copytree(path, tmp_path / path.name)) for path in models]


def _get(app, loader, path):
    with app.app_context():
        return loader.get(path.name, path.name)


def _figure(app, name):
    return components(app).get(Counters).__dict__[name]._value.get()


def _openings(app):
    return sum(bucket.get() for bucket in components(app).get(Counters).model_load._buckets)


def _arrays(path):
    return load_artifact(path).predictor.arrays


class Slow:
    """A model that is opened when it is told to."""

    gates: ClassVar[dict[Path, "Slow"]] = {}

    def __init__(self, path):
        self.card = path / "card.json"
        self.content = self.card.read_bytes()
        self.error = None
        self._asked, self._open = threading.Event(), threading.Event()
        self.gates[path] = self

    def wait(self):
        self._asked.set()
        assert self._open.wait(PATIENCE)
        if self.error is not None:
            raise self.error

    def is_awaited(self):
        return self._asked.is_set()

    def arrive(self, content=None, error=None):
        if content is not None:
            self.card.write_bytes(content)
        self.error = error
        self._open.set()

    def mend(self):
        self.card.write_bytes(self.content)
        self.error = None


@pytest.fixture(autouse=True)
def _slow_models(monkeypatch):
    def load(path):
        if path in Slow.gates:
            Slow.gates[path].wait()
        return load_artifact(path)

    monkeypatch.setattr(model_cache, "load_artifact", load)
    yield
    Slow.gates.clear()


def test_models_are_kept_as_far_as_their_bytes_allow(app, copies):
    sizes = {path: OBJECTS + sum(array.nbytes for array in _arrays(path)) for path in copies}
    one, two, three = copies
    # room for any two, and not for all three
    limit = sum(sizes.values()) - min(sizes.values()) // 2 - 2 * _in_common(copies)
    loader = ModelCache(one.parent, limit)
    first, second = _get(app, loader, one), _get(app, loader, two)
    assert _get(app, loader, one) is first
    third = _get(app, loader, three)
    assert _figure(app, "models_open") == 2
    assert _figure(app, "models_bytes") <= limit
    # the second was not asked for the longest
    assert _get(app, loader, one) is first and _get(app, loader, three) is third
    assert _get(app, loader, two) is not second
    assert _openings(app) == 4


def _in_common(paths):
    """Bytes of the arrays that models of one study share."""
    opened = [{id(array): array.nbytes for array in model.predictor.arrays} for model in map(load_artifact, paths)]
    return sum(opened[0][one] for one in set(opened[0]).intersection(*opened[1:]))


def test_what_models_of_a_study_have_in_common_is_held_and_counted_once(app, copies):
    kept = [load_artifact(path) for path in copies]
    networks = [model.predictor.blend.network for model in kept]
    assert all(network.hidden_2 is networks[0].hidden_2 for network in networks)
    assert all(model.predictor.gauge.values is kept[0].predictor.gauge.values for model in kept)
    assert networks[0].output is not networks[1].output
    del kept, networks

    loader = ModelCache(copies[0].parent, AMPLE)
    opened = [_get(app, loader, path) for path in copies]
    distinct = {id(array): array.nbytes for model in opened for array in model.predictor.arrays}
    assert _figure(app, "models_bytes") == 3 * OBJECTS + sum(distinct.values())
    assert sum(distinct.values()) < sum(array.nbytes for model in opened for array in model.predictor.arrays)


def test_bytes_of_models_that_were_closed_are_given_back(app, copies):
    alone = ModelCache(copies[0].parent, AMPLE)
    _get(app, alone, copies[0])
    expected = _figure(app, "models_bytes")
    # room for one at a time
    loader = ModelCache(copies[0].parent, 1)
    for path in (*copies, *copies, copies[0]):
        _get(app, loader, path)
        assert _figure(app, "models_open") == 1
    assert _figure(app, "models_bytes") == expected
    assert _get(app, loader, copies[0]) is _get(app, loader, copies[0])


def test_while_a_model_is_opened_others_answer_and_are_opened(app, copies):
    loader = ModelCache(copies[0].parent, AMPLE)
    opened = _get(app, loader, copies[0])
    slow = Slow(copies[1])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_get, app, loader, copies[1])
        try:
            _wait(slow.is_awaited)
            assert _get(app, loader, copies[0]) is opened
            assert _get(app, loader, copies[2]).model_id == copies[2].name
            assert not waiting.done()
        finally:
            slow.arrive()
        assert waiting.result(PATIENCE).model_id == copies[1].name
    assert _figure(app, "models_open") == 3


def test_a_model_that_many_ask_for_at_once_is_opened_once(app, copies):
    loader = ModelCache(copies[0].parent, AMPLE)
    slow = Slow(copies[0])
    ready = threading.Barrier(9)

    def ask():
        ready.wait(PATIENCE)
        return _get(app, loader, copies[0])

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask) for _ in range(8)]
        try:
            ready.wait(PATIENCE)
            _wait(slow.is_awaited)
            time.sleep(0.1)
        finally:
            slow.arrive()
        answers = [one.result(PATIENCE) for one in asked]
    assert len({id(answer) for answer in answers}) == 1
    assert _openings(app) == 1


def _fail_for_several(app, loader, path, content, error=None):
    """Return the errors of four threads that wait for one model, whose card has this content or raises this error."""
    slow = Slow(path)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(_get, app, loader, path) for _ in range(4)]
        try:
            _wait(slow.is_awaited)
            _wait(lambda: all(one.running() for one in asked))
            time.sleep(0.1)
        finally:
            slow.arrive(content, error)
        errors = [one.exception(PATIENCE) for one in asked]
    slow.mend()
    return errors


def test_a_failure_reaches_all_who_wait_and_is_not_kept(app, copies, caplog):
    loader = ModelCache(copies[0].parent, AMPLE)
    errors = _fail_for_several(app, loader, copies[0], b"{}")
    assert [type(error) for error in errors] == [Unavailable] * 4
    # one error each: a traceback that several threads write to would grow with each
    assert len({id(error) for error in errors}) == 4
    assert _figure_of_errors(app) == 1
    assert [record.getMessage() for record in caplog.records if record.name.startswith("app.registry")] == [
        f"model {copies[0].name} cannot be opened: {copies[0]}/card.json has changed since the model was written"
    ]
    assert _get(app, loader, copies[1]).model_id == copies[1].name
    assert _get(app, loader, copies[0]).model_id == copies[0].name
    assert _figure(app, "models_open") == 2


def test_an_error_that_nobody_foresaw_leaves_nobody_waiting(app, copies):
    path = copies[0]
    loader = ModelCache(path.parent, AMPLE)
    errors = _fail_for_several(app, loader, path, None, MemoryError())
    assert sorted(type(error).__name__ for error in errors) == ["MemoryError", *["Unavailable"] * 3]
    assert _get(app, loader, path).model_id == path.name


def test_a_model_that_was_replaced_is_not_served(app, copies, caplog):
    loader = ModelCache(copies[0].parent, AMPLE)
    shutil.rmtree(copies[0])
    shutil.copytree(copies[1], copies[0])
    with pytest.raises(Unavailable):
        _get(app, loader, copies[0])
    assert "was replaced on disk" in caplog.text
    assert _figure_of_errors(app) == 1


def _figure_of_errors(app):
    return components(app).get(Counters).errors.labels("model")._value.get()


def _wait(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
