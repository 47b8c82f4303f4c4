"""Messages about several persons through the whole mesh: each gets their part, and all parts are one message.

Promises: a part tells a destination of its own person only; the law counts messages; what is killed, or
replayed, brings no part twice. What parts a message has is in tests/unit/transform/test_parting.
"""

import asyncio
import pathlib
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from plexus.testing.history import Accepted, Committed, check_history
from plexus.testing.waiting import eventually
from services.cli.sample_mesh import SampleFeed
from services.cli.sending.outgoing import outgoing
from services.cli.sending.sender import Sent
from tests.e2e.running import Running, running_mesh

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mesh"),
    pytest.mark.timeout(240),
]

FEED = "ward"
BURST = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh() -> AsyncIterator[Running]:
    feed = SampleFeed(FEED, pathlib.Path(), ())
    async with running_mesh([feed], sources=pathlib.Path("none"), validate=True) as running:
        yield running


def person(number: int) -> str:
    return f"PID|1||P{number}^^^WARD^MR||Test{number}^Person"


def message(kind: str, control: str, *segments: str) -> bytes:
    head = f"MSH|^~\\&|A|B|C|D|20260601120000+0000||{kind}|{control}|P|2.5.1"
    return "\r".join([head, *segments, ""]).encode()


def round_of_results(control: str, *numbers: int) -> bytes:
    """Results of several patients, the order's number being the patient's and the message's."""
    segments: list[str] = []
    for number in numbers:
        segments += [
            person(number),
            f"OBR|1||{control}-{number}^LAB|718-7^Hb^LN|||20260601",
            f"OBX|1|NM|718-7^Hb^LN||{number}|g/dL|||||F|||20260601",
        ]
    return message("ORU^R01^ORU_R01", control, *segments)


async def sent(mesh: Running, *contents: bytes) -> dict[str, str]:
    """Send messages one after the other; gives their message ids by control id."""
    history = await mesh.send(FEED, [outgoing(content, "m") for content in contents], tries=40)
    assert {one.code for one in history} == {"AA"}
    return await ids_of(mesh, history)


async def ids_of(mesh: Running, history: Sequence[Sent]) -> dict[str, str]:
    rows = await mesh.rows(
        "SELECT control_id, message_id::text AS id FROM ingest.receipt"
        " WHERE outcome = 1 AND control_id = ANY($1::text[])",
        [one.control_id for one in history],
    )
    return {row["control_id"]: row["id"] for row in rows}


async def test_each_person_of_a_report_and_of_a_swap_gets_their_part(mesh: Running) -> None:
    swap = message(
        "ADT^A17^ADT_A17",
        "S1",
        "EVN|A17|20260601120000+0000",
        person(1),
        "PV1|1|I|W^1^2|||W^2^1|||||||||||||V1^^^WARDVN",
        person(2),
        "PV1|1|I|W^2^1|||W^1^2|||||||||||||V2^^^WARDVN",
    )
    ids = await sent(mesh, round_of_results("R1", 1, 2), swap)
    report = await mesh.settle()
    assert not report.violations
    rows = await mesh.rows(
        "SELECT disposition, (SELECT count(*) FROM audit.leg l WHERE l.message_id = m.message_id"
        "  AND destination = 'ehr') AS legs FROM audit.message m WHERE message_id = ANY($1::uuid[])",
        list(ids.values()),
    )
    assert [(row["disposition"], row["legs"]) for row in rows] == [(2, 1)] * 2
    told: dict[str, set[tuple[str, str]]] = {}
    whose: dict[str, str] = {}
    for one in mesh.receiver.transactions:
        told[one.message_id] = {(each.fhir_type, each.own_id) for each in one.touched}
        whose[one.message_id] = one.person_id
    for control in ("R1", "S1"):
        first, second = f"{ids[control]}.1", f"{ids[control]}.2"
        assert whose[first] != whose[second]
        shared = {kind for kind, _ in told[first] & told[second]}
        assert not shared & {"Patient", "Observation", "DiagnosticReport", "Encounter"}
    assert [whose[f"{ids[one]}.1"] for one in ("R1", "S1")] == [whose[f"{ids['R1']}.1"]] * 2
    assert sorted(kind for kind, _ in told[f"{ids['R1']}.2"]).count("Observation") == 1
    assert not mesh.receiver.findings
    rows = await mesh.rows(
        "SELECT count(*) AS n FROM delivery.item i WHERE i.state = 2 AND NOT EXISTS"
        " (SELECT 1 FROM audit.audit_event e WHERE e.message_id = coalesce(i.whole, i.message_id)"
        "  AND e.type = 'disclosure')"
    )
    assert rows[0]["n"] == 0


async def test_what_happened_to_each_part_is_told_with_the_message(mesh: Running) -> None:
    ids = await sent(mesh, round_of_results("R2", 3, 4))
    await mesh.settle()
    code, text = await mesh.plexus("why", f"{ids['R2']}.2")
    assert code == 0
    assert "Delivered to" in text
    assert "2 parts" in text
    assert "part 1" in text
    assert "part 2" in text


async def test_a_message_of_which_one_part_cannot_go_on_is_parked_and_the_others_go(
    mesh: Running,
) -> None:
    # The second person has no number of those that name persons.
    control = "R3"
    content = message(
        "ORU^R01^ORU_R01",
        control,
        person(5),
        "OBR|1||R3-5^LAB|718-7^Hb^LN",
        "PID|2||77^^^WARDVN^VN||Nobody",
        "OBR|1||R3-6^LAB|718-7^Hb^LN",
    )
    ids = await sent(mesh, content)

    async def is_parked() -> bool:
        rows = await mesh.rows(
            "SELECT disposition FROM audit.message WHERE message_id = $1::uuid", ids[control]
        )
        return bool(rows) and rows[0]["disposition"] == 6

    await eventually(is_parked, timeout_seconds=30)
    await eventually(
        lambda: any(one.message_id == f"{ids[control]}.1" for one in mesh.receiver.transactions),
        timeout_seconds=30,
    )
    code, text = await mesh.plexus("why", ids[control])
    assert code == 0
    assert "Parked at identity, part 2" in text
    code, text = await mesh.plexus("parked", "replay", ids[control], "--reason", "test")
    assert code == 0, text

    def effects() -> list[bool]:
        return [
            one.has_effect
            for one in mesh.receiver.transactions
            if one.message_id == f"{ids[control]}.1"
        ]

    # The first part was delivered before: nobody waits for it in the ledger.
    await eventually(lambda: len(effects()) == 2, timeout_seconds=30)
    report = await mesh.settle()
    assert not report.violations
    assert await is_parked()
    assert effects() == [True, False]


@pytest.mark.parametrize("victim", ["transform", "identity", "records", "delivery"])
async def test_killed_among_parts_and_replayed_no_part_is_lost_and_none_counts_twice(
    mesh: Running, victim: str
) -> None:
    before = len(mesh.receiver.transactions)
    contents = [
        round_of_results(f"{victim}-{number}", 100 + number % 7, 200 + number % 5)
        for number in range(BURST)
    ]
    sending = asyncio.create_task(sent(mesh, *contents))
    await eventually(lambda: len(mesh.receiver.transactions) > before, timeout_seconds=30)
    await mesh.mesh.supervisor.kill(victim)
    ids = await sending
    assert len(ids) == BURST
    report = await mesh.settle(90)
    assert not report.violations

    accepted = [
        # Whom a message names second may be told of by another shard, in the order in which it comes there.
        Accepted(f"{ids[control]}.{part}", str(number % 7) if part == 1 else control, number)
        for number, control in ((number, f"{victim}-{number}") for number in range(BURST))
        for part in (1, 2)
    ]

    def own() -> list[Committed]:
        return [
            Committed(one.message_id, one.has_effect)
            for one in mesh.receiver.transactions
            if one.message_id.partition(".")[0] in ids.values()
        ]

    violations = check_history(accepted, own())
    assert not violations, violations
    first_passage = len(own())
    async with mesh.mesh.mesh.peer("ingest") as peer:
        request = ingest_pb2.ReplayRequest(message_ids=list(ids.values()), reason="test of replay")
        answer = await peer.ask(
            ingest_pb2_grpc.IngestServiceStub(peer.channel).Replay, request, deadline_seconds=10
        )
    assert answer.replayed == BURST
    names = {one.message for one in accepted}
    await eventually(
        lambda: {one.message for one in own()[first_passage:]} == names, timeout_seconds=60
    )
    report = await mesh.settle(90)
    assert not report.violations
    violations = check_history(accepted, own())
    assert not violations, violations
    assert sum(one.has_effect for one in own()) == len(names)
