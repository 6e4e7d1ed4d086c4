"""The mutants: M1-M40 of the published semantics where the engine has the mechanism, the ten to be added, and more.

Each is a source edit of the engine and says what it breaks. Left out, because the engine has no such mechanism yet and
there is nothing to break: hint cursors (M38, replaced by the comparison of versions that decides which records are
looked at). Left out, because it is equivalent: a decision that ignores only its number n
(M29). A row that moved on carries no decision any more, and the store refuses one taken on an older n, so within the
engine the number is a second lock behind the comparison of values, which is broken here instead. M20 alone is not of
the engine's package: the fence lies in the store, so the simulation's store is broken.
"""

from __future__ import annotations

from integrations_platform_tests.proof.mutants import Edit, Mutant

MEMORY = "integrations_platform_tests/simulation/memory_store.py"

_SENT_FIRST = """            tx.put_intents([to_intent(operation, self.report.run_id) for operation in batch])
"""
_LOSERS = """            tx.append_audit([entry for operation in batch for entry in self.committer.losers(operation)])
"""
_SEND = """            outcomes = self._send(side, batch)
        except SideError as fault:"""

_RECOVER = (
    "        report.recovered = recover("
    "spec, places, references, callers, self.store, lease, self.runtime, report.run_id)\n"
)

MUTANTS: tuple[Mutant, ...] = (
    # the write protocol and recovery
    Mutant(
        "intent-after-call",
        "The intent of a write is stored after the call, so a killed process leaves no trace of it.",
        ("P5", "P9", "P10"),
        (
            Edit("writer.py", _SENT_FIRST, ""),
            Edit(
                "writer.py",
                _SEND,
                """            outcomes = self._send(side, batch)
            with self.store.transaction(self.lease) as tx:
                tx.put_intents([to_intent(operation, self.report.run_id) for operation in batch])
        except SideError as fault:""",
            ),
        ),
        "M1",
    ),
    Mutant(
        "intents-never-recovered",
        "Open intents of an interrupted run are never asked about.",
        ("P11", "P5", "P9"),
        (Edit("recovery.py", "    intents = store.open_intents(lease.pair)\n", "    intents = []\n"),),
        "M1",
    ),
    Mutant(
        "one-sided-base",
        "The base of the target takes the source's value instead of its own.",
        ("P3", "P4", "P12"),
        (Edit("links.py", "self.b.base[field_name] = value_b", "self.b.base[field_name] = value_a"),),
        "M2",
    ),
    Mutant(
        "read-back-swallows-edits",
        "What is read back after a write becomes the base even where somebody edited it after the write.",
        ("P3",),
        (
            Edit(
                "commit.py", "                written = change.sent  # read later", "                pass  # read later"
            ),
        ),
        "M3",
    ),
    Mutant(
        "delete-beats-update",
        "A delete on one side removes a record that the other side changed.",
        ("P32",),
        (Edit("existence.py", "    changed = view.side(kept).differs()\n", "    changed = False\n"),),
        "M4",
    ),
    Mutant(
        "whole-record-overwritten",
        "One changed field sends the whole record.",
        ("P3", "P16"),
        (
            Edit(
                "field_merge.py",
                "    wrote = [build_update(",
                """    for side in SIDES:
        sent = {change.name for change in changes[side]}
        for place in world.places if sent else ():
            name = place.spec.name
            theirs, ours = (view.side(other(side)).now or {})[name], (view.side(side).now or {})[name]
            if name not in sent:
                changes[side].append(FieldChange(name, ours, theirs, theirs, "whole record"))
    wrote = [build_update(""",
            ),
        ),
        "M5",
    ),
    Mutant(
        "loser-audited-after-call",
        "The losing value goes to the audit after the call instead of with the intent.",
        ("P3",),
        (
            Edit("writer.py", _LOSERS, ""),
            Edit(
                "writer.py",
                _SEND,
                """            outcomes = self._send(side, batch)
            with self.store.transaction(self.lease) as tx:
                tx.append_audit([entry for operation in batch for entry in self.committer.losers(operation)])
        except SideError as fault:""",
            ),
        ),
        "M6",
    ),
    Mutant(
        "create-without-external-id",
        "A created record carries the operation's id instead of its link's.",
        ("P10", "P5", "P9"),
        (
            Edit(
                "operations.py",
                "return Write(self.op_id, self.kind, self.link_id,",
                "return Write(self.op_id, self.kind, self.op_id if self.kind is Kind.CREATE else self.link_id,",
            ),
        ),
        "M7",
    ),
    Mutant(
        "unknown-outcome-advances-base",
        "A write that is said to be done, but shows no effect, advances the base.",
        ("P12", "P3"),
        (
            Edit(
                "commit.py",
                "            if not removal and operation.op_id not in records and not made_and_gone:",
                "            if False:",
            ),
        ),
        "M8",
    ),
    Mutant(
        "unchanged-record-believed",
        "A record that still has the version from before a write is taken as written.",
        ("P12", "P3"),
        (
            Edit(
                "writer.py",
                "                record is not None and not told and self._untouched(side, operation, record)\n",
                "                record is None\n",
            ),
        ),
        "M8",
    ),
    Mutant(
        "payload-becomes-base",
        "The base takes the payload that was sent, not what the side shows.",
        ("P12", "P4"),
        (Edit("commit.py", "            written = seen\n", "            written = change.sent\n"),),
        "M11",
    ),
    Mutant(
        "planning-before-recovery",
        "A run plans first and recovers what was interrupted afterwards.",
        ("P5", "P9", "P10"),
        (
            Edit(
                "engine.py",
                _RECOVER,
                "        report.recovered = 0\n",
            ),
            Edit(
                "engine.py",
                "            report.plan = report.plan or plan\n",
                "            report.plan = report.plan or plan\n"
                "            places, references = self._check(spec, callers), world.references\n    " + _RECOVER,
            ),
        ),
        "M12",
    ),
    Mutant(
        "creates-never-found",
        "Recovery looks for an interrupted create where it does not show yet.",
        ("P5", "P9", "P10", "P37"),
        (
            Edit(
                "probing.py",
                "ids.update({operation.op_id: found.get(operation.link_id) for operation in creates})",
                "ids.update({operation.op_id: found.get(operation.op_id) for operation in creates})",
            ),
        ),
        "M13",
    ),
    Mutant(
        "fresh-key-each-time",
        "Each planning gives the same operation another idempotency key.",
        ("P37", "P7", "P14"),
        (
            Edit("operations.py", "import hashlib\nimport json\n", "import hashlib\nimport itertools\nimport json\n"),
            Edit(
                "operations.py",
                "    text = compact_json([pair, link_id, side, kind, base_version, payload, nonce])",
                "    text = compact_json([pair, link_id, side, kind, base_version, payload, nonce, next(_FRESH)])",
            ),
            Edit("operations.py", "def operation_id(", "_FRESH = itertools.count()\n\n\ndef operation_id("),
        ),
        "M14",
    ),
    Mutant(
        "stale-write-forced",
        "After a compare-and-set refusal the old payload is sent again with the new version.",
        ("P3", "P22"),
        (
            Edit(
                "writer.py",
                "        unclear = [operation for",
                """        refused = [op for op in batch if op.record_id and op.op_id in outcomes]
        refused = [op for op in refused if outcomes[op.op_id].status is Status.STALE]
        if refused:
            from dataclasses import replace

            now = self.callers[side].read([op.record_id or "" for op in refused])
            forced = [replace(op, expected_version=now[op.record_id].version) for op in refused if op.record_id in now]
            outcomes.update({o.op_id: o for o in self.callers[side].write([op.as_write() for op in forced])})
        unclear = [operation for""",
            ),
        ),
        "M15",
    ),
    Mutant(
        "missing-result-applied",
        "An input without a result in the answer counts as applied.",
        ("P11", "P12", "P3"),
        (
            Edit(
                "writer.py",
                "        unclear = [operation for",
                "        for op in batch:\n"
                "            outcomes.setdefault(op.op_id, Outcome(op.op_id, Status.APPLIED, op.record_id))\n"
                "        unclear = [operation for",
            ),
            Edit(
                "writer.py",
                "                record is not None and not told and self._untouched(side, operation, record)\n",
                "                record is None\n",
            ),
        ),
        "M16",
    ),
    Mutant(
        "outcomes-by-position",
        "Results of a batch are attributed by their position.",
        ("P11", "P15"),
        (
            Edit(
                "writer.py",
                "        outcomes = _by_operation(answer)\n",
                "        outcomes = {\n"
                "            op.op_id: Outcome(op.op_id, told.status, told.id, told.code, told.message, told.record)\n"
                "            for op, told in zip(batch, answer, strict=False)\n        }\n",
            ),
        ),
        "M17",
    ),
    Mutant(
        "outcomes-of-others-believed",
        "Results of a batch are attributed by their position, and nobody notices whose record they show.",
        ("P15", "P12"),
        (
            Edit(
                "writer.py",
                "        outcomes = _by_operation(answer)\n",
                "        outcomes = {\n"
                "            op.op_id: Outcome(op.op_id, told.status, told.id, told.code, told.message, told.record)\n"
                "            for op, told in zip(batch, answer, strict=False)\n        }\n",
            ),
            Edit(
                "writer.py",
                "(operation.op_id not in followed and _of_another(operation, outcome.id, record)) or (\n",
                "False or (\n",
            ),
        ),
        "M17",
    ),
    Mutant(
        "whole-batch-rejected",
        "A refused batch is rejected whole instead of being halved.",
        ("P15", "P9"),
        (
            Edit(
                "writer.py",
                "        if len(batch) == 1:\n"
                "            refused = Outcome(batch[0].op_id, Status.REJECTED, code=fault.code, "
                "message=fault.message)\n            return {refused.op_id: refused}\n",
                "        if batch:\n            return {op.op_id: Outcome(op.op_id, Status.REJECTED, code=fault.code, "
                "message=fault.message) for op in batch}\n",
            ),
        ),
        "M18",
    ),
    Mutant(
        "contradiction-believed",
        "Of two answers to one write that contradict each other the last one counts.",
        ("P11",),
        (Edit("writer.py", "Outcome(outcome.op_id, Status.UNKNOWN) if clash else outcome", "outcome"),),
    ),
    Mutant(
        "stale-owner-commits",
        "The store lets a worker commit whose lease was taken over (broken in the simulation's store).",
        ("P10", "P12"),
        (
            Edit(
                MEMORY,
                "        if self.lease is None or self.lease.token != lease.token:",
                "        if self.lease is None and lease is None:",
            ),
        ),
        "M20",
    ),
    Mutant(
        "lease-not-renewed",
        "A run that writes for long does not keep its lease alive.",
        ("P10",),
        (
            Edit(
                "writer.py",
                "                    self.store.renew(self.lease, self.runtime.lease_seconds, self.runtime.clock())\n",
                "",
            ),
        ),
        "M20",
    ),
    Mutant(
        "late-write-taken-for-an-edit",
        "A write that took effect after it was given up is seen as a user's change.",
        ("P5", "P9", "P3"),
        (
            Edit(
                "planner.py",
                "        if intent.state is not OpState.NOT_APPLIED or intent.link_id",
                "        if intent.state is not OpState.STALE or intent.link_id",
            ),
        ),
    ),
    Mutant(
        "recovery-swaps-sides",
        "Recovery takes an interrupted write into the base with its sides swapped.",
        ("P12", "P5", "P9"),
        (
            Edit(
                "recovery.py",
                'pair = (change.origin, change.sent) if operation.side == "B" else (change.sent, change.origin)',
                'pair = (change.origin, change.sent) if operation.side == "A" else (change.sent, change.origin)',
            ),
        ),
    ),
    Mutant(
        "recovery-adopts-everything",
        "Recovery takes every interrupted write as done without regard to the side's answer.",
        ("P12", "P3", "P5"),
        (Edit("recovery.py", "            if finding.fate is not Fate.APPLIED:\n", "            if False:\n"),),
    ),
    Mutant(
        "recovered-delete-not-buried",
        "A delete found done by recovery leaves its link awake.",
        ("P6", "P2"),
        (Edit("recovery.py", "    view.state = LinkState.TRASHED\n", ""),),
    ),
    Mutant(
        "last-part-batch-forgotten",
        "A last batch that is not full is never sent.",
        ("P8", "P2", "P9"),
        (
            Edit(
                "writer.py",
                "        for start in range(0, len(operations), size):\n            yield operations",
                "        for start in range(0, len(operations) // size * size or len(operations), size):\n"
                "            yield operations",
            ),
        ),
        "P8",
    ),
    Mutant(
        "stale-not-counted",
        "A write refused as stale has no place in the report.",
        ("P11",),
        (Edit("commit.py", '            self.counts[f"stale_{letter}"] += 1\n', ""),),
    ),
    # the merge
    Mutant(
        "no-base",
        "The two sides are compared with each other instead of each with its base.",
        ("P9", "P3"),
        (
            Edit(
                "merge.py",
                "    has_base = all(name in a.base for name in names)  # both sides agree at once, or not at all\n",
                "    has_base = False\n",
            ),
        ),
        "M9",
    ),
    Mutant(
        "parked-base-advances",
        "The base of a parked field moves with the rest of its record.",
        ("P12", "P13", "P21"),
        (
            Edit(
                "field_merge.py",
                "            _park(world, plan, view, unit, decision)\n",
                "            _park(world, plan, view, unit, decision)\n"
                "            advanced |= _advance(view, places)\n",
            ),
        ),
        "M19",
    ),
    Mutant(
        "absent-read-as-null",
        "A field that was not returned is read as empty.",
        ("P9",),
        (Edit("forms.py", "columns.get(column, ABSENT)", "columns.get(column)"),),
        "M22",
    ),
    Mutant(
        "clearing-is-no-change",
        "A field that was cleared is seen as unchanged.",
        ("P9", "P2"),
        (
            Edit(
                "merge.py",
                "return [self.now.get(name, ABSENT) for name in names] != [self.base.get(name) for name in names]",
                "return any(self.now.get(name) not in (None, self.base.get(name)) for name in names)",
            ),
        ),
        "M23",
    ),
    Mutant(
        "group-merged-by-member",
        "The members of a group are merged one by one.",
        ("B0",),
        (Edit("spec.py", "units.setdefault(spec.group or spec.name, [])", "units.setdefault(spec.name, [])"),),
        "M24",
    ),
    Mutant(
        "group-resent-whole",
        "A group goes over with the members on which the sides agree already.",
        ("P3",),
        (
            Edit(
                "field_merge.py",
                "    for name in differing:\n",
                "    for name in [place.spec.name for place in places]:\n",
            ),
        ),
    ),
    Mutant(
        "parked-freezes-record",
        "A parked field holds back all other fields of its record.",
        ("P23", "P9"),
        (
            Edit(
                "field_merge.py",
                "        parked = world.conflicts.get((view.link_id, name))\n",
                "        parked = world.conflicts.get((view.link_id, name))\n"
                "        if parked is None and any(link_id == view.link_id for link_id, _ in world.conflicts):\n"
                "            continue\n",
            ),
        ),
        "M30",
    ),
    Mutant(
        "divergence-unnoticed",
        "Two sides that equal their bases and differ from each other are called settled.",
        ("P13",),
        (
            Edit(
                "merge.py",
                '        return _without_base(differing, a, b, policy, intervals, "divergent")\n',
                "        return NOTHING\n",
            ),
        ),
        "P13",
    ),
    Mutant(
        "audit-pass-through-the-base",
        "The audit pass trusts stored versions instead of reading both sides.",
        ("P13",),
        (Edit("agreement.py", "trust_versions=False", "trust_versions=True"),),
        "P13",
    ),
    Mutant(
        "unchanged-rewritten",
        "Fields that nobody changed are written again whenever their record is looked at.",
        ("P1", "P16"),
        (
            Edit(
                "field_merge.py",
                "        if parked is None and name in quiet:\n            continue\n",
                "",
            ),
            Edit(
                "field_merge.py",
                "        elif decision.verb is Verb.WRITE and decision.origin is not None:",
                "        elif decision.verb in (Verb.WRITE, Verb.NOTHING):",
            ),
            Edit(
                "field_merge.py",
                "    for name in differing:\n",
                "    for name in differing or [place.spec.name for place in places]:\n",
            ),
        ),
        "P1",
    ),
    Mutant(
        "one-write-per-field",
        "Every changed field of a record is a write of its own.",
        ("P16",),
        (
            Edit(
                "field_merge.py",
                "    wrote = [build_update(world, plan, view, side, changes[side], closing[side]) for side in SIDES]",
                "    wrote = [\n"
                "        build_update(world, plan, view, side, [change], closing[side])\n"
                "        for side in SIDES\n"
                "        for change in changes[side]\n"
                "    ]",
            ),
        ),
    ),
    Mutant(
        "loser-not-audited",
        "The value that a strategy overrules is not kept.",
        ("P3",),
        (
            Edit(
                "merge.py",
                'f"strategy {policy.strategy}", winner, lost=True, kind=kind)',
                'f"strategy {policy.strategy}", winner, lost=False, kind=kind)',
            ),
        ),
    ),
    Mutant(
        "one-way-field-travels-back",
        "A change on the derived side of a one-way field travels to its master.",
        ("P2", "P3"),
        (
            Edit(
                "merge.py",
                "    if policy.direction.allows(origin):\n        if not respelled",
                "    if origin:\n        if not respelled",
            ),
        ),
    ),
    Mutant(
        "respelling-is-a-change",
        "A new spelling of the same value counts as one side of a conflict.",
        ("P9",),
        (Edit("merge.py", "        if respelled is None:\n", "        if respelled is None or respelled:\n"),),
    ),
    Mutant(
        "unsettled-record-forgotten",
        "A record whose change could not be written is remembered as settled.",
        ("P42", "P9", "P2"),
        (
            Edit(
                "links.py",
                "        if self.now is None or not unchanged(self.base, self.now):\n            return None\n",
                "        if self.now is None:\n            return None\n",
            ),
        ),
        "M38",
    ),
    Mutant(
        "version-vouches-for-the-unseen",
        "A version seen while a field was hidden settles that field too.",
        ("P42",),
        (
            Edit(
                "links.py",
                "return None if any(self.now.get(name, ABSENT) is ABSENT for name in self.base) else self.version",
                "return self.version",
            ),
        ),
    ),
    Mutant(
        "either-side-unchanged-is-settled",
        "A record is passed over when only one of its sides has the version that was stored.",
        ("P42", "P9", "P2"),
        (
            Edit(
                "classify.py",
                'moved = moved.unique("link_id")',
                'moved = moved.filter(pl.col("link_id").is_duplicated()).unique("link_id")',
            ),
        ),
        "M38",
    ),
    # evidence
    Mutant(
        "ties-go-to-source",
        "Of two changes that cannot be ordered the source's wins.",
        ("P18",),
        (Edit("evidence.py", '        return "B"\n    return None\n', '        return "B"\n    return "A"\n'),),
        "M25",
    ),
    Mutant(
        "record-time-dates-fields",
        "A record's modified time is taken as the time of every changed field.",
        ("P17",),
        (
            Edit(
                "evidence.py",
                'return Interval(low, min(high, moment.observed_at + error), "modified time")',
                'return Interval(max(low, high - 2 * error), min(high, moment.observed_at + error), "modified time")',
            ),
        ),
        "M26",
    ),
    Mutant(
        "own-write-is-evidence",
        "The time of the engine's own write counts as the time of a user's change.",
        ("P20",),
        (
            Edit(
                "evidence.py",
                "history is not None and not history.ours and not from",
                "history is not None and not from",
            ),
        ),
        "M27",
    ),
    Mutant(
        "future-believed",
        "A timestamp from the future is believed.",
        ("P19",),
        (
            Edit(
                "evidence.py",
                "    return stamp - moment.clock.offset > moment.observed_at + moment.clock.uncertainty",
                "    return False",
            ),
        ),
        "M28",
    ),
    Mutant(
        "clock-offset-ignored",
        "The measured offset of a side's clock is not taken into account.",
        ("P19",),
        (
            Edit(
                "evidence.py",
                "        at = _shifted(history.at, -moment.clock.offset)\n",
                "        at = history.at\n",
            ),
        ),
    ),
    # systems that are no databases
    Mutant(
        "no-look-before-write",
        "A side that compares no versions is written to without a look just before.",
        ("P3", "P38"),
        (
            Edit(
                "writer.py",
                "        if kind is Kind.CREATE or able.compare_and_set:\n            return batch\n",
                "        if able.batch_limit:\n            return batch\n",
            ),
        ),
        "M3",
    ),
    Mutant(
        "no-clobber-check",
        "After a write nobody looks whether it went over somebody's edit.",
        ("P38",),
        (
            Edit(
                "commit.py",
                "        if record is None or not operation.marks:\n",
                "        if record is not operation:\n",
            ),
        ),
        "M3",
    ),
    Mutant(
        "clobber-hidden-by-a-death",
        "Recovery does not look whether the write it adopts went over somebody's edit.",
        ("P38",),
        (
            Edit(
                "recovery.py",
                "    if operation.marks and finding.record is not None:\n",
                "    if operation.marks is None:\n",
            ),
        ),
        "M3",
    ),
    Mutant(
        "clobber-only-audited",
        "A value overwritten unseen goes to the audit, but nobody is asked and no strategy applied.",
        ("P38",),
        (Edit("clobbers.py", "        if winner is None or winner == side:\n", "        if winner == unit:\n"),),
    ),
    Mutant(
        "lost-write-sent-over-an-edit",
        "A write that got lost is sent again although the record has changed since.",
        ("P3",),
        (
            Edit(
                "writer.py",
                "        return record is None or record.version != operation.expected_version\n",
                "        return False\n",
            ),
        ),
        "M15",
    ),
    Mutant(
        "replay-with-a-fresh-key",
        "An interrupted create is sent again under another idempotency key.",
        ("P37", "P10"),
        (
            Edit("probing.py", "import dataclass\n", "import dataclass, replace\n"),
            Edit(
                "probing.py",
                "caller.write([operation.as_write()])",
                "caller.write([replace(operation.as_write(), op_id=operation.op_id[::-1])])",
            ),
            Edit("probing.py", "if outcome.op_id == operation.op_id}", "if outcome.op_id}"),
        ),
        "M14",
    ),
    Mutant(
        "unknown-create-repeated",
        "A create that may have happened, on a side that cannot tell, is simply sent again.",
        ("P10",),
        (
            Edit(
                "recovery.py",
                "                if finding.fate is Fate.UNDECIDED and operation.kind is Kind.CREATE:\n",
                "                if finding.fate is None:\n",
            ),
        ),
    ),
    Mutant(
        "incomplete-listing-proves-novelty",
        "A record is created although an incomplete listing may hide its counterpart.",
        ("P26",),
        (
            Edit(
                "newcomers.py",
                "and not world.listings[other(node[0])].complete:",
                "and world.listings[other(node[0])].frame is None:",
            ),
        ),
    ),
    Mutant(
        "merge-read-as-delete",
        "A record that was merged into another one counts as deleted.",
        ("P31",),
        (Edit("merging.py", "        if touched.is_empty():\n", "        if touched.height >= 0:\n"),),
        "M34",
    ),
    Mutant(
        "merge-archives-unasked",
        "Of two records that mean one after a merge, the other side's second one is archived without a decision.",
        ("P31",),
        (
            Edit(
                "merging.py",
                "    if row.choice is not None and row.decided_n == row.n and",
                '    row = replace(row, choice=merged, decided_n=row.n, decided_by="nobody")\n    if',
            ),
        ),
        "M34",
    ),
    Mutant(
        "listed-and-gone-means-deleted",
        "A record that was listed and is not found a moment later counts as deleted.",
        ("P31", "P6"),
        (Edit("existence.py", "complete and not known.listed else", "complete else"),),
        "M34",
    ),
    # conflicts and decisions
    Mutant(
        "decision-on-unseen-values",
        "A decision is carried out although the values have changed since.",
        ("P22",),
        (
            Edit(
                "conflicts.py",
                "        if side != unseen and now != seen and now != dumps(wanted[side]):",
                "        if now is None:",
            ),
        ),
        "M29",
    ),
    Mutant(
        "overwritten-for-ever",
        "A side counts as showing what a write of ours put there, whatever somebody has typed over it since.",
        ("P22", "P38"),
        (
            Edit(
                "conflicts.py",
                "    return None if side is None or view.side(side).changed_from(names) else side\n",
                "    return side\n",
            ),
        ),
        "M29",
    ),
    Mutant(
        "typed-value-taken-for-the-overwritten-one",
        "What is typed where another value was overwritten is brought back by a decision when it is taken back.",
        ("P22",),
        (
            Edit("field_merge.py", 'replace(parked, kind="field")', "replace(parked)"),
            Edit(
                "field_merge.py",
                '    if back and chosen is None and parked.kind == "field":',
                "    if back and chosen is None:",
            ),
        ),
        "M29",
    ),
    Mutant(
        "rest-of-the-group-brought-back",
        "What was typed in a group beside the overwritten value is brought back with it, although it was on show.",
        ("P22",),
        (
            Edit(
                "clobbers.py",
                "    agreed = (view.side(side).now or {}) | view.side(side).base\n",
                "    agreed = view.side(side).base | (view.side(side).now or {})\n",
            ),
        ),
        "M29",
    ),
    Mutant(
        "frozen-field-written",
        "A parked field is written by the next run.",
        ("P21",),
        (
            Edit(
                "field_merge.py",
                '        count_parked(plan, view, name)\n        return Decision(Verb.SKIP, "parked")',
                '        return Decision(Verb.WRITE, "parked", "A", lost=True)',
            ),
        ),
        "P21",
    ),
    Mutant(
        "overtaken-decision-called-carried-out",
        "A decision counts as carried out when the sides have come to agree on something else.",
        ("P24",),
        (
            Edit(
                "field_merge.py",
                "ConflictStatus.RESOLVED if carried_out(view, places, parked) else",
                "ConflictStatus.RESOLVED if parked.choice else",
            ),
        ),
    ),
    Mutant(
        "overtaken-decision-not-told",
        "Whoever decided is not told that the conflict has ended otherwise.",
        ("P24",),
        (
            Edit(
                "conflicts.py",
                "    if parked.choice and status is not ConflictStatus.RESOLVED:\n",
                "    if parked.choice and status is ConflictStatus.OPEN:\n",
            ),
        ),
    ),
    Mutant(
        "decision-never-reaches-base",
        "A decision that was carried out does not advance the base.",
        ("P24", "P9"),
        (
            Edit(
                "field_merge.py", "                    commits=not two_sided,\n", "                    commits=False,\n"
            ),
        ),
        "P24",
    ),
    Mutant(
        "conflict-row-per-run",
        "Every run opens a new row for the same dispute.",
        ("P25", "P1"),
        (
            Edit(
                "field_merge.py",
                "        parked = world.conflicts.get((view.link_id, name))\n",
                "        parked = None\n",
            ),
            Edit("field_merge.py", 'f"{world.pair}\\x00{view.link_id}', 'f"{world.run_id}\\x00{view.link_id}'),
        ),
        "P25",
    ),
    Mutant(
        "overruled-value-not-audited",
        "The value that a person's decision overrules is not kept.",
        ("P3",),
        (Edit("field_merge.py", "                    lost=seen != sent,\n", "                    lost=False,\n"),),
    ),
    # existence
    Mutant(
        "absence-without-certificate",
        "A record that is not found counts as deleted although no complete listing says so.",
        ("P6",),
        (
            Edit(
                "existence.py",
                "Standing.DELETED if world.listings[side].complete and not known.listed else Standing.UNPROVEN",
                "Standing.DELETED",
            ),
        ),
        "M10",
    ),
    Mutant(
        "absence-means-deleted",
        "A record missing from a listing counts as deleted without being read by its id.",
        ("P6",),
        (
            Edit(
                "existence.py",
                "Standing.DELETED if world.listings[side].complete and not known.listed else Standing.UNPROVEN",
                "Standing.DELETED",
            ),
            Edit(
                "planner.py",
                "        elif known.id is not None:\n",
                '        elif known.id is not None and row[f"seen_{letter}"] is not None:\n',
            ),
        ),
        "M10",
    ),
    Mutant(
        "complete-listing-not-checked",
        "A record missing from a listing that calls itself complete is not read by its id.",
        ("P6", "P9"),
        (
            Edit(
                "planner.py",
                "        elif known.id is not None:\n",
                '        elif known.id is not None and row[f"seen_{letter}"] is not None:\n',
            ),
        ),
        "M10",
    ),
    Mutant(
        "left-scope-means-deleted",
        "A record that left the declared scope counts as deleted.",
        ("P6",),
        (
            Edit(
                "existence.py",
                "        return Standing.ARCHIVED\n    return Standing.AWAY",
                "        return Standing.ARCHIVED\n    return Standing.DELETED",
            ),
        ),
        "M34",
    ),
    Mutant(
        "guards-after-writing",
        "Guards stop a run only after its writes.",
        ("P34", "P6"),
        (
            Edit("engine.py", "            if standing:\n", "            if standing and report.refusals:\n"),
            Edit(
                "engine.py",
                "            writer.carry_out()\n",
                "            writer.carry_out()\n"
                "            if standing:\n"
                "                report.refusals, report.status = standing, RunStatus.REFUSED\n",
            ),
        ),
        "M35",
    ),
    Mutant(
        "guard-counts-one-side",
        "The guard against mass deletes counts those of the target only.",
        ("P34",),
        (
            Edit(
                "guards.py",
                '"deletes": {side: len(plan.deletes(side)) for side in SIDES},\n',
                '"deletes": {"A": 0, "B": len(plan.deletes("B"))},\n',
            ),
        ),
    ),
    Mutant(
        "first-run-unattended",
        "A sync that nobody ever started may write by itself.",
        ("P34",),
        (Edit("guards.py", "    if first_run and not attended and totals.operations:", "    if False:"),),
    ),
    Mutant(
        "tombstoned-link-taken-over",
        "A new record with the key of a deleted one takes over the old link.",
        ("P33",),
        (
            Edit(
                "newcomers.py",
                '    taken = set(world.links["link_id"].to_list())\n',
                """    taken = set(world.links["link_id"].to_list())
    from integrations_platform.unified_sync.links import view_of
    from integrations_platform.unified_sync.store import LinkState

    for row in world.links.filter(world.links["state"] == "trashed").iter_rows(named=True):
        stored = world.store.bases(world.pair, [row["link_id"]])[row["link_id"]]
        old = view_of(world.spec, row["link_id"], (row["id_a"], row["id_b"]), LinkState.ACTIVE, stored)
        for side, record_id in sorted(nodes):
            known = nodes[(side, record_id)]
            if all((known.now or {})[name] == old.side(side).base.get(name) for name in world.spec.match):
                old.side(side).id = record_id
                plan.views[old.link_id] = old
                plan.settlements.append(old.link_id)
                del nodes[(side, record_id)], seen.keys[(side, record_id)], seen.tags[(side, record_id)]
                break
""",
            ),
        ),
        "M36",
    ),
    Mutant(
        "delete-keeps-no-record",
        "A removed record is not kept in the audit.",
        ("P6", "P3"),
        (
            Edit(
                "commit.py", 'operation, "", operation.rule, lost=operation.record))', 'operation, "", operation.rule))'
            ),
        ),
    ),
    Mutant(
        "delete-for-good",
        "A delete removes the other record for good although the policy is to archive.",
        ("P6",),
        (
            Edit(
                "existence.py",
                "    kind = Kind.DELETE if policy is OnDelete.DELETE else Kind.ARCHIVE\n",
                "    kind = Kind.DELETE\n",
            ),
        ),
    ),
    Mutant(
        "trashed-never-wakes",
        "A record brought back after its delete stays unknown to the sync.",
        ("P6", "P2"),
        (Edit("classify.py", ' | _alive("a") | _alive("b"))', ")"),),
    ),
    # identity
    Mutant(
        "no-tag-after-linking",
        "The external id is not left on a record that was recognised by its key.",
        ("P29",),
        (
            Edit(
                "newcomers.py",
                "            plan.tags.append((side, record_id, link_id))\n",
                "            pass\n",
            ),
        ),
        "M21",
    ),
    Mutant(
        "first-candidate-taken",
        "Of several candidates for a match the first is taken.",
        ("P27", "P28"),
        (
            Edit(
                "identity.py",
                '            elif sides == ["A", "B"]:\n'
                "                result.pairs.append((nodes[0][1], nodes[1][1]))\n",
                '            elif {"A", "B"} <= set(sides):\n'
                '                nodes = (nodes[0], next(node for node in nodes if node[0] == "B"))\n'
                "                result.pairs.append((nodes[0][1], nodes[1][1]))\n",
            ),
        ),
        "M31",
    ),
    Mutant(
        "arrival-order-decides",
        "Candidates for a match are paired in the order in which they were listed.",
        ("P28", "P27", "P8"),
        (
            Edit("classify.py", "(known.implode())).sort()", "(known.implode()))"),
            Edit(
                "identity.py",
                "            nodes = tuple(sorted(buckets[digest]))\n",
                "            nodes = tuple(buckets[digest])\n"
                "            firsts = [next((n for n in nodes if n[0] == at), None) for at in ('A', 'B')]\n"
                "            nodes = tuple(n for n in firsts if n is not None)\n",
            ),
        ),
        "P8",
    ),
    Mutant(
        "raw-match-keys",
        "Match keys are compared as they are spelled.",
        ("P26",),
        (
            Edit(
                "values.py",
                '        return unicodedata.normalize("NFC", key.strip()).casefold() or None\n    return str',
                "        return str(value)\n    return str",
            ),
        ),
        "M32",
    ),
    Mutant(
        "blank-keys-match",
        "Two records without a key are taken for the same.",
        ("P26", "P27"),
        (
            Edit(
                "values.py",
                "    if isinstance(value, Absent | Invalid | Unresolved) or is_blank(value):\n"
                "        return None\n"
                "    key =",
                "    if isinstance(value, Absent | Invalid | Unresolved) or value is None:\n"
                "        return None\n"
                "    key =",
            ),
            Edit(
                "values.py",
                '        return unicodedata.normalize("NFC", key.strip()).casefold() or None\n    return str',
                '        return unicodedata.normalize("NFC", key.strip()).casefold()\n    return str',
            ),
        ),
    ),
    Mutant(
        "key-change-unlinks",
        "A linked record whose key was edited is unlinked and made anew.",
        ("P30",),
        (
            Edit(
                "planner.py",
                "            if plan_existence(world, plan, view):\n",
                """            keys = [
                (known.base[name], known.now.get(name))
                for known in (view.a, view.b)
                for name in world.spec.match
                if known.now and name in known.base
            ]
            if any(was != now for was, now in keys):
                view.state, view.a.id, view.b.id = LinkState.CLOSED, None, None
                plan.views[view.link_id] = view
                plan.settlements.append(view.link_id)
                continue
            if plan_existence(world, plan, view):
""",
            ),
        ),
        "M33",
    ),
    Mutant(
        "linked-key-given-away",
        "A record that claims the key of a linked record is created all the same.",
        ("P27", "P10"),
        (Edit("identity.py", "            if links:\n", "            if links and len(nodes) > 2:\n"),),
    ),
    Mutant(
        "lost-delete-made-again",
        "A rebuild after the loss of the state forgets links of which one record is gone.",
        ("P29",),
        (
            Edit(
                "rebuilding.py",
                "            or any(ids[side] in used[side] for side in ids)\n",
                "            or len(ids) < 2\n            or any(ids[side] in used[side] for side in ids)\n",
            ),
        ),
    ),
    # references
    Mutant(
        "dead-id-written",
        "A reference is written with the id of a record that is gone.",
        ("P35",),
        (
            Edit(
                "references.py", "        if ids is None or ids[2] is not LinkState.ACTIVE:", "        if ids is None:"
            ),
        ),
        "P35",
    ),
    Mutant(
        "required-reference-left-out",
        "A record whose required reference is unknown is written without it.",
        ("P35",),
        (
            Edit(
                "field_merge.py",
                "            if place.spec.required:\n                defer(",
                "            if place is None:\n                defer(",
            ),
        ),
    ),
    Mutant(
        "deferred-never-retried",
        "A record that waited for its reference is not tried again.",
        ("P36", "P2"),
        (
            Edit(
                "creation.py",
                "    prepared = prepare(world, plan, subject, changes)\n",
                "    waiting = world.quarantined.get(subject.name)\n"
                '    if waiting is not None and waiting.reason == "deferred":\n'
                "        return False\n"
                "    prepared = prepare(world, plan, subject, changes)\n",
            ),
        ),
        "M37",
    ),
    Mutant(
        "owed-reference-forgotten",
        "An optional reference that could not be written counts as agreed.",
        ("P36",),
        (
            Edit(
                "merge.py",
                "        return SKIP  # who is meant is not known yet; looked at again until it is\n",
                '        return Decision(Verb.ADVANCE, "not known yet")\n',
            ),
            Edit(
                "field_merge.py",
                "        if values != known and not any(isinstance(value, Unresolved) for value in values):\n",
                "        if values != known:\n",
            ),
        ),
        "M37",
    ),
    # runs, plans and values
    Mutant(
        "dry-run-moves-breaker",
        "A dry run changes the stored breaker of a system.",
        ("P7",),
        (Edit("engine.py", '{"remember": False} if lease is None', '{"remember": True} if lease is None'),),
        "M39",
    ),
    Mutant(
        "unreviewed-carried-out",
        "Applying a reviewed plan carries out what has come up since as well.",
        ("P7",),
        (
            Edit(
                "planner.py",
                "    kept = [operation for operation in plan.operations if operation.op_id in op_ids]\n",
                "    kept = list(plan.operations)\n",
            ),
        ),
    ),
    Mutant(
        "wall-clock-in-audit",
        "Audit lines are dated by the machine's clock instead of the injected one.",
        ("P14",),
        (
            Edit("commit.py", "import hashlib\n", "import hashlib\nfrom datetime import UTC, datetime\n"),
            Edit(
                "commit.py",
                "            rule=rule,\n            at=self.runtime.clock(),\n",
                "            rule=rule,\n            at=datetime.now(UTC),\n",
            ),
        ),
        "P14",
    ),
    Mutant(
        "random-conflict-names",
        "The name of a conflict row is drawn at random.",
        ("P14",),
        (
            Edit(
                "field_merge.py",
                'f"{world.pair}\\x00{view.link_id}',
                "f\"{__import__('uuid').uuid4()}\\x00{view.link_id}",
            ),
        ),
        "P14",
    ),
    Mutant(
        "refused-write-repeated",
        "A write that was refused is sent again on every run.",
        ("P1", "P39"),
        (
            Edit(
                "quarantine.py",
                "    if known.cause != op_id and not (creates",
                "    if not (creates",
            ),
        ),
    ),
    Mutant(
        "released-write-not-tried",
        "A refused write that a person released is not tried again.",
        ("P39",),
        (
            Edit(
                "quarantine.py",
                "    if known is None or known.status is not QuarantineStatus.OPEN:\n",
                "    if known is None:\n",
            ),
        ),
        "P39",
    ),
    Mutant(
        "unreadable-record-stops-the-run",
        "A record that cannot be read ends the planning of all that follow it.",
        ("P15", "P9"),
        (
            Edit(
                "planner.py",
                "        if _readable(world, plan, view):\n",
                "        if not _readable(world, plan, view):\n            break\n        else:\n",
            ),
        ),
    ),
    # what comes late, and what is said to be made already
    Mutant(
        "late-removal-taken-for-a-users",
        "A removal of ours that took effect after it was given up counts as what a user did.",
        ("P6",),
        (
            Edit(
                "late_removals.py",
                "    given_up = world.store.intents(world.pair, sorted(asked)) if asked else {}\n",
                "    given_up = {}\n",
            ),
        ),
    ),
    Mutant(
        "late-removal-beside-a-users-ends-the-link",
        "A late removal of ours whose other record a user deleted counts as both deleted by users.",
        ("P3",),
        (Edit("existence.py", "[*view.late_removals.values()]", "[]"),),
    ),
    Mutant(
        "users-removal-taken-for-a-late-one",
        "A removal counts as a late one of ours although the record's receipt says otherwise.",
        ("P6",),
        (Edit("late_removals.py", "receipts and record is not None and record.last_op != op_id", "False"),),
    ),
    Mutant(
        "late-removal-known-for-one-agreement-only",
        "A removal that is later than one agreement counts as a user's, where versions are not compared.",
        ("P6",),
        (Edit("late_removals.py", "BASES_BACK = 4 ", "BASES_BACK = 1 "),),
    ),
    Mutant(
        "record-of-another-link-taken",
        "A create is believed that is answered with a record which another link has.",
        ("P10",),
        (Edit("claims.py", "        if owner != operation.link_id:\n", "        if owner is None:\n"),),
    ),
    Mutant(
        "record-of-another-link-taken-in-recovery",
        "A create of an interrupted run is believed although its tag is on a record which another link has.",
        ("P5", "P10"),
        (
            Edit(
                "recovery.py",
                "        refused = _claimed_by_others(spec, store, operations, findings)\n",
                "        refused: dict[str, str] = {}\n",
            ),
        ),
    ),
    Mutant(
        "two-creates-one-record",
        "Two creates of one batch that are answered with the same record are both believed.",
        ("P10",),
        (
            Edit(
                "claims.py",
                "owners.setdefault(record_id, operation.link_id)",
                "owners.get(record_id, operation.link_id)",
            ),
        ),
    ),
    Mutant(
        "money-through-float",
        "A number passes through binary floating point on its way through the state.",
        ("P40",),
        (Edit("values.py", "        return Decimal(data)\n", "        return Decimal(str(float(data)))\n"),),
        "M40",
    ),
    Mutant(
        "number-with-two-spellings",
        "A number keeps the trailing zeros it was typed with.",
        ("P40",),
        (
            Edit(
                "values.py", "    while exponent < 0 and digits[-1] == 0:", "    while exponent < 0 and digits[-1] > 9:"
            ),
        ),
    ),
    Mutant(
        "long-text-cut",
        "A text that is too long for its column is cut.",
        ("P41",),
        (
            Edit(
                "forms.py",
                '        raise Unrepresentable(f"{len(value)} characters where {limit} fit")\n',
                "        value = value[:limit]\n",
            ),
        ),
        "P41",
    ),
    Mutant(
        "required-value-left-out",
        "A record is written without a value it must have.",
        ("P41",),
        (Edit("forms.py", "        return self.spec.required and is_blank(value)", "        return False"),),
    ),
    Mutant(
        "quiet-by-one-side",
        "Nothing is looked at when the source alone is as it was.",
        ("P6", "P9", "P34"),
        (
            Edit(
                "engine.py",
                "if sum(one.still for one in recalled.values()) == len(SIDES):",
                'if "A" in recalled and recalled["A"].still:',
            ),
        ),
    ),
    Mutant(
        "mark-of-a-run-with-open-work",
        "What moved since is asked after a run that left something undone, and the rest taken for settled.",
        ("P2", "P9", "P36"),
        (
            Edit(
                "engine.py",
                "if share.whole and plan.is_plain and not plan.is_quiet and self._leaves_nothing(spec, report):",
                "if share.whole and not plan.is_quiet:",
            ),
        ),
    ),
    Mutant(
        "mark-beside-records-of-nobody",
        "What moved since is asked of a side with live records that no active link holds.",
        ("P9",),
        (Edit("planner.py", "if classes.strangers(side.lower()) == 0)", ")"),),
    ),
    Mutant(
        "mark-of-one-run-kept-by-the-next",
        "A side that did not move keeps its mark through a run that changed what is remembered of it.",
        ("P9",),
        (
            Edit(
                "observation.py",
                "replace(still[name], taken_at=taken_at, digest=None, mark=None)",
                "replace(still[name], taken_at=taken_at, digest=None)",
            ),
        ),
    ),
    Mutant(
        "restored-reference-without-its-id",
        "Of a reference that nobody could resolve, something else than the id it was is written back.",
        ("P35",),
        (Edit("restoring.py", "return lost.id", "return lost"),),
    ),
    Mutant(
        "marks-for-ever",
        "Not every record is looked at again after a day.",
        ("P13",),
        (Edit("quiet.py", "taken_at >= seen.whole_at + TRUSTED", "taken_at < seen.whole_at"),),
    ),
    Mutant(
        "quiet-with-open-work",
        "A run that left records to look at again counts as one that found nothing to do.",
        ("P9", "P36"),
        (Edit("plan.py", "return not any(found) and counted <= QUIET", "return not any(found)"),),
    ),
)
