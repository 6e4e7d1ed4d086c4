"""What is out of the ordinary about a partition: empty, late, other columns, another amount of rows than usual.

Pure judgements over manifests; whoever shows them decides how loud they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median

from integrations_platform.lake.manifest import Manifest
from integrations_platform.settings_lake import DatasetSettings, FilesOfOthers, Volume

FEWEST = 3  # partitions a median needs; before that nothing is called unusual


@dataclass(frozen=True)
class Finding:
    """One judgement. ``facts`` are numbers for charts; ``serious``: data was lost or cannot be read as before."""

    passed: bool
    what: str
    facts: Mapping[str, int | float]
    serious: bool = False


def emptiness(manifest: Manifest, settings: DatasetSettings) -> Finding:
    """Whether the partition has rows, where it must."""
    passed = manifest.rows > 0 or settings.may_be_empty
    said = f"{manifest.rows:,} row{'' if manifest.rows == 1 else 's'}"
    return Finding(passed, said, {"rows": manifest.rows}, serious=True)


def drift(manifest: Manifest, earlier: Mapping[date, Manifest]) -> Finding:
    """How the columns differ from those of the newest earlier partition that has any."""
    before = next(
        (earlier[day] for day in sorted(earlier, reverse=True) if day < manifest.day and earlier[day].schema), None
    )
    if before is None or not manifest.schema:
        return Finding(True, "nothing to compare with", {"columns_added": 0, "columns_gone": 0, "columns_changed": 0})
    old, new = before.schema, manifest.schema
    added = [name for name in new if name not in old]
    gone = [name for name in old if name not in new]
    changed = [
        f"{name}: {old[name]} → {new[name]}"
        for name in new
        if name in old and old[name] != new[name] and "null" not in (old[name], new[name])
    ]
    said = [
        f"{word} {', '.join(names)}" for word, names in (("new", added), ("gone", gone), ("changed", changed)) if names
    ]
    return Finding(
        not said,
        f"as on {before.day}" if not said else f"since {before.day}: {'; '.join(said)}",
        {"columns_added": len(added), "columns_gone": len(gone), "columns_changed": len(changed)},
        serious=bool(gone or changed),
    )


def volume(manifest: Manifest, earlier: Mapping[date, Manifest], usual: Volume) -> Finding:
    """How far the rows are from the median of the earlier partitions, as ``usual`` says."""
    first = manifest.day - timedelta(days=usual.days)
    compared = [
        found.rows
        for day, found in earlier.items()
        if first <= day < manifest.day and (not usual.same_weekday or day.weekday() == manifest.day.weekday())
    ]
    of_what = f"{manifest.day:%A}s of the last {usual.days} days" if usual.same_weekday else f"last {usual.days} days"
    if len(compared) < FEWEST:
        return Finding(True, f"too few of the {of_what} are there to compare with", {"compared_with": len(compared)})
    middle = median(compared)
    distance = abs(manifest.rows - middle) / middle if middle else float(manifest.rows > 0)
    return Finding(
        distance <= usual.tolerance,
        f"{manifest.rows:,} rows; the median of the {of_what} is {middle:,.0f}",
        {"compared_with": len(compared), "median_rows": middle, "distance": round(distance, 4)},
    )


def due_day(settings: DatasetSettings, now: datetime) -> date | None:
    """The newest day that must be there by now; None when none must yet, or when the dataset has ended long ago."""
    due = (now.astimezone(UTC) - timedelta(hours=settings.late_after_hours)).date() - timedelta(days=1)
    if settings.ends is not None and due > settings.ends + timedelta(days=1):
        return None  # history: whether every day was loaded is a question of backfills, not of lateness
    return due if due >= settings.starts else None


def lateness(settings: DatasetSettings, newest: date | None, now: datetime) -> Finding:
    """Whether the newest partition that must be there is; ``newest``: the newest one recorded."""
    due = due_day(settings, now)
    if due is None:
        return Finding(True, "no day is due", {"days_late": 0})
    missing = max(
        0, (due - max(newest or settings.starts - timedelta(days=1), settings.starts - timedelta(days=1))).days
    )
    due_at = datetime.combine(due + timedelta(days=1), time(), UTC) + timedelta(hours=settings.late_after_hours)
    what = f"the newest is {newest}" if newest else "there is none yet"
    writer = "whoever writes the files" if isinstance(settings.source, FilesOfOthers) else "its schedule or backfill"
    said = f"{what}; {due} was due by {due_at:%Y-%m-%d %H:%M} UTC: look at {writer}"
    return Finding(missing == 0, what if missing == 0 else said, {"days_late": missing})
