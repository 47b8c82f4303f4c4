"""Linking by demographics, over an index in memory. Locks and tables: tests/integration."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from plexus.api.canonical.v1.resources_pb2 import Person
from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.api.identity.v1.identity_pb2 import MatchKind
from services.identity.domain import Linker, Matching
from services.identity.domain.scoring import Thresholds
from tests.unit.identity.identity_material import NORTH, WEST, Desk, envelope_of, number
from tests.unit.identity.people_material import person


def told(value: str, by: tuple[str, str], who: Person, trigger: str = "ADT^A08") -> Envelope:
    source = f"adt-{by[0].casefold()}"
    return envelope_of([number(value, by)], person=who, source=source, trigger=trigger)


def test_two_sources_with_numbers_of_their_own_know_one_person() -> None:
    desk = Desk()
    north, _ = desk.take(told("1", NORTH, person()))
    west, turn = desk.take(told("77", WEST, person(street="12 Mill Ln.")))
    assert west.match == MatchKind.MATCH_KIND_DEMOGRAPHICS
    assert west.person_id == north.person_id
    assert desk.person(number("77", WEST)) == north.person_id
    assert desk.actor.results["demographics"] == 1
    assert turn.outputs


def test_a_link_by_demographics_says_why_without_values() -> None:
    desk = Desk()
    desk.take(told("1", NORTH, person()))
    desk.take(told("77", WEST, person()))
    (event,) = [each for each in desk.index.events if each.kind == "auto_link"]
    told_why = json.loads(event.explanation)
    assert told_why["grade"] == "match"
    assert sum(bits for _, _, bits in told_why["rows"]) == pytest.approx(told_why["bits"])
    assert "whitfield" not in event.explanation.casefold()
    assert (event.from_person, event.name.value) == ("", "77")


def test_a_relative_in_the_same_house_is_another_person() -> None:
    desk = Desk()
    desk.take(told("1", NORTH, person()))
    other, _ = desk.take(told("77", WEST, person(given="Bruno", born="1951-09-30", sex="male")))
    assert other.match == MatchKind.MATCH_KIND_NEW_PERSON
    assert not desk.population.reviews


def test_a_doubtful_pair_makes_a_new_person_and_is_for_review() -> None:
    desk = Desk()
    north, _ = desk.take(told("1", NORTH, person(ssn="536221234")))
    west, _ = desk.take(told("77", WEST, person(ssn="601347788")))
    assert west.match == MatchKind.MATCH_KIND_NEW_PERSON
    (review,) = desk.population.reviews
    assert (review.person_id, review.other_person) == (west.person_id, north.person_id)
    assert review.kind == "possible_match"


def test_two_numbers_of_one_registration_are_never_joined_by_demographics() -> None:
    desk = Desk()
    first, _ = desk.take(told("1", NORTH, person()))
    second, _ = desk.take(told("2", NORTH, person()))
    assert second.person_id != first.person_id
    assert [each.kind for each in desk.population.reviews] == ["possible_match"]


def test_a_record_that_another_member_contradicts_is_not_linked_to_the_person() -> None:
    """A is like B and B is like C, but A and C are two people: no link by way of B."""
    desk = Desk()
    sparse = person(born="1980-02-13", sex="", street="", city="", phone="2127365000")
    stranger = person(
        "Okafor", "Bruno", born="1955-07-30", sex="male", street="", city="", phone=""
    )
    desk.take(envelope_of([number("1")], person=stranger, source="adt-north"))
    desk.take(envelope_of([number("1"), number("5", ("MID", ""))]))
    desk.take(envelope_of([number("5", ("MID", ""))], person=sparse, source="adt-mid"))
    linked, _ = desk.take(told("77", WEST, person()))
    assert linked.match == MatchKind.MATCH_KIND_NEW_PERSON
    assert [each.kind for each in desk.population.reviews] == ["conflicting_member"]


def test_what_names_nobody_links_to_nobody() -> None:
    desk = Desk()
    nobody = person("UNKNOWN", "UNKNOWN", born="1900-01-01", sex="", street="", city="", phone="")
    first, _ = desk.take(told("1", NORTH, nobody))
    second, _ = desk.take(told("77", WEST, nobody))
    assert first.person_id != second.person_id
    assert not desk.population.saved


def test_other_messages_do_not_replace_what_registration_said() -> None:
    desk = Desk()
    full, short = person(), person(phone="", street="", city="")
    desk.take(told("1", NORTH, full))
    desk.take(told("1", NORTH, short, trigger="ORU^R01"))
    (saved,) = desk.population.saved.values()
    assert saved.evidence.features.phones
    desk.take(told("1", NORTH, short, trigger="ADT^A08"))
    (saved,) = desk.population.saved.values()
    assert not saved.evidence.features.phones


def test_what_was_said_before_is_no_news() -> None:
    desk = Desk()
    desk.take(told("1", NORTH, person()))
    desk.index.contested.clear()
    desk.population.saved.clear()
    desk.take(told("1", NORTH, person()))
    assert not desk.index.contested
    assert not desk.population.saved


def test_a_tenant_may_leave_matching_to_identifiers() -> None:
    desk = Desk()
    desk.actor._linker = Linker({"demo": Matching(enabled=False)}, Matching())
    assert desk.take(told("1", NORTH, person()))[0].person_id != (
        desk.take(told("77", WEST, person()))[0].person_id
    )
    assert not desk.population.saved


def test_a_tenants_own_threshold_decides() -> None:
    desk = Desk()
    strict = Matching(thresholds=Thresholds(match=60.0, review=50.0))
    desk.actor._linker = Linker({"demo": strict}, Matching())
    desk.take(told("1", NORTH, person()))
    assert desk.take(told("77", WEST, person()))[0].match == MatchKind.MATCH_KIND_NEW_PERSON


_HOUSES = [("NORTH", "2.999.1"), ("WEST", ""), ("EAST", "2.999.3")]
_WHO = [
    person(),
    person(given="Bruno", born="1951-09-30", sex="male"),
    person("Okafor", "Adaeze", born="1990-11-23", street="7 High Street", phone="3129871234"),
]


@given(st.permutations(list(itertools.product(range(3), range(3)))))
def test_the_order_of_arrival_does_not_change_the_persons(order: list[tuple[int, int]]) -> None:
    desk = Desk()
    persons: dict[int, set[str]] = {}
    for who, house in order:
        resolved, _ = desk.take(told(f"{who}{house}x", _HOUSES[house], _WHO[who]))
        persons.setdefault(who, set()).add(resolved.person_id)
    assert all(len(each) == 1 for each in persons.values())
    assert len(set.union(*persons.values())) == 3


def test_more_than_a_blocks_worth_of_people_at_one_telephone_find_nobody_by_it() -> None:
    desk = Desk()
    names = [
        f"{a}{b}{c}"
        for a in "bdfg"
        for b in "aeiou"
        for c in ("rik", "lom", "tas", "nuv", "zep", "wog")
    ]
    for place, family in enumerate(names):
        who = person(family.title(), f"{family[::-1]}", born=f"19{place % 80 + 10}-03-1{place % 9}",
                     street="", city="")  # fmt: skip
        desk.take(told(f"n{place}", NORTH, who))
    assert len({each.to_person for each in desk.index.events}) == len(names)


def test_identifiers_come_before_demographics() -> None:
    desk = Desk()
    one = desk.person(number("1"))
    both: list[Identifier] = [number("77", WEST), number("1")]
    desk.take(told("5", ("EAST", ""), person()))
    assert desk.take(envelope_of(both, person=person()))[0].person_id == one
