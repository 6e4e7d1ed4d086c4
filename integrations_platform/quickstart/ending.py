"""The second half of the story: an accident that is refused, decisions of a person, and the proof.

Each step changes the world with plain SQL or as the command line would, and claims what must follow.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from integrations_platform.quickstart.edits import Edited
from integrations_platform.quickstart.scene import Scene
from integrations_platform.quickstart.showing import command
from integrations_platform.unified_sync.audit import verify_chain
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.store import Role

CORRECTED = "not.a.duplicate@example.org"


def accident(scene: Scene) -> None:
    """Empty the CRM, run, and put it back."""
    narrator = scene.narrator
    with narrator.step("An accident: somebody empties the CRM's table"):
        before = scene.databases.counts()
        scene.databases.empty_crm()
        report = scene.platform.run(scene.spec)
        narrator.say(f"The run says: {report.message}.")
        narrator.claim(f"the run was refused (exit code {report.exit_code})", report.status is RunStatus.REFUSED)
        after = scene.databases.counts()
        narrator.claim(
            f"not one record of the web shop was touched: {after[1]:,} before, {after[1]:,} after",
            after == (0, before[1]) and report.written == 0,
            f"{before} before, {after} after, {report.written} writes",
        )
        scene.databases.refill_crm()
        report = scene.platform.run(scene.spec)
        narrator.claim(
            "with the table back, the next run has nothing to repair",
            report.written == 0 and report.status is RunStatus.PARTIAL,
            f"{report.written} writes, {report.status}: {report.message}",
        )


def decisions(scene: Scene, edited: Edited) -> None:
    """Resolve one conflict, correct a duplicate, and rename whom the web shop had named too long."""
    narrator, store, name = scene.narrator, scene.platform.store, scene.spec.name
    with narrator.step("A person decides"):
        waiting = store.conflicts(name)
        number = {one.email.lower(): str(one.number) for one in edited.clashes}
        row = next(row for row in waiting if row.id_a in number.values())
        narrator.say(
            "Takes the web shop's name in one conflict; corrects one duplicate e-mail in the CRM; and gives the"
        )
        narrator.say("customer with the overlong name a new one in the CRM. On the command line, the first is:")
        narrator.line(
            command(scene.folder, "sync", "conflicts", "resolve", name, row.conflict_id, "--choice", "target")
        )
        store.decide(name, row.conflict_id, row.n, "B", None, "quickstart", datetime.now(UTC), "")
        decided = next(one for one in edited.clashes if str(one.number) == row.id_a)
        overlong = edited.overlong[0]
        with scene.databases.crm() as crm:
            crm.execute(
                "UPDATE customers SET email = %s WHERE customer_id = %s", (CORRECTED, scene.population.crm[-1].number)
            )
            crm.execute(
                "UPDATE customers SET full_name = %s, updated_at = clock_timestamp() WHERE email = %s",
                (f"{overlong.name} Santos", overlong.email),
            )
        report = scene.platform.run(scene.spec)
        crm_side, shop_side = scene.databases.by_email()
        key = decided.email.lower()
        narrator.claim("the decided name is on both sides",
                       crm_side[key].name == shop_side[key].name == f"{decided.name}, PhD")  # fmt: skip
        key = overlong.email.lower()
        narrator.claim(
            "updated_at now proves that the CRM's name is the later one: it is on both sides",
            crm_side[key].name == shop_side[key].name == f"{overlong.name} Santos",
            f"{crm_side[key].name} / {shop_side[key].name}",
        )
        lost = [stored for stored in store.audit(name, run_id=report.run_id) if stored.entry.role is Role.LOSER]
        narrator.claim("both names that lost are in the audit", len(lost) == 2, str(len(lost)))
        pair = (CORRECTED, scene.population.crm[-2].email.lower())
        narrator.claim(
            "the two former duplicates are two customers in the web shop", all(one in shop_side for one in pair)
        )
        scene.population.facts.parked |= {one.email.lower() for one in edited.clashes if one is not decided}


def proof(scene: Scene) -> None:
    """Compare both sides through the engine, then without it, and check the audit's chain."""
    narrator, facts = scene.narrator, scene.population.facts
    with narrator.step("Proof"):
        with scene.platform.sides(scene.spec) as sides:
            agreement = scene.platform.engine(scene.spec).verify(scene.spec, sides)
        narrator.table(
            ("linked", "agree", "differ, waiting for a person", "differ, unexplained", "missing"),
            [(agreement.links, agreement.agreeing, agreement.explained, agreement.unexplained, agreement.missing)],
        )
        narrator.claim(
            "verify: every linked customer agrees, apart from the parked names",
            agreement.agrees and agreement.explained == len(facts.parked),
            f"{agreement.explained} explained",
        )
        crm, shop = scene.databases.by_email()
        shared = crm.keys() & shop.keys()
        differing = {key for key in shared if crm[key] != shop[key]}
        found = (crm.keys() - shop.keys(), shop.keys() - crm.keys(), differing)
        narrator.claim(
            "plain SQL on both databases says the same, value by value",
            found == (facts.stay_in_crm, facts.stay_in_webshop, facts.parked),
            f"only in crm, only in webshop, differing: {found}"[:400],
        )
        mine, theirs = scene.databases.counts()
        narrator.claim(
            f"{agreement.links:,} linked customers are all of the CRM's {mine:,} and all of the web shop's {theirs:,}, "
            "but for those set aside",
            agreement.links == mine - agreement.unlinked_a == theirs - agreement.unlinked_b,
        )
        totals = [sum((side[key].balance for key in shared), Decimal(0)) for side in (crm, shop)]
        narrator.claim(f"the balances of shared customers add up to {totals[0]:,} in both", totals[0] == totals[1],
                       f"{totals[0]} and {totals[1]}")  # fmt: skip
        store, name = scene.platform.store, scene.spec.name
        lines, fault = verify_chain(store.audit(name), store.audit_head(name), store.seal)
        narrator.claim(f"the audit's {lines:,} lines are chained by hash and unaltered", fault is None, fault or "")
