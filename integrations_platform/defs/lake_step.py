"""One run of one dataset's asset: the days it covers landed one after another, and what came of them as events.

A range that fails on the way keeps the days it has landed, and says so as events of their own; the failure names the
day. Landing a day again whose rows are the same changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs import lake_reporting as reporting
from integrations_platform.defs.running import give_up, progress_to
from integrations_platform.jobs import Catalogue
from integrations_platform.settings_lake import DatasetSettings
from integrations_platform.yaml_source import ConfigurationError

if TYPE_CHECKING:
    from integrations_platform.lake import Lake, Manifest
    from integrations_platform.lake.judging import Finding
    from integrations_platform.lake.landing import Syncs
    from integrations_platform.platform import Platform

_SAMPLE = 5  # rows


@dataclass
class LakeStep:
    """One step over the partitions of ``context``."""

    context: dg.AssetExecutionContext
    catalogue: Catalogue
    dataset: DatasetSettings
    key: dg.AssetKey
    _around: dict[date, Manifest] = field(default_factory=dict)

    def land(self) -> Iterator[Any]:
        """Land every day of the run. Raises dg.Failure, or dg.RetryRequested for what may pass by itself."""
        from integrations_platform.lake.landing import land

        progress = progress_to(self.context.log.info)
        run_id = self.context.run.run_id
        landed: list[Manifest] = []
        try:
            with self._told():
                self._around = dict(self._recorded_around())
                embedded = self.catalogue.settings.airbyte.engine() == "embedded"
                for day in self._days:
                    progress(self.dataset.name, len(landed), len(self._days))
                    manifest = land(self._lake, self.dataset.name, day, run_id, self._syncs, embedded=embedded)
                    self._around[day] = manifest
                    landed.append(manifest)
        except (dg.Failure, dg.RetryRequested):
            for manifest in landed:
                metadata = self._metadata(manifest)
                yield dg.AssetMaterialization(self.key, partition=manifest.day.isoformat(), metadata=metadata)
            raise
        with self._told():
            for manifest in landed:
                self.context.add_asset_metadata(self._metadata(manifest), self.key, manifest.day.isoformat())
            checks = list(self._checks(landed))
        yield dg.MaterializeResult(asset_key=self.key, data_version=dg.DataVersion(version_of(landed)))
        yield from checks

    def published(self, manifest: Manifest) -> Iterator[Any]:
        """What a step of another kind has made this dataset's partition: told and judged as if landed here."""
        with self._told():
            self._around = dict(self._recorded_around())
            metadata, checks = self._metadata(manifest), list(self._checks([manifest]))
        version = dg.DataVersion(manifest.content)
        yield dg.MaterializeResult(asset_key=self.key, metadata=metadata, data_version=version)
        yield from checks

    def look(self) -> Iterator[dg.AssetCheckResult]:
        """Judge what is recorded of the newest day, or of the run's own, landing nothing."""
        with self._told():
            self._around = dict(self._recorded_around()) if self._days else {}
            missing = [day for day in self._days if day not in self._around]
            if missing:
                give_up(f"{self.key.to_user_string()}: {missing[0]} was never landed; materialize it first")
            checks = list(self._checks([self._around[day] for day in self._days]))
        yield from checks

    @cached_property
    def _days(self) -> list[date]:
        """The days of the run; a run of checks alone has none, and looks at the newest recorded one, if any."""
        if self.context.has_partition_key or self.context.has_partition_key_range:
            return [date.fromisoformat(key) for key in self.context.partition_keys]
        return list(self._lake.days(self.dataset.name)[-1:])

    @cached_property
    def _platform(self) -> Platform:
        from integrations_platform.platform import Platform

        return Platform(self.catalogue.settings)

    @cached_property
    def _syncs(self) -> Syncs:
        from integrations_platform.lake.landing import Syncs

        specs = {spec.name: spec for spec in self.catalogue.specs}
        return Syncs(specs, lambda: self._platform.store, self._platform.runtime.clock)

    @cached_property
    def _lake(self) -> Lake:
        from integrations_platform.lake import Lake

        return Lake.open(self.catalogue.settings.lake)

    def _recorded_around(self) -> Mapping[date, Manifest]:
        """What is recorded from as long before the first day as anything is compared with or plotted."""
        days = self._days
        back = max(self.dataset.volume.days, reporting.PLOTTED)
        first = max(days[0] - timedelta(days=back), self.dataset.starts)
        known = set(self._lake.days(self.dataset.name))
        span = (first + timedelta(days=n) for n in range((days[-1] - first).days + 1))
        return self._lake.manifests(self.dataset.name, [day for day in span if day in known])

    def _metadata(self, manifest: Manifest) -> dict[str, Any]:
        sample = self._lake.sample(manifest, _SAMPLE) if len(self._days) == 1 else None
        uri = self._lake.location(self.dataset.name, manifest.day)
        return reporting.partition_metadata(manifest, uri, sample, self._around)

    def _checks(self, manifests: list[Manifest]) -> Iterator[dg.AssetCheckResult]:
        from integrations_platform.lake import judging

        def each(judge: Callable[[Manifest], Finding]) -> dict[str, Finding]:
            found = {manifest.day.isoformat(): judge(manifest) for manifest in manifests}
            return found or {dataset.name: judging.Finding(False, "nothing is recorded yet; materialize a day", {})}

        dataset, around = self.dataset, self._around
        known = self._lake.days(dataset.name)
        now = self._platform.runtime.clock()
        late = judging.lateness(dataset, known[-1] if known else None, now)
        answers = {
            reporting.NOT_EMPTY: each(lambda manifest: judging.emptiness(manifest, dataset)),
            reporting.ON_TIME: {now.date().isoformat(): late},
            reporting.SCHEMA_AS_BEFORE: each(lambda manifest: judging.drift(manifest, around)),
            reporting.VOLUME_AS_USUAL: each(lambda manifest: judging.volume(manifest, around, dataset.volume)),
        }
        for name, findings in answers.items():
            yield reporting.check_result(name, self.key, findings)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors inside the block as Dagster's."""
        from integrations_platform.lake import LakeError, Trouble
        from integrations_platform.state.errors import StateError

        try:
            yield
        except LakeError as fault:
            passing = fault.trouble is Trouble.UNAVAILABLE
            give_up(f"{self.key.to_user_string()}: {fault}", self.context.retry_number if passing else None)
        except (ConfigurationError, StateError) as fault:
            give_up(f"{self.key.to_user_string()}: {fault}")


def version_of(manifests: list[Manifest]) -> str:
    """The data version of a run: what is in its partition. A run over many has one version for all of them, because
    Dagster takes one per asset and step; each partition's own is ``content`` in its metadata."""
    if len(manifests) == 1:
        return manifests[0].content
    return hashlib.sha256("".join(item.content for item in manifests).encode()).hexdigest()[:32]
