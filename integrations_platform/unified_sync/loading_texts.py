"""Filling an empty table from one of another sort, as text that both sorts of database spell alike.

Owns what the declaration and the target ask of a record before it may go over so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.forms import FieldPlace
from integrations_platform.unified_sync.loading_port import Demand, Form, Loadable, Texts, Way
from integrations_platform.unified_sync.port import ColumnForm
from integrations_platform.unified_sync.spec import SIDES, FieldSpec, SideName
from integrations_platform.unified_sync.values import FieldType


def as_texts(places: Sequence[FieldPlace], callers: Mapping[SideName, Caller], key: FieldSpec) -> Way | None:
    """The way of texts, if both sides have one and every field is one column on each. Raises SideError."""
    if key.type not in (FieldType.INTEGER, FieldType.TEXT) or not all(map(_goes_over, places)):
        return None
    texts: dict[SideName, Texts] = {}
    forms: dict[SideName, Form | None] = {}
    names: dict[SideName, list[str]] = {}
    for name in SIDES:
        side = callers[name].side
        found = side.texts if isinstance(side, Loadable) else None
        if found is None:
            return None
        fields = {place.spec.columns(name)[0]: place.spec.name for place in places}
        texts[name], names[name] = found, list(fields)
        forms[name] = callers[name].call(partial(found.form, key.columns(name)[0], fields))
    form = forms["A"]
    if form is None or form != forms["B"]:
        return None
    demands = {place.spec.source[0]: _demand(place) for place in places}
    return Way(
        form.layout,
        partial(texts["A"].export, names["A"], demands),
        partial(texts["B"].loading, names=names["B"], layout=form.layout),
    )


def _goes_over(place: FieldPlace) -> bool:
    """Whether every value of the one column, but for its length, is a value of the other."""
    item, source, target = place.spec, place.form_a, place.form_b
    if len(item.source) != 1 or len(item.target) != 1 or source is None or target is None or not target.writable:
        return False
    if item.options or source.options or target.options or target.trims or target.lower_cases:
        return False
    whole = item.scale is None or (source.fraction_digits or 0) <= item.scale
    return whole and target.four_byte_text and (item.type is FieldType.BOOLEAN or _has_room(source, target))


def _has_room(source: ColumnForm, target: ColumnForm) -> bool:
    def within(low: int | None, high: int | None) -> bool:
        return high is None or (low is not None and low <= high)

    below = target.minimum is None or (source.minimum is not None and source.minimum >= target.minimum)
    return below and within(source.maximum, target.maximum) and within(source.integer_digits, target.integer_digits)


def _demand(place: FieldPlace) -> Demand:
    item, target = place.spec, place.form_b
    lengths = [item.max_length, target.max_length if target else None]
    longest = min((length for length in lengths if length is not None), default=None)
    return Demand(longest, present=target is not None and not target.nullable, filled=item.required)
