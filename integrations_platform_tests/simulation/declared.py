"""What is synced in the simulation: the columns of each object, what a user may type there, and the declared syncs.

``things`` have text, and in some histories every other type; ``invoices`` refer to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from integrations_platform.unified_sync.spec import (
    Direction,
    FieldSpec,
    Guards,
    OnDelete,
    SideSpec,
    Strategy,
    SyncSpec,
)
from integrations_platform.unified_sync.values import FieldType

UNITS: dict[str, tuple[str, ...]] = {
    "email": ("email",),
    "name": ("name",),
    "address": ("street", "city"),
    "tier": ("tier",),
}
EDITABLE = ("name", "street", "city", "tier", "email")
TYPED = ("price", "since", "seen", "vip", "labels")
REFERRING = ("name", "customer", "email")

UNIT_OF = {column: unit for unit, columns in UNITS.items() for column in columns} | {
    column: column for column in (*TYPED, "customer")
}
KINDS = {
    "email": FieldType.EMAIL,
    "price": FieldType.DECIMAL,
    "since": FieldType.DATE,
    "seen": FieldType.DATETIME,
    "vip": FieldType.BOOLEAN,
    "labels": FieldType.SET,
    "customer": FieldType.REF,
}
ORDER = ("email", "name", "street", "city", "tier", *TYPED, "customer")

FINE, COARSE = 4, 2  # decimal places of a price where it is kept whole, and where it is rounded


@dataclass(frozen=True)
class Declared:
    """One object of a history. ``scale``: decimal places both sides keep. ``required``: whether an invoice must have
    its customer. ``refers``: the sync the customers are in."""

    name: str = "sim"
    editable: tuple[str, ...] = EDITABLE
    scale: int = FINE
    required: bool = False
    refers: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns, the key first."""
        return tuple(column for column in ORDER if column in self.editable)

    @property
    def units(self) -> dict[str, tuple[str, ...]]:
        """What is merged as one, with its columns."""
        names = dict.fromkeys(UNIT_OF[column] for column in self.columns)
        return {name: UNITS.get(name, (name,)) for name in names}

    def spec(self, strategy: Strategy, *, mirrored: bool = False) -> SyncSpec:
        """The sync under test: a key, a plain field, a group, a one-way field, one of each type, a reference."""
        one_way = Direction.TARGET_TO_SOURCE if mirrored else Direction.SOURCE_TO_TARGET
        special: dict[str, dict[str, Any]] = {
            "street": {"group": "address"},
            "city": {"group": "address"},
            "tier": {"direction": one_way},
            "price": {"scale": self.scale},
            "customer": {"references": self.refers, "required": self.required},
        }
        return SyncSpec(
            name=self.name,
            source=SideSpec("left", self.name, modified="m"),
            target=SideSpec("right", self.name, modified="m"),
            fields=tuple(
                FieldSpec(
                    column,
                    KINDS.get(column, FieldType.TEXT),
                    (column,),
                    (column,),
                    **{"required": False, "strategy": strategy} | special.get(column, {}),
                )
                for column in self.columns
            ),
            match=("email",),
            strategy=strategy,
            on_delete={"A": OnDelete.ARCHIVE, "B": OnDelete.ARCHIVE},
            guards=Guards(max_deletes=1000, change_floor=10_000),
            batch_size=3,
        )
