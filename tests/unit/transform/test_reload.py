"""What was agreed with sources: who gets which maps, and what happens when files change while it runs."""

import os
import pathlib

import pytest

from plexus.actors import Turn
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.clock import ManualClock, SystemClock
from plexus.errors import ConfigurationError
from plexus.ids import KeyDigest
from services.transform.domain import Coders
from services.transform.flow import Agreed, Reloader, TransformStage, read_agreed
from tests.unit.transform.messages import PID, contents, message

DOCUMENT = """
tenants:
- {name: acme, overlays: [acme.map]}
sources:
- {tenant: acme, name: north, overlays: [north.map]}
- {tenant: acme, name: south}
- {tenant: other, name: north}
"""
ACME = "overlay acme\ntable Sexes\n1 -> male\nin segment PID -> Person\nreplace PID-8 via Sexes -> gender # ours: x\n"
NORTH = "overlay north\nin table Sexes\nreplace 1 -> female\n"


class World:
    """A stage, its files, and who watches them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.write("plexus.yaml", DOCUMENT)
        self.write("acme.map", ACME)
        self.write("north.map", NORTH)
        agreed = read_agreed(folder / "plexus.yaml")
        self.maps = agreed.maps
        self.coders = Coders(agreed.maps, agreed.code_maps)
        self.stage = TransformStage(
            self.maps,
            agreed.sources,
            self.coders,
            agreed.profiles,
            digest=KeyDigest(b"a secret for tests only"),
        )
        self.reloader = Reloader(
            folder / "plexus.yaml", agreed, self.use, clock=ManualClock(), every_seconds=1
        )

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        # Two changes within a tick of the file system's clock are two changes all the same.
        stamp = getattr(self, "_stamp", 1_700_000_000) + 1
        self._stamp = stamp
        os.utime(path, (stamp, stamp))

    def use(self, anew: Agreed) -> None:
        self.maps.take(anew.maps)
        self.coders.use(anew.code_maps)
        self.stage.use(anew.sources, anew.profiles)

    def gender(self, tenant: str, source: str) -> tuple[str, str]:
        """What PID-8 = 1 becomes, and the version of the maps in the envelope."""
        envelope = Envelope(
            message_id="m-1",
            tenant=tenant,
            source=source,
            kind=PayloadKind.PAYLOAD_KIND_RAW,
            payload=message("ADT^A01", f"{PID}|||1", "PV1|1|I"),
        )
        turn = Turn(envelope, unit="0", sequence=1, now=SystemClock().now())
        self.stage._convert(turn)
        ((_, made),) = turn.outputs
        event = CanonicalEvent.FromString(made.payload)
        return contents(event, "person")[0].gender, made.versions["maps"]


@pytest.fixture
def world(tmp_path: pathlib.Path) -> World:
    return World(tmp_path)


def test_a_source_has_the_overlays_of_its_tenant_and_then_its_own(world: World) -> None:
    assert world.gender("acme", "north")[0] == "female"
    assert world.gender("acme", "south")[0] == "male"
    assert world.gender("acme", "not listed")[0] == "male"
    assert world.gender("other", "north")[0] == ""
    versions = {
        world.gender(*owner)[1]
        for owner in (("acme", "north"), ("acme", "south"), ("other", "north"))
    }
    assert len(versions) == 3


async def test_a_change_counts_from_the_next_message_on_and_is_told_by_the_version(
    world: World,
) -> None:
    before = world.gender("acme", "north")
    assert not await world.reloader.look()
    world.write("north.map", NORTH.replace("female", "other"))
    assert await world.reloader.look()
    after = world.gender("acme", "north")
    assert (before[0], after[0]) == ("female", "other")
    assert before[1] != after[1]
    assert not await world.reloader.look()


async def test_a_file_that_is_named_anew_is_watched_from_then_on(world: World) -> None:
    world.write("south.map", NORTH.replace("overlay north", "overlay south"))
    world.write("plexus.yaml", DOCUMENT.replace("south}", "south, overlays: [south.map]}"))
    assert await world.reloader.look()
    assert world.gender("acme", "south")[0] == "female"
    world.write("south.map", NORTH.replace("female", "unknown"))
    assert await world.reloader.look()
    assert world.gender("acme", "south")[0] == "unknown"


@pytest.mark.parametrize(
    "wrong", ["overlay north\nin table Sexes\nreplace 9 -> x\n", "", "nonsense"]
)
async def test_what_is_wrong_changes_nothing_until_it_is_mended(world: World, wrong: str) -> None:
    before = world.gender("acme", "north")
    world.write("north.map", wrong)
    assert not await world.reloader.look()
    assert world.gender("acme", "north") == before
    world.write("north.map", NORTH)
    assert await world.reloader.look()
    assert world.gender("acme", "north") == before


async def test_a_file_that_is_gone_changes_nothing(world: World) -> None:
    before = world.gender("acme", "north")
    (world.folder / "acme.map").unlink()
    assert not await world.reloader.look()
    assert world.gender("acme", "north") == before


def test_a_missing_overlay_is_no_start(tmp_path: pathlib.Path) -> None:
    (tmp_path / "plexus.yaml").write_text(DOCUMENT)
    with pytest.raises(ConfigurationError, match=r"acme\.map"):
        read_agreed(tmp_path / "plexus.yaml")
