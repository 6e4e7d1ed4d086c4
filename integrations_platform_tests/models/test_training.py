"""Training: the same rows give the same model, judged by rows it has not learned from, and bad features are named."""

from __future__ import annotations

import math

import polars as pl
import pytest

from integrations_platform.models.faults import ModelFault
from integrations_platform.models.scoring import scored
from integrations_platform.models.training import Trained, matrix, passes, train
from integrations_platform_tests.models.conftest import FIRST, INPUTS, LAST, TARGET, features, history

pytestmark = pytest.mark.xdist_group("models")


def test_the_same_rows_in_any_order_of_days_give_the_same_model(trained: Trained) -> None:
    again = train(dict(reversed(list(history().items()))), INPUTS, TARGET)
    rows = matrix(features(LAST), INPUTS)
    assert (again.pipeline.predict(rows) == trained.pipeline.predict(rows)).all()
    assert again.metrics == trained.metrics


def test_the_last_day_judges_what_the_days_before_have_taught(trained: Trained) -> None:
    assert (trained.rows, trained.judged) == (80, 40)
    assert trained.metrics["mae"] < 2 < trained.metrics["baseline_mae"]


def test_of_a_single_day_each_fifth_row_judges() -> None:
    found = train({FIRST: features(FIRST)}, INPUTS, TARGET)
    assert (found.rows, found.judged) == (32, 8)


def test_rows_without_a_target_or_an_input_teach_nothing() -> None:
    holes = features(FIRST).with_columns(
        pl.when(pl.int_range(pl.len()) == 3).then(None).otherwise(TARGET).alias(TARGET),
        pl.when(pl.int_range(pl.len()) == 4).then(float("nan")).otherwise("distance_mean").alias("distance_mean"),
    )
    found = train({FIRST: holes, LAST: features(LAST)}, INPUTS, TARGET)
    assert (found.rows, found.judged) == (38, 40)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (features(FIRST).drop("hour"), f"the features of {FIRST} have no column hour"),
        (features(FIRST).with_columns(hour=pl.lit("five")), f"the features of {FIRST} are not all numbers"),
        (features(FIRST, 12), "too few"),
        (features(FIRST, 0), "too few"),
    ],
    ids=["missing", "text", "few", "none"],
)
def test_features_that_cannot_teach_are_named(frame: pl.DataFrame, words: str) -> None:
    with pytest.raises(ModelFault, match=words):
        train({FIRST: frame}, INPUTS, TARGET)


def test_no_day_at_all_is_said() -> None:
    with pytest.raises(ModelFault, match="no partition"):
        train({}, INPUTS, TARGET)


@pytest.mark.parametrize(
    ("mae", "good"), [(1.0, True), (2.0, True), (2.1, False), (math.nan, False), (math.inf, False)]
)
def test_a_gate_is_passed_by_finite_metrics_within_it_only(mae: float, good: bool) -> None:
    assert passes({"mae": mae, "rmse": 9.0}, {"mae": 2.0}) == {"mae": good}
    assert passes({}, {"mae": 2.0}) == {"mae": False}


def test_rows_with_a_missing_input_have_no_score_and_shift_no_other(trained: Trained) -> None:
    frame = features(LAST, 4)
    whole = trained.pipeline.predict(matrix(frame, INPUTS))
    holes = frame.with_columns(pl.when(pl.int_range(pl.len()) == 1).then(None).otherwise("hour").alias("hour"))
    assert scored(matrix(holes, INPUTS), trained.pipeline.predict) == [whole[0], None, whole[2], whole[3]]
    assert scored(matrix(holes[1:2], INPUTS), trained.pipeline.predict) == [None]
