"""The worklist of unmapped codes on a real PostgreSQL: what is written, what is told of it."""

import asyncio
import datetime
import json
import pathlib
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from click.testing import CliRunner, Result

from plexus.api.canonical.v1.datatypes_pb2 import Coding
from plexus.api.transform.v1 import transform_pb2 as pb
from plexus.api.transform.v1 import transform_pb2_grpc
from plexus.clock import ManualClock
from plexus.codecs.terminology.index import load_release
from plexus.codecs.terminology.releases import open_release
from plexus.errors import InvalidRequest, Unavailable
from plexus.ids import KeyDigest
from plexus.rpc import Peer, RpcServer
from plexus.store import Database
from plexus.telemetry.metrics import LEAVES, UNMAPPED_FIELDS
from plexus.telemetry.tracing import Tracing
from services.cli.maps import command as maps_command
from services.cli.terms import command
from services.transform.domain import (
    Accounts,
    Coders,
    Maps,
    SourceContext,
    SourceMaps,
    Tally,
    UnmappedField,
    convert,
    load_maps,
    parse_code_map,
    run,
)
from services.transform.flow import Preview, TransformStage, Worklist
from services.transform.service import TransformServicer
from services.transform.settings import Source
from services.transform.store import UnmappedStore
from tests.unit.transform.messages import PID, message

OWNER = ("acme", "lab")
MESSAGE = message(
    "ORU^R01",
    PID,
    "OBR|1||F1|718-7^Hb^LN",
    "OBX|1|NM|GLU^Sugar Serum Mass^99LAB||5|mg/dL|||||F",
    "OBX|2|NM|NA^Salt^99LAB||140|mmol/L|||||F",
    "OBX|3|NM|GLU^Sugar Serum Mass^99LAB||6|mg/dL|||||F",
)
LOINC_CSV = (
    "LOINC_NUM,COMPONENT,STATUS,SHORTNAME,LONG_COMMON_NAME\n"
    "11-7,Sugar,ACTIVE,Sug,Sugar [Mass] in Serum\n"
)


@pytest.fixture(scope="module")
def maps() -> Maps:
    return load_maps()


def tally(code: str, count: int = 1, source: str = "lab", message_id: str = "m-1") -> Tally:
    made = Tally(("acme", source), "OBX-3 code", Coding(system_name="99LAB", code=code))
    made.count, made.message_id = count, message_id
    return made


def opened(coders: Coders, store: UnmappedStore, clock: ManualClock | None = None) -> Worklist:
    worklist = Worklist(coders, clock or ManualClock(), keep_days=90)
    worklist.open(store)
    return worklist


class AwayStore(UnmappedStore):
    """A store whose PostgreSQL is away while `is_away`."""

    is_away = True

    async def add(self, tallies: Sequence[Tally], now: datetime.datetime) -> None:
        if self.is_away:
            raise Unavailable("away")
        await super().add(tallies, now)


async def test_counts_of_replicas_add_up_and_times_say_first_and_last(
    transform_db: Database,
) -> None:
    store = UnmappedStore(transform_db)
    early = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    late = early + datetime.timedelta(days=1)
    await asyncio.gather(store.add([tally("A", 2)], early), store.add([tally("B", 9)], early))
    await store.add([tally("A", 3, message_id="m-2"), tally("A", 1, source="ward")], late)
    found = await store.find("acme", "lab", 10)
    assert [(row.code, row.count, row.first_at, row.last_at) for row in found] == [
        ("B", 9, early, early),
        ("A", 5, early, late),
    ]
    assert found[1].message_id == "m-2"
    assert {row.source for row in await store.find("", "", 10)} == {"lab", "ward"}
    assert len(await store.find("", "", 1)) == 1


async def test_a_source_keeps_so_many_codes_and_goes_on_counting_those(
    transform_db: Database,
) -> None:
    store = UnmappedStore(transform_db)
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    await store.add([tally(f"C{n:05}") for n in range(4999)], now)
    await store.add([tally("C00000", 7), tally("X"), tally("Y"), tally("Z", source="ward")], now)
    found = {(row.source, row.code): row.count for row in await store.find("", "", 10_000)}
    assert len(found) == 5001
    assert found["lab", "C00000"] == 8
    assert ("lab", "X") in found
    assert ("lab", "Y") not in found
    assert ("ward", "Z") in found


async def test_what_is_not_seen_for_long_is_forgotten(transform_db: Database) -> None:
    store = UnmappedStore(transform_db)
    old = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    await store.add([tally("A")], old)
    await store.add([tally("B")], old + datetime.timedelta(days=9))
    await store.purge(old + datetime.timedelta(days=5))
    assert [row.code for row in await store.find("", "", 10)] == ["B"]


async def test_what_is_counted_is_written_every_few_seconds(
    transform_db: Database, maps: Maps
) -> None:
    clock, store = ManualClock(), UnmappedStore(transform_db)
    coders = Coders(SourceMaps(maps), {})
    worklist = opened(coders, store, clock)
    running = asyncio.create_task(worklist.run())
    convert(maps, MESSAGE, SourceContext(*OWNER, "m-1", coder=coders.of(*OWNER)))
    async with asyncio.timeout(10):
        while not (found := await store.find("", "", 10)):
            clock.advance(5)
            await asyncio.sleep(0)
    running.cancel()
    assert [(row.place, row.code, row.count) for row in found] == [
        ("OBX-3", "GLU", 2),
        ("OBX-3", "NA", 1),
    ]


async def test_while_the_store_is_away_counts_wait_and_nothing_is_lost(
    transform_db: Database, maps: Maps
) -> None:
    store = AwayStore(transform_db)
    coders = Coders(SourceMaps(maps), {})
    worklist = opened(coders, store)
    for number in range(2):
        context = SourceContext(*OWNER, f"m-{number}", coder=coders.of(*OWNER))
        convert(maps, MESSAGE, context)
        await worklist.flush()
    assert await store.find("", "", 10) == []
    store.is_away = False
    await worklist.flush()
    await worklist.flush()
    assert [(row.code, row.count, row.message_id) for row in await store.find("", "", 10)] == [
        ("GLU", 4, "m-1"),
        ("NA", 2, "m-1"),
    ]


async def test_before_postgresql_is_reached_counts_wait_and_asking_says_so(
    transform_db: Database, maps: Maps
) -> None:
    coders = Coders(SourceMaps(maps), {})
    worklist = Worklist(coders, ManualClock(), keep_days=90)
    convert(maps, MESSAGE, SourceContext(*OWNER, "m-1", coder=coders.of(*OWNER)))
    await worklist.flush()
    with pytest.raises(Unavailable, match="not reached PostgreSQL yet"):
        await worklist.find("", "", 10)
    worklist.open(UnmappedStore(transform_db))
    await worklist.flush()
    assert [row.code for row in await worklist.find("", "", 10)] == ["GLU", "NA"]


@pytest_asyncio.fixture
async def address(
    transform_db: Database, maps: Maps, tmp_path: pathlib.Path, grpc_library: None
) -> AsyncIterator[str]:
    """Where transform answers; it has counted the message above, and NA has since been mapped."""

    def load() -> None:
        (tmp_path / "Loinc.csv").write_text(LOINC_CSV)
        load_release(tmp_path / "terminology", open_release("loinc", tmp_path))

    await asyncio.to_thread(load)
    store = UnmappedStore(transform_db)
    before = Coders(SourceMaps(maps), {})
    convert(maps, MESSAGE, SourceContext(*OWNER, "m-1", coder=before.of(*OWNER)))
    await opened(before, store).flush()
    code_map = parse_code_map(
        "m.csv",
        "plexus code map,1\nid,m\nversion,1\nsource system,99LAB\ntarget system,LN\n\n"
        "code,display,equivalence,target code,target display\nNA,,equal,2951-2,Sodium\n",
    )
    coders = Coders(SourceMaps(maps), {OWNER: [code_map]})
    stage = TransformStage(
        SourceMaps(maps),
        {OWNER: Source(tenant=OWNER[0], name=OWNER[1])},
        coders,
        digest=KeyDigest(b"a secret for tests only"),
    )
    server = RpcServer("127.0.0.1:0", Tracing("test", None))
    transform_pb2_grpc.add_TransformServiceServicer_to_server(
        TransformServicer(
            SourceMaps(maps),
            coders,
            Preview(SourceMaps(maps), coders, stage),
            opened(coders, store),
            tmp_path / "terminology",
        ),
        server.grpc_server,
    )
    try:
        yield await server.start()
    finally:
        await server.stop(0)


async def asked(address: str, request: pb.ListUnmappedCodesRequest) -> list[pb.UnmappedCode]:
    peer = Peer(address, Tracing("test", None))
    stub = transform_pb2_grpc.TransformServiceStub(peer.channel)
    try:
        answer = await peer.ask(stub.ListUnmappedCodes, request, deadline_seconds=10)
    finally:
        await peer.close()
    return list(answer.codes)


async def test_unmapped_codes_are_told_with_suggestions_until_a_code_map_decides(
    address: str,
) -> None:
    (code,) = await asked(address, pb.ListUnmappedCodesRequest())
    assert (code.tenant, code.source, code.place) == ("acme", "lab", "OBX-3")
    assert (code.system, code.code, code.display) == ("99LAB", "GLU", "Sugar Serum Mass")
    assert (code.count, code.message_id) == (2, "m-1")
    (likely,) = code.suggestions
    assert (likely.code, likely.display) == ("11-7", "Sugar [Mass] in Serum")
    assert likely.likeness == pytest.approx(1.0)


async def test_suggestions_can_be_left_out_and_other_sources_have_nothing(address: str) -> None:
    (code,) = await asked(address, pb.ListUnmappedCodesRequest(without_suggestions=True, limit=1))
    assert not code.suggestions
    assert await asked(address, pb.ListUnmappedCodesRequest(source="ward")) == []
    with pytest.raises(InvalidRequest, match="at most 1000"):
        await asked(address, pb.ListUnmappedCodesRequest(limit=1001))


async def test_a_preview_has_the_code_maps_of_the_source(address: str) -> None:
    peer = Peer(address, Tracing("test", None))
    stub = transform_pb2_grpc.TransformServiceStub(peer.channel)
    request = pb.ConvertRequest(content=MESSAGE, source="lab")
    answer = await peer.ask(stub.Convert, request, deadline_seconds=10)
    plain = await peer.ask(stub.ListMaps, pb.ListMapsRequest(), deadline_seconds=10)
    await peer.close()
    salt = [r.observation for r in answer.event.resources if r.HasField("observation")][1]
    assert [coding.code for coding in salt.code.codings] == ["NA", "2951-2"]
    assert answer.maps_version != plain.maps_version


async def test_the_command_lists_them(
    address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setenv("PLEXUS_TRANSFORM_ADDRESS", address)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(command, ["unmapped", "--data", str(tmp_path), *arguments])

    told = await asyncio.to_thread(invoke)
    assert told.exit_code == 0, told.output
    assert "GLU" in told.output
    assert "11-7 Sugar [Mass] in Serum (100% alike)" in told.output
    listed = json.loads((await asyncio.to_thread(invoke, "--json", "--source", "lab")).output)
    assert [one["code"] for one in listed] == ["GLU"]
    none = await asyncio.to_thread(invoke, "--source", "ward")
    assert "Every code has a standard coding" in none.output


async def test_the_command_lists_unmapped_fields_newest_first_and_the_maps(
    address: str,
    transform_db: Database,
    maps: Maps,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
) -> None:
    monkeypatch.setenv("PLEXUS_TRANSFORM_ADDRESS", address)
    store = UnmappedStore(transform_db)
    early = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    await store.note([UnmappedField(*OWNER, "ADT^A01", "ZPI-1", "m-1")], early)
    late = early + datetime.timedelta(days=1)
    await store.note([UnmappedField("acme", "ward", "ADT^A08", "PV1-52", "m-2")], late)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(maps_command, [*arguments, "--data", str(tmp_path)])

    told = json.loads((await asyncio.to_thread(invoke, "unmapped", "--json")).output)
    assert [(one["place"], one["message_id"]) for one in told] == [
        ("PV1-52", "m-2"),
        ("ZPI-1", "m-1"),
    ]
    shown = (await asyncio.to_thread(invoke, "unmapped", "--source", "lab")).output
    assert "ADT^A01" in shown
    assert "PV1-52" not in shown
    none = await asyncio.to_thread(invoke, "unmapped", "--source", "nobody")
    assert "taken or dropped by a rule" in none.output
    listed = await asyncio.to_thread(invoke, "list")
    assert maps.version in listed.output
    assert "ORU_R01" in listed.output


async def test_a_field_that_nobody_maps_is_told_once_by_all_replicas_and_leaves_are_counted(
    transform_db: Database, maps: Maps, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    content = message("ADT^A01", PID, "ZPI|secret words")
    store = UnmappedStore(transform_db)
    before = UNMAPPED_FIELDS.labels("acme", "fields")._value.get()
    leaves = LEAVES.labels("acme", "fields", "residue")._value.get()
    done = run(maps, content, SourceContext("acme", "fields", "m-1"))
    for _ in range(2):  # a replica each, or one before and one after a restart
        accounts = Accounts()
        accounts.add("acme", "fields", "m-1", done)
        worklist = Worklist(
            Coders(SourceMaps(maps), {}), ManualClock(), keep_days=90, accounts=accounts
        )
        await worklist.flush()  # PostgreSQL is not there yet
        worklist.open(store)
        await worklist.flush()
    told = [r for r in caplog.records if r.getMessage() == "a field came that nobody maps"]
    places = [vars(record)["plexus_fields"]["location"] for record in told]
    assert places.count("ZPI-1") == 1
    assert len(places) == len(set(places))
    assert UNMAPPED_FIELDS.labels("acme", "fields")._value.get() - before == len(places)
    residue = LEAVES.labels("acme", "fields", "residue")._value.get() - leaves
    assert residue == 2 * len(done.event.residue)
    assert "secret" not in "".join(str(vars(record)) for record in told)
