"""The quickstart's story, from two empty databases to an audited agreement that plain SQL confirms.

Owns the order of the steps and what each claims. Every claim is checked, most of them against facts that were known
before the engine ran; what does not hold is said and makes the command fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

from integrations_platform.platform import Platform
from integrations_platform.quickstart.data import Population, make_population
from integrations_platform.quickstart.databases import Databases
from integrations_platform.quickstart.edits import Edited, edit_both_sides, outcomes
from integrations_platform.quickstart.ending import accident, decisions, proof
from integrations_platform.quickstart.folder import SYNC, Folder
from integrations_platform.quickstart.narrator import Narrator
from integrations_platform.quickstart.orchestrator import Instance, materialise
from integrations_platform.quickstart.scene import Scene
from integrations_platform.quickstart.server import recreate_database
from integrations_platform.quickstart.showing import show_losers, show_parked, show_plan, show_refused, show_run
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.store import Role


def tell(
    folder: Folder, crm_url: str, services: Mapping[str, Mapping[str, str]], records: int, narrator: Narrator
) -> str:
    """Tell the whole story, Dagster apart; returns the key of a record worth explaining.

    Raises QuickstartError when it cannot go on.
    """
    folder.write_files(crm_url, services)
    scene = _set_the_scene(folder, crm_url, records, narrator)
    try:
        _first_sync(scene)
        edited = _edits(scene)
        _second_sync(scene, edited)
        accident(scene)
        decisions(scene, edited)
        proof(scene)
    finally:
        scene.platform.close()
    return f"source:{edited.clashes[-1].number}"


def _set_the_scene(folder: Folder, crm_url: str, records: int, narrator: Narrator) -> Scene:
    with narrator.step("Two databases, filled"):
        narrator.say("A real PostgreSQL was started on a Unix socket: the CRM. An SQLite file beside it: the web shop.")
        recreate_database(crm_url)
        population = make_population(records)
        databases = Databases(crm_url, folder.webshop)
        databases.fill(population)
        mine, theirs = databases.counts()
        narrator.table(
            ("database", "table", "customers", "an example"),
            [
                ("crm (PostgreSQL)", "customers", mine, population.crm[7].name),
                ("webshop (SQLite)", "customer", theirs, population.webshop[-9].name),
            ],
        )
        narrator.say(f"{population.facts.matched:,} of them are in both, some with the e-mail spelled differently.")
        narrator.claim("both tables hold what was loaded", (mine, theirs) == _sizes(population), f"{mine}, {theirs}")
    platform = Platform.open(env_file=folder.environment, folder=folder.syncs)
    platform.runtime = replace(platform.runtime, progress=narrator.progress)
    return Scene(folder, narrator, databases, population, platform, platform.sync(SYNC))


def _sizes(population: Population) -> tuple[int, int]:
    return len(population.crm), len(population.webshop)


def _first_sync(scene: Scene) -> None:
    narrator, facts = scene.narrator, scene.population.facts
    with narrator.step("First sync: the plan"):
        with scene.platform.sides(scene.spec) as sides:
            plan = scene.platform.engine(scene.spec).plan(scene.spec, sides)
        show_plan(narrator, plan)
        narrator.claim(f"{facts.matched:,} customers were recognised by e-mail, whatever its case",
                       plan.counts["linked"] == facts.matched, str(plan.counts["linked"]))  # fmt: skip
        narrator.claim("planning wrote nothing", scene.databases.counts() == _sizes(scene.population))
    with narrator.step("First sync: carried out"):
        report = scene.platform.run(scene.spec)
        show_run(narrator, report)
        counts = report.counts
        created = (counts["created_a"], counts["created_b"])
        narrator.claim(f"{facts.to_webshop:,} customers came to the web shop and {facts.to_crm:,} to the CRM",
                       created == (facts.to_crm, facts.to_webshop), str(created))  # fmt: skip
        narrator.claim("every planned operation has an outcome", not any(report.unaccounted().values()))
        lines = scene.platform.store.audit(scene.spec.name)
        rules = [stored.entry.rule for stored in lines if stored.entry.role is Role.LOSER]
        later = tuple(sum(f"latest: {side} changed later" in rule for rule in rules) for side in ("source", "target"))
        narrator.claim(f"where names differed, updated_at proved the later one: the CRM's {later[0]} times, the web "
                       f"shop's {later[1]} times", later == (facts.later_crm, facts.later_webshop))  # fmt: skip
        narrator.say("What could not be synced was set aside, and nothing else waited for it:")
        refused = show_refused(narrator, scene.platform.store.quarantined(scene.spec.name))
        narrator.claim("these are exactly the faults put into the data", refused == facts.refused, str(refused))
        narrator.claim(
            f"{facts.ties} names with the same updated_at were parked for a person, not guessed",
            report.open_conflicts == facts.ties,
            str(report.open_conflicts),
        )


def _edits(scene: Scene) -> Edited:
    with scene.narrator.step("People edit both sides"):
        edited = edit_both_sides(scene.databases, scene.population)
        scene.narrator.table(("where", "what", "customers"), edited.told())
    return edited


def _second_sync(scene: Scene, edited: Edited) -> None:
    narrator, store = scene.narrator, scene.platform.store
    with narrator.step("Second sync"):
        already = len(scene.population.facts.parked)
        report = scene.platform.run(scene.spec)
        show_run(narrator, report)
        narrator.claim("the run calls itself partial, because something waits for a person",
                       report.status is RunStatus.PARTIAL, report.message or report.status.value)  # fmt: skip
        for sentence, held in outcomes(scene.databases, edited):
            narrator.claim(sentence, held)
        parked = store.conflicts(scene.spec.name)
        narrator.say(
            "Parked, because both sides changed the name since the last run and nothing proves which is later:"
        )
        show_parked(narrator, parked[already:])
        narrator.claim(f"{len(edited.clashes)} more conflicts wait, one per clash",
                       len(parked) == already + len(edited.clashes), str(len(parked)))  # fmt: skip
        fresh = [row for row in store.quarantined(scene.spec.name) if row.run_id == report.run_id]
        narrator.say("Refused in this run:")
        show_refused(narrator, fresh)
        narrator.claim("only the overlong name was refused", len(fresh) == len(edited.overlong), str(len(fresh)))
        narrator.say("Values that lost are kept in the audit, and one command brings each back:")
        lost = show_losers(narrator, scene.folder, store.audit(scene.spec.name, run_id=report.run_id))
        narrator.claim("the web shop's balances that lost are among them",
                       sum(Decimal(value) == Decimal("1199.99") for name, value in lost if name == "balance")
                       == len(edited.money))  # fmt: skip
        again = scene.platform.run(scene.spec)
        narrator.claim("a further run finds nothing to write", again.written == 0, f"{again.written} writes")


def dagster_run(folder: Folder, instance: Instance, narrator: Narrator) -> None:
    """Materialise the sync as a Dagster asset on a local instance and see that it was this sync that ran."""
    with narrator.step("The same sync as a Dagster asset"):
        run_id = materialise(instance)
        with closing(Platform.open(env_file=folder.environment, folder=folder.syncs)) as platform:
            runs = platform.store.runs(SYNC, 1)
        narrator.say(f"Dagster run {run_id} materialised the asset {SYNC} on a persistent local instance.")
        narrator.claim("the newest run in the sync's own history is the one Dagster started",
                       bool(runs) and runs[0][1].trigger.startswith("dagster"))  # fmt: skip
