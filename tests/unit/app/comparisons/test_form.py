from __future__ import annotations

import pytest
from werkzeug.datastructures import MultiDict

from app.catalogue.species import Species
from app.catalogue.study_tables import Study
from app.comparisons.form import CompareForm, several_sets
from app.comparisons.schemas import MOST_COLUMNS
from app.comparisons.service import difference, overlap
from app.comparisons.subjects import Subject
from app.errors import ValidationFailed
from app.predictions.schemas import ComputedPart, Contribution, Novelty
from ml.serving.artifact import load_artifact
from ml.training.train import train_species
from tests.synthetic import synthetic_study

pytestmark = pytest.mark.usefixtures("nothing_sensitive")


@pytest.fixture(scope="module")
def wheatear(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    path = train_species(
        synthetic_study(), "oenanthe-hispanica", tmp_path_factory.mktemp("m"), n_estimators=12, n_networks=1
    )
    # only the slugs and the opened model are looked at
    species = Species(slug="oenanthe-hispanica", study=Study(slug="test-hills"))
    return Subject(species, None, load_artifact(path))  # type: ignore[arg-type]  # no version is read


def sets(*columns: dict[str, str]) -> dict[str, str]:
    """The address of sets of conditions."""
    return {f"env.{at}.{name}": value for at, column in enumerate(columns, 1) for name, value in column.items()}


ROCK, WOOD = (
    {"bare_rock": "80", "trees": "2", "temperature": "15"},
    {"bare_rock": "1", "trees": "90", "temperature": "12,5"},
)


def test_without_sets_the_cards_starting_points_are_the_example(wheatear):
    form, query = several_sets(wheatear, MultiDict())
    points = wheatear.artifact.card.starting_points
    assert [column.label for column in form.columns] == [point.label for point in points]
    assert [given["label"] for given in query["environments"]] == [point.label for point in points]


def test_sets_are_read_in_the_order_of_their_numbers(wheatear):
    given = (
        {f"env.9.{name}": value for name, value in ROCK.items()} | sets(WOOD) | {"label.9": " ridge ", "label.1": ""}
    )
    form, query = several_sets(wheatear, MultiDict(given))
    assert [column.label for column in form.columns] == ["Conditions 1", "ridge"]
    assert query["environments"][0]["environment"]["temperature"] == "12.5"
    assert form.columns[0].values["temperature"] == "12,5"
    assert form.differing == {"bare_rock", "trees", "temperature"}


def test_one_set_is_joined_by_typical_conditions(wheatear):
    form, _ = several_sets(wheatear, MultiDict(sets(ROCK)))
    assert len(form.columns) == 2
    assert form.columns[1].label == wheatear.artifact.card.starting_points[0].label


def test_a_set_is_added_as_a_copy_of_the_last(wheatear):
    form, _ = several_sets(wheatear, MultiDict(sets(ROCK, WOOD) | {"add": "1"}))
    assert [column.values for column in form.columns] == [ROCK, WOOD, WOOD]
    full, _ = several_sets(wheatear, MultiDict(sets(*[ROCK] * MOST_COLUMNS) | {"add": "1"}))
    assert len(full.columns) == MOST_COLUMNS


@pytest.mark.parametrize(
    ("remove", "left"),
    [("1", [WOOD, ROCK]), ("3", [ROCK, WOOD]), ("4", [ROCK, WOOD, ROCK]), ("0", [ROCK, WOOD, ROCK])]
    + [(text, [ROCK, WOOD, ROCK]) for text in ("", "-1", "x", "9" * 5000)],
)
def test_a_set_is_removed(wheatear, remove, left):
    form, _ = several_sets(wheatear, MultiDict(sets(ROCK, WOOD, ROCK) | {"remove": remove}))
    assert [column.values for column in form.columns] == left


def test_two_sets_are_the_fewest(wheatear):
    form, _ = several_sets(wheatear, MultiDict(sets(ROCK, WOOD) | {"remove": "1"}))
    assert len(form.columns) == 2


def test_more_sets_than_fit_are_refused_and_the_first_stay(wheatear):
    form, _ = several_sets(wheatear, MultiDict(sets(*[ROCK] * (MOST_COLUMNS + 1))))
    with pytest.raises(ValidationFailed):
        form.limit_columns()
    assert len(form.columns) == MOST_COLUMNS


@pytest.mark.parametrize(
    ("pointer", "field"),
    [
        ("/environment/trees", "env.trees"),
        ("/environment/a~1b~0c", "env.a/b~c"),
        ("/environments/1/environment/trees", "env.2.trees"),
        ("/environments/0/label", "label.1"),
        ("/environments", "environments"),
        ("/threshold", "own_threshold"),
        ("/extrapolation", "extrapolation"),
        ("/study", "study"),
        ("", ""),
    ],
)
def test_messages_stand_beside_their_fields(pointer, field):
    form = CompareForm()
    form.add_errors(ValidationFailed([(pointer, "must be a number")]))
    assert list(form.errors) == [field]


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [((0, 0.4), (0.4, 1), True), ((0, 0.4), (0.5, 1), False), ((0.2, 0.3), (0, 1), True), ((0.6, 1), (0, 0.5), False)],
)
def test_intervals_overlap(one, other, meet):
    assert overlap(one, other) is overlap(other, one) is meet


def computed(suitability: float, interval: tuple[float, float], **effects: float) -> ComputedPart:
    return ComputedPart(
        suitability=suitability,
        interval=interval,
        novelty=Novelty(in_area_of_applicability=True, mess=1, most_dissimilar=None),
        contributions=[Contribution(predictor=name, value=1.0, effect=effect) for name, effect in effects.items()],
    )


def test_differences_add_up_and_the_largest_comes_first():
    found = difference(
        computed(0.5, (0.4, 0.6), trees=0.1, rock=0.0, frost=0.1),
        computed(0.2, (0.1, 0.3), trees=0.05, rock=-0.25, frost=0.1),
    )
    assert [change.predictor for change in found.contributions] == ["rock", "trees", "frost"]
    assert (
        sum(change.effect for change in found.contributions) == pytest.approx(found.suitability) == pytest.approx(-0.3)
    )
    assert found.intervals_overlap is False
