"""The person as the record shows it, from what several sources tell."""

from plexus.api.records.v1.records_pb2 import Disposition
from tests.unit.records.records_material import LAB, Chart, envelope_of, merge, person


def test_the_newest_account_gives_the_name() -> None:
    chart = Chart()
    chart.take(person("Quill", time="2026-01-01"))
    changed = chart.take(person("Inkwell", time="2026-02-01", source=LAB))
    assert [each.family for each in changed.person.resource.person.names] == ["Inkwell"]
    assert changed.person.version == 2
    assert changed.person.disposition == Disposition.DISPOSITION_UPDATED


def test_a_lean_newer_account_of_another_source_hides_nothing() -> None:
    chart = Chart()
    chart.take(person("Quill", city="Tocktown", time="2026-01-01"))
    changed = chart.take(person("Quill", time="2026-02-01", source=LAB))
    assert [each.city for each in changed.person.resource.person.addresses] == ["Tocktown"]


def test_what_a_source_has_taken_back_does_not_return() -> None:
    chart = Chart()
    chart.take(person("Quill", phone="555-0130", time="2026-01-01"))
    chart.take(person("Quill", number="2", phone="555-0130", time="2026-01-02"))
    changed = chart.take(person("Quill", time="2026-02-01"))
    assert not changed.person.resource.person.telecoms


def test_what_a_source_deletes_is_gone_though_another_one_had_said_it() -> None:
    chart = Chart()
    chart.take(person("Quill", phone="555-0130", city="Tocktown", time="2026-01-01"))
    said = person("Quill", time="2026-02-01", source=LAB, cleared=["telecoms"])
    changed = chart.take(said)
    known = changed.person.resource.person
    assert not known.telecoms
    assert known.addresses[0].city == "Tocktown"
    assert changed.person.disposition == Disposition.DISPOSITION_UPDATED
    assert not changed.person.resource.cleared


def test_what_was_deleted_stays_so_until_somebody_says_it_anew() -> None:
    chart = Chart()
    chart.take(person("Quill", phone="555-0130", time="2026-01-01"))
    chart.take(person("Quill", time="2026-02-01", source=LAB, cleared=["telecoms"]))
    changed = chart.take(person("Quill", time="2026-03-01", source=LAB))
    assert not changed.person.resource.person.telecoms
    changed = chart.take(person("Quill", phone="555-0199", time="2026-04-01"))
    assert changed.person.resource.person.telecoms[0].value == "555-0199"


def test_a_late_deletion_deletes_only_what_was_said_before_it() -> None:
    chart = Chart()
    chart.take(person("Quill", phone="555-0130", time="2026-03-01"))
    late = person("Quill", time="2026-02-01", source=LAB, cleared=["telecoms"])
    changed = chart.take(late)
    assert changed.person.resource.person.telecoms[0].value == "555-0130"


def test_identifiers_are_not_deleted() -> None:
    chart = Chart()
    changed = chart.take(person("Quill", cleared=["identifiers", "no such field"]))
    assert changed.person.resource.person.identifiers[0].value == "1"


def test_identifiers_are_all_that_anybody_knows_each_once() -> None:
    chart = Chart()
    chart.take(person("Quill", number="1", time="2026-01-01"))
    chart.take(person("Quill", number="2", time="2026-01-02"))
    changed = chart.take(person("Quill", number="1", time="2026-01-03", source=LAB))
    values = [each.value for each in changed.person.resource.person.identifiers]
    assert values == ["1", "2"]


def test_what_a_merge_says_of_the_person_updates_nothing_that_its_source_knows() -> None:
    chart = Chart()
    chart.take(person("Quill", city="Tocktown", time="2026-01-01"))
    # As the survivor's record gets it: the prior was never known.
    message = merge(chart.record.person_id, "", [person("Quill", time="2026-02-01")])
    chart.turn(envelope_of(message))
    assert [each.city for each in chart.golden.person.addresses] == ["Tocktown"]


def test_what_only_a_merge_has_said_of_the_person_stands() -> None:
    chart = Chart()
    chart.turn(envelope_of(merge(chart.record.person_id, "", [person("Quill")])))
    assert chart.golden.person.names[0].family == "Quill"


def test_an_event_without_a_person_still_tells_the_person() -> None:
    chart = Chart()
    assert not chart.take().HasField("person")
    chart.take(person("Quill"))
    changed = chart.take()
    assert changed.person.resource.person.names[0].family == "Quill"
    assert changed.person.disposition == Disposition.DISPOSITION_UNCHANGED


def test_an_account_that_changes_nothing_of_the_person_makes_no_version() -> None:
    chart = Chart()
    chart.take(person("Quill", time="2026-02-01"))
    changed = chart.take(person("Inkwell", time="2026-01-01"))
    assert changed.person.version == 1
    assert changed.person.disposition == Disposition.DISPOSITION_SUPERSEDED


def test_a_person_is_deleted_when_all_accounts_are() -> None:
    chart = Chart()
    chart.take(person("Quill", time="2026-01-01"))
    chart.take(person("Quill", time="2026-01-01", source=LAB))
    assert not chart.take(person(time="2026-02-01", deleted=True)).person.resource.deleted
    changed = chart.take(person(time="2026-02-01", source=LAB, deleted=True))
    assert changed.person.resource.deleted
