"""How two versions differ, in words."""

from __future__ import annotations

from typing import Any

import pytest

from app.trainings.differences import describe_differences
from ml.card_preparation import Preparation, UsedFile
from ml.recipes.recipe import Recipe

FILES = {"a.csv": "1" * 64, "bio1.tif": "2" * 64}


def preparation(files: dict[str, str] | None = None, **members: Any) -> Preparation:
    recipe = Recipe.model_validate({"title": "Lizards", "records": [{"name": "a.csv"}], **members})
    used = [UsedFile(name=name, sha256=sha256, size=1, content="") for name, sha256 in (files or FILES).items()]
    return Preparation(files=used, layers=[], grid="", rules=[], recipe=recipe.model_dump_json(), command="")


@pytest.mark.parametrize(
    ("members", "texts"),
    [
        ({}, []),
        ({"rules": {"thin_km": 20}}, ["thinned to 20 km"]),
        ({"rules": {"first_year": 2000}}, ["years from 2000"]),
        ({"rules": {"first_year": 1990, "last_year": 2020}}, ["years 1990 to 2020"]),
        ({"rules": {"max_uncertainty_m": 1000}}, ["uncertainty up to 1,000 m"]),
        ({"rules": {"licences": ["CC0", "CC BY-NC"]}}, ["licences CC0, CC BY-NC"]),
        ({"rules": {"off": ["fossil"]}}, ["check “Fossil” off"]),
        ({"settings": {"trees": 1000}}, ["1,000 trees instead of 500"]),
        ({"settings": {"seed": 7}}, ["7 as the seed instead of 0"]),
        ({"records": [{"name": "a.csv", "species": "Lacerta agilis"}]}, ["a.csv read in another way"]),
        ({"grid": ["bio1.tif", "1"]}, ["grid of bio1.tif"]),
    ],
)
def test_a_change_of_the_recipe(members: dict[str, Any], texts: list[str]) -> None:
    assert describe_differences(preparation(**members), preparation()) == texts


def test_a_rule_that_is_lifted() -> None:
    assert describe_differences(preparation(), preparation(rules={"thin_km": 20})) == ["not thinned"]


def test_a_change_of_the_files() -> None:
    changed = preparation({"a.csv": "3" * 64, "bio12.tif": "4" * 64})
    assert describe_differences(changed, preparation()) == ["with bio12.tif", "without bio1.tif", "a.csv replaced"]


def test_a_card_without_a_recipe_says_nothing() -> None:
    assert describe_differences(preparation(), None) is None
    assert describe_differences(preparation().model_copy(update={"recipe": "{"}), preparation()) is None


def test_many_differences_are_counted() -> None:
    result = describe_differences(preparation(), preparation({f"{number}.csv": "5" * 64 for number in range(12)}))
    assert result is not None
    assert (len(result), result[-1]) == (9, "and 6 more")
