"""What nobody has verified about QuickBooks Online, with both readings of each; tests run the engine under either.

``Readings()`` is the reading held likelier. The other members of this package ask here instead of deciding themselves.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Readings:
    """One way to read the vendor's silence.

    ``requestid_works``: a repeated requestid gets the first answer again. ``requestid_in_batch``: in batch calls, too.
    ``requestid_replays_faults``: a refusal is remembered like a success. ``sparse_merges_objects``: a sparse update
    keeps members of an address that it does not name. ``derived_changes_bump_token``: a balance changed by an invoice
    counts as a change of the customer. ``void_keeps_amounts``: a void leaves the amounts. ``ids_as_text``: ids are
    ordered as text. ``any_case_matches``: ``=`` disregards case. ``retry_after``: seconds said with a 429, or None.
    ``empty_page_has_positions``: an answer without matches still holds startPosition and maxResults.
    """

    requestid_works: bool = True
    requestid_in_batch: bool = True
    requestid_replays_faults: bool = False
    sparse_merges_objects: bool = False
    derived_changes_bump_token: bool = False
    void_keeps_amounts: bool = False
    ids_as_text: bool = False
    any_case_matches: bool = True
    retry_after: int | None = None
    empty_page_has_positions: bool = False
