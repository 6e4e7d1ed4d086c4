"""The quickstart's third story: days of flights land in a lake and are loaded into a warehouse, all on this machine.

Every claim is checked by plain SQL on the DuckDB file and against the file the flights come from; neither the lake nor
the warehouse is asked about itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from integrations_platform.quickstart.folder import FLIGHTS, Folder, readable
from integrations_platform.quickstart.narrator import Narrator
from integrations_platform.quickstart.showing import command
from integrations_platform.settings import Settings, load_settings
from integrations_platform.warehouse.errors import WarehouseError
from integrations_platform.warehouse.opening import open_embedded
from integrations_platform.warehouse.reload import Reloaded, reload_day
from integrations_platform.warehouse.tables import declared_tables

if TYPE_CHECKING:
    from integrations_platform.lake import Lake, Manifest

DAYS = tuple(date(2013, 1, number) for number in (1, 2, 3))
Held = dict[date, tuple[int, int]]


def tell_flights(folder: Folder, narrator: Narrator) -> None:
    """Tell the story. Raises QuickstartError when it cannot go on."""
    from integrations_platform.lake import Lake

    settings = load_settings(env_file=folder.environment)
    story = _Story(folder, narrator, settings, Lake.open(settings.lake))
    with readable(folder.root):
        story.load()
        story.again()
        story.damage()


@dataclass
class _Story:
    folder: Folder
    narrator: Narrator
    settings: Settings
    lake: Lake

    def load(self) -> None:
        """Three days, from the package's file to a table."""
        narrator = self.narrator
        with narrator.step("Lake and warehouse: three days of flights"):
            narrator.say("Flights from New York land as Parquet, one folder a day, and are loaded by COPY INTO: into a")
            narrator.say("DuckDB file here, by the same statement into Snowflake once an account is set.")
            manifests = [self._land(day) for day in DAYS]
            loaded = [self._load(day) for day in DAYS]
            narrator.table(("day", "files", "bytes", "rows loaded"), [
                (str(one.day), one.files, manifest.bytes, one.rows_loaded)
                for one, manifest in zip(loaded, manifests, strict=True)
            ])  # fmt: skip
            held, source = self._held(), _source()
            narrator.claim("plain SQL finds every day's flights and miles as in the source's file", held == source,
                           f"{held}, {source}")  # fmt: skip
            narrator.say("The statement of a day is shown by")
            narrator.line(command(self.folder, "warehouse", "show-copy", FLIGHTS, "--day", str(DAYS[0]), shipped=True))

    def again(self) -> None:
        """A day that is loaded twice."""
        with self.narrator.step("The same day is loaded again"):
            done = self._load(DAYS[1])
            self.narrator.say(f"{done.rows_deleted:,} rows were replaced by {done.rows_loaded:,} in one transaction.")
            self.narrator.claim("nothing is there twice", self._held() == _source(), str(self._held()))

    def damage(self) -> None:
        """A file that is cut off behind the lake's back, and its repair."""
        narrator = self.narrator
        with narrator.step("A file of the lake is damaged, and its day is loaded"):
            manifest = self.lake.manifest(FLIGHTS, DAYS[2])
            path = self.folder.lake / (manifest.files[0].key if manifest else "")
            path.write_bytes(path.read_bytes()[:-1000])
            refused = ""
            try:
                self._load(DAYS[2])
            except WarehouseError as fault:
                refused = fault.message
            narrator.say(f"It says: {refused}.")
            narrator.claim("the load was refused, and the table is as it was",
                           path.name in refused and self._held() == _source())  # fmt: skip
            self._land(DAYS[2])
            self._load(DAYS[2])
            narrator.claim("landed and loaded again, the day is whole", self._held() == _source())

    def _land(self, day: date) -> Manifest:
        from integrations_platform.lake.samples import sample_rows

        return self.lake.write_partition(FLIGHTS, day, sample_rows(FLIGHTS, day), "quickstart")

    def _load(self, day: date) -> Reloaded:
        table = declared_tables(self.settings)[FLIGHTS]
        return reload_day(table, self.lake, open_embedded(self.settings, self.lake), day, "quickstart")

    def _held(self) -> Held:
        """By day: flights and their miles, asked of the file."""
        import duckdb

        question = "SELECT ds, count(*), sum(distance)::BIGINT FROM public.flights GROUP BY ds ORDER BY ds"
        with duckdb.connect(str(self.folder.warehouse / "analytics.duckdb"), read_only=True) as connection:
            return {day: (count, miles) for day, count, miles in connection.execute(question).fetchall()}


def _source() -> Held:
    """The same, of the file in the package."""
    from integrations_platform.lake.samples import flights_by_day

    days = flights_by_day()
    return {day: (days[day].height, int(days[day]["distance"].sum())) for day in DAYS}
