"""Dirt on simulated messages: its rates, what it does to bytes, and that the clean truth arrives anyway."""

import collections
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plexus.codecs.hl7v2 import check, read
from plexus.errors import InvalidMessage
from services.cli.simulation import KINDS, Simulated, spread
from services.cli.simulation.people import plain
from services.cli.simulation.soiling import CONTENT, SPOILING
from tests.unit.cli.simulation_material import SUPPORTED, Told, numbers_in, owners, run

pytestmark = pytest.mark.xdist_group("simulated dirt")

FEW = settings(max_examples=12)
REPRESENTATION = {
    "lf", "crlf", "bom", "undeclared-charset", "charset-name", "utf-16", "five-separators",
}  # fmt: skip
TAKEN_ALL_THE_SAME = {"unknown-patient", "disorder"}
"""Spoiled copies that a receiver may take: nothing in them tells that they are wrong."""
NEEDS_A_NUMBER = ("ADT", "ORU")
"""What intake refuses without a patient's number; it does not ask for one in other messages."""


def refused(one: Simulated) -> bool:
    try:
        return bool(check(read(one.content), SUPPORTED))
    except InvalidMessage:
        return True


@pytest.fixture(scope="module")
def clean() -> Told:
    return run("dirt", patients=150, days=10)


@pytest.fixture(scope="module")
def dirty() -> Told:
    return run("dirt", patients=150, days=10, dirt=spread(0.5))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.4])
def test_the_share_of_dirty_messages_is_the_one_asked_for(clean: Told, share: float) -> None:
    told = run("dirt", patients=150, days=10, dirt=spread(share))
    drafts = len(clean.messages)
    dirty = sum(1 for one in told.messages if "dirt" in one.truth)
    four_sigma = 4 * math.sqrt(drafts * share * (1 - share))
    assert abs(dirty - drafts * share) < four_sigma


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_can_be_had_alone(kind: str) -> None:
    share = 0.3
    told = run("dirt", patients=60, days=4, dirt={kind: share})
    found = collections.Counter(one.truth.get("dirt") for one in told.messages)
    assert set(found) == {None, kind}
    again = sum(1 for one in told.messages if {"repeats", "spoiled"} & one.truth.keys())
    drafts = len(told.messages) - again
    assert 0 < found[kind] < drafts * (share + 0.1)


def test_all_kinds_occur_where_only_a_share_is_given(dirty: Told) -> None:
    assert {one.truth["dirt"] for one in dirty.messages if "dirt" in one.truth} == set(KINDS)


@given(st.integers(0, 10**6), st.floats(0.05, 1))
@FEW
def test_dirt_changes_no_life(seed: int, share: float) -> None:
    clean = run(seed, patients=15, days=3)
    dirty = run(seed, patients=15, days=3, dirt=spread(share))
    kinds = {"person", "encounter", "order"}
    assert [f for f in dirty.facts if f["kind"] in kinds] == [
        f for f in clean.facts if f["kind"] in kinds
    ]


def test_every_clean_message_arrives_as_it_is_or_in_the_dirty_form_that_the_truth_tells(
    clean: Told, dirty: Told
) -> None:
    arrived: dict[tuple[str, bytes], Simulated] = {
        (one.system, one.content): one for one in dirty.messages
    }
    changed = {
        (one.system, one.control_id): one.truth["dirt"]
        for one in dirty.messages
        if one.truth.get("dirt") in CONTENT
    }
    reused = sum(1 for one in dirty.messages if one.truth.get("dirt") == "reused-id")
    missing = 0
    for one in clean.messages:
        if (one.system, one.content) in arrived or (one.system, one.control_id) in changed:
            continue
        missing += 1
    assert missing == reused


def test_what_is_spoiled_is_refused_and_mended_later(dirty: Told) -> None:
    mended = {(one.system, one.control_id): one for one in dirty.messages if "mends" in one.truth}
    spoiled = [one for one in dirty.messages if one.truth.get("spoiled")]
    assert len(spoiled) == len(mended) > 100
    assert {one.truth["dirt"] for one in spoiled} == set(SPOILING)
    for one in spoiled:
        kind = one.truth["dirt"]
        may_pass = kind == "no-number" and not one.kind.startswith(NEEDS_A_NUMBER)
        if kind not in TAKEN_ALL_THE_SAME and not may_pass:
            assert refused(one), one.truth
        if one.control_id:
            whole = mended[one.system, one.control_id.removesuffix("X")]
            assert whole.at >= one.at
            assert whole.truth["mends"] == kind


def test_what_is_not_spoiled_passes_intake(dirty: Told) -> None:
    for one in dirty.messages:
        if not one.truth.get("spoiled"):
            message = read(one.content)
            assert not check(message, SUPPORTED), one.truth
            assert message.control_id == one.control_id


def test_odd_bytes_say_the_same(clean: Told, dirty: Told) -> None:
    originals = {(one.system, one.control_id): one for one in clean.messages}
    seen = set()
    for one in dirty.messages:
        if one.truth.get("dirt") not in REPRESENTATION:
            continue
        seen.add(one.truth["dirt"])
        original = originals[one.system, one.control_id]
        assert one.content != original.content
        mine = [plain(segment.text) for segment in read(one.content).segments[1:]]
        assert mine == [plain(segment.text) for segment in read(original.content).segments[1:]]
    assert seen == REPRESENTATION


def test_the_same_bytes_come_again_and_new_ids_carry_the_same_content(dirty: Told) -> None:
    first = {(one.system, one.control_id): one for one in dirty.messages if "dirt" not in one.truth}
    again = [one for one in dirty.messages if "repeats" in one.truth]
    assert len(again) > 100
    for one in again:
        original = first[one.system, one.truth["repeats"]]
        assert one.at > original.at
        if one.truth["dirt"] == "resend":
            assert one.content == original.content
        else:
            assert one.control_id != original.control_id
            ids = one.control_id.encode(), original.control_id.encode()
            assert one.content.replace(*ids) == original.content


def test_a_reused_control_id_has_been_seen_with_other_content(dirty: Told) -> None:
    reused = [one for one in dirty.messages if one.truth.get("dirt") == "reused-id"]
    bytes_of = collections.defaultdict(set)
    for one in dirty.messages:
        bytes_of[one.system, one.control_id].add(one.content)
    assert reused
    assert all(len(bytes_of[one.system, one.control_id]) > 1 for one in reused)


def test_late_messages_are_overtaken(dirty: Told) -> None:
    late = [one for one in dirty.messages if one.truth.get("dirt") == "late"]
    assert late
    newest: dict[str, str] = {}
    overtaken = 0
    for one in dirty.messages:
        if one.truth.get("spoiled") or one.system != "registration":
            continue
        sent = read(one.content).msh.get(7)[:14]
        overtaken += one.truth.get("dirt") == "late" and sent < newest.get(one.person, "")
        newest[one.person] = max(sent, newest.get(one.person, ""))
    assert overtaken > 10


def test_strangers_have_numbers_that_nobody_was_given(dirty: Told) -> None:
    belongs = owners(dirty)
    strangers = [one for one in dirty.messages if one.truth.get("dirt") == "unknown-patient"]
    assert strangers
    for one in strangers:
        numbers = numbers_in(read(one.content), "PID", 3)
        assert [f"{authority} {value}" for authority, value in numbers] == [one.truth["stray"]]
        assert numbers[0] not in belongs
        assert one.truth["person"] == ""


def test_a_field_that_is_missing_or_wrong_is_named(clean: Told, dirty: Told) -> None:
    originals = {(one.system, one.control_id): one for one in clean.messages}
    for one in dirty.messages:
        if one.truth.get("dirt") not in {"missing-field", "typo"}:
            continue
        (field,) = one.truth["fields"]
        mine, whole = read(one.content), read(originals[one.system, one.control_id].content)
        patients = [m.first("PID") for m in (mine, whole)]
        assert patients[0] is not None
        assert patients[1] is not None
        differing = [f"PID-{n}" for n in range(1, 31) if patients[0].raw(n) != patients[1].raw(n)]
        assert differing == [field]
