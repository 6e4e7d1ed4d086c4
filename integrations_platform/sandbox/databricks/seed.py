"""Jobs a workspace starts with."""

from __future__ import annotations

import random

from integrations_platform.sandbox.databricks.account import Account
from integrations_platform.sandbox.town import company


def populate(account: Account, size: int, seed: int) -> None:
    """``size`` jobs of one to three notebook tasks in a row, the same for the same seed."""
    draw = random.Random(seed)  # noqa: S311  made-up jobs
    for number in range(size):
        keys = ("prepare", "load", "report")[: draw.randint(1, 3)]
        account.create(
            {
                "name": f"Nightly figures of {company(number).name}",
                "max_concurrent_runs": 1,
                "parameters": [{"name": "day", "default": ""}],
                "tasks": [
                    {"task_key": key, "notebook_task": {"notebook_path": f"/Shared/{key}"}}
                    | ({"depends_on": [{"task_key": keys[at - 1]}]} if at else {})
                    for at, key in enumerate(keys)
                ],
            }
        )
