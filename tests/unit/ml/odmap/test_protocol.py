"""The ODMAP report: everything the card knows is in it, and what nobody knows is asked for."""

import pytest

from ml.card import Collinear, IntervalReport, Metric, Optimism
from ml.numbers import range_seen
from ml.odmap import build_report, to_markdown
from ml.odmap.protocol import PROTOCOL
from ml.odmap.wording import interval, number, percent, score
from ml.serving.artifact import load_artifact
from ml.training.train import train_species
from tests.synthetic import recorded_study, synthetic_study

SLUG = "oenanthe-hispanica"


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    study = synthetic_study(categorical=True)
    return load_artifact(train_species(study, SLUG, tmp_path_factory.mktemp("m"), 30, n_networks=1)).card


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The card of presences and background, in a group large enough to choose a target group."""
    return load_artifact(train_species(recorded_study(), SLUG, tmp_path_factory.mktemp("m"), 30, n_networks=1)).card


def _report(card, **changes):
    return build_report(card.model_copy(update=changes), "the-model", 3)


def _everything(report):
    """All that a reader of the report sees, in one text."""
    lines = [*report.intended_use, *report.not_for, *report.known_limits, *report.human_must_write, report.summary]
    for one in report.elements:
        lines += [one.text, *one.points, one.to_write]
        for table in one.tables:
            lines += [table.caption, *table.columns, *(cell for row in table.rows for cell in row)]
    return "\n".join(lines)


def _element(report, subsection, element):
    return next(one for one in report.elements if (one.subsection, one.element) == (subsection, element))


def _missing(text, wanted):
    return [one for one in wanted if one not in text]


def test_every_element_of_the_protocol_is_there_once_and_in_order(card):
    report = _report(card)
    assert [(e.section, e.subsection, e.element) for e in report.elements] == [
        (a.section, a.subsection, a.element) for a in PROTOCOL
    ]
    assert len(report.elements) == len({a.key for a in PROTOCOL}) == 84
    assert list(dict.fromkeys(e.section for e in report.elements)) == [
        "Overview", "Data", "Model", "Assessment", "Prediction",
    ]  # fmt: skip


def test_every_element_says_something_or_asks_for_it(card, recorded):
    for report in (_report(card), _report(recorded)):
        for one in report.elements:
            filled, asked = bool(one.text), bool(one.to_write)
            assert one.source == {(True, False): "run", (False, True): "human", (True, True): "both"}[filled, asked]
        assert len(report.human_must_write) == sum(bool(one.to_write) for one in report.elements)


@pytest.mark.parametrize("which", ["card", "recorded"])
def test_every_figure_of_the_card_is_in_the_report(which, request):
    card = request.getfixturevalue(which)
    text = _everything(_report(card))
    wanted = [
        card.training.data_fingerprint,
        f"{card.n_presences:,} presences",
        f"{card.n_absences:,} ",
        *(reason for reason, n in card.dropped.items() if n),
        *(f"{n:,}" for n in card.dropped.values() if n),
        *(p.label for p in card.predictors),
        *(p.unit for p in card.predictors),
        *(range_seen(p.minimum, p.maximum) for p in card.predictors if p.type == "continuous"),
        *(level for p in card.predictors for level in p.levels or []),
        "ln(x + 1)",
        card.validation.method,
        f"{card.validation.folds} folds",
        f"{number(card.validation.block_size_km)} km",
        card.validation.note,
        *(percent(weight) for weight in card.members.values()),
        *(score(metric.value) for metric in card.metrics.values()),
        *(interval(metric.low, metric.high) for metric in card.metrics.values()),
        score(card.optimism.auc_roc_random),
        score(card.optimism.auc_roc_spatial),
        score(card.optimism.auc_roc_random - card.optimism.auc_roc_spatial),
        card.calibration.meaning,
        score(card.calibration.intercept),
        score(card.calibration.slope),
        *(score(one.suitability) for one in card.calibration.reliability),
        *(percent(one.observed) for one in card.calibration.reliability),
        *card.thresholds,
        *(score(cut.value) for cut in card.thresholds.values()),
        *(percent(cut.sensitivity) for cut in card.thresholds.values()),
        *(percent(cut.specificity) for cut in card.thresholds.values()),
        percent(card.interval.level),
        percent(card.interval.coverage),
        percent(card.interval.pooled_coverage),
        number(card.interval.scale),
        number(card.interval.place),
        score(card.area.threshold),
        percent(card.area.training_inside),
        f"{card.area.n_points:,} training rows",
        *(percent(share) for share in card.importance.values()),
        card.background.note,
        *card.training.versions.values(),
        *map(number, card.training.parameters.values()),
        f"seed {card.training.seed}",
        *card.study.limits,
        *card.notes,
        *(source.citation for source in card.study.sources),
        *(source.licence for source in card.study.sources),
    ]
    assert _missing(text, wanted) == []


def test_shares_of_target_group_that_older_versions_tried_are_listed_with_their_scores(recorded):
    scores = {"0.5": 0.71, "0.75": 0.73, "1": 0.72}
    background = recorded.background.model_copy(update={"share_scores": scores, "target_group_share": 0.75})
    older = recorded.model_copy(update={"background": background})
    found = _element(_report(older), "Model selection, averaging and ensembles", "Model selection").tables[0].rows
    assert found == [["50 %", "0.7100", "–"], ["75 %", "0.7300", "chosen"], ["100 %", "0.7200", "–"]]


def test_a_share_that_follows_from_the_bias_is_said_to(recorded):
    text = _element(_report(recorded), "Model selection, averaging and ensembles", "Model selection").text
    assert "follows from the bias between species" in text


def test_presence_only_models_are_never_said_to_give_a_chance(recorded):
    report = _report(recorded)
    assert "probability" not in to_markdown(report).lower()
    assert any("ranks places and is not a chance" in text for text in report.not_for)
    assert any(text.startswith("Ranking conditions") for text in report.intended_use)
    assert "relative index" in _element(report, "Prediction output", "Prediction unit").text


def test_a_survey_without_calibration_only_ranks(card):
    assert any("how many of such surveys" in text for text in _report(card).intended_use)
    assert any(text.startswith("Ranking conditions") for text in _report(card, calibration=None).intended_use)


def test_collinear_predictors_are_named(card):
    pair = Collinear(predictors=["trees", "bare_rock"], measure="spearman", value=-0.8123, warning="They go together.")
    alone = Collinear(predictors=["temperature"], measure="vif", value=12.4, warning="It follows from the others.")
    report = _report(card, collinear=[pair, alone], notes=[pair.warning])
    element = _element(report, "Multicollinearity", "Multicollinearity")
    assert element.tables[0].rows == [
        ["Trees and Bare rock", "rank correlation (Spearman)", "−0.812"],
        ["Temperature", "variance inflation factor", "12.4"],
    ]
    assert element.to_write
    assert pair.warning in report.known_limits
    assert any("Trees, Bare rock and Temperature" in text for text in report.not_for)


@pytest.mark.parametrize(
    ("auc", "word"),
    [
        (Metric(value=0.52, low=0.41, high=0.62), "chance cannot be ruled out"),
        (Metric(value=0.57, low=0.53, high=0.62), "barely better than chance"),
        (Metric(value=0.75, low=0.48, high=0.9), "chance cannot be ruled out"),
        (Metric(value=0.66, low=0.6, high=0.7), "is poor"),
    ],
)
def test_poor_models_say_so_first(card, auc, word):
    report = _report(card, metrics={**card.metrics, "auc_roc": auc})
    assert word in report.not_for[0]
    assert any(score(auc.value) in text for text in report.known_limits)
    assert (len(report.intended_use) == 1) == ("chance" in word)


def test_a_model_without_scores_is_no_basis_for_anything(card):
    report = _report(card, metrics={}, thresholds={})
    assert "it has no cross-validated AUC" in report.not_for[0]
    assert "no scores" in _element(report, "Performance statistics", "Performance on validation data").text


def test_limits_name_few_presences_narrow_intervals_and_flattering_folds(card):
    narrow = IntervalReport(level=0.9, scale=1, place=0, coverage=0.5, groups=9, note="")
    gap = Optimism(auc_roc_spatial=0.7, auc_roc_random=0.85)
    limits = "\n".join(_report(card, n_presences=12, interval=narrow, optimism=gap, notes=[]).known_limits)
    assert "Only 12 presences" in limits
    assert "by estimate 50 % of its 9 held-out groups" in limits and "(standard error 16.7 %)" in limits
    assert "only 9 held-out groups" in limits
    assert "0.700 with whole areas held out, 0.850 with random folds" in limits
    noted = _report(card, n_presences=12, notes=["Only 12 presences: so it is."]).known_limits
    assert sum("Only 12 presences" in text for text in noted) == 1


def test_without_places_the_report_says_that_nothing_was_tested_by_place(tmp_path):
    study = synthetic_study(n_species=1, coordinates=False)
    card = load_artifact(train_species(study, SLUG, tmp_path, 20)).card
    report = _report(card)
    assert any("could not be tested by place" in text for text in report.not_for)
    assert card.validation.note in report.known_limits
    assert "no coordinates" in _element(report, "Scale of analysis", "Spatial extent").text
    assert "no optimism gap" in _everything(report)


FORMAT_2 = {"area": None, "interval": None, "collinear": [], "notes": []}
FORMAT_1 = {**FORMAT_2, "members": {}, "background": None, "calibration": None, "optimism": None}


@pytest.mark.parametrize("lacking", [FORMAT_2, FORMAT_1])
@pytest.mark.parametrize("which", ["card", "recorded"])
def test_older_cards_say_what_they_lack(which, lacking, request):
    report = _report(request.getfixturevalue(which), **lacking)
    limits = "\n".join(report.known_limits)
    parts = ["no area of applicability", "how often intervals were right"]
    parts += ["what a suitability means", "what presences were compared with"] if lacking is FORMAT_1 else []
    assert _missing(limits, parts) == []
    assert "splitting gain" in _element(report, "Model estimates", "Variable importance").text
    assert "Not checked" in _element(report, "Multicollinearity", "Multicollinearity").text
    assert "never checked" in _element(report, "Uncertainty quantification", "Parameter uncertainty").text
    assert all(one.text or one.to_write for one in report.elements)


def test_a_forest_alone_is_not_called_a_blend(card):
    training = card.training.model_copy(update={"estimator": "down-sampled random forest"})
    report = _report(card, **FORMAT_1 | {"training": training})
    assert _element(report, "Algorithms", "Model averaging").text == "None: the model has one member."
    assert "networks" not in _element(report, "Model selection, averaging and ensembles", "Model ensembles").text


def test_reports_of_the_same_card_are_the_same(card):
    assert _report(card) == _report(card)
    assert to_markdown(_report(card)) == to_markdown(_report(card))
    assert type(_report(card)).model_validate_json(_report(card).model_dump_json()) == _report(card)


def test_a_model_outside_a_registry_has_no_version(card):
    report = build_report(card, "the-model")
    assert report.version is None
    assert "version" not in to_markdown(report).split("\n\n")[2]
