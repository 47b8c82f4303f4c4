"""The simulated hospital without dirt: the same seed is the same run, messages are whole, the truth is true.

Dirt is in test_simulation_dirt, the command in test_simulate_command.
"""

import collections
import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plexus.codecs.hl7v2 import Message, check
from services.cli.simulation import FIRST_DAY, SYSTEMS, Hospital, spread
from tests.unit.cli.simulation_material import (
    SUPPORTED,
    Told,
    numbers_in,
    owners,
    parsed,
    results_in,
    run,
)

# One process reads the long run, once.
pytestmark = pytest.mark.xdist_group("simulated hospital")

FEW = settings(max_examples=12)
SEEDS = st.integers(0, 10**6)

# What an event makes of an encounter (HL7 v2.5.1 chapter 3), told apart from the simulator's own way.
_STATUS_AFTER = {
    "A01": "in-progress", "A02": "in-progress", "A03": "finished", "A04": "in-progress",
    "A05": "planned", "A06": "in-progress", "A08": None, "A11": "cancelled", "A12": "in-progress",
    "A13": "in-progress", "A21": "onleave", "A22": "in-progress", "A38": "cancelled",
}  # fmt: skip


@pytest.fixture(scope="module")
def long() -> Told:
    """Long enough that nearly everything has happened."""
    return run("long", patients=400, days=25)


@pytest.fixture(scope="module")
def read_long(long: Told) -> list[Message]:
    """Its messages, read."""
    return [parsed(one) for one in long.messages]


@given(SEEDS, st.floats(0, 0.6))
@FEW
def test_the_same_seed_gives_the_same_bytes_and_the_same_truth(seed: int, dirt: float) -> None:
    first, second = (run(seed, patients=12, days=2, dirt=spread(dirt)) for _ in range(2))
    assert [one.content for one in first.messages] == [one.content for one in second.messages]
    assert first == second


def test_another_seed_is_another_hospital() -> None:
    one, other = run(1, patients=20, days=2), run(2, patients=20, days=2)
    assert not {m.content for m in one.messages} & {m.content for m in other.messages}


def test_everything_that_the_systems_can_send_is_sent(long: Told) -> None:
    assert {one.system for one in long.messages} == set(SYSTEMS)
    sent = collections.defaultdict(set)
    for one in long.messages:
        code, _, trigger = one.kind.partition("^")
        sent[code].add(trigger)
    assert {code: frozenset(triggers) for code, triggers in sent.items()} == SUPPORTED


def test_every_clean_message_is_read_without_an_issue_and_passes_intake(
    long: Told, read_long: list[Message]
) -> None:
    for one, message in zip(long.messages, read_long, strict=True):
        assert not check(message, SUPPORTED), one.truth
        assert f"{message.code}^{message.trigger}" == one.kind
        assert message.control_id == one.control_id


@given(SEEDS)
@FEW
def test_every_number_in_a_message_is_its_true_persons(seed: int) -> None:
    told = run(seed, patients=40, days=6)
    belongs = owners(told)
    people = told.of("person", "person")
    for one in told.messages:
        message = parsed(one)
        mine = {one.truth["person"], *one.truth.get("people", [])}
        for field in (("PID", 3), ("MRG", 1)):
            found = {belongs[number] for number in numbers_in(message, *field)}
            assert found <= mine, one.truth
        for number in numbers_in(message, "PID", 21):
            assert belongs[number] == people[one.truth["person"]]["mother"]


def test_merged_and_changed_numbers_lead_to_a_number_of_the_same_person(long: Told) -> None:
    states: collections.Counter[str] = collections.Counter()
    for person in long.of("person", "person").values():
        mine = {(n["authority"], n["value"]): n for n in person["identifiers"]}
        for number in mine.values():
            states[number["state"]] += 1
            if number["state"] != "active":
                assert (number["authority"], number["successor"]) in mine
                assert number["successor"] != number["value"]
    assert states["merged"] > 3
    assert states["changed"] > 0


def test_each_merge_in_the_truth_was_sent_once(long: Told, read_long: list[Message]) -> None:
    sent = [
        (numbers_in(message, "PID", 3)[0], numbers_in(message, "MRG", 1)[0])
        for message in read_long
        if message.trigger in {"A40", "A47"}
    ]
    true = [
        ((n["authority"], n["successor"]), (n["authority"], n["value"]))
        for person in long.of("person", "person").values()
        for n in person["identifiers"]
        if n["state"] != "active"
    ]
    assert sorted(sent) == sorted(true)


def test_links_that_stand_at_the_end_are_those_of_the_truth(
    long: Told, read_long: list[Message]
) -> None:
    links: collections.Counter[tuple[str, ...]] = collections.Counter()
    for message in read_long:
        if message.trigger in {"A24", "A37"}:
            ours = [" ".join(n) for n in numbers_in(message, "PID", 3) if n[0] != "NATREG"]
            links[tuple(sorted(ours))] += 1 if message.trigger == "A24" else -1
    people = long.of("person", "person").values()
    true = [tuple(link) for p in people for link in p.get("links", [])]
    mistaken = [tuple(link) for p in people for link in p.get("mistaken_links", [])]
    assert sorted(links.elements()) == sorted(true + mistaken)
    assert len(true) > 10
    belongs = owners(long)
    for link in true:
        assert len({belongs[tuple(number.split(" "))] for number in link}) == 1


def test_encounters_end_as_their_messages_say(long: Told, read_long: list[Message]) -> None:
    status: dict[str, str] = {}
    place: dict[str, str] = {}
    for message in read_long:
        visit = message.first("PV1")
        if message.code != "ADT" or visit is None or not (number := visit.get(19)):
            continue
        status[number] = _STATUS_AFTER[message.trigger] or status[number]
        place[number] = visit.get(3)
    facts = long.of("encounter", "encounter")
    assert len(status) > 300
    for number, last in status.items():
        assert facts[number]["status"] == last
        assert facts[number]["ward"] == place[number]
    assert {fact["status"] for n, fact in facts.items() if n not in status} <= {
        "planned",
        "cancelled",
    }


def test_results_of_an_order_are_those_that_were_told_last(
    long: Told, read_long: list[Message]
) -> None:
    last: dict[str, list[tuple[str, str, str]]] = {}
    for one, message in zip(long.messages, read_long, strict=True):
        if one.system in {"laboratory", "clinic-laboratory"}:
            last.update(results_in(message))
    facts = long.of("order", "order")
    assert len(last) > 500
    for order, results in last.items():
        told = [(r["code"], r["value"], r["status"]) for r in facts[order]["results"]]
        assert told == results, order
    statuses = collections.Counter(facts[order]["status"] for order in last)
    assert statuses.keys() >= {"final", "corrected", "cancelled"}


def test_orders_belong_to_their_true_persons_and_encounters(long: Told) -> None:
    people, visits = long.of("person", "person"), long.of("encounter", "encounter")
    for order in long.of("order", "order").values():
        assert order["person"] in people
        if "encounter" in order:
            assert visits[order["encounter"]]["person"] == order["person"]


def test_there_are_people_that_are_hard_to_tell_apart(long: Told) -> None:
    people = list(long.of("person", "person").values())
    by_birth = collections.Counter((p["family"], p["born"]) for p in people)
    assert max(by_birth.values()) >= 2  # twins
    assert any(p.get("birth_order") for p in people)
    assert any(p.get("suffix") == "Jr" for p in people)
    assert any(not p["family"].isascii() for p in people)
    assert any(b"BABY " in one.content for one in long.messages)
    assert any(b"UNKNOWN^TRAUMA" in one.content for one in long.messages)


def test_messages_come_in_the_order_of_time_and_control_ids_once(long: Told) -> None:
    assert [one.at for one in long.messages] == sorted(one.at for one in long.messages)
    assert [one.number for one in long.messages] == list(range(1, len(long.messages) + 1))
    ids = collections.Counter((one.system, one.control_id) for one in long.messages)
    assert set(ids.values()) == {1}
    end = FIRST_DAY + datetime.timedelta(days=25)
    assert all(FIRST_DAY <= one.at < end for one in long.messages)


def test_only_chosen_systems_send_and_all_happens_all_the_same() -> None:
    whole = run(5, patients=30, days=3)
    part = run(5, patients=30, days=3, systems=frozenset({"laboratory", "pharmacy"}))
    wanted = [one.content for one in whole.messages if one.system in {"laboratory", "pharmacy"}]
    assert [one.content for one in part.messages] == wanted
    kinds = {"person", "encounter", "order"}
    assert [f for f in part.facts if f["kind"] in kinds] == [
        f for f in whole.facts if f["kind"] in kinds
    ]


@given(SEEDS, st.integers(1, 80), st.floats(0, 1))
@FEW
def test_a_count_is_kept_exactly_whatever_the_dirt(seed: int, count: int, dirt: float) -> None:
    told = run(seed, patients=15, days=None, count=count, dirt=spread(dirt))
    assert len(told.messages) == count


def test_what_is_kept_does_not_grow_with_the_run() -> None:
    hospital = Hospital("memory", patients=25, days=None, count=6000)
    most = 0
    for _ in hospital:
        world = hospital._world
        most = max(most, len(world._stays) + len(world._orders) + len(world.agenda._due))
    assert most < 25 * 20


@pytest.mark.parametrize(
    "options",
    [
        {"days": None},
        {"patients": 0},
        {"systems": frozenset({"kitchen"})},
        {"systems": frozenset()},
        {"dirt": {"mud": 0.1}},
        {"dirt": {"late": 0.7, "typo": 0.4}},
        {"dirt": {"late": -0.1}},
    ],
)
def test_nonsense_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Hospital(1, **options)  # type: ignore[arg-type]
