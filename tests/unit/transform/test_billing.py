"""Who takes part, who pays and what is charged: segments of ADT that are not about the stay, DFT and BAR."""

import pytest

from plexus.api.canonical.v1 import resources_pb2
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from services.transform.domain import Maps
from tests.unit.transform.messages import contents, converted, residue, segment

PID = segment("PID", f3="123^^^HOSP^MR", f5="Doe^Jane", f18="A1^^^HOSP^AN")
VISIT = segment("PV1", f2="I", f19="V9^^^HOSP^VN")
MOTHER = segment(
    "GT1", f3="Roe^Ann", f6="^PRN^PH^^^555^0100", f8="19700102", f9="F", f11="MTH^Mother^HL70063"
)


def insurance(relation: str = "MTH^Mother^HL70063", name: str = "Roe^Ann") -> str:
    return segment(
        "IN1", f2="P^Plan^L", f3="I7^^^HOSP", f16=name, f17=relation, f18="19700102", f36="POL1"
    )


@pytest.mark.parametrize(
    ("role", "practitioners", "teams"), [("PP", 1, 0), ("AT", 0, 1), ("RP", 0, 1), ("", 0, 1)]
)
@pytest.mark.parametrize(
    "line", ["ROL|1|AD|{}^^HL70443|7^Gray^Gil", "PRT|1|AD||{}^^HL70912|7^Gray^Gil"]
)
def test_a_role_of_the_person_is_their_doctor_or_one_of_their_team(
    maps: Maps, line: str, role: str, practitioners: int, teams: int
) -> None:
    event = converted(maps, "ADT^A04", PID, line.format(role))
    assert len(contents(event, "person")[0].general_practitioners) == practitioners
    assert len(contents(event, "care_team")) == teams


def test_a_role_after_the_visit_takes_part_in_it_and_one_after_a_procedure_performs_it(
    maps: Maps,
) -> None:
    event = converted(
        maps, "ADT^A01", PID, VISIT, "ROL|1|AD|CP^^HL70443|7^Gray^Gil|20240101",
        "PR1|1||P^Scan^L||20240102", "ROL|1|AD|RT^^HL70443|8^Teal^Tim", "PR1|2||Q^Cast^L||20240103",
    )  # fmt: skip
    (taking_part,) = contents(event, "encounter")[0].participants
    assert {c.code for c in taking_part.role.codings} == {"CP", "CON"}
    assert taking_part.period.start == "2024-01-01"
    assert [len(p.performers) for p in contents(event, "procedure")] == [1, 0]


def test_restrictions_belong_to_what_they_follow(maps: Maps) -> None:
    person = converted(maps, "ADT^A01", PID, "ARV|1|A|EMP^^HL70717", VISIT)
    visit = converted(maps, "ADT^A01", PID, VISIT, "ARV|1|A|DEM^^HL70717")
    assert [len(contents(e, "person")[0].restrictions) for e in (person, visit)] == [1, 0]
    assert [len(contents(e, "encounter")[0].restrictions) for e in (person, visit)] == [0, 1]


def test_a_guarantor_stands_for_the_account(maps: Maps) -> None:
    event = converted(maps, "ADT^A01", PID, VISIT, MOTHER, insurance())
    (account,) = contents(event, "account")
    guarantor, insured = contents(event, "related_person")
    keys = {r.key for r in event.resources if r.HasField("related_person")}
    assert (guarantor.birth_date, guarantor.gender) == ("1970-01-02", "female")
    assert [r.type for r in account.guarantors] == ["RelatedPerson"]
    assert {account.guarantors[0].key} < keys
    assert len(keys) == 2, "guarantor and insured say different things of the same woman"
    assert insured.birth_date == "1970-01-02"
    assert [r.type for r in account.coverages] == ["Coverage"]
    assert not account.person_guarantees


@pytest.mark.parametrize("self_", ["SEL", "SELF", "S", "18"])
def test_who_pays_for_themself_is_nobody_else(maps: Maps, self_: str) -> None:
    event = converted(
        maps,
        "ADT^A01",
        PID,
        VISIT,
        MOTHER.replace("MTH", self_),
        insurance(f"{self_}^Self^HL70063"),
    )
    assert contents(event, "related_person") == []
    assert contents(event, "account")[0].person_guarantees
    assert not contents(event, "coverage")[0].HasField("subscriber")


def test_each_coverage_has_its_own_subscriber(maps: Maps) -> None:
    other = insurance("FTH^Father^HL70063", "Roe^Abe").replace("POL1", "POL2")
    event = converted(maps, "ADT^A01", PID, VISIT, insurance(), "IN2|1|||||1EG4^Z", other)
    first, second = contents(event, "coverage")
    assert first.subscriber.key != second.subscriber.key
    assert {i.type_code: i.value for i in first.identifiers}["MC"] == "1EG4"
    assert all(i.type_code != "MC" for i in second.identifiers)


def test_no_account_number_no_account(maps: Maps) -> None:
    event = converted(maps, "ADT^A01", "PID|1||123^^^HOSP^MR", VISIT, MOTHER)
    assert contents(event, "account") == []


@pytest.mark.parametrize(("kind", "items"), [("CG", 1), ("C", 1), ("", 1), ("PY", 0), ("CR", 0)])
def test_only_a_charge_is_one(maps: Maps, kind: str, items: int) -> None:
    line = segment(
        "FT1", f2="T1^HOSP", f4="20240101", f6=kind, f7="X^Xray^L", f10="2", f11="10.50&EUR"
    )
    event = converted(maps, "DFT^P03", PID, VISIT, line)
    made = contents(event, "charge_item")
    assert len(made) == items
    assert ("FT1[1]-11[1].1.1" in residue(event)) == (not items)
    for item in made:
        assert (item.total.value, item.total.currency, item.quantity.value) == ("10.50", "EUR", "2")
        assert item.accounts[0].type == "Account"
        assert item.encounter.type == "Encounter"


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("BAR^P01", "active"),
        ("BAR^P05", "active"),
        ("BAR^P02", "inactive"),
        ("BAR^P06", "inactive"),
    ],
)
def test_an_account_is_open_until_it_is_ended_or_purged(
    maps: Maps, event: str, status: str
) -> None:
    (account,) = contents(converted(maps, event, PID), "account")
    assert account.status == status


def test_visits_of_one_account_keep_their_diagnoses(maps: Maps) -> None:
    event = converted(
        maps, "BAR^P01", PID, VISIT, "DG1|1||A^One^L", VISIT.replace("V9", "V8"), "DG1|1||B^Two^L"
    )
    one, two = contents(event, "condition")
    assert one.encounter.key != two.encounter.key


EMPLOYER = {"f10": "G7^^^ACME", "f11": "Acme Works", "f44": "1 Mill Road^^Town"}


def coverage_of(event: CanonicalEvent) -> resources_pb2.Coverage:
    made = contents(event, "coverage")
    assert len(made) == 1
    coverage: resources_pb2.Coverage = made[0]
    return coverage


def organizations(event: CanonicalEvent) -> dict[str, resources_pb2.Organization]:
    """By name."""
    return {made.name: made for made in contents(event, "organization")}


def test_the_body_through_which_an_insurance_is_held_is_one_with_all_that_is_said_of_it(
    maps: Maps,
) -> None:
    line = segment("IN1", f2="P^Plan^L", f3="I7^^^HOSP", f15="HMO", **EMPLOYER)
    second = segment("IN2", f49="Roe^Ann", f50="^WPN^PH^^^555^0100", f70="Acme Ltd")
    event = converted(maps, "ADT^A01", PID, VISIT, line, second)
    body = organizations(event)["Acme Works"]
    assert [i.value for i in body.identifiers] == ["G7"]
    assert [a.city for a in body.addresses] == ["Town"]
    assert list(body.aliases) == ["Acme Ltd"]
    (contact,) = body.contacts
    assert (contact.name.family, contact.telecoms[0].value) == ("Roe", "555 0100")
    keys = {
        r.key for r in event.resources if r.WhichOneof("content") == "organization"
        and r.organization.name == "Acme Works"
    }  # fmt: skip
    assert keys == {coverage_of(event).policy_holder.key}


def test_without_a_second_segment_the_body_is_named_by_its_number(maps: Maps) -> None:
    line = segment("IN1", f2="P^Plan^L", f3="I7^^^HOSP", f15="HMO", **EMPLOYER)
    holder = coverage_of(converted(maps, "ADT^A01", PID, VISIT, line)).policy_holder
    assert (holder.type, holder.display) == ("Organization", "Acme Works")
    assert holder.identifier.value == "G7"
    assert not holder.key


def test_a_deductible_is_what_the_person_pays(maps: Maps) -> None:
    line = segment("IN1", f2="P^Plan^L", f3="I7^^^HOSP", f15="HMO", f37="150.00&USD^DC")
    (cost,) = coverage_of(converted(maps, "ADT^A01", PID, VISIT, line)).costs
    assert (cost.amount.value, cost.amount.currency) == ("150.00", "USD")
    assert [c.code for c in cost.type.codings] == ["deductible", "DC"]


@pytest.mark.parametrize(
    ("relation", "code"), [("SPO", "spouse"), ("SEL", "self"), ("MTH", "MTH"), ("CHD", "CHILD")]
)
def test_a_relation_that_reads_both_ways_has_the_code_that_fhir_asks_for(
    maps: Maps, relation: str, code: str
) -> None:
    event = converted(maps, "ADT^A01", PID, VISIT, insurance(f"{relation}^Word^HL70063"))
    assert coverage_of(event).relationship.codings[-1].code == code


def test_where_a_guarantor_works_is_a_body_that_can_be_reached(maps: Maps) -> None:
    guarantor = segment(
        "GT1", f3="Roe^Ann", f11="MTH", f16="Roe^Rob", f17="1 Mill Road^^Town", f19="E5",
        f29="B9^^^ACME", f45="Teal^Tim", f46="^WPN^PH^^^555^0101", f47="Bills", f51="Acme Works",
    )  # fmt: skip
    event = converted(maps, "ADT^A01", PID, VISIT, guarantor)
    body = organizations(event)["Acme Works"]
    assert [i.value for i in body.identifiers] == ["B9"]
    employer, asked = body.contacts
    assert (employer.name.family, asked.name.family) == ("Roe", "Teal")
    assert (asked.telecoms[0].value, asked.purpose.codings[0].code) == ("555 0101", "Bills")
    (person,) = contents(event, "related_person")
    assert [i.type_code for i in person.identifiers] == ["EI"]
    assert not person.addresses


def test_where_nobody_names_the_employer_its_address_is_where_the_guarantor_works(
    maps: Maps,
) -> None:
    guarantor = segment("GT1", f3="Roe^Ann", f11="MTH", f17="1 Mill Road^^Town")
    event = converted(maps, "ADT^A01", PID, VISIT, guarantor)
    (address,) = contents(event, "related_person")[0].addresses
    assert (address.use, address.city) == ("work", "Town")
    assert organizations(event) == {}


CHARGE = segment(
    "FT1", f2="T1^HOSP", f4="20240101", f6="CG", f7="X^Xray^L", f13="D^Dept", f21="7^Gray^Gil",
    f25="99011^Visit^L", f29="0182-1061-05^Aspirin^NDC", f32="West Clinic", f33="East Clinic",
    f34="I5^Item^L", f35="Model 5", f42="R77", f43="5^Capsule",
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("DFT^P03", ()),
        ("ORM^O01", ("ORC|NW|O1^L", "OBR|1|O1^L||T^Test^L")),
        ("OML^O21", ("ORC|NW|O1^L", "OBR|1|O1^L||T^Test^L")),
        ("ORU^R01", ("OBR|1|O1^L||T^Test^L",)),
    ],
)
def test_a_medicine_that_is_charged_was_handed_out(
    maps: Maps, kind: str, lines: tuple[str, ...]
) -> None:
    event = converted(maps, kind, PID, VISIT, *lines, CHARGE)
    (item,) = contents(event, "charge_item")
    assert [c.code for c in item.code.codings] == ["X", "99011"]
    assert [c.code for c in item.product.codings] == ["0182-1061-05", "I5"]
    assert item.product.text == "Model 5"
    names = {r.key: r.organization.name for r in event.resources if r.HasField("organization")}
    asked = (item.performing_organization, item.requesting_organization, item.cost_center)
    assert [names[r.key] for r in asked] == ["West Clinic", "East Clinic", "Dept"]
    (dispensed,) = contents(event, "medication_dispense")
    assert (dispensed.quantity.value, dispensed.quantity.unit) == ("5", "Capsule")
    assert [i.value for i in dispensed.identifiers] == ["R77"]
    assert [r.type for r in item.services] == ["MedicationDispense"] * (kind == "DFT^P03")


def test_a_payment_is_neither_a_charge_nor_a_dispense(maps: Maps) -> None:
    event = converted(maps, "DFT^P03", PID, VISIT, CHARGE.replace("|CG|", "|PY|"))
    assert contents(event, "charge_item") == []
    assert contents(event, "medication_dispense") == []


def test_an_accident_says_who_wrote_it_down_and_what_happened(maps: Maps) -> None:
    line = segment("ACC", f1="20240101", f3="Corner", f7="7^Gray^Gil", f8="Fell", f13="A5")
    (accident,) = contents(converted(maps, "ADT^A01", PID, VISIT, line), "observation")
    assert [n.text for n in accident.notes] == ["Corner", "Fell"]
    assert [r.type for r in accident.performers] == ["Practitioner"]
    assert [i.value for i in accident.identifiers] == ["A5"]


@pytest.mark.parametrize(("flag", "lists"), [("Y", (1, 0)), ("N", (0, 1)), ("", (0, 0))])
def test_a_hold_on_bills_is_of_the_guarantor(maps: Maps, flag: str, lists: tuple[int, int]) -> None:
    guarantor = segment("GT1", f3="Roe^Ann", f11="MTH", f22=flag)
    event = converted(maps, "ADT^A01", PID, VISIT, guarantor)
    (account,) = contents(event, "account")
    assert (len(account.held), len(account.not_held)) == lists
    told = {each.key for each in (*account.held, *account.not_held)}
    assert told <= {each.key for each in account.guarantors}


def test_a_plan_that_fhir_has_a_code_for_has_it_beside_the_senders(maps: Maps) -> None:
    line = segment("IN1", f2="P^Plan^L", f3="I7^^^HOSP", f15="HMO^Ours^L", f49="M1^^^ACME")
    coverage = coverage_of(converted(maps, "ADT^A01", PID, VISIT, line))
    assert [c.code for c in coverage.type.codings] == ["HMO", "HMO"]
    assert coverage.type.codings[0].display == "Ours"
    assert (coverage.subscriber_id, coverage.plan_name) == ("M1", "Plan")
