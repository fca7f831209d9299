from __future__ import annotations

import shlex
from datetime import UTC, datetime
from types import SimpleNamespace

import orjson
import pytest

from app.catalogue.refs import ModelRef, SpeciesRef
from app.catalogue.scores import sentence_for
from app.errors import ValidationFailed
from app.predictions.addresses import curl
from app.predictions.answers import AnswerRefs, assemble_answer, stored_part
from app.predictions.presentation import citations_of, in_100, number_meaning, value_text, width_of
from app.predictions.schemas import ComputedPart, Novelty, PredictionAnswer, ThresholdUsed, Uncertainty
from app.predictions.verdict import OutsideRange, outside_ranges
from app.web.paging import read_cursor, write_cursor
from ml.card import IntervalReport, Metric, Predictor, Source
from ml.odmap.intervals import interval_words
from ml.quality import Quality

pytestmark = pytest.mark.usefixtures("nothing_sensitive")

RANGE = Novelty(in_area_of_applicability=False, kind="range", mess=-1, most_dissimilar="trees", outside_range=["trees"])
COMBINATION = Novelty(in_area_of_applicability=False, kind="combination", mess=1, most_dissimilar="trees")
INSIDE = Novelty(in_area_of_applicability=True, kind="inside", mess=1, most_dissimilar="trees")
CARD = SimpleNamespace(
    predictors=[Predictor(name="trees", label="Trees", unit="%", minimum=0, maximum=90)], threshold_rule="maxSSS"
)


GOOD = Quality(
    sentence="Good.",
    grade="Good",
    auc=0.84,
    auc_interval=(0.79, 0.89),
    validated_by="spatial blocks",
    better_than_chance=True,
)
CHANCE = GOOD.model_copy(update={"auc": 0.56, "auc_interval": (0.48, 0.64), "better_than_chance": False})
NEVER_TESTED = CHANCE.model_copy(update={"auc": None, "auc_interval": None})


def answer(
    suitability=0.5,
    interval=(0.4, 0.6),
    threshold=0.3,
    rule="maxSSS",
    novelty=INSIDE,
    extrapolation="flag",
    quality=GOOD,
    **environment,
) -> PredictionAnswer:
    computed = ComputedPart(suitability=suitability, interval=interval, novelty=novelty, contributions=[])
    stored = stored_part(computed, ThresholdUsed(value=threshold, rule=rule), extrapolation, cached=False)
    refs = AnswerRefs(SpeciesRef(slug="a-b", scientific_name="A b"), "s", ModelRef(id="m", version=1))
    return assemble_answer("1", environment, datetime.now(UTC), stored, refs, CARD, quality)


@pytest.mark.parametrize(
    ("options", "verdict", "suitable", "reason"),
    [
        # the suitability 0.5 with its interval 0.4 to 0.6 is at or above the threshold
        (
            {"threshold": 0.3},
            "suitable",
            True,
            "The whole interval, 0.40 to 0.60, lies at or above the threshold of 0.30.",
        ),
        ({"threshold": 0.39}, "suitable", True, "lies at or above the threshold of 0.39."),
        ({"threshold": 0.4}, "suitable", True, "lies at or above the threshold of 0.40."),
        (
            {"threshold": 0.41},
            "probably_suitable",
            True,
            "The suitability lies at or above the threshold of 0.41, but its",
        ),
        ({"threshold": 0.49}, "probably_suitable", True, "interval, 0.40 to 0.60, reaches below it."),
        ({"threshold": 0.5}, "probably_suitable", True, "lies at or above the threshold of 0.50, but"),
        # below it
        (
            {"threshold": 0.51},
            "probably_unsuitable",
            False,
            "The suitability lies below the threshold of 0.51, but its",
        ),
        ({"threshold": 0.59}, "probably_unsuitable", False, "interval, 0.40 to 0.60, reaches above it."),
        ({"threshold": 0.6}, "probably_unsuitable", False, "reaches above it."),
        (
            {"threshold": 0.61},
            "unsuitable",
            False,
            "The whole interval, 0.40 to 0.60, lies below the threshold of 0.61.",
        ),
        ({"threshold": 0.7, "rule": "own"}, "unsuitable", False, "lies below your own threshold of 0.70."),
        # the model cannot be applied, whatever the number
        (
            {"novelty": RANGE, "trees": 95.0},
            "cannot_say",
            None,
            "Trees, 95 %, lies outside the range seen in training, 0 to 90 %.",
        ),
        (
            {"novelty": COMBINATION, "trees": 50.0},
            "cannot_say",
            None,
            "Each value has been seen in training, but no training record is like all of them together.",
        ),
        (
            {"quality": CHANCE},
            "cannot_say",
            None,
            "The model is not shown to be better than chance: its cross-validated AUC is 0.56 (0.48 to 0.64), and "
            "chance gives 0.50.",
        ),
        ({"quality": NEVER_TESTED}, "cannot_say", None, "The model was never tested: it has no cross-validated score."),
        (
            {"quality": CHANCE, "novelty": RANGE, "trees": 95.0},
            "cannot_say",
            None,
            "not shown to be better than chance",
        ),
        # an allowed extrapolation is judged by the number, by a model that is better than chance
        (
            {"novelty": RANGE, "trees": 95.0, "extrapolation": "allow"},
            "suitable",
            True,
            "of 0.30; the conditions lie outside the training conditions.",
        ),
        (
            {"novelty": COMBINATION, "extrapolation": "allow", "threshold": 0.55},
            "probably_unsuitable",
            False,
            "reaches above it; the conditions lie outside the training conditions.",
        ),
        ({"extrapolation": "allow", "quality": CHANCE}, "cannot_say", None, "not shown to be better than chance"),
    ],
)
def test_an_answer_has_its_verdict_and_the_reason_for_it(options, verdict, suitable, reason):
    one = answer(**options)
    assert (one.verdict, one.suitable) == (verdict, suitable)
    assert reason in one.verdict_reason
    # one sentence
    assert one.verdict_reason.endswith(".")
    assert ". " not in one.verdict_reason


def test_a_number_that_is_no_basis_for_a_decision_is_called_so():
    for quality, novelty in ((CHANCE, INSIDE), (GOOD, RANGE)):
        one = answer(quality=quality, novelty=novelty, trees=95.0)
        assert "no basis for a decision" in number_meaning(one, CARD)


@pytest.mark.parametrize(
    ("records", "calibration", "meaning"),
    [
        (
            "presence-absence",
            "isotonic",
            "About 50 in 100 surveys like those of the study would find the species; of all its surveys, about 20 in "
            "100 did.",
        ),
        ("presence-absence", None, "A relative index from 0 to 1; it is not the chance of finding the species."),
        (
            "presence-background",
            "isotonic",
            "A relative index from 0 to 1; it is not the chance of finding the species. At 0.5 such conditions are as "
            "common among its records as in the background; below it they are rarer.",
        ),
    ],
)
def test_the_number_is_a_share_of_surveys_only_where_absences_were_recorded(records, calibration, meaning):
    card = SimpleNamespace(
        study=SimpleNamespace(records=records), calibration=calibration, n_presences=20, n_absences=80
    )
    assert number_meaning(answer(), card) == meaning


def test_a_value_that_the_model_counts_as_inside_is_not_listed_as_outside():
    """The limits are rounded to single precision in the model; its own word decides."""
    assert outside_ranges(INSIDE, {"trees": 90.000001}, CARD) == []
    assert [item.label for item in outside_ranges(RANGE, {"trees": 95.0}, CARD)] == ["Trees"]


def test_an_answer_kept_by_an_older_version_is_looked_at_again():
    old = Novelty(in_area_of_applicability=False, mess=-1, most_dissimilar="trees")
    assert [item.label for item in outside_ranges(old, {"trees": 95.0}, CARD)] == ["Trees"]


def test_an_interval_that_was_never_checked_says_so():
    assert "never checked" in width_of(answer(), SimpleNamespace(interval=None))


def test_the_width_names_its_largest_source():
    card = SimpleNamespace(
        interval=IntervalReport(level=0.9, scale=1, place=0, coverage=0.8, groups=10, note=""),
        study=SimpleNamespace(records="presence-absence"),
        n_presences=40,
    )
    one = answer()
    one.uncertainty = Uncertainty(level=0.9, sources={"records": 0.7, "members": 0.3})
    assert width_of(one, card).startswith(interval_words(card))
    assert "(70 %) is there because the records are a limited sample" in width_of(one, card)


def test_curl_survives_any_name():
    name = 'it\'s "odd"; rm -rf $HOME `x`'
    words = shlex.split(curl(answer(**{name: "a'b"}), CARD, "http://h"))
    assert orjson.loads(words[-1])["environment"] == {name: "a'b"}


def test_a_source_without_a_citation_is_named():
    sources = [
        Source(title="Records: a.csv", citation="The source is not stated in the file.", licence="CC0: 9 records"),
        Source(title="Layers: b.tif", citation="not stated in the files", licence="not stated in the files"),
        Source(title="GBIF", citation="GBIF.org, 2026.", licence="CC0"),
    ]
    card = SimpleNamespace(study=SimpleNamespace(sources=sources))
    assert citations_of(card) == [
        "Records: a.csv (source not stated)", "Layers: b.tif (source not stated)", "GBIF.org, 2026",
    ]  # fmt: skip


def test_value_text():
    assert value_text(12.0, Predictor(name="a", label="A", unit="%")) == "12 %"
    assert value_text(0.123456, Predictor(name="a", label="A")) == "0.123456"
    assert value_text(12345.678, Predictor(name="a", label="A", unit="mm")) == "12345.678 mm"
    assert value_text(-11577271.0, Predictor(name="a", label="A")) == "−11577271"
    assert value_text("clay", Predictor(name="a", label="A", type="categorical")) == "clay"


@pytest.mark.parametrize(
    ("auc", "words"),
    [(0.45, "No better than chance"), (0.55, "Barely better than chance: do not use"), (0.95, "Very good")],
)
def test_a_score_near_chance_is_called_so(auc, words):
    assert words in sentence_for("auc_roc", Metric(value=auc))


@pytest.mark.parametrize("place", [("a", "b"), ("é", "x" * 200)])
def test_a_cursor_gives_back_its_position(place):
    assert read_cursor(write_cursor(*place), str, 2) == place
    with pytest.raises(ValidationFailed):
        read_cursor(write_cursor(*place), int)
    assert read_cursor(None, str) is None


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "Fewer than 1"), (0.0049, "Fewer than 1"), (0.006, "About 1"), (0.994, "About 99"), (0.996, "More than 99")],
)
def test_a_share_near_none_or_all_is_said_in_words(share, words):
    assert in_100(share) == words


def test_numbers_that_differ_from_the_threshold_are_not_written_like_it():
    one = answer(suitability=0.4069, interval=(0.25, 0.59), threshold=0.4099)
    assert one.verdict_reason.startswith(
        "The suitability lies below the threshold of 0.410, but its interval, 0.250 to"
    )
    near = answer(suitability=0.05, interval=(0.02, 0.1196), threshold=0.1204)
    assert near.verdict_reason == "The whole interval, 0.0200 to 0.1196, lies below the threshold of 0.1204."


def test_a_value_at_the_shown_end_of_a_range_is_not_written_like_it():
    outside = OutsideRange("t", "Temperature", 46.0, "°C", 5.3359, 45.99983)
    assert outside.texts == ("46 °C", "5.34 to 45.9 °C")
    far = OutsideRange("t", "Temperature", 60.0, "°C", 5.3359, 45.99983)
    assert far.texts == ("60 °C", "5.34 to 45.9 °C")
    exact = OutsideRange("t", "Rain", 12345.678, "mm", -20823.9, 4893.2)
    assert exact.texts == ("12345.678 mm", "−20,823 to 4,893 mm")
