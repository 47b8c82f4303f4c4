"""Messages about several persons: each gets the part that is theirs, as if it had been sent alone.

Out of scope: what becomes of parts in the flow (tests/e2e/test_parts), one message about two (test_two_persons).
"""

import datetime
from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.actors import Turn
from plexus.api.canonical.v1.event_pb2 import (
    EVENT_KIND_MERGE,
    EVENT_KIND_MOVE,
    EVENT_KIND_UPSERT,
    CanonicalEvent,
)
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.codecs.hl7v2 import leaves, read
from plexus.errors import InvalidMessage, Reason
from plexus.ids import KeyDigest
from plexus.store import Transaction
from services.ingest.domain import assess
from services.transform.domain import Coders, Maps, SourceContext, SourceMaps, run_parts
from services.transform.domain.load import load_maps
from services.transform.flow import TransformStage
from tests.unit.transform.messages import CONTEXT, contents, message, residue

JANE = "PID|1||123^^^HOSP^MR||Doe^Jane"
JOHN = "PID|2||456^^^HOSP^MR||Roe^John"
ANN = "PID|3||789^^^CLINIC^MR||Poe^Ann"
MAPS = load_maps()
DIGEST = KeyDigest(b"a secret for tests only")


def results(number: str, value: str) -> list[str]:
    return [f"OBR|1||{number}^LAB|718-7^Hb^LN", f"OBX|1|NM|718-7^Hb^LN||{value}|g/dL|||||F"]


def parts(kind: str, *segments: str) -> list[CanonicalEvent]:
    return [each.event for each in run_parts(MAPS, message(kind, *segments), CONTEXT)]


def numbers(events: Sequence[CanonicalEvent]) -> list[list[str]]:
    return [[each.value for each in event.subject] for event in events]


def test_each_patient_of_a_report_gets_their_own_results() -> None:
    jane, john = parts("ORU^R01", JANE, *results("F1", "13"), JOHN, *results("F2", "9"))
    assert numbers([jane, john]) == [["123"], ["456"]]
    assert [each.value.quantity.value for each in contents(jane, "observation")] == ["13"]
    assert [each.value.quantity.value for each in contents(john, "observation")] == ["9"]
    assert not {each.key for each in jane.resources} & {each.key for each in john.resources}


def test_orders_without_numbers_of_two_patients_are_two_orders() -> None:
    anonymous = ["OBR|1|||718-7^Hb^LN", "OBX|1|NM|718-7^Hb^LN||13|g/dL|||||F"]
    jane, john = parts("ORU^R01", JANE, *anonymous, JOHN, *anonymous)
    assert not {each.key for each in jane.resources} & {each.key for each in john.resources}


def test_two_groups_of_one_patient_are_one_part() -> None:
    (event,) = parts("ORU^R01", JANE, *results("F1", "13"), JANE, *results("F2", "9"))
    assert len(contents(event, "observation")) == 2
    both = parts(
        "ORU^R01", JANE, *results("F1", "1"), JOHN, *results("F2", "2"), JANE, *results("F3", "3")
    )
    assert numbers(both) == [["123"], ["456"]]
    assert [len(contents(event, "observation")) for event in both] == [2, 1]


def test_those_who_swap_beds_each_get_their_own_visit() -> None:
    jane, john = parts(
        "ADT^A17", "EVN|A17|2026", JANE, "PV1|1|I|B^1^2", "OBX|1|ST|x^X^L||a", JOHN, "PV1|1|I|A^1^1"
    )
    assert numbers([jane, john]) == [["123"], ["456"]]
    assert {jane.kind, john.kind} == {EVENT_KIND_UPSERT}
    for event, point in ((jane, "B"), (john, "A")):
        (visit,) = contents(event, "encounter")
        assert visit.status == "in-progress"
        assert [each.location.key.count(f"|{point}") for each in visit.locations] == [1]
    assert len(contents(jane, "observation")) == 1
    assert not contents(john, "observation")


def test_each_pair_of_a_merge_is_a_part_also_with_one_survivor() -> None:
    events = parts(
        "ADT^A40", JANE, "MRG|1^^^HOSP", JANE, "MRG|2^^^HOSP", JOHN, "MRG|3^^^HOSP~4^^^HOSP"
    )
    assert {event.kind for event in events} == {EVENT_KIND_MERGE}
    assert numbers(events) == [["123"], ["123"], ["456"]]
    priors = [[each.value for each in event.prior] for event in events]
    assert priors == [["1"], ["2"], ["3", "4"]]


def test_an_account_moves_with_its_number_and_its_new_one_is_the_same_account() -> None:
    (event,) = parts("ADT^A44", f"{JANE}|||||||||||||A9^^^HOSP", "MRG|456^^^HOSP^MR||A1^^^HOSP")
    assert event.kind == EVENT_KIND_MOVE
    assert [each.value for each in event.prior] == ["456"]
    (moved,) = event.moved
    (account,) = [each for each in event.resources if each.HasField("account")]
    assert (moved.type, [each.key for each in account.names]) == (
        "Account",
        [account.key, moved.key],
    )
    assert moved.key != account.key


def test_an_account_that_moves_and_is_not_named_is_refused() -> None:
    with pytest.raises(InvalidMessage) as caught:
        parts("ADT^A44", JANE, "MRG|456^^^HOSP^MR")
    assert caught.value.reason == Reason.REASON_MAPPING_FAILED


def test_purged_accounts_of_several_patients_go_to_each_of_them() -> None:
    events = parts("BAR^P02", JANE, "DB1|1|PT||Y", JOHN, "PV1|1|O", ANN)
    assert numbers(events) == [["123"], ["456"], ["789"]]
    assert [len(contents(event, "observation")) for event in events] == [1, 0, 0]


@pytest.mark.parametrize(
    ("kind", "segments", "location"),
    [
        pytest.param("ADT^A08", [JANE, JOHN], "PID[2]-3", id="HL7 foresees one person"),
        pytest.param("ADT^A17", [JANE, "PV1|1|I", JOHN, ANN], "PID[2]-3", id="HL7 foresees two"),
        pytest.param(
            "ORU^R01",
            [*results("F0", "1"), JANE, *results("F1", "1"), JOHN, *results("F2", "2")],
            "PID[2]-3",
            id="nobody knows whose the first results are",
        ),
        pytest.param(
            "ADT^A40", [JANE, "MRG|1^^^HOSP", JOHN, "MRG|"], "MRG[1]-1", id="one pair is none"
        ),
    ],
)
def test_where_it_is_not_plain_whose_a_segment_is_the_whole_message_is_refused(
    kind: str, segments: list[str], location: str
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        parts(kind, *segments)
    assert caught.value.reason == Reason.REASON_MAPPING_FAILED
    assert caught.value.location == location


def test_a_message_about_endless_persons_is_refused() -> None:
    patients = [f"PID|||{number}^^^HOSP" for number in range(501)]
    with pytest.raises(InvalidMessage) as caught:
        parts("BAR^P02", *patients)
    assert caught.value.reason == Reason.REASON_TOO_LARGE


_person = st.tuples(
    st.sampled_from(["PID|1||1^^^H||Doe^Jane", "PID|1||2^^^H||Roe", "PID|1||3^^^C|x|Poe|oddity"]),
    st.lists(st.sampled_from(["F1", "F2", "", "F9"]), min_size=1, max_size=3),
    st.booleans(),
)


@given(st.lists(_person, min_size=2, max_size=4, unique_by=lambda each: each[0]))
def test_a_part_is_what_the_message_would_be_if_nobody_else_were_in_it(
    persons: list[tuple[str, list[str], bool]],
) -> None:
    blocks = []
    for patient, orders, has_note in persons:
        block = [patient, *(segment for order in orders for segment in results(order, "5"))]
        blocks.append([*block, "NTE|1||noted"] if has_note else block)
    whole = message(
        "ORU^R01", "SFT|maker", *(segment for block in blocks for segment in block), "ZZZ|1"
    )
    found = run_parts(MAPS, whole, CONTEXT)
    assert len(found) == len(blocks)
    blocks[-1].append("ZZZ|1")
    for part, (each, block) in enumerate(zip(found, blocks, strict=True), 1):
        context = SourceContext("acme", "hosp", f"m-1.{part}")
        (alone,) = run_parts(MAPS, message("ORU^R01", "SFT|maker", *block), context)
        # Places of leaves are those of the whole message.
        assert [item.value for item in each.event.residue] == [
            item.value for item in alone.event.residue
        ]
        for event in (each.event, alone.event):
            event.ClearField("residue")
        assert each.event == alone.event


def test_all_leaves_of_the_message_are_in_its_parts_and_those_of_a_person_in_one() -> None:
    content = message("ORU^R01", JANE, *results("F1", "13"), JOHN, *results("F2", "9"))
    found = run_parts(MAPS, content, CONTEXT)
    told = [{leaf.location for leaf in leaves(each.message)} for each in found]
    assert set.union(*told) == {leaf.location for leaf in leaves(read(content))}
    assert {place.partition("[")[0] for place in set.intersection(*told)} == {"MSH"}
    assert "PID[2]-1[1].1.1" in residue(found[1].event)


async def test_each_part_goes_on_under_the_key_of_its_own_person(maps: Maps) -> None:
    stage = TransformStage(SourceMaps(maps), {}, Coders(SourceMaps(maps), {}), digest=DIGEST)
    whole = message("ORU^R01", JANE, *results("F1", "13"), JOHN, *results("F2", "9"))

    def key_of(content: bytes) -> str:
        return assess(content, tenant="acme", source="hosp", digest=DIGEST).key

    envelope = Envelope(
        message_id="01a205a8-8665-79f6-8a9e-a559d159c297",
        tenant="acme",
        source="hosp",
        attempt=2,
        kind=PayloadKind.PAYLOAD_KIND_RAW,
        key=key_of(whole),
        payload=whole,
    )
    turns = [
        Turn(envelope, unit="0", sequence=1, now=datetime.datetime.now(datetime.UTC))
        for _ in range(2)
    ]
    await stage.turn_batch(turns, cast("Transaction", None))
    told = [made for _, made in turns[0].outputs]
    assert [(made.part, made.attempt) for made in told] == [(1, 2), (2, 2)]
    assert [made.key for made in told] == [
        key_of(message("ADT^A08", JANE)),
        key_of(message("ADT^A08", JOHN)),
    ]
    # A replay, or a stage that came after a crash, makes the same.
    assert [made.SerializeToString() for _, made in turns[1].outputs] == [
        made.SerializeToString() for made in told
    ]
