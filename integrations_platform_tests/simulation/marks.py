"""What moved since a mark, as a system tells it that keeps for every mark what it showed then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from integrations_platform.unified_sync.port import LISTING_SCHEMA, Listing

There = Mapping[str, tuple[str, str]]  # version and presence by id


@dataclass
class Marks:
    """The marks of one side."""

    kept: dict[str, tuple[There, Mapping[str, str]]] = field(default_factory=dict)

    def keep(self, there: There, merged: Mapping[str, str]) -> str:
        """A mark of the moment at which the side shows this."""
        name = f"moment {len(self.kept)}"
        self.kept[name] = dict(there), dict(merged)
        return name

    def stands(self, mark: str, records: int, there: There, merged: Mapping[str, str]) -> bool | None:
        """Whether it shows now what it showed then; None for a mark nobody knows."""
        known = self.kept.get(mark)
        return None if known is None else known == (there, merged) and records == len(there)

    def since(self, earlier: Listing, there: There, merged: Mapping[str, str]) -> Listing | None:
        """The listing without digest and mark, told from the earlier one. What is remembered of who did not move must
        be what is there: whatever the engine remembers otherwise is a fault of its own."""
        known = self.kept.get(earlier.mark or "")
        if known is None or known[1] != merged:
            return None
        before = known[0]
        moved = [name for name in there if before.get(name) != there[name] or there[name][1] != "live"]
        gone = [name for name in earlier.frame["id"] if name not in there]
        rest = earlier.frame.filter(~pl.col("id").is_in([*moved, *gone]))
        shown = pl.DataFrame([(name, *there[name]) for name in moved], schema=LISTING_SCHEMA, orient="row")
        frame = pl.concat([rest, shown])
        told = {name: (version, presence) for name, version, presence in frame.iter_rows()}
        assert told == there, f"P9: remembered as unmoved, and is not so: {set(told.items()) ^ set(there.items())}"
        apart = (
            None if earlier.apart is None else pl.concat([earlier.apart, pl.Series([*moved, *gone], dtype=pl.String)])
        )
        return Listing(frame, complete=True, merged=merged, apart=apart)
