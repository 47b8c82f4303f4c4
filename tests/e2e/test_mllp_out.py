"""A receiver of HL7 v2 behind a running mesh: what it gets, what its answers do, merges included.

Out of scope: segments (tests/unit/codecs/hl7v2), answers one by one (tests/unit/delivery/test_delivery_mllp.py).
"""

import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plexus.codecs.hl7v2 import Message, read
from plexus.testing.mllp_receiver import MllpReceiver, answering, receiving
from services.cli.sample_mesh import TENANT, SampleFeed
from services.cli.sending.outgoing import outgoing
from tests.e2e.running import Running, running_mesh

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mesh"),
    pytest.mark.timeout(240),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver() -> AsyncIterator[MllpReceiver]:
    async with receiving() as receiver:
        yield receiver


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(receiver: MllpReceiver) -> AsyncIterator[Running]:
    ward = SampleFeed("ward", pathlib.Path(), ())
    lab = {
        "name": "lab",
        "tenant": TENANT,
        "purpose": "TREAT",
        "kind": "mllp",
        "url": f"mllp://127.0.0.1:{receiver.port}",
        "hl7v2": {"receiving": ["LAB", "NORTH"]},
        "first_retry_seconds": 0.05,
    }
    async with running_mesh(
        [ward], sources=pathlib.Path("none"), further_sections={"destinations": [lab]}
    ) as running:
        yield running


def _message(trigger: str, name: str, *segments: str) -> bytes:
    head = f"MSH|^~\\&|A|B|C|D|20260601120000+0000||{trigger}|{name}|P|2.5.1"
    return "\r".join([head, *segments, ""]).encode()


def _pid(number: str) -> str:
    return f"PID|1||{number}^^^WARD&2.16.840.1.113883.3.9999.7&ISO^MR||Fennel^Flora"


async def _sent(
    running: Running, receiver: MllpReceiver, name: str, content: bytes
) -> list[Message]:
    before = len(receiver.messages)
    await running.send("ward", [outgoing(content, name)])
    report = await running.settle()
    assert not report.violations
    return [read(each) for each in receiver.messages[before:]]


async def test_an_admission_and_a_result_arrive_as_hl7_v2(
    mesh: Running, receiver: MllpReceiver
) -> None:
    admitted = _message("ADT^A01^ADT_A01", "A1", "EVN|A01|20260601", _pid("V1"), "PV1|1|I|W2^14")
    (message,) = await _sent(mesh, receiver, "A1", admitted)
    assert message.type == "ADT^A01"
    assert message.first("MSH").get(5) == "LAB"  # type: ignore[union-attr]
    result = _message(
        "ORU^R01^ORU_R01",
        "R1",
        _pid("V1"),
        "OBR|1||F1|718-7^Hemoglobin^LN|||20260601",
        "OBX|1|NM|718-7^Hemoglobin^LN||13.5|g/dL|||||F",
    )
    (message,) = await _sent(mesh, receiver, "R1", result)
    assert [each.get(5) for each in message.all("OBX")] == ["13.5"]


async def test_what_it_cannot_take_now_is_sent_again_under_the_same_control_id(
    mesh: Running, receiver: MllpReceiver
) -> None:
    receiver.answer = answering("AE", "AE", error="207")
    content = _message("ADT^A08^ADT_A01", "A2", "EVN|A08|20260602", _pid("V2"), "PV1|1|I")
    sent = await _sent(mesh, receiver, "A2", content)
    assert len(sent) == 3
    assert len({each.first("MSH").get(10) for each in sent}) == 1  # type: ignore[union-attr]


async def test_what_it_refuses_is_parked_and_stops_nobody(
    mesh: Running, receiver: MllpReceiver
) -> None:
    receiver.answer = answering("AR", error="101")
    content = _message("ADT^A08^ADT_A01", "A3", "EVN|A08|20260602", _pid("V3"), "PV1|1|I")
    assert len(await _sent(mesh, receiver, "A3", content)) == 1
    code, told = await mesh.plexus("why", "--control-id", "A3")
    assert code == 0
    assert "101 PID[1]-3" in told
    content = _message("ADT^A08^ADT_A01", "A4", "EVN|A08|20260602", _pid("V3"), "PV1|1|I")
    assert len(await _sent(mesh, receiver, "A4", content)) == 1


async def test_a_merge_names_who_stays_and_who_goes_under(
    mesh: Running, receiver: MllpReceiver
) -> None:
    for number in ("V4", "V5"):
        content = _message("ADT^A08^ADT_A01", number, "EVN|A08|20260602", _pid(number), "PV1|1|I")
        await _sent(mesh, receiver, number, content)
    before = {
        each.first("PID").get(3)  # type: ignore[union-attr]
        for each in map(read, receiver.messages[-2:])
    }
    merge = _message(
        "ADT^A40^ADT_A39",
        "M1",
        "EVN|A40|20260603",
        _pid("V4"),
        "MRG|V5^^^WARD&2.16.840.1.113883.3.9999.7&ISO^MR",
    )
    (message,) = await _sent(mesh, receiver, "M1", merge)
    assert message.type == "ADT^A40"
    pid, mrg = message.first("PID"), message.first("MRG")
    assert pid is not None
    assert mrg is not None
    assert {pid.get(3), mrg.get(1)} == before
