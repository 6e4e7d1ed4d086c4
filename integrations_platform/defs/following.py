"""What runs because something else has: syncs with `after`, connections with `upstream`.

Each follows the assets it names, and those only, once all of them are there and none is being made. Connections, and
datasets and tables, follow by sensors of their own, :func:`integrations_platform.defs.airbyte_jobs.connections_follow`
and :func:`integrations_platform.defs.schedules.tables_follow`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg

from integrations_platform.jobs import Catalogue
from integrations_platform.schema_check import nearest
from integrations_platform.secret_text import SettingsError
from integrations_platform.yaml_source import Fault

FOLLOW = "syncs_follow"


def key_of(text: str) -> dg.AssetKey:
    """The asset that is written `a/b/c`."""
    return dg.AssetKey(text.split("/"))


def condition_of(names: Sequence[str]) -> dg.AutomationCondition[dg.AssetKey] | None:
    """Run when one of these assets was made anew, all are there, and none is being made; None: nothing is followed."""
    if not names:
        return None
    return dg.AutomationCondition.eager().allow(dg.AssetSelection.assets(*map(key_of, names)))


def syncs_follow(catalogue: Catalogue) -> list[dg.AutomationConditionSensorDefinition]:
    """The sensor that starts unified syncs that follow something; none where nothing does."""
    keys = [dg.AssetKey(spec.name) for spec in catalogue.specs if spec.after]
    return follow_sensor(FOLLOW, keys, "Runs syncs once the assets they follow were made anew.")


def follow_sensor(
    name: str, keys: Sequence[dg.AssetKey], description: str, run_tags: Mapping[str, str] | None = None
) -> list[dg.AutomationConditionSensorDefinition]:
    """A sensor of what follows others, stopped until somebody starts it; none without any."""
    if not keys:
        return []
    return [
        dg.AutomationConditionSensorDefinition(
            name, target=dg.AssetSelection.assets(*keys), run_tags=run_tags,
            default_status=dg.DefaultSensorStatus.STOPPED, description=description,
        )
    ]  # fmt: skip


def check_followed(catalogue: Catalogue, made: Iterable[dg.AssetsDefinition | dg.AssetSpec]) -> None:
    """Refuse what follows an asset that is not ``made``: it would wait for ever. Raises SettingsError."""
    keys = [key for each in made for key in ([each.key] if isinstance(each, dg.AssetSpec) else each.keys)]
    names = {key.to_user_string() for key in keys}
    faults = [
        Fault(file, line, path, f"no asset is named {wanted!r}", nearest(wanted, names))
        for file, line, path, wanted in _followed(catalogue) if wanted not in names
    ]  # fmt: skip
    if faults:
        raise SettingsError(faults)


def _followed(catalogue: Catalogue) -> Iterator[tuple[str, int | None, str, str]]:
    for spec in catalogue.specs:
        for wanted in spec.after:
            yield f"sync {spec.name}", None, "after", wanted
    settings = catalogue.settings.airbyte
    for connection in settings.connections.values():
        for wanted in connection.upstream:
            yield settings.file, connection.line, f"airbyte.connections.{connection.name}.upstream", wanted
