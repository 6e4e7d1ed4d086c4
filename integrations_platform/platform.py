"""One environment, opened: settings, declared syncs, the state and the sides, put together for whoever runs them.

The faces (CLI, Dagster, console) reach the engine only through this. It opens nothing until it is needed, and it is the
one place that turns names from configuration into connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from integrations_platform.connectors import Address, open_side
from integrations_platform.connectors.packed_rows import unpack
from integrations_platform.declarations import find_sync, load_declared
from integrations_platform.settings import Settings, SettingsError, SystemSettings, load_settings
from integrations_platform.shard_processes import Processes
from integrations_platform.state import SqlStore, open_store
from integrations_platform.unified_sync.calls import CallPolicy
from integrations_platform.unified_sync.engine import Engine, Request
from integrations_platform.unified_sync.forms import bound_columns
from integrations_platform.unified_sync.plan import Plan
from integrations_platform.unified_sync.port import Side, SideError
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import SIDES, SideName, SyncSpec
from integrations_platform.unified_sync.store import SavedPlan

if TYPE_CHECKING:
    from integrations_platform.connectors.budgets import Budget, Usage
    from integrations_platform.progress import Progress


@dataclass
class Platform:
    """Everything a face needs. ``folder``: where syncs are declared (default: the package's)."""

    settings: Settings
    runtime: Runtime = field(default_factory=Runtime)
    folder: Path | None = None
    _progress: Progress | None = field(default=None, init=False)
    _budgets: dict[str, Budget] = field(default_factory=dict, init=False)  # of services, by system

    @classmethod
    def open(cls, environment: str | None = None, env_file: Path | None = None, folder: Path | None = None) -> Platform:
        """The named environment, or the file's. Raises SettingsError."""
        return cls(load_settings(environment, env_file=env_file), folder=folder)

    @cached_property
    def declared(self) -> Mapping[str, SyncSpec]:
        """All declared syncs by name. Raises DeclarationError."""
        return {spec.name: spec for spec in load_declared(self.folder)}

    def sync(self, name_or_path: str | Path) -> SyncSpec:
        """A declared sync by name, or the one in a file. Raises DeclarationError."""
        return find_sync(name_or_path, self.folder)

    @cached_property
    def store(self) -> SqlStore:
        """The state, upgraded to this version if need be; the folder of a SQLite file is made. Raises StateError."""
        url = self.settings.state.url()
        if url.startswith("sqlite"):
            folder = Path(url.split(":///", 1)[1].split("?", 1)[0]).parent
            with suppress(OSError):  # what cannot be made is said by whoever opens the file, with its name
                folder.mkdir(parents=True, exist_ok=True)
        return open_store(url, clock=self.runtime.clock, unpack=unpack)

    def engine(self, *specs: SyncSpec) -> Engine:
        """The engine; ``specs`` are syncs from files, known beside the declared ones for references."""
        policies = {name: self._call_policy(name) for name in self.settings.systems}
        # Other syncs are needed to follow references only; a broken file among them does not stop the rest.
        refers = any(item.references for spec in specs for item in spec.fields)
        known = {**(self.declared if refers else {}), **{spec.name: spec for spec in specs}}
        crew = Processes(self.store, self.settings.file, tuple(known.values()), self.runtime)
        return Engine(self.store, self.runtime, known, policies, crew)

    def _call_policy(self, system: str) -> CallPolicy:
        settings = self.settings.systems[system]
        return CallPolicy(
            attempts=settings.retry.attempts,
            backoff=settings.retry.first_wait_seconds,
            max_backoff=settings.retry.longest_wait_seconds,
            per_second=settings.limits.calls_per_second,
        )

    @staticmethod
    def address(system: SystemSettings) -> Address:
        """What opens a system, variables filled in: a secret. Raises SettingsError naming what is missing, and
        SideError when the stand-in that serves instead is not running."""
        if not system.is_service:
            return system.url()
        if (stand_in_at := system.sandbox_url()) is None:
            return system.resolved()
        from integrations_platform.connectors.services import stand_in_options

        return {**system.usual(), **stand_in_options(system.name, system.kind, stand_in_at, system.credentials)}

    def budget(self, system: SystemSettings, address: Address, *, shared: bool = True) -> Budget | None:
        """What the account behind a service may still be asked; None for a database.

        ``shared`` counts it together with all processes that use this state; otherwise the state is not opened.
        """
        if isinstance(address, str):
            return None
        from integrations_platform.connectors.services import budget_for

        runtime = self.runtime
        rows = self.store.accounts if shared else None
        told = self._progress.again if self._progress is not None else lambda: None
        budget = budget_for(
            system.name, system.kind, address, rows, clock=runtime.clock, sleep=runtime.sleep, told=told
        )
        if shared:
            self._budgets[system.name] = budget
        return budget

    def show(self, progress: Progress) -> None:
        """From now on ``progress`` hears of all work, and of every call to a service."""
        self._progress, self.runtime = progress, replace(self.runtime, progress=progress)

    def quotas(self, systems: Iterable[str] = ()) -> list[tuple[str, Usage]]:
        """How much is used of the quotas of these services, and of those that have been called here; a service whose
        account cannot be told, because variables are not set, has none."""
        for name in systems:
            system = self.settings.systems.get(name)
            if system is not None and system.is_service and name not in self._budgets:
                with suppress(SettingsError, SideError):
                    self.budget(system, self.address(system))
        return [(name, usage) for name, budget in list(self._budgets.items()) for usage in budget.usage()]

    @contextmanager
    def sides(self, spec: SyncSpec) -> Iterator[Mapping[SideName, Side]]:
        """Both sides of a sync, closed on exit. Raises SettingsError for an unknown system or missing variable."""
        with ExitStack() as stack:
            opened: dict[SideName, Side] = {}
            for name in SIDES:
                side = spec.side(name)
                system = self.settings.system(side.system)
                address = self.address(system)
                opened[name] = open_side(
                    side.system,
                    system.kind,
                    address,
                    side,
                    bound_columns(spec, name),
                    spec.name,
                    name,
                    clock=self.runtime.clock,
                    budget=self.budget(system, address),
                )
                stack.callback(opened[name].close)
            yield opened

    def run(self, spec: SyncSpec, request: Request | None = None) -> RunReport:
        """Run one sync. Raises LeaseHeld when it is running already, SettingsError."""
        with self.sides(spec) as sides:
            return self.engine(spec).run(spec, sides, request)

    def plan(self, spec: SyncSpec) -> tuple[Plan, SavedPlan]:
        """Plan one sync and keep the plan for review. Raises SetupRefused, SideError, SettingsError."""
        engine = self.engine(spec)
        with self.sides(spec) as sides:
            plan = engine.plan(spec, sides)
        return plan, engine.save_plan(spec, plan)

    def close(self) -> None:
        """Release the state, if it was opened."""
        if "store" in self.__dict__:
            self.store.close()
