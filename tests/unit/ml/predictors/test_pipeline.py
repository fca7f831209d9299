import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from ml.card import Predictor
from ml.predictors.encoding import EnvironmentValueError, encode_column
from ml.predictors.pipeline import FeaturePipeline
from ml.records.names import canonical_name, species_slug
from ml.records.species_encoder import SpeciesEncoder


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Acropora digitifera (Dana, 1846)", "Acropora digitifera"),
        ("  acropora   digitifera ", "Acropora digitifera"),
        ("Quercus ilex subsp. ballota (Desf.) Samp.", "Quercus ilex ballota"),
        ("Galerida theklae A. E. Brehm, 1857", "Galerida theklae"),
        ("Platanus × hispanica", "Platanus hispanica"),
        ("Bombus (Pyrobombus) pratorum", "Bombus pratorum"),
        ("Coccinella 7-punctata", "Coccinella 7-punctata"),
        ("Marmota olympus de Winton", "Marmota olympus"),
        ("BOMBUS PRATORUM (LINNAEUS, 1761)", "Bombus pratorum"),
        ("POA ANNUA VAR. REPTANS", "Poa annua reptans"),
        ("plantago MAJOR", "Plantago major"),
        ("Navicula d'urvillei", "Navicula d'urvillei"),
        ("Allium sp. 1", "Allium sp. 1"),
        ("Allium sp. 2", "Allium sp. 2"),
        ("Abies alba × Abies nordmanniana", "Abies alba × Abies nordmanniana"),
        ("Larus argentatus/cachinnans", "Larus argentatus/cachinnans"),
        ("Hieracium sect. Alpina", "Hieracium sect. Alpina"),
        ("Tobacco  mosaic virus", "Tobacco mosaic virus"),
        ("Parus \ud800", "Parus \ud800"),
        ("Sylvia\u00a0atricapilla;", "Sylvia atricapilla"),
        ("", ""),
    ],
)
def test_names_lose_authorship_and_rank(written, read):
    assert canonical_name(written) == read


def test_a_text_of_any_length_is_a_name():
    assert canonical_name("Parus major " * 10_000).startswith("Parus major Parus")


def test_a_slug_is_plain_ascii():
    assert species_slug("Curruca conspicillata (Temminck, 1820)") == "curruca-conspicillata"


def test_the_encoder_reads_spellings_of_one_name_as_one_species():
    encoder = SpeciesEncoder().fit(["Parus major L.", "Parus major", "Emberiza cia"])
    assert encoder.classes_.tolist() == ["Emberiza cia", "Parus major"]
    assert encoder.transform(["parus major Linnaeus, 1758", "Emberiza cia"]).tolist() == [1, 0]
    assert encoder.inverse_transform([1, 0]).tolist() == ["Parus major", "Emberiza cia"]


def test_an_unknown_species_is_named_or_marked():
    encoder = SpeciesEncoder().fit(["Parus major"])
    with pytest.raises(ValueError, match="unknown species: Turdus merula"):
        encoder.transform(["Parus major", "Turdus merula"])
    assert clone(encoder).set_params(unknown="ignore").fit(["Parus major"]).transform(["Turdus merula"]).tolist() == [
        -1
    ]
    with pytest.raises(ValueError, match="outside"):
        encoder.inverse_transform([-1])


@pytest.mark.parametrize("names", [[], ["Parus major", " "]])
def test_records_without_a_name_are_refused(names):
    with pytest.raises(ValueError, match="scientific name"):
        SpeciesEncoder().fit(names)


COVER = Predictor(name="rock", label="Rock", unit="%", transform="log1p")
SOIL = Predictor(name="soil", label="Soil", type="categorical")


def test_the_pipeline_learns_ranges_in_natural_units_and_transforms():
    table = pd.DataFrame({"soil": ["clay", "sand", "clay"], "rock": [0.0, 10.0, 80.0]})
    pipeline = FeaturePipeline([COVER, SOIL]).fit(table)
    rock, soil = pipeline.predictors_
    assert (rock.minimum, rock.maximum, rock.median) == (0, 80, 10)
    assert soil.levels == ["clay", "sand"]
    np.testing.assert_array_equal(
        pipeline.transform(table), np.array([[0, 0], [np.log(11), 1], [np.log(81), 0]], np.float32)
    )


def test_column_order_does_not_matter():
    table = pd.DataFrame({"rock": [1.0, 2.0], "soil": ["a", "b"]})
    pipeline = FeaturePipeline([COVER, SOIL]).fit(table)
    np.testing.assert_array_equal(pipeline.transform(table), pipeline.transform(table[["soil", "rock"]]))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"soil": ["a"]}, "rock: the column is missing"),
        ({"rock": [1.0, np.nan], "soil": ["a", "b"]}, "rock: 1 values are missing"),
        ({"rock": [1.0, np.inf], "soil": ["a", "b"]}, "rock: a value is infinite"),
    ],
)
def test_a_table_that_cannot_be_used_names_the_predictor(table, message):
    with pytest.raises(EnvironmentValueError, match=message):
        FeaturePipeline([COVER, SOIL]).fit(pd.DataFrame(table))


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 1e300])
def test_a_number_that_cannot_be_encoded_is_refused(value):
    predictor = COVER if value < 1e299 else COVER.model_copy(update={"transform": "none"})
    with pytest.raises(EnvironmentValueError, match="rock"):
        encode_column(predictor, [value])


def test_a_level_never_seen_is_refused_with_the_known_ones():
    known = FeaturePipeline([SOIL]).fit(pd.DataFrame({"soil": ["clay", "sand"]})).predictors_[0]
    with pytest.raises(EnvironmentValueError, match="peat is not one of clay, sand"):
        encode_column(known, ["peat"])


def test_levels_of_numbers_have_one_text():
    table = pd.DataFrame({"soil": [1.0, 2.0, 1.0], "rock": [0.0, 1.0, 2.0]})
    pipeline = FeaturePipeline([COVER, SOIL]).fit(table)
    assert pipeline.predictors_[1].levels == ["1", "2"]
    for values in ([1, 2], [1.0, 2.0], ["1", "2"], ["1.0", "2.0"], np.array([1, 2])):
        assert encode_column(pipeline.predictors_[1], values).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("value", "message"),
    [(-1, "-1 must be 0 % or more"), (101, "101 must be 100 % or less"), (np.inf, "inf must be a finite number")],
)
def test_values_beyond_the_limits_of_a_predictor_are_refused(value, message):
    cover = COVER.model_copy(update={"lowest_possible": 0.0, "highest_possible": 100.0})
    with pytest.raises(EnvironmentValueError, match=message):
        encode_column(cover, [5, value])
    assert encode_column(cover, [0, 100]).tolist() == [0, np.float32(np.log(101))]
