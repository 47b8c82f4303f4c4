"""Vaccinations, documents, appointments, problems and referrals."""

import pytest

from plexus.errors import InvalidMessage, Reason
from services.transform.domain import Maps, convert
from tests.unit.transform.messages import CONTEXT, PID, contents, converted, message, segment

SCH = {"f1": "A1^HOSP", "f11": "^^^20240102100000+0100^20240102103000+0100"}


def vaccine(number: str, code: str = "115^Tdap^CVX", **fields: str) -> tuple[str, str]:
    return f"ORC|RE||{number}^HOSP", segment("RXA", f3="20240102", f5=code, **fields)


def test_a_vaccination_has_its_own_observations_and_payors(maps: Maps) -> None:
    event = converted(
        maps, "VXU^V04", PID, *vaccine("1", f6="0.5", f7="mL", f9="00^New^NIP001"), "RXR|IM^^HL70162|LD^^HL70163",
        "OBX|1|CE|64994-7^Eligibility^LN|1|V01^No^HL70064||||||F",
        "OBX|2|CE|30963-3^Funding^LN|1|PHC70^Private^CDCPHINVS||||||F",
        "OBX|3|DT|29769-7^Presented^LN|2|20240102||||||F",
        *vaccine("2", f6="999", f9="01^Historical^NIP001"), "OBX|1|DT|29769-7^Presented^LN|2|20240102||||||F",
    )  # fmt: skip
    first, second = contents(event, "immunization")
    assert (first.dose.value, first.primary_source, first.route.codings[0].code) == (
        "0.5",
        True,
        "IM",
    )
    assert first.program_eligibility.codings[0].code == "V01"
    assert first.funding_source.codings[0].code == "PHC70"
    assert (second.dose.value, second.primary_source) == ("", False)
    one, other = contents(event, "observation")
    assert {r.type for r in one.based_on} == {"Immunization"}
    assert one.based_on[0].key != other.based_on[0].key


def test_vaccinations_under_the_same_empty_number_are_different_things(maps: Maps) -> None:
    event = converted(
        maps, "VXU^V04", PID, *vaccine("9999", "998^None^CVX"), *vaccine("9999", "88^Flu^CVX")
    )
    assert len({r.key for r in event.resources if r.HasField("immunization")}) == 2


@pytest.mark.parametrize(
    ("event", "availability", "status"),
    [
        ("T02", "AV", "current"), ("T02", "", "current"), ("T02", "OB", "superseded"),
        ("T02", "CA", "entered-in-error"), ("T11", "AV", "entered-in-error"), ("T01", "UN", "current"),
    ],
)  # fmt: skip
def test_a_document_is_current_until_it_is_taken_back(
    maps: Maps, event: str, availability: str, status: str
) -> None:
    txa = segment("TXA", f2="DS", f12="D1^HOSP", f17="AU", f19=availability)
    (made,) = contents(converted(maps, f"MDM^{event}", PID, txa), "document_reference")
    assert (made.status, made.doc_status) == (status, "final")


@pytest.mark.parametrize(
    ("event", "replaces", "appends"),
    [("T10", "D0", ""), ("T09", "D0", ""), ("T06", "", "D0"), ("T05", "", "D0"), ("T02", "", "")],
)
def test_a_document_replaces_or_adds_to_its_parent(
    maps: Maps, event: str, replaces: str, appends: str
) -> None:
    txa = segment("TXA", f2="DS", f12="D1^HOSP", f13="D0^HOSP")
    (made,) = contents(converted(maps, f"MDM^{event}", PID, txa), "document_reference")
    assert (made.replaces.value, made.appends.value) == (replaces, appends)


def test_text_and_files_are_the_document_and_values_are_observations(maps: Maps) -> None:
    event = converted(
        maps, "MDM^T02", PID, segment("TXA", f2="DS", f12="D1^HOSP"),
        "OBX|1|TX|1^Text^L||one||||||F", "OBX|2|TX|1^Text^L||two||||||F",
        "OBX|3|ED|2^File^L||^AP^PDF^Base64^SGVsbG8=||||||F", "OBX|4|NM|3^Pulse^L||60|/min|||||F",
    )  # fmt: skip
    (made,) = contents(event, "document_reference")
    assert made.text == "one\ntwo"
    assert [(c.content_type, c.data) for c in made.contents] == [("application/pdf", b"Hello")]
    assert [o.value.quantity.value for o in contents(event, "observation")] == ["60"]


@pytest.mark.parametrize(
    ("event", "told", "status"),
    [
        ("S12", "", "booked"), ("S13", "", "booked"), ("S14", "", "booked"), ("S15", "", "cancelled"),
        ("S16", "", "cancelled"), ("S17", "", "entered-in-error"), ("S26", "", "noshow"),
        ("S12", "Pending", "pending"), ("S14", "Complete", "fulfilled"), ("S15", "Booked", "cancelled"),
        ("S12", "Started", "checked-in"), ("S21", "", "pending"), ("S12", "??", "booked"),
    ],
)  # fmt: skip
def test_an_appointment_is_what_event_and_status_say(
    maps: Maps, event: str, told: str, status: str
) -> None:
    sch = segment("SCH", **SCH, f25=told)
    (made,) = contents(converted(maps, f"SIU^{event}", sch, PID), "appointment")
    assert made.status == status
    assert (made.period.start, made.period.end) == (
        "2024-01-02T10:00:00+01:00",
        "2024-01-02T10:30:00+01:00",
    )


def test_an_appointment_has_all_who_take_part(maps: Maps) -> None:
    event = converted(
        maps, "SIU^S12", segment("SCH", **SCH, f9="30", f10="min"), PID, "RGS|1", "AIS|1||C^Consult^L",
        "AIG|1||D^Device^L|EQ^Equipment^L", "AIL|1||W^1^A^HOSP", "AIP|1||7^Gray^Gil", "RGS|2", "AIS|1||X^Xray^L",
    )  # fmt: skip
    (made,) = contents(event, "appointment")
    assert made.minutes == 30
    assert [c.codings[0].code for c in made.service_types] == ["C", "X"]
    assert [p.actor.type or p.actor.display for p in made.participants] == [
        "Device",
        "Location",
        "Practitioner",
    ]


@pytest.mark.parametrize(
    ("action", "life", "ended", "clinical", "verification"),
    [
        ("AD", "", "", "active", "confirmed"), ("UP", "R", "20240201", "resolved", "confirmed"),
        ("UP", "", "20240201", "", "confirmed"), ("DE", "A", "", "", "entered-in-error"),
    ],
)  # fmt: skip
def test_a_problem_is_what_its_action_and_life_cycle_say(
    maps: Maps, action: str, life: str, ended: str, clinical: str, verification: str
) -> None:
    prb = segment("PRB", f1=action, f3="J45^Asthma^I10", f4="PR1^HOSP", f9=ended, f13="C", f14=life)
    (made,) = contents(converted(maps, "PPR^PC1", PID, prb), "condition")
    assert (made.clinical_status, made.verification_status) == (clinical, verification)


def test_ways_of_care_and_goals_name_the_problems_they_are_about(maps: Maps) -> None:
    prb = "PRB|AD||J45^Asthma^I10|PR{0}^HOSP"
    event = converted(
        maps, "PPR^PC1", PID, prb.format(1), "PTH|AD|W^Way^L|PT1^HOSP", "GOL|AD||G^Breathe^L|GO1^HOSP",
        "NTE|1||a note", prb.format(2),
    )  # fmt: skip
    (plan,), (goal,) = contents(event, "care_plan"), contents(event, "goal")
    key = next(r.key for r in event.resources if r.HasField("condition"))
    assert [r.key for r in plan.addresses] == [r.key for r in goal.addresses] == [key]
    assert [r.type for r in plan.goals] == ["Goal"]
    assert (goal.notes[0].text, goal.status) == ("a note", "active")


def test_a_referral_knows_who_refers_and_to_whom(maps: Maps) -> None:
    event = converted(
        maps, "REF^I12", "RF1|A|S|P^Physio^L|||R1^HOSP",
        "PRD|RP^^HL70286|Gray^Gil|||||7^NPI", "PRD|RT^^HL70286|Teal^Tim|||||8^NPI", PID,
    )  # fmt: skip
    (made,) = contents(event, "service_request")
    people = {
        r.key: r.practitioner.names[0].family for r in event.resources if r.HasField("practitioner")
    }
    assert people[made.requester.key] == "Gray"
    assert [people[r.key] for r in made.performers] == ["Teal"]
    assert (made.status, made.priority) == ("active", "stat")
    (cancelled,) = contents(converted(maps, "REF^I14", "RF1|A|||||R1^HOSP", PID), "service_request")
    assert cancelled.status == "revoked"


def test_a_message_about_nobody_is_refused_unless_it_is_only_looked_at(maps: Maps) -> None:
    content = message("ORU^R01", "OBR|1||F1^L|1^T^L", "OBX|1|NM|1^T^L||1||||||F")
    with pytest.raises(InvalidMessage) as refused:
        convert(maps, content, CONTEXT)
    assert refused.value.reason == Reason.REASON_MAPPING_FAILED
    event = convert(maps, content, CONTEXT, needs_person=False)
    assert event.issues[-1].location == "PID[1]-3"
    assert len(contents(event, "observation")) == 1


def test_who_transcribes_and_gets_a_document_is_told_beside_it(maps: Maps) -> None:
    notice = segment(
        "TXA", f1="1", f2="DI", f8="20240311103000+0100", f9="1^Write^Wes", f11="2^Type^Tia",
        f12="D1^HIS", f21="Wrong side", f23="3^Copy^Cora",
    )  # fmt: skip
    event = converted(maps, "MDM^T01", PID, notice)
    (act,) = contents(event, "provenance")
    assert [each.role.codings[0].code for each in act.agents] == ["author", "TRANS", "IRCP"]
    assert (act.targets[0].type, act.targets[0].identifier.value) == ("DocumentReference", "D1")
    assert act.reasons[0].text == "Wrong side"
