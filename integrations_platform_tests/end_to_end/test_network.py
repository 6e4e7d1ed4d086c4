"""The network between a run and its databases fails: runs end in time and say where, and the next ones make it good."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from integrations_platform.connectors import DatabaseKind, open_side
from integrations_platform.state import StateError, open_store
from integrations_platform.unified_sync.port import SideError
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform_tests.end_to_end.arrange import Base
from integrations_platform_tests.end_to_end.killing import Story
from integrations_platform_tests.end_to_end.network import (
    ANSWER,
    BRIEF,
    PLACES,
    Place,
    cut,
    draw,
    measure,
    run_in_trouble,
    through_proxies,
)
from integrations_platform_tests.end_to_end.proxy import KINDS, Kind, Trouble
from integrations_platform_tests.servers import Server

NIGHTLY = 300


@pytest.fixture
def bases(postgres_database: str, mysql_database: str) -> tuple[Base, Base]:
    """Both sides."""
    return Base.at("postgresql", postgres_database), Base.at("mysql", mysql_database)


@pytest.fixture
def state(postgres_server: Server) -> Iterator[str]:
    """The state on a server too, so that the network can come between."""
    with postgres_server.database() as url:
        yield url


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_fails_where_a_write_is_made_final(
    tmp_path: Path, bases: tuple[Base, Base], state: str, kind: Kind, profile: str
) -> None:
    """The worst byte there is: COMMIT is swallowed, late, cut off, or never answered. Each run of the suite tries every
    kind at one place and every place with one kind or two; the nightly profile tries all."""
    places: tuple[Place, ...] = PLACES if profile == "nightly" else (PLACES[KINDS.index(kind) % len(PLACES)],)
    for place in places:
        trouble = Trouble(kind, "to_server", seconds=BRIEF, at=b"COMMIT")
        ending = cut(tmp_path / place, bases, state, place, trouble)
        assert ending.struck
        assert ending.faults(place) == []
        if kind == "delay":
            assert ending.succeeded, "what comes in time does no harm"


def test_the_network_fails_at_random(tmp_path: Path, bases: tuple[Base, Base], state: str, profile: str) -> None:
    """The nightly profile tries hundreds, a run of the suite two, by the same seed."""
    passed = measure(tmp_path / "measured", bases, state, PLACES)
    for number in range(NIGHTLY if profile == "nightly" else 2):
        place, trouble = draw(passed, random.Random(number))
        ending = cut(tmp_path / f"cut_{number}", bases, state, place, trouble)
        assert ending.faults(place) == [], (number, place, trouble)


IMPATIENT = {
    "office": {"options": f"-c idle_in_transaction_session_timeout={ANSWER}s"},
    "shop": {"init_command": f"SET SESSION wait_timeout = {ANSWER}"},
}


@pytest.mark.parametrize("place", ["office", "shop"])
def test_a_writer_cut_off_before_its_commit_does_not_keep_its_rows(
    tmp_path: Path, bases: tuple[Base, Base], state: str, place: Place
) -> None:
    """The server never hears that the run is gone: it must not hold the locks until somebody ends the session."""
    story = Story.begin(tmp_path / "cut", *bases, state)
    with ExitStack() as stack:
        world, proxies = through_proxies(stack, story.world, [place])
        url = sa.make_url(world.urls[place]).update_query_dict(IMPATIENT[place])
        world.urls[place] = url.render_as_string(hide_password=False)
        proxies[place].arm(Trouble("blackhole", "to_server", at=b"COMMIT"))
        succeeded, said, _ = run_in_trouble(world)
        assert not succeeded
        assert place in said
        story.edit_afterwards()
        story.come_to_rest()


@pytest.mark.parametrize("patience", ["soon", "0", "-1", "nan"])
def test_a_patience_that_is_no_number_is_refused(patience: str) -> None:
    options = f"user:secret@127.0.0.1/people?read_timeout={patience}"
    kinds: tuple[DatabaseKind, ...] = ("postgresql", "mysql")
    for kind in kinds:
        with pytest.raises(SideError, match=r"office: the URL is not usable.*options included") as refused:
            open_side("office", kind, f"{kind}://{options}", SideSpec("office", "person"), (), "people", "A")
        assert "secret" not in refused.value.message
    with pytest.raises(StateError, match="read_timeout must be a number of seconds") as said:
        open_store(f"postgresql://{options}")
    assert "secret" not in str(said.value)
