"""Servers that are started once, and features that are the same every day they are made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from integrations_platform.models.registry import Registry, save
from integrations_platform.models.training import Trained, train
from integrations_platform_tests.models.servers import kserve_server, mlflow_server

NAME = "arrival_delay"
INPUTS = ("hour", "dep_delay_mean", "distance_mean")
TARGET = "arr_delay_mean"
FIRST = date(2013, 1, 1)
LAST = date(2013, 1, 3)


def features(day: date, rows: int = 40) -> pl.DataFrame:
    """Rows whose target follows from the inputs with a little noise that is the same each time."""
    number = pl.int_range(rows, eager=True)
    seed = day.toordinal()
    return pl.DataFrame(
        {
            "carrier": (number % 7).cast(pl.String), "hour": number % 18 + 5,
            "dep_delay_mean": ((number * 37 + seed) % 61 - 8).cast(pl.Float64),
            "distance_mean": ((number * 91 + seed) % 2400 + 100).cast(pl.Float64),
        }
    ).with_columns(
        (pl.col("dep_delay_mean") - pl.col("distance_mean") / 500 + ((number * 13 + seed) % 5)).alias(TARGET)
    )  # fmt: skip


def history() -> dict[date, pl.DataFrame]:
    """Three days."""
    return {FIRST + timedelta(days=at): features(FIRST + timedelta(days=at)) for at in range(3)}


@pytest.fixture(scope="session")
def trained() -> Trained:
    """The model of those days."""
    return train(history(), INPUTS, TARGET)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local registry as it is made at its first use, to be copied: its tables take seconds to make."""
    folder = tmp_path_factory.mktemp("database")
    assert Registry(f"sqlite:///{folder}/mlflow.sqlite", folder).champion("none") is None
    return folder / "mlflow.sqlite"


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Iterator[str]:
    """A real MLflow."""
    folder = tmp_path_factory.mktemp("mlflow")
    shutil.copy(database, folder / "mlflow.sqlite")
    with mlflow_server(folder) as url:
        yield url


@pytest.fixture(scope="session")
def kserve_url(tmp_path_factory: pytest.TempPathFactory, trained: Trained) -> Iterator[str]:
    """A real KServe model server of that model, from the files that MLflow would keep."""
    folder = tmp_path_factory.mktemp("kserve")
    save(trained, folder / "model")
    with kserve_server(folder, folder / "model", NAME.replace("_", "-")) as url:
        yield url
