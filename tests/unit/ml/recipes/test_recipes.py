"""Recipes: names of files, slugs, and limits."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from ml.recipes.recipe import LayerChoice, Recipe, RecordFile, RecordRules, TrainingSettings, check_file_name
from ml.recipes.slugs import species_slug_in, study_slug


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Lacerta schreiberi", "lacerta-schreiberi"),
        ("  Élan & Wapiti!  ", "elan-wapiti"),
        ("new", "study-new"),
        ("a" * 70, "a" * 60),
    ],
)
def test_the_slug_of_a_title(title: str, slug: str) -> None:
    assert study_slug(title) == slug
    Recipe(title="x", slug=slug)


def test_titles_without_latin_letters_have_different_slugs() -> None:
    one, two = study_slug("トカゲ"), study_slug("さんご")
    assert one != two and one.startswith("study-")
    Recipe(title="x", slug=one)


def test_a_slug_of_a_species_is_never_too_long() -> None:
    assert species_slug_in("lizards", "lacerta-schreiberi") == "lacerta-schreiberi-lizards"
    long = [species_slug_in("s" * 60, f"{'g' * 60}-{epithet}") for epithet in ("one", "two")]
    assert long[0] != long[1] and all(len(slug) <= 100 for slug in long)


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "..", ".hidden", "-rf", "a\nb", "x" * 151, "trailing."])
def test_names_that_are_not_of_one_file(name: str) -> None:
    with pytest.raises(ValueError, match="must"):
        check_file_name(name)
    with pytest.raises(ValidationError):
        RecordFile(name=name)


def test_an_unknown_member_is_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        Recipe.model_validate({"title": "x", "colour": "red"})


@pytest.mark.parametrize(
    ("model", "member", "value"),
    [
        (RecordRules, "thin_km", True),
        (RecordRules, "max_uncertainty_m", True),
        (LayerChoice, "factor", True),
        (LayerChoice, "factor", 0),
        (LayerChoice, "offset", False),
        (LayerChoice, "crs", "EPSG:\x00"),
        (LayerChoice, "unit", "m\x07"),
        (RecordFile, "datum", "\x00"),
        (RecordFile, "columns", {"species": "a\x00"}),
        (RecordFile, "encoding", "utf-9"),
        (RecordFile, "encoding", "hex"),
        (TrainingSettings, "seed", True),
    ],
)
def test_values_that_cannot_be_meant(model: type[BaseModel], member: str, value: object) -> None:
    name = {RecordFile: {"name": "a.csv"}, LayerChoice: {"file": "a.tif"}}.get(model, {})
    with pytest.raises(ValidationError) as refused:
        model.model_validate({**name, member: value})
    assert refused.value.errors()[0]["loc"][0] == member


def test_values_that_look_odd_and_are_right() -> None:
    file = RecordFile(name="a.csv", encoding="windows-1252", delimiter="\t", columns={"species": "two\nlines"})
    assert RecordFile.model_validate_json(file.model_dump_json()) == file
