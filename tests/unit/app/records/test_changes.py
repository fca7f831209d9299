"""Changes of the recipe by the API and by the form."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import MultiDict

from app.errors import ValidationFailed
from app.records import form
from app.records.changes import change_recipe, check_codes, check_species, merge_names
from app.records.schemas import RecordsAnswer, RecordsChange, RecordsFileItem
from app.web.form_values import FormErrors
from ml.recipes.recipe import Recipe, RecordFile, RecordRules
from ml.recipes.reports import LicenceCount, ReasonCount, RecordFileReport, SpeciesCount


def recipe(**members):
    return Recipe(title="Lizards", records=[RecordFile(name="a.csv", datum="ED50")], **members)


def reason(code, kind="drop", drops=True):
    return ReasonCount(
        code=code, label=code, explanation="", kind=kind, on=True, drops=drops, switchable=True, n=1, n_concerned=1
    )


def answer(rules=None, chosen=None, merge=None):
    return RecordsAnswer(
        n=10,
        kept=5,
        reasons=[reason("fossil"), reason("capital", "flag", drops=False)],
        licences=[
            LicenceCount(licence="CC BY", n=6, kept=True),
            LicenceCount(licence="CC BY-NC", n=4, kept=False),
        ],
        species=[
            SpeciesCount(name=name, names=[name], n=5, kept=3, trained=False)
            for name in ("Lacerta agilis", "Vipera ursinii")
        ],
        revision=4,
        rules=rules or RecordRules(),
        chosen=chosen,
        merge=merge or {},
        files=[],
    )


def test_members_that_are_left_out_stay_as_they_are():
    before = recipe(rules=RecordRules(off=["fossil"], first_year=1990))
    change = RecordsChange.model_validate(
        {"rules": {"last_year": 2000}, "files": [{"name": "a.csv", "encoding": "cp1252"}]}
    )
    after = change_recipe(before, change)
    assert after.rules == RecordRules(off=["fossil"], first_year=1990, last_year=2000)
    assert after.records == [RecordFile(name="a.csv", datum="ED50", encoding="cp1252")]
    assert change_recipe(after, RecordsChange()) == after
    assert change_recipe(before, RecordsChange.model_validate({"rules": {"first_year": None}})).rules.first_year is None


def test_null_means_all_species_and_a_left_out_member_no_change():
    before = recipe(species=["Lacerta agilis"])
    assert change_recipe(before, RecordsChange()).species == ["Lacerta agilis"]
    assert change_recipe(before, RecordsChange.model_validate({"species": None})).species is None


def test_years_in_the_wrong_order_name_the_field():
    change = RecordsChange.model_validate({"rules": {"last_year": 1980}})
    with pytest.raises(ValidationFailed) as error:
        change_recipe(recipe(rules=RecordRules(first_year=1990)), change)
    assert error.value.errors == [("/rules/first_year", "first_year must not be later than last_year")]


def test_a_file_that_the_study_does_not_have_is_refused():
    with pytest.raises(ValidationFailed) as error:
        change_recipe(recipe(), RecordsChange.model_validate({"files": [{"name": "b.csv"}]}))
    assert error.value.errors[0][0] == "/files/0/name"
    assert "a.csv" in error.value.errors[0][1]


def test_merged_names_have_no_chains():
    assert merge_names({"a": "b"}, {"b": "c"}) == {"a": "c", "b": "c"}
    assert merge_names({"a": "b", "c": "d"}, {"a": None}) == {"c": "d"}
    for change in ({"b": "a"}, {"x": "x"}):
        with pytest.raises(ValidationFailed, match="not valid"):
            merge_names({"a": "b"}, change)


def test_codes_that_do_not_exist_or_cannot_be_switched_are_refused():
    check_codes(RecordRules(off=["fossil"], drop=["capital"]))
    with pytest.raises(ValidationFailed) as error:
        check_codes(RecordRules(off=["nonsense", "coordinates_missing"], drop=["fossil"]))
    assert [pointer for pointer, _ in error.value.errors] == ["/rules/off/0", "/rules/off/1", "/rules/drop/0"]


def test_species_that_the_records_do_not_have_are_refused():
    check_species(["Vipera ursinii"], answer())
    with pytest.raises(ValidationFailed):
        check_species(["Vipera berus"], answer())


def shown(**members):
    fields = [("revision", "4"), ("shown", "fossil"), ("shown", "capital"), ("drop", "fossil")]
    fields += [("licence-shown", "CC BY"), ("licence-shown", "CC BY-NC"), ("licence", "CC BY")]
    fields += [("species-shown", "Lacerta agilis"), ("species-shown", "Vipera ursinii")]
    fields += [("species", "Lacerta agilis"), ("species", "Vipera ursinii")]
    fields += [(name, "") for name in form.NUMBERS]
    fields = [(name, value) for name, value in fields if name not in members]
    for name, values in members.items():
        fields += [(name, value) for value in ([values] if isinstance(values, str) else values)]
    return MultiDict(fields)


def body(fields, state=None):
    errors = FormErrors()
    result = form.rules_change(fields, state or answer(), errors)
    return result, dict(errors.items())


def test_a_form_as_it_was_sent_changes_nothing():
    assert body(shown()) == ({}, {})


def test_switches():
    assert body(shown(drop=[]))[0] == {"rules": {"off": ["fossil"]}}
    assert body(shown(drop=["fossil", "capital"]))[0] == {"rules": {"drop": ["capital"]}}
    # a check that the page did not show keeps its state
    state = answer(rules=RecordRules(off=["fossil", "absent"]))
    assert body(shown(), state)[0] == {"rules": {"off": ["absent"]}}


def test_a_licence_that_is_ticked_leaves_the_open_ones_that_no_record_has():
    assert body(shown(licence=["CC BY", "CC BY-NC"]))[0] == {
        "rules": {"licences": ["CC BY", "CC BY-NC", "CC BY-SA", "CC0"]}
    }


def test_species():
    assert body(shown(species=["Lacerta agilis"]))[0] == {"species": ["Lacerta agilis"]}
    assert body(shown(), answer(chosen=["Lacerta agilis"]))[0] == {"species": None}
    assert body(shown(species=[]))[1] == {"species": "choose at least one species"}


def test_numbers_may_have_a_decimal_comma_and_messages_stand_at_their_fields():
    assert body(shown(thin_km="2,5", first_year="1990"))[0] == {"rules": {"first_year": 1990, "thin_km": 2.5}}
    assert body(shown(thin_km="far", first_year="19.5"))[1] == {
        "thin_km": "must be a number",
        "first_year": "must be a whole number",
    }


def test_the_change_of_a_button():
    assert body(shown(change='{"merge": {"a": "b"}}'))[0] == {"merge": {"a": "b"}}
    for text in ("[1]", "{", "[" * 100_000):
        assert list(body(shown(change=text))[1]) == [""]


def file_item():
    report = RecordFileReport(
        format="table",
        n=3,
        columns=["name", "x", "y", "note"],
        mapping={"scientificName": "name", "decimalLongitude": "x"},
    )
    return RecordsFileItem(name="a.csv", sentence="", choice=RecordFile(name="a.csv"), recognised=report, problems=[])


def test_columns_of_a_file():
    fields = {"column.0": "scientificName", "column.1": "decimalLongitude", "column.2": "", "column.3": ""}
    assert form.file_change(fields, file_item()) == {"files": [{"name": "a.csv"}]}
    fields |= {"column.1": "decimalLatitude", "column.2": "year", "datum": " ED50 ", "delimiter": "tab"}
    assert form.file_change(fields, file_item()) == {
        "files": [
            {
                "name": "a.csv",
                "datum": "ED50",
                "delimiter": "\t",
                "columns": {"scientificName": "name", "decimalLatitude": "x", "year": "y", "decimalLongitude": ""},
            }
        ]
    }
    assert form.repeated_terms({"column.0": "year", "column.1": "year"}) == {
        "column.1": "another column is the year already"
    }
