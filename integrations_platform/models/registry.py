"""MLflow: runs, versions and the alias of the champion, by its client, without MLflow's global state.

A version is registered only when its run is complete, and the alias moves only in one call, so that a crash leaves a
failed run and nothing that anybody would serve. The server's own words are in every error.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integrations_platform.models.faults import ModelFault, first_line
from integrations_platform.service_faults import FaultKind

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from integrations_platform.models.training import Trained

CHAMPION = "champion"
MODEL_FOLDER = "model"
_DAY, _CONTENT, _INPUTS = "features.day", "features.content", "features.inputs"
_QUIET = {
    # MLflow repeats a call for minutes by default; a step that fails is tried again as a whole.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    # It also reports its use to its makers, and draws bars into logs.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""What MLflow takes from the environment only, where nobody has said otherwise."""


@dataclass(frozen=True)
class Version:
    """One registered version: what it was trained on and how good it was."""

    model: str
    number: int
    run_id: str
    source: str
    day: date
    content: str
    inputs: tuple[str, ...]
    metrics: Mapping[str, float]


class Registry:
    """The MLflow at ``url``: http(s)://… or a SQLite file, ``sqlite:///file``, with artifacts in ``artifacts`` then."""

    def __init__(self, url: str, artifacts: Path) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        import mlflow

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        self._artifacts = None
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
            self._artifacts = artifacts
        with _explained("opening MLflow", url):
            self._client: MlflowClient = mlflow.MlflowClient(tracking_uri=url, registry_uri=url)
        self.url = url

    def register(self, model: str, trained: Trained, day: date, content: str, note: Mapping[str, str]) -> Version:
        """Log the run with parameters, metrics and the model's files, and register a version of it.

        ``content`` identifies the features; ``note`` are further tags. Raises ModelFault; the run is then failed, and
        there is no version.
        """
        with _explained(f"registering a version of {model}", self.url):
            client = self._client
            tags = {_DAY: day.isoformat(), _CONTENT: content, _INPUTS: ",".join(trained.inputs), **note}
            run = client.create_run(self._experiment(model), run_name=f"{model} {day}", tags=tags)
            run_id = run.info.run_id
            try:
                for name, text in trained.parameters.items():
                    client.log_param(run_id, name, text)
                client.log_param(run_id, "rows", str(trained.rows))
                for name, value in trained.metrics.items():
                    client.log_metric(run_id, name, value)
                with tempfile.TemporaryDirectory() as folder:
                    save(trained, Path(folder) / MODEL_FOLDER)
                    client.log_artifacts(run_id, str(Path(folder) / MODEL_FOLDER), MODEL_FOLDER)
            except BaseException:
                client.set_terminated(run_id, "FAILED")
                raise
            client.set_terminated(run_id)
            self._registered(model)
            source = f"{run.info.artifact_uri}/{MODEL_FOLDER}"
            made = client.create_model_version(model, source, run_id, tags=tags)
            return self._version(made)

    def version_of(self, model: str, day: date) -> Version | None:
        """The newest version that was trained for ``day``."""
        with _explained(f"looking for versions of {model}", self.url):
            found = [
                each for each in self._client.search_model_versions(f"name = '{_quoted(model)}'")
                if each.tags.get(_DAY) == day.isoformat()
            ]  # fmt: skip
            return self._version(max(found, key=lambda each: int(each.version))) if found else None

    def champion(self, model: str) -> Version | None:
        """The version that bears the alias; None when none does."""
        from mlflow.exceptions import MlflowException

        with _explained(f"looking for the champion of {model}", self.url):
            try:
                return self._version(self._client.get_model_version_by_alias(model, CHAMPION))
            except MlflowException as fault:
                if fault.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise

    def promote(self, version: Version) -> None:
        """Give the alias to ``version``; whichever had it loses it in the same moment."""
        with _explained(f"promoting version {version.number} of {version.model}", self.url):
            self._client.set_registered_model_alias(version.model, CHAMPION, str(version.number))

    def files(self, version: Version, folder: Path) -> Path:
        """The model's files below ``folder``."""
        with _explained(f"reading the files of version {version.number} of {version.model}", self.url):
            return Path(self._client.download_artifacts(version.run_id, MODEL_FOLDER, str(folder)))

    def load(self, version: Version) -> Any:
        """The fitted pipeline. It runs code that the registry holds: whoever may register may run code here."""
        import mlflow.sklearn

        with tempfile.TemporaryDirectory() as folder:
            return mlflow.sklearn.load_model(str(self.files(version, Path(folder))))

    def page(self, version: Version) -> str:
        """Where the version is shown; empty without a server."""
        at = f"{self.url.rstrip('/')}/#/models/{version.model}/versions/{version.number}"
        return at if self.url.startswith("http") else ""

    def _experiment(self, model: str) -> str:
        found = self._client.get_experiment_by_name(model)
        if found is not None:
            return str(found.experiment_id)
        place = None if self._artifacts is None else self._artifacts.absolute().as_uri()
        return str(self._client.create_experiment(model, artifact_location=place))

    def _registered(self, model: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(model)
        except MlflowException as fault:
            if fault.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _version(self, found: Any) -> Version:
        run = self._client.get_run(found.run_id)
        tags = run.data.tags
        try:
            day = date.fromisoformat(tags[_DAY])
        except (KeyError, ValueError):
            what = f"version {found.version} of {found.name} was not trained here: its run has no tag {_DAY}"
            raise ModelFault(FaultKind.PERMANENT, f"{what}; give the alias {CHAMPION} to one that was") from None
        return Version(
            found.name, int(found.version), found.run_id, found.source or "", day,
            tags.get(_CONTENT, ""), tuple(filter(None, tags.get(_INPUTS, "").split(","))), dict(run.data.metrics),
        )  # fmt: skip


def save(trained: Trained, folder: Path) -> None:
    """The model in MLflow's layout. Pickle, because that is what KServe's and MLServer's runtimes read."""
    import mlflow.sklearn

    needs = [f"{name}=={version(name)}" for name in ("scikit-learn", "numpy")]
    mlflow.sklearn.save_model(trained.pipeline, str(folder), serialization_format="pickle", pip_requirements=needs)


def _quoted(text: str) -> str:
    return text.replace("'", "")


@contextmanager
def _explained(what: str, url: str) -> Iterator[None]:
    """MLflow's and the network's errors as :class:`ModelFault`."""
    from mlflow.exceptions import MlflowException, RestException
    from requests import RequestException

    shown = url if url.startswith("http") else "the local MLflow"
    try:
        yield
    except RestException as fault:
        status = int(fault.get_http_status_code())  # type: ignore[no-untyped-call]
        kind = FaultKind.TRANSIENT if status >= 500 or status == 429 else FaultKind.PERMANENT
        if status in (401, 403):
            kind = FaultKind.CONFIGURATION
        raise ModelFault(kind, f"{what}: {shown}: {first_line(str(fault))}") from fault
    except MlflowException as fault:
        lost = "failed with exception" in str(fault) or "Max retries" in str(fault)
        kind = FaultKind.TRANSIENT if lost else FaultKind.PERMANENT
        remedy = "; is the MLflow server up and models.tracking its address?" if lost else ""
        raise ModelFault(kind, f"{what}: {shown}: {first_line(str(fault), 300)}{remedy}") from fault
    except (RequestException, ConnectionError, TimeoutError) as fault:
        raise ModelFault(FaultKind.TRANSIENT, f"{what}: {shown} gives no answer ({type(fault).__name__})") from fault
