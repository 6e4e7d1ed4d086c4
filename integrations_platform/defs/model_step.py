"""One step of one model inside Dagster: features read, MLflow, cluster or model server asked, and what came of it.

Decides nothing about models; errors of all three are told as failures, those that may pass are tried again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs.lake_step import LakeStep
from integrations_platform.defs.running import give_up
from integrations_platform.jobs import Catalogue
from integrations_platform.secret_text import SettingsError
from integrations_platform.settings import Settings
from integrations_platform.settings_lake import DatasetSettings
from integrations_platform.settings_models import ModelSettings

if TYPE_CHECKING:
    from integrations_platform.lake.lake import Lake
    from integrations_platform.models.registry import Registry, Version


@dataclass
class ModelStep:
    """One materialisation of one partition of a model's assets."""

    context: dg.AssetExecutionContext
    catalogue: Catalogue
    model: ModelSettings

    def trained(self, key: dg.AssetKey, check: str) -> Iterator[Any]:
        """Learn from the features of the days up to this one and register a version; the check says if it may lead."""
        with self._told():
            from integrations_platform.models.training import passes, train

            model, lake, day = self.model, self._lake(), self._day
            days = [day - timedelta(days=back) for back in range(model.history_days)]
            manifests = lake.manifests(model.features, [each for each in days if each >= model.starts])
            if day not in manifests:
                give_up(f"{self._name}: lake/{model.features} has no partition {day}; materialize it first")
            frames = {each: lake.read(manifest) for each, manifest in manifests.items() if manifest.rows}
            result = train(frames, model.inputs, model.target)
            content = " ".join(f"{each}:{manifest.content}" for each, manifest in sorted(manifests.items()))
            version = self._registry.register(
                model.name, result, day, content, {"dagster.run_id": self.context.run.run_id}
            )
            verdict = passes(result.metrics, model.gate)
        metadata = {"rows_learned": result.rows, "rows_judged": result.judged, "days": len(frames), **result.metrics}
        yield dg.MaterializeResult(asset_key=key, metadata=self._of(version) | metadata)
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=check,
            passed=all(verdict.values()),
            description=None if all(verdict.values()) else self._refusal(version, verdict),
            metadata={metric: result.metrics[metric] for metric in verdict}
            | {f"{metric}_at_most": bound for metric, bound in model.gate.items()},
        )

    def promoted(self, key: dg.AssetKey) -> Iterator[Any]:
        """Give the alias to the newest version of this day, if the gate lets it and no later day's version leads."""
        with self._told():
            from integrations_platform.models.training import passes

            registry = self._registry
            version = registry.version_of(self.model.name, self._day)
            if version is None:
                give_up(f"{self._name}: no version was trained for {self._day}; materialize the trained asset first")
            verdict = passes(version.metrics, self.model.gate)
            if not all(verdict.values()):
                give_up(f"{self._name}: {self._refusal(version, verdict)}")
            before = registry.champion(self.model.name)
            if before is not None and before.day > version.day:
                kept = f"version {before.number} of {before.day} stays the champion: it learned from later days"
                self.context.log.warning(kept)
                version, promoted = before, False
            else:
                registry.promote(version)
                promoted = True
        number = {"promoted": promoted, "champion_before": 0 if before is None else before.number}
        yield dg.MaterializeResult(asset_key=key, metadata=self._of(version) | number | dict(version.metrics))

    def served(self, key: dg.AssetKey) -> Iterator[Any]:
        """Put the champion's files where KServe reads them, render its manifest, and where there is a cluster apply it
        and wait until it is ready."""
        with self._told():
            from integrations_platform.models.inference_service import Serving, inference_service, text_of

            version, lake = self._champion(), self._lake()
            location, written = self._export(version, lake)
            own, cluster = self.model.serving, self.settings.models.kubernetes
            serving = Serving(
                cluster.namespace, own.service_account, own.min_replicas, own.max_replicas, own.cpu, own.memory
            )
            manifest = inference_service(self.model.name, version.number, version.day.isoformat(), location, serving)
            url = self._applied(manifest)
        shown = {"manifest": dg.MetadataValue.md(f"```yaml\n{text_of(manifest)}```"), "files": written}
        where = {"applied": url is not None} | ({"url": url} if url else {})
        yield dg.MaterializeResult(asset_key=key, metadata=self._of(version) | shown | where)

    def scored(self, key: dg.AssetKey, datasets: Sequence[DatasetSettings]) -> Iterator[Any]:
        """Score the day's features by the served model, or by the champion itself, and publish the scores."""
        with self._told():
            import polars as pl

            from integrations_platform.models.scoring import scored
            from integrations_platform.models.training import matrix

            lake, features = self._lake(), self.model.features
            manifest = lake.manifest(features, self._day)
            if manifest is None:
                give_up(f"{self._name}: lake/{features} has no partition {self._day}; materialize it first")
            version, frame = self._champion(), lake.read(manifest)
            with self._predictor(version) as (where, predict):
                found = scored(matrix(frame, version.inputs), predict)
            result = frame.drop(self.model.target, strict=False).with_columns(
                pl.Series("score", found, dtype=pl.Float64), pl.lit(version.number, pl.Int64).alias("model_version")
            )
            run_id = self.context.run.run_id
            published = [(each, lake.write_partition(each.name, self._day, result, run_id)) for each in datasets]
        scores = result["score"]
        numbers = {"dagster/row_count": result.height, "without_score": scores.null_count(), "scored_by": where}
        mean = scores.mean()
        average = {"score_mean": mean} if isinstance(mean, float) else {}
        yield dg.MaterializeResult(asset_key=key, metadata=self._of(version) | numbers | average)
        for dataset, written in published:
            step = LakeStep(self.context, self.catalogue, dataset, dg.AssetKey(["lake", dataset.name]))
            yield from step.published(written)

    @property
    def settings(self) -> Settings:
        """The environment's."""
        return self.catalogue.settings

    @property
    def _name(self) -> str:
        return f"model {self.model.name}"

    @property
    def _day(self) -> date:
        return date.fromisoformat(self.context.partition_key)

    def _lake(self) -> Lake:
        from integrations_platform.lake.lake import Lake

        return Lake.open(self.settings.lake)

    @cached_property
    def _registry(self) -> Registry:
        from integrations_platform.models.registry import Registry

        models = self.settings.models
        return Registry(models.tracking.resolve().strip(), Path.cwd() / models.artifacts)

    def _champion(self) -> Version:
        version = self._registry.champion(self.model.name)
        if version is None:
            give_up(f"{self._name}: no version bears the alias champion; materialize the champion asset first")
        return version

    def _export(self, version: Version, lake: Lake) -> tuple[str, int]:
        """The location of the version's files in the lake and how many there are; written once per version."""
        from tempfile import TemporaryDirectory

        import obstore

        folder, count = f"_models/{version.model}/{version.number}", 0
        with TemporaryDirectory() as place:
            top = self._registry.files(version, Path(place))
            for file in sorted(each for each in top.rglob("*") if each.is_file()):
                obstore.put(lake.store(), f"{folder}/{file.relative_to(top).as_posix()}", file)
                count += 1
        return f"{str(lake.address).rstrip('/')}/{folder}", count

    def _applied(self, manifest: Mapping[str, Any]) -> str | None:
        """The URL of the ready service; None where there is no cluster."""
        from integrations_platform.models.cluster import Cluster

        settings = self.settings.models.kubernetes
        server = settings.server.resolve().strip()
        if not server:
            return None
        cluster = Cluster(server, settings.token.resolve().strip(), settings.ca_file.resolve().strip())
        try:
            return cluster.ready(manifest, cluster.apply(manifest), settings.ready)
        finally:
            cluster.close()

    @contextmanager
    def _predictor(self, version: Version) -> Iterator[tuple[str, Any]]:
        from integrations_platform.models.inference_service import service_name
        from integrations_platform.models.scoring import Endpoint

        serving = self.model.serving
        url = serving.url.resolve().strip()
        if not url:
            yield "champion", self._registry.load(version).predict
            return
        endpoint = Endpoint(url, service_name(self.model.name), serving.token.resolve().strip())
        try:
            yield "model server", endpoint.predict
        finally:
            endpoint.close()

    def _of(self, version: Version) -> dict[str, Any]:
        page = self._registry.page(version)
        told: dict[str, Any] = {
            "version": version.number,
            "mlflow_run_id": version.run_id,
            "day": version.day.isoformat(),
        }
        return told | ({"mlflow": dg.MetadataValue.url(page)} if page else {})

    def _refusal(self, version: Version, verdict: Mapping[str, bool]) -> str:
        wrong = [
            f"{metric} is {version.metrics.get(metric, float('nan')):.4g}, at most {self.model.gate[metric]:g} may pass"
            for metric, passed in verdict.items() if not passed
        ]  # fmt: skip
        return f"version {version.number} of {version.day} is not good enough: {'; '.join(wrong)}"

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of registry, lake, cluster and server as Dagster's."""
        from integrations_platform.lake.errors import LakeError, Trouble
        from integrations_platform.models.faults import ModelFault
        from integrations_platform.service_faults import FaultKind

        try:
            yield
        except ModelFault as fault:
            passing = fault.kind is FaultKind.TRANSIENT
            give_up(f"{self._name}: {fault.message}", self.context.retry_number if passing else None)
        except LakeError as fault:
            passing = fault.trouble is Trouble.UNAVAILABLE
            give_up(f"{self._name}: {fault}", self.context.retry_number if passing else None)
        except SettingsError as fault:
            give_up(f"{self._name}: {fault}")
