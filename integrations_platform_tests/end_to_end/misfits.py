"""Values that the other database's columns cannot hold: refused before any call, never altered to fit (P41)."""

from __future__ import annotations

from collections import Counter

from integrations_platform_tests.end_to_end import every_type, generated
from integrations_platform_tests.end_to_end.arrange import World

TYPES = list(every_type.VALUES)


def refusals(world: World, each: int) -> Counter[str]:
    """One bulk sync into narrow columns of ``each`` rows with a value too large, for every type that can be, and of as
    many that fit; what was counted. Raises AssertionError for what does not hold."""
    target = world.b.kind
    every_type.create(world.a, TYPES)
    every_type.create(world.b, TYPES, every_type.NARROW)
    rows = generated.misfits(TYPES, each, f"{world.a.kind} {target} {each}", target)
    every_type.insert(world.a, rows)
    original = every_type.read(world.a, TYPES)
    fitting = {
        code: original[code]
        for code, row in enumerate(rows)
        if all(every_type.fits_narrow(kind, value, target) for kind, value in row.items())
    }
    reports = [world.run(), world.run()]
    assert [report.written for report in reports] == [len(fitting), 0], "P41: what fits is written, once, and no other"
    assert every_type.differences(every_type.read(world.b, TYPES), fitting) == {}, "P41: a value was altered to fit"
    assert every_type.differences(every_type.read(world.a, TYPES), original) == {}, "P41: the source was touched"
    held = world.quarantined()
    assert len(held) == len(rows) - len(fitting), "P41: a refused record is not set aside"
    assert {row.reason for row in held} <= {"invalid", "validation"}, "P41: the database had to refuse it"
    return Counter({"refused": len(held), "written": len(fitting)})
