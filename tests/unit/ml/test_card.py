"""Places on a card: kept in little memory, read and written as any list of pairs."""

import copy
import json
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.card import Places
from ml.serving.artifact import load_artifact
from ml.training.train import train_species
from tests.synthetic import recorded_study

PAIRS = st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), max_size=20)


@given(PAIRS)
def test_places_are_read_as_the_list_they_were_made_of(pairs):
    places = Places(pairs)
    assert places == pairs and places == tuple(pairs) and places == Places(pairs)
    assert places != [*pairs, (0.0, 0.0)] and places != "places"
    assert list(places) == pairs and len(places) == len(pairs) and bool(places) == bool(pairs)
    assert places[1:] == pairs[1:] and places[::-2] == pairs[::-2]
    assert [places[i - len(pairs)] for i in range(len(pairs))] == pairs
    for made in (copy.deepcopy(places), pickle.loads(pickle.dumps(places))):
        assert made == places
    for beyond in (len(pairs), -len(pairs) - 1):
        with pytest.raises(IndexError):
            places[beyond]


def test_a_card_holds_places_in_little_memory_and_writes_them_as_before(tmp_path):
    path = train_species(recorded_study(), "oenanthe-hispanica", tmp_path, n_estimators=5, n_folds=2, n_networks=1)
    card = load_artifact(path).card
    assert isinstance(card.places, Places) and len(card.places) > 10
    assert sys.getsizeof(card.places._numbers) < 17 * len(card.places) + 100
    written = json.loads((path / "card.json").read_text())["places"]
    assert written == [list(pair) for pair in card.places]
    assert json.loads(card.model_dump_json())["places"] == card.model_dump(mode="json")["places"] == written
    assert card.model_dump()["places"] == list(card.places)
