"""What holds which property: the table that is published, kept as data and checked against the files it names."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
SIMULATION = "proof histories"  # the checks of every simulated history, by name
UNIT, END = "unified_sync", "end_to_end"

HOLDINGS: dict[str, tuple[str, str]] = {
    "P1": ("Idempotence", "simulation/checks.py::check_settled"),
    "P2": ("Convergence", "simulation/checks.py::check_agreement, proof/planner_cases.py::grant"),
    "P3": ("No lost update", "simulation/checks.py::check_losses"),
    "P4": (
        "No echo",
        (
            f"simulation/checks.py::check_settled (lossy sides), "
            f"{UNIT}/test_writing.py::test_p4_a_lossy_form_that_still_says_the_same_becomes_the_base"
        ),
    ),
    "P5": (
        "Crash safety",
        (
            f"simulation/world.py::run, {UNIT}/test_recovery.py::test_p5_a_death_at_any_boundary_is_made_good_by_t"
            "he_next_"
            f"runs, {END}/test_kill.py::test_killed_at_every_boundary"
        ),
    ),
    "P6": ("Delete safety", "simulation/checks.py::watch, proof/planner_cases.py::check_honest"),
    "P7": ("Dry run", "simulation/checks.py::check_dry_run, proof/parts/dry_run.py::in_memory, in_files"),
    "P8": ("Order independence", "proof/parts/order.py::trial, proof/planner_cases.py::try_cases"),
    "P9": ("Completeness and honesty", "simulation/checks.py::check_conflicts, watch, check_records"),
    "P10": ("No duplicates", "simulation/checks.py::check_always"),
    "P11": ("Accounting identity", "simulation/checks.py::check_run, check_settled"),
    "P12": ("Monotone base", "simulation/checks.py::check_always"),
    "P13": (
        "No silent divergence",
        (
            f"simulation/checks.py::check_agreement, {UNIT}/test_restoring.py::test_p13_the_audit_pass_finds_what_"
            "bases_"
            "cannot_show_and_knows_what_is_already_known"
        ),
    ),
    "P14": (
        "Determinism",
        "simulation/test_histories.py::test_p14_the_same_seed_writes_the_same_audit_byte_for_byte",
    ),
    "P15": (
        "Isolation",
        (
            f"proof/planner_cases.py::check_rest, {UNIT}/test_batches.py::test_p15_p16_k_bad_records_in_a_hundred_are_"
            "quarantined_and_the_rest_is_written"
        ),
    ),
    "P16": ("Bounded writes", "simulation/checks.py::check_run, proof/planner_cases.py::check_honest"),
    "P17": ("latest: never the older change", "proof/parts/latest.py::trial, simulation/checks.py::check_latest"),
    "P18": ("latest: symmetry", "proof/parts/latest.py::trial, proof/histories.py::live_and_mirror"),
    "P19": (
        "latest: skewed clocks",
        "proof/parts/latest.py::trial, simulation/checks.py::check_latest (skew to 5 min, future stamps)",
    ),
    "P20": ("latest: own writes are no evidence", "simulation/checks.py::check_latest"),
    "P21": ("A parked field is not written", "simulation/checks.py::watch"),
    "P22": ("A stale decision overwrites nothing", "simulation/checks.py::watch, proof/parts/manual.py::trial"),
    "P23": (
        "Parking is invisible elsewhere",
        f"{UNIT}/test_conflicts.py::test_p23_parking_is_invisible_to_other_records_and_fields",
    ),
    "P24": (
        "Resolve and settle",
        f"{UNIT}/test_conflicts.py::test_p24_a_decision_is_carried_out_in_one_run_and_the_rejected_values_are_kept",
    ),
    "P25": ("Conflict rows do not multiply", "simulation/checks.py::check_conflicts"),
    "P26": ("First sync creates nothing twice", "proof/parts/first_sync.py::check, proof/planner_cases.py::__init__"),
    "P27": ("Ambiguity never writes", f"{UNIT}/test_identity.py::test_p27_two_against_one_is_nobodys_guess"),
    "P28": ("Matching has no order", f"{UNIT}/test_identity.py::test_p28_the_match_does_not_depend_on_any_order"),
    "P29": (
        "Loss of the state",
        (
            f"simulation/checks.py::check_rebuilt, {END}/test_lost_state.py::test_nothing_is_created_or_removed_af"
            "ter_the_"
            "loss"
        ),
    ),
    "P30": (
        "Key edits keep the records",
        f"{UNIT}/test_identity.py::test_p30_edited_and_swapped_keys_keep_the_number_of_records",
    ),
    "P31": (
        "Remote merges",
        (
            "simulation/checks.py::check_removal, check_merges, "
            f"{UNIT}/test_merges.py::test_p31_two_linked_records_that_become_one_are_a_case_for_a_person, "
            "test_p31_a_link_follows_its_record_into_a_survivor_nobody_knew"
        ),
    ),
    "P32": (
        "Delete against update",
        (
            f"simulation/checks.py::check_losses, {UNIT}/test_deletes.py::test_p32_an_update_beats_a_delete_and_br"
            "ings_the_"
            "record_back_under_the_same_link"
        ),
    ),
    "P33": (
        "Delete and create anew",
        f"{UNIT}/test_deletes.py::test_p33_a_record_made_anew_with_the_same_key_is_a_new_link",
    ),
    "P34": (
        "Guards",
        (
            "proof/parts/guards.py::over_the_limit, "
            f"{UNIT}/test_guards.py::test_p34_deletes_above_the_limit_stop_the_whole_plan"
        ),
    ),
    "P35": (
        "No reference to a wrong or dead record",
        (
            "simulation/referring.py::watch (one history in four), "
            f"{UNIT}/test_references.py::test_p35_nothing_new_refers_to_an_archived_record_and_edits_beside_it_flow"
        ),
    ),
    "P36": (
        "Any order of arrival",
        (
            "simulation/referring.py::check_settled, "
            f"{UNIT}/test_references.py::test_p36_any_order_of_arrival_ends_the_same"
        ),
    ),
    "P37": (
        "Exactly-once effect",
        (
            f"simulation/checks.py::check_always, {UNIT}/test_calls.py::test_p37_a_write_whose_effect_is_unknown_i"
            "s_never_"
            "blindly_repeated"
        ),
    ),
    "P38": (
        "Clobber detection",
        (
            "simulation/checks.py::watch, check_losses (sides with a history), "
            f"{UNIT}/test_overwritten.py::test_p38_a_value_overwritten_unseen_is_kept_and_a_person_decides"
        ),
    ),
    "P39": (
        "Replay is idempotent",
        (
            f"simulation/people.py::release, {UNIT}/test_writing.py::test_p39_a_quarantined_record_is_tried_again_w"
            "hen_it_"
            "changed_or_a_person_asked"
        ),
    ),
    "P40": (
        "Round trip of types",
        (
            "simulation/checks.py::check_losses (every type, one history in two), "
            f"{UNIT}/test_forms.py::test_p40_projection_is_idempotent, "
            f"{END}/test_full_circle.py::test_generated_values_come_through_with_one_write_each"
        ),
    ),
    "P41": (
        "Refused, never altered",
        (
            f"{UNIT}/test_writing.py::test_p41_a_value_that_does_not_fit_never_reaches_the_side, "
            f"{END}/test_full_circle.py::"
            "test_p41_generated_values_that_do_not_fit_are_refused_before_the_call_and_the_rest_is_written"
        ),
    ),
    "P42": (
        "No skipped change",
        (
            "simulation/checks.py::check_agreement (listings that show older versions, late newcomers and records that "
            "are gone)"
        ),
    ),
}


def broken() -> list[str]:
    """Entries that name a file or function which is not there."""
    found = []
    for name, (_, text) in HOLDINGS.items():
        for path, function in re.findall(r"([\w/]+\.py)::(\w+)", text):
            file = TESTS / path
            if not file.exists() or f"def {function}(" not in file.read_text():
                found.append(f"{name}: {path}::{function}")
    return found
