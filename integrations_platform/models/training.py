"""Training on rows of features: which rows teach, which judge, and how good the result is. Deterministic.

Knows no registry and no lake: frames in, a fitted scikit-learn pipeline and its metrics out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from integrations_platform.models.faults import ModelFault
from integrations_platform.service_faults import FaultKind

if TYPE_CHECKING:
    import polars as pl

EVERY = 5  # of a single day, each fifth row judges
LEAST_ROWS = 20
METRICS = ("mae", "rmse", "r2", "baseline_mae")
"""What a training measures on rows it has not learned from; the baseline always predicts the mean of those it has."""


@dataclass(frozen=True)
class Trained:
    """A fitted pipeline. ``rows`` taught and ``judged`` were held out; ``parameters`` are what it was made with."""

    pipeline: Any
    inputs: tuple[str, ...]
    metrics: Mapping[str, float]
    rows: int
    judged: int
    parameters: Mapping[str, str]


def train(days: Mapping[date, pl.DataFrame], inputs: Sequence[str], target: str, *, alpha: float = 1.0) -> Trained:
    """Fit a ridge regression of ``target`` on ``inputs``. Rows without a target or an
    input teach nothing.

    The last of several days judges what the days before have taught, as it will be used; of a single day each fifth row
    does. The same rows give the same model. Raises ModelFault for columns that are not there and too few rows.
    """
    import polars as pl
    from sklearn.linear_model import Ridge  # type: ignore[import-untyped]
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error  # type: ignore[import-untyped]
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

    frames = {day: _usable(frame, inputs, target, day) for day, frame in sorted(days.items())}
    last = max(frames, default=None)
    if last is None:
        raise ModelFault(FaultKind.PERMANENT, "there is no partition of features to learn from")
    if len(frames) > 1:
        teaching, judging = pl.concat([frame for day, frame in frames.items() if day != last]), frames[last]
    else:
        numbered = frames[last].with_row_index("row")
        teaching, judging = (numbered.filter(which).drop("row") for which in
                             (pl.col("row") % EVERY != 0, pl.col("row") % EVERY == 0))  # fmt: skip
    if teaching.height < LEAST_ROWS or judging.height < 2:
        what = f"{teaching.height} rows to learn from and {judging.height} to judge by are too few"
        raise ModelFault(FaultKind.PERMANENT, f"{what}; add days, at least {LEAST_ROWS} rows teach")
    known = teaching.select(inputs).to_numpy(), teaching[target].to_numpy()
    pipeline = make_pipeline(StandardScaler(), Ridge(alpha))
    pipeline.fit(*known)
    truth = judging[target].to_numpy()
    guess = pipeline.predict(judging.select(inputs).to_numpy())
    metrics = {
        "mae": float(mean_absolute_error(truth, guess)),
        "rmse": float(root_mean_squared_error(truth, guess)),
        "r2": float(r2_score(truth, guess)),
        "baseline_mae": float(mean_absolute_error(truth, [known[1].mean()] * len(truth))),
    }
    parameters = {"algorithm": "ridge", "alpha": str(alpha), "inputs": ",".join(inputs), "target": target}
    return Trained(pipeline, tuple(inputs), metrics, teaching.height, judging.height, parameters)


def matrix(frame: pl.DataFrame, inputs: Sequence[str]) -> Any:
    """The rows as the model takes them: one column per input, as floats, missing ones NaN. Raises ModelFault."""
    import polars as pl

    if missing := [name for name in inputs if name not in frame.columns]:
        raise ModelFault(FaultKind.PERMANENT, f"the features have no column {', '.join(missing)}")
    try:
        return frame.select(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in inputs).to_numpy()
    except pl.exceptions.PolarsError as fault:
        raise ModelFault(FaultKind.PERMANENT, f"an input is no number: {first(fault)}") from None


def first(fault: BaseException) -> str:
    """The first line of an error."""
    return str(fault).partition("\n")[0]


def passes(metrics: Mapping[str, float], gate: Mapping[str, float]) -> dict[str, bool]:
    """For each metric of the gate whether it is at most the bound; a metric that is missing or no number is not."""
    return {
        name: name in metrics and math.isfinite(metrics[name]) and metrics[name] <= bound
        for name, bound in gate.items()
    }


def _usable(frame: pl.DataFrame, inputs: Sequence[str], target: str, day: date) -> pl.DataFrame:
    import polars as pl

    if missing := [name for name in (*inputs, target) if name not in frame.columns]:
        raise ModelFault(FaultKind.PERMANENT, f"the features of {day} have no column {', '.join(missing)}")
    try:
        numbers = frame.select(pl.col(name).cast(pl.Float64) for name in (*inputs, target))
    except pl.exceptions.PolarsError as fault:
        raise ModelFault(FaultKind.PERMANENT, f"the features of {day} are not all numbers: {first(fault)}") from None
    return numbers.filter(pl.all_horizontal(pl.all().is_not_null() & pl.all().is_finite()))
