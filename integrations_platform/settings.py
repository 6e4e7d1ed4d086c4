"""The settings of one environment: its systems, its state, and one section per capability.

The only reader of ``environments/*.yaml`` and of the process environment. Variables are resolved when a system is
opened, never at load, so that everything loads with no variable set; values of addresses appear in no message or repr.
Relative paths (``path:`` of a system, a SQLite ``state.url``) are relative to the current directory, not to the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integrations_platform.schema_check import brief, check, nearest
from integrations_platform.secret_text import SecretText, SettingsError
from integrations_platform.settings_airbyte import AirbyteSettings
from integrations_platform.settings_alerts import AlertsSettings
from integrations_platform.settings_console import ConsoleSettings
from integrations_platform.settings_databricks import DatabricksSettings
from integrations_platform.settings_lake import JobOutput, LakeSettings, ModelOutput, judge_streams
from integrations_platform.settings_models import ModelsSettings
from integrations_platform.settings_schema import (
    ENVIRONMENT_SCHEMA,
    SECTIONS,
    Option,
    environment_schema,
    service_options,
)
from integrations_platform.settings_shards import ShardsSettings
from integrations_platform.settings_telemetry import TelemetrySettings
from integrations_platform.settings_warehouse import WarehouseSettings
from integrations_platform.settings_webhooks import WebhooksSettings
from integrations_platform.yaml_source import Fault, Faults, Located, read_file, shown_path

__all__ = [
    "Limits",
    "Retry",
    "SecretText",
    "Settings",
    "SettingsError",
    "StateSettings",
    "SystemSettings",
    "find_environment",
    "json_schema",
    "known_environments",
    "load_settings",
    "variable",
]


ENVIRONMENT_VARIABLE = "INTEGRATIONS_ENV"
FILE_VARIABLE = "INTEGRATIONS_ENV_FILE"
_DEFAULT_ENVIRONMENT = "local"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_SCHEMES = {
    "postgresql": re.compile(r"postgres(ql)?(\+\w+)?://", re.IGNORECASE),
    "mysql": re.compile(r"(mysql|mariadb)(\+\w+)?://", re.IGNORECASE),
}
_STATE_SCHEMES = re.compile(r"(sqlite|postgres(ql)?)(\+\w+)?://", re.IGNORECASE)
_SQLITE_FILE = re.compile(r"(?P<scheme>sqlite(\+\w+)?:///)(?P<file>[^?]+)(?P<query>\?.*)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Limits:
    """How hard a system may be driven; None is no limit of ours."""

    calls_per_second: float | None = None


@dataclass(frozen=True)
class Retry:
    """How transient errors are retried: ``attempts`` calls in all, waits doubling up to the longest."""

    attempts: int = 5
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 60.0


@dataclass(frozen=True)
class SystemSettings:
    """One entry under ``systems:``. ``location`` is a database's URL, or its file for SQLite; ``options`` are a
    service's; all unresolved."""

    name: str
    kind: str
    location: SecretText | None
    limits: Limits = field(default_factory=Limits)
    retry: Retry = field(default_factory=Retry)
    options: Mapping[str, SecretText] = field(default_factory=dict)

    @property
    def is_service(self) -> bool:
        """Whether it is reached by options (HTTP) rather than by a URL (SQL)."""
        return self._known is not None

    @property
    def _known(self) -> Mapping[str, Option] | None:
        return service_options(self.kind)

    def resolved(self) -> dict[str, str]:
        """The options of a service, variables filled in, what was left out at its usual value or missing: secrets.

        Raises :class:`SettingsError` naming every variable and every required option that is missing.
        """
        found: dict[str, str] = {}
        faults: list[Fault] = []
        for name, option in (self._known or {}).items():
            given = self.options.get(name)
            try:
                text = given.resolve().strip() if given and name != "sandbox" else ""
            except SettingsError as refusal:
                faults += refusal.faults
                continue
            if option.required and given and not text:
                faults += given.error("is empty", option.description).faults
            if text or option.usual:
                found[name] = text or option.usual
        if faults:
            raise SettingsError(faults)
        return found

    def usual(self) -> dict[str, str]:
        """The options of a service that have a usual value."""
        return {name: option.usual for name, option in (self._known or {}).items() if option.usual}

    @property
    def credentials(self) -> tuple[str, ...]:
        """The variables that the required options of a service come from."""
        required = (name for name, option in (self._known or {}).items() if option.required)
        return tuple(variable for name in required for variable in self.options[name].variables)

    def sandbox_url(self) -> str | None:
        """The stand-in to use instead, where one is named and no required option has a value; None otherwise.

        A single one that is set means the real service: a forgotten second variable is then an error, not a detour.
        """
        stand_in = self.options.get("sandbox")
        if stand_in is None or not (url := stand_in.resolve().strip()):
            return None
        for name, option in (self._known or {}).items():
            if option.required and name in self.options:
                try:
                    if self.options[name].resolve().strip():
                        return None
                except SettingsError:
                    continue
        return url

    def url(self) -> str:
        """The address as a URL, variables filled in: a secret. For SQLite ``sqlite:///`` and the absolute file.

        Raises :class:`SettingsError` when a variable is missing or the URL is of another kind.
        """
        if self.location is None:
            raise self._no_database()
        if self.kind == "sqlite":
            return f"sqlite:///{self.file()}"
        url = self.location.resolve()
        if not _SCHEMES[self.kind].match(url):
            origin = f" (from {' and '.join(self.location.variables)})" if self.location.variables else ""
            what = f"is no {self.kind} URL{origin}"
            raise self.location.error(what, f"write {self.kind}://user:password@host:port/database")
        return url

    def file(self) -> Path:
        """The absolute path of a SQLite file. Raises :class:`SettingsError` for a system that is a server."""
        if self.location is None:
            raise self._no_database()
        if self.kind != "sqlite":
            raise self.location.error(f"is a {self.kind} server, not a file", "use its url")
        path = self.location.resolve()
        if not path or "?" in path or "\0" in path:  # a question mark would start the options of the URL
            raise self.location.error("is no usable file name", "name a file, without a question mark")
        try:
            return Path.cwd() / Path(path).expanduser()
        except RuntimeError as fault:  # ~name of nobody
            raise self.location.error("names an unknown home directory", "write the directory out") from fault

    def _no_database(self) -> SettingsError:
        what = f"is {self.kind}, which is no database"
        return SettingsError([Fault("settings", None, f"systems.{self.name}", what, "name a SQL database here")])


@dataclass(frozen=True)
class StateSettings:
    """Where the engine's memory is kept."""

    location: SecretText

    def url(self) -> str:
        """The URL of the state, variables filled in: a secret. A SQLite file is made absolute; its
        folder may not exist.

        Raises :class:`SettingsError` when a variable is missing, or the URL is neither SQLite nor PostgreSQL or keeps
        nothing (SQLite in memory).
        """
        url = self.location.resolve()
        if not _STATE_SCHEMES.match(url):
            remedy = "write sqlite:///file or postgresql://user:password@host:port/database"
            raise self.location.error("is neither a sqlite nor a postgresql URL", remedy)
        if not url.lower().startswith("sqlite"):
            return url
        match = _SQLITE_FILE.fullmatch(url)
        if match is None or match["file"] == ":memory:":  # every run would be a first sync
            raise self.location.error("names no SQLite file", "write sqlite:///./state.sqlite")
        return f"{match['scheme']}{Path.cwd() / match['file']}{match['query'] or ''}"


@dataclass(frozen=True)
class Settings:
    """One environment. ``name`` is that of its file; a section that is left out is what works on one machine."""

    name: str
    file: Path
    systems: Mapping[str, SystemSettings]
    state: StateSettings
    lake: LakeSettings = field(default_factory=LakeSettings)
    warehouse: WarehouseSettings = field(default_factory=WarehouseSettings)
    databricks: DatabricksSettings = field(default_factory=DatabricksSettings)
    models: ModelsSettings = field(default_factory=ModelsSettings)
    airbyte: AirbyteSettings = field(default_factory=AirbyteSettings)
    webhooks: WebhooksSettings = field(default_factory=WebhooksSettings)
    alerts: AlertsSettings = field(default_factory=AlertsSettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    shards: ShardsSettings = field(default_factory=ShardsSettings)

    def system(self, name: str) -> SystemSettings:
        """The system of that name. Raises :class:`SettingsError` that lists the known ones."""
        if name not in self.systems:
            what = f"no system is named {brief(name)}"
            raise SettingsError([Fault(shown_path(self.file), None, "systems", what, nearest(name, self.systems))])
        return self.systems[name]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an environment file, for editors."""
    return deepcopy(ENVIRONMENT_SCHEMA)


def variable(name: str) -> str | None:
    """The environment variable ``name``, None when unset or empty. For values that are no part of a settings file."""
    return os.environ.get(name) or None


def known_environments() -> tuple[str, ...]:
    """Names that :func:`find_environment` accepts, sorted."""
    return tuple(sorted({path.stem for folder in _folders() for path in folder.glob("*.yaml")}))


def find_environment(name: str) -> Path:
    """The file of the environment ``name``: in ``environments/`` of the current directory, else beside the package.

    The wheel carries no environments: installed without a checkout, the current directory or an explicit file serves.
    Raises :class:`SettingsError` that lists the known names.
    """
    if _NAME.fullmatch(name):
        for folder in _folders():
            path = folder / f"{name}.yaml"
            if path.is_file():
                return path
    known = known_environments()
    place = " or ".join(shown_path(folder) for folder in _folders()) or str(Path.cwd())
    if not known:
        remedy = "run where the folder environments/ is, or give the file with --env-file"
        raise SettingsError([Fault(place, None, "", "holds no environments", remedy)])
    what = f"no environment is named {brief(name)}"
    raise SettingsError([Fault(place, None, ENVIRONMENT_VARIABLE, what, nearest(name, known))])


def load_settings(
    name: str | None = None, *, env_file: Path | str | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Load ``env_file`` if given, else the environment ``name``, else the file that ``INTEGRATIONS_ENV_FILE`` names,
    else the environment that ``INTEGRATIONS_ENV`` names, else ``local``.

    ``environ`` stands in for the process environment, now and when addresses are resolved. Raises
    :class:`SettingsError` with everything wrong in the file.
    """
    variables = os.environ if environ is None else environ
    if env_file is None and name is None:
        env_file = variables.get(FILE_VARIABLE) or None
    if env_file is not None:
        path = Path(env_file)
    else:
        path = find_environment(name or variables.get(ENVIRONMENT_VARIABLE) or _DEFAULT_ENVIRONMENT)
    faults = Faults(shown_path(path))
    root = read_file(path, faults)
    settings = _build(root, path, faults, variables) if root else None
    if faults or settings is None:
        raise SettingsError(faults)
    return settings


def _folders() -> list[Path]:
    candidates = (Path.cwd() / "environments", Path(__file__).parent.parent / "environments")
    return list(dict.fromkeys(folder for folder in candidates if folder.is_dir()))


def _build(root: Located, path: Path, faults: Faults, environ: Mapping[str, str]) -> Settings | None:
    listed = root.get("systems")
    entries = listed.value if listed and isinstance(listed.value, dict) else {}
    check(root, environment_schema(kind.value for node in entries.values() if (kind := node.get("kind"))), faults)
    systems = {
        name: system
        for name, node in entries.items()
        if not faults.within(f"systems.{name}") and (system := _system(name, node, faults, environ))
    }
    url = (root.get("state") or root).get("url")
    state = None if url is None or faults.within("state") else _secret(url, "state.url", faults, environ)
    sections = {
        name: section.read(root.get(name), lambda node, key: _secret(node, key, faults, environ), faults)
        for name, section in SECTIONS.items()
        if not faults.within(name)
    }
    if faults or state is None:
        return None
    settings = Settings(path.stem, path.absolute(), systems, StateSettings(state), **sections)
    _judge_literals(settings, faults)
    _judge_datasets(settings, faults)
    judge_streams(settings.lake.datasets, settings.airbyte.connections, faults)
    return settings


def _system(name: str, node: Located, faults: Faults, environ: Mapping[str, str]) -> SystemSettings | None:
    declared: dict[str, Any] = node.plain()
    path = f"systems.{name}"
    kind: str = declared["kind"]
    address = _address(node, kind, path, faults)
    options = {
        name: text
        for name in service_options(kind) or {}
        if (given := node.get(name)) and (text := _secret(given, f"{path}.{name}", faults, environ))
    }
    location = _secret(*address, faults, environ) if address else None
    if faults.within(path):
        return None
    limits, retry = declared.get("limits", {}), declared.get("retry", {})
    pace = limits.get("calls_per_second")
    return SystemSettings(
        name,
        kind,
        location,
        Limits(None if pace is None else float(pace)),
        Retry(
            retry.get("attempts", Retry.attempts),
            float(retry.get("first_wait_seconds", Retry.first_wait_seconds)),
            float(retry.get("longest_wait_seconds", Retry.longest_wait_seconds)),
        ),
        options,
    )


def _address(node: Located, kind: str, path: str, faults: Faults) -> tuple[Located, str] | None:
    """The node and key of a database's address; None for a service. What does not belong to the kind is a fault."""
    options = service_options(kind)
    own = {"kind", "limits", "retry", *(("url", "path") if options is None else options)}
    remedy = "remove it" if options is None else f"kind {kind} takes {', '.join(options)}"
    for name, stray in sorted(node.value.items()) if isinstance(node.value, dict) else ():
        if name not in own:
            faults.add(stray.line, f"{path}.{name}", f"has no meaning for kind {kind}", remedy)
    if options is not None:
        for name, option in options.items():
            if option.required and node.get(name) is None:
                faults.add(node.line, f"{path}.{name}", "is missing", f"kind {kind} needs it: {option.description}")
        return None
    wanted, unwanted = ("path", "url") if kind == "sqlite" else ("url", "path")
    other, address = node.get(unwanted), node.get(wanted)
    if other:
        faults.add(other.line, f"{path}.{unwanted}", f"has no meaning for kind {kind}", f"give `{wanted}` instead")
    elif address is None:
        faults.add(node.line, f"{path}.{wanted}", "is missing", f"kind {kind} needs it")
    return None if address is None else (address, f"{path}.{wanted}")


def _secret(node: Located, key: str, faults: Faults, environ: Mapping[str, str]) -> SecretText | None:
    try:
        return SecretText(str(node.value), faults.file, node.line, key, environ)
    except SettingsError as refusal:
        for fault in refusal.faults:
            faults.add(fault.line, fault.path, fault.what, fault.remedy)
        return None


def _judge_literals(settings: Settings, faults: Faults) -> None:
    """Addresses without variables are checked at load; the others when they are opened."""
    places: tuple[SystemSettings | StateSettings, ...] = (*settings.systems.values(), settings.state)
    for place in places:
        if place.location is None or place.location.variables:
            continue
        try:
            place.url()
        except SettingsError as refusal:
            for fault in refusal.faults:
                faults.add(fault.line, fault.path, fault.what, fault.remedy)


def _judge_datasets(settings: Settings, faults: Faults) -> None:
    """Datasets, tables, jobs, models, connections and senders name things of other sections: all must be there."""
    datasets, jobs, models = settings.lake.datasets, settings.databricks.jobs, settings.models.models
    named: list[tuple[int | None, str, str, str, Mapping[str, Any]]] = []
    for name, dataset in datasets.items():
        path = f"lake.datasets.{name}.source"
        if isinstance(dataset.source, JobOutput):
            named.append((None, f"{path}.job", "job", dataset.source.job, jobs))
        elif isinstance(dataset.source, ModelOutput):
            named.append((None, f"{path}.model", "model", dataset.source.model, models))
    for name, table in settings.warehouse.tables.items():
        named.append((table.line, f"warehouse.tables.{name}.dataset", "dataset", table.dataset, datasets))
    for name, job in jobs.items():
        if job.reads:
            named.append((None, f"databricks.jobs.{name}.reads", "dataset", job.reads, datasets))
    for name, model in models.items():
        named.append((None, f"models.models.{name}.features", "dataset", model.features, datasets))
    databases = {name: system for name, system in settings.systems.items() if system.kind == "postgresql"}
    for name, connection in settings.airbyte.connections.items():
        if (lag := connection.lag) is not None:
            path = f"airbyte.connections.{name}.lag"
            ends = (("source", lag.source), ("destination", lag.destination))
            named += [(connection.line, f"{path}.{end}", "postgresql system", it, databases) for end, it in ends if it]
    for name, source in settings.webhooks.sources.items():
        path = f"webhooks.sources.{name}"
        if source.system:
            named.append((source.line, f"{path}.system", "system", source.system, settings.systems))
        connections = settings.airbyte.connections
        named += [(source.line, f"{path}.wakes.airbyte", "connection", it, connections) for it in source.connections]
    for line, path, what, name, known in named:
        if name not in known:
            faults.add(line, path, f"no {what} is named {brief(name)}", nearest(name, known))
