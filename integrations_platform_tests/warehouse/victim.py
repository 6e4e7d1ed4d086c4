"""Loads a day as a process of its own, and is killed between the COPY and the COMMIT, or waits there to be seen.

Called with the folder of a house, the word `kill` or `hold`, and the day.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import date
from pathlib import Path
from typing import Any

from integrations_platform.lake import Lake
from integrations_platform_tests.warehouse.house import House


def main(root: str, mode: str, day: str) -> None:
    house = House(Path(root))

    class Fatal(Lake):
        looks = 0

        def listing(self, dataset: str, day: date) -> Any:
            found = super().listing(dataset, day)
            type(self).looks += 1
            if self.looks == 2:  # the last look at the lake is the last thing before the COMMIT
                sys.stdout.write("copied\n")
                sys.stdout.flush()
                if mode == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                sys.stdin.readline()
            return found

    house.load("sales", date.fromisoformat(day), Fatal(house.settings.lake))


if __name__ == "__main__":
    main(*sys.argv[1:])
