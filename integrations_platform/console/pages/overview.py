"""All syncs at a glance, and one sync with its fields and its latest runs."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from integrations_platform.console.page import Ask, look
from integrations_platform.console.rendering import side_name
from integrations_platform.console.standing import standings
from integrations_platform.pages import dagster_run
from integrations_platform.unified_sync.spec import SIDES, SyncSpec
from integrations_platform.unified_sync.store import RunRecord

RUNS = 20
_DEEDS = ("created", "updated", "archived", "restored", "deleted")


def overview(ask: Ask) -> Response:
    specs = ask.specs()
    found = ask.platform.store.overview([spec.name for spec in specs])
    broken = [row for row in found.breakers if row.state.value != "closed"]
    return ask.render("overview.html", syncs=standings(specs, found, ask.now), broken=broken)


def one_sync(ask: Ask) -> Response:
    spec = ask.spec()
    found = ask.platform.store.overview([spec.name])
    runs = [{"run": run, **_told(spec, run)} for _, run in ask.platform.store.runs(spec.name, RUNS)]
    return ask.render("sync.html", spec=spec, standing=standings([spec], found, ask.now)[0], runs=runs)


def _told(spec: SyncSpec, run: RunRecord) -> dict[str, Any]:
    """What a run moved, in words, how long it took and what that took, and the run of Dagster behind it."""
    counts = json.loads(run.counts)
    moved = []
    for side in SIDES:
        done = [f"{counts[key]:,} {deed}" for deed in _DEEDS if counts.get(key := f"{deed}_{side.lower()}")]
        if done:
            moved.append(f"{side_name(spec, side)}: {', '.join(done)}")
    pace = {name: counts.get(name) for name in ("seconds", "rows_per_second", "calls")}
    return {"moved": moved, **pace, "dagster": dagster_run(run.trigger)}


NAV = ("Overview", "/")
ROUTES = [Route("/", look(overview)), Route("/syncs/{sync}", look(one_sync))]
