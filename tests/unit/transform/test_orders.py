"""Orders of services, laboratories and medicines: what belongs to which order, and what state it is in."""

import pytest

from services.transform.domain import Maps
from tests.unit.transform.messages import PID, contents, converted, residue, segment

OBX = "OBX|1|NM|8302-2^Height^LN||131|cm|||||F"


def orc(control: str = "NW", number: str = "P1", status: str = "") -> str:
    return segment("ORC", f1=control, f2=f"{number}^HOSP", f5=status, f9="20240101100000+0100")


def obr(number: str = "P1", code: str = "X^Xray^L") -> str:
    return segment("OBR", f1="1", f2=f"{number}^HOSP", f4=code)


@pytest.mark.parametrize("kind", ["ORM^O01", "OMG^O19", "OML^O21", "OMI^O23"])
def test_each_order_keeps_its_own_results_and_diagnoses(maps: Maps, kind: str) -> None:
    event = converted(
        maps, kind, PID, orc(), obr(), "DG1|1||A^One^L", OBX,
        orc(number="P2"), obr("P2", "Y^Scan^L"), OBX.replace("131", "132"),
    )  # fmt: skip
    first, second = contents(event, "service_request")
    assert [(i.type_code, i.value) for i in first.identifiers] == [("PLAC", "P1")]
    assert (first.status, first.intent, second.status) == ("active", "order", "active")
    assert [r.type for r in first.supporting] == ["Observation"]
    assert {r.key for r in first.supporting}.isdisjoint({r.key for r in second.supporting})
    assert ([r.type for r in first.reason_references], len(second.reason_references)) == (
        ["Condition"],
        0,
    )
    assert first.authored_on == "2024-01-01T10:00:00+01:00"
    assert not residue(event).keys() & {"ORC[1]-2[1].1.1", "OBR[1]-2[1].1.1"}


@pytest.mark.parametrize(
    ("control", "status", "service", "medicine"),
    [
        ("NW", "", "active", "active"), ("CA", "", "active", "cancelled"),
        ("OC", "", "revoked", "cancelled"), ("DC", "", "revoked", "stopped"),
        ("HD", "", "active", "on-hold"), ("NW", "CM", "completed", "completed"),
        ("NW", "CA", "revoked", "cancelled"), ("NW", "DC", "revoked", "stopped"),
        ("NW", "HD", "on-hold", "on-hold"), ("NW", "ER", "entered-in-error", "entered-in-error"),
        ("RE", "", "unknown", "unknown"), ("??", "", "unknown", "unknown"),
    ],
)  # fmt: skip
def test_control_and_status_say_the_state_in_the_words_of_the_resource(
    maps: Maps, control: str, status: str, service: str, medicine: str
) -> None:
    order = orc(control, status=status)
    (made,) = contents(converted(maps, "ORM^O01", PID, order, obr()), "service_request")
    assert made.status == service
    (made,) = contents(
        converted(maps, "RDE^O11", PID, order, "RXE||A^Aspirin^L|1||mg"), "medication_request"
    )
    assert made.status == medicine


def test_an_old_order_of_a_medicine_is_no_order_of_a_service(maps: Maps) -> None:
    event = converted(
        maps, "ORM^O01", PID, orc(), "RXO|A^Aspirin^L|100|200|mg", "RXR|PO^Oral^HL70162", orc("NW", "P2"), obr("P2")
    )  # fmt: skip
    (medicine,) = contents(event, "medication_request")
    (service,) = contents(event, "service_request")
    (dosage,) = medicine.dosages
    assert (dosage.dose.value, dosage.dose_high.value, dosage.dose.unit) == ("100", "200", "mg")
    assert dosage.route.codings[0].code == "PO"
    assert medicine.identifiers[0].value == "P1"
    assert service.identifiers[0].value == "P2"


def test_timing_route_and_instructions_are_of_one_dosage(maps: Maps) -> None:
    event = converted(
        maps, "RDE^O11", PID, orc(),
        "TQ1|1||Q8H||||20240102|20240105|S|if needed|with water",
        segment("RXE", f2="A^Aspirin^L", f3="100", f5="mg", f6="TAB^Tablet^L", f7="^After meals", f10="20", f12="2", f15="RX7"),
        "RXR|PO^Oral^HL70162|MOUTH^Mouth^L", "RXC|B|S^Acid^L|100|mg", "RXC|A|W^Water^L|5|mL",
    )  # fmt: skip
    (made,) = contents(event, "medication_request")
    (dosage,) = made.dosages
    pattern = dosage.schedule.code.codings[0].code
    assert (pattern, dosage.period.start, dosage.period.end) == (
        "Q8H",
        "2024-01-02",
        "2024-01-05",
    )
    assert (dosage.dose.value, dosage.site.codings[0].code) == ("100", "MOUTH")
    assert {i.text or i.codings[0].display for i in dosage.instructions} == {
        "if needed",
        "After meals",
    }
    assert (made.refills, made.quantity.value, made.priority) == (2, "20", "stat")
    assert [i.item.codings[0].code for i in made.ingredients] == ["S", "W"]
    assert {i.type_code: i.value for i in made.identifiers} == {"PLAC": "P1", "": "RX7"}


def test_how_often_a_service_is_wanted_is_told_in_parts(maps: Maps) -> None:
    (order,) = contents(
        converted(
            maps, "ORM^O01", PID, orc(),
            "TQ1|1|2|P&Post (after)&L^^^^12^h&Hour&ISO+^^PC^120^s|1130~11:45:10||3^d|20240102|||Pain|||2^min|5",
            obr("P1"),
        ),
        "service_request",
    )  # fmt: skip
    schedule = order.schedule
    assert (schedule.code.codings[0].display, schedule.when) == ("Post (after)", "PC")
    parts = (schedule.period, schedule.offset, schedule.duration, schedule.length)
    assert [(each.value, each.code) for each in parts] == [
        ("12", "h"),
        ("120", "s"),
        ("2", "min"),
        ("3", "d"),
    ]
    assert (list(schedule.times), schedule.count) == (["11:30:00", "11:45:10"], 5)
    assert (order.occurrence.start, order.as_needed.text) == ("2024-01-02", "Pain")


def test_what_the_pharmacy_says_stands_before_what_was_ordered(maps: Maps) -> None:
    rxo, rxe = "RXO|A^Aspirin^L|100||mg", "RXE||B^Aspirin 50^L|50||mg"
    (both,) = contents(converted(maps, "RDE^O11", PID, orc(), rxo, rxe), "medication_request")
    (only,) = contents(converted(maps, "RDE^O11", PID, orc(), rxo), "medication_request")
    assert (both.medication.codings[0].code, both.intent) == ("B", "order")
    assert (only.medication.codings[0].code, only.intent) == ("A", "original-order")


def test_samples_belong_to_their_orders_and_orders_to_their_sample(maps: Maps) -> None:
    spm = "SPM|1|S{0}&HOSP||BLD^Blood^L|||||||||||||20240101"
    by_order = converted(
        maps, "OML^O21", PID, orc(), obr(), spm.format(1), "SAC|||C1^HOSP", orc(number="P2"), obr("P2"), spm.format(2)
    )  # fmt: skip
    by_sample = converted(
        maps, "OML^O33", PID, spm.format(1), orc(), obr(), orc(number="P2"), obr("P2"),
        spm.format(2), orc(number="P3"), obr("P3"),
    )  # fmt: skip
    assert len({r.specimens[0].key for r in contents(by_order, "service_request")}) == 2
    one, same, other = (r.specimens[0].key for r in contents(by_sample, "service_request"))
    assert one == same != other
    assert contents(by_order, "specimen")[0].containers[0].identifiers[0].value == "C1"


def test_the_same_question_asked_with_two_orders_has_two_answers(maps: Maps) -> None:
    keys = [
        next(r.key for r in event.resources if r.HasField("observation"))
        for event in (
            converted(maps, "OML^O21", PID, orc(), obr(), OBX),
            converted(maps, "OML^O21", PID, orc(number="P2"), obr("P2"), OBX),
        )
    ]
    assert keys[0] != keys[1]


def test_what_was_handed_out_names_the_order_under_which_it_was(maps: Maps) -> None:
    rxd = segment("RXD", f1="1", f2="B^Aspirin 50^L", f3="20240102", f4="20", f18="LOT1")
    event = converted(maps, "RDS^O13", PID, orc("RE"), "RXE||B^Aspirin 50^L|50||mg", rxd)
    (dispense,) = contents(event, "medication_dispense")
    assert (dispense.status, dispense.handed_over, dispense.lot_number) == (
        "completed",
        "2024-01-02",
        "LOT1",
    )
    assert dispense.request.type == "MedicationRequest"
    alone = converted(maps, "RDS^O13", PID, orc("RE"), rxd)
    assert contents(alone, "medication_request") == []
    assert not contents(alone, "medication_dispense")[0].HasField("request")


def test_what_was_ordered_was_handed_out_where_nothing_else_is_said(maps: Maps) -> None:
    rxd = segment("RXD", f1="1", f3="20240102", f4="20")
    event = converted(maps, "RDS^O13", PID, orc("RE"), "RXE||B^Aspirin 50^L|50||mg", rxd)
    (dispense,) = contents(event, "medication_dispense")
    assert dispense.medication.codings[0].code == "B"


@pytest.mark.parametrize(
    ("completion", "action", "status"),
    [
        ("CP", "A", "completed"), ("RE", "A", "not-done"), ("NA", "A", "not-done"),
        ("PA", "A", "completed"), ("", "A", "completed"), ("CP", "D", "entered-in-error"),
    ],
)  # fmt: skip
def test_completion_and_action_say_whether_it_was_given(
    maps: Maps, completion: str, action: str, status: str
) -> None:
    rxa = segment("RXA", f3="20240102", f5="B^Drug^L", f6="1", f20=completion, f21=action)
    for kind, field in (("RAS^O17", "medication_administration"), ("VXU^V04", "immunization")):
        (made,) = contents(converted(maps, kind, PID, orc("RE"), rxa), field)
        assert made.status == status


def test_doses_given_at_different_times_are_different_things(maps: Maps) -> None:
    given = [segment("RXA", f3=f"2024010{day}", f5="B^Drug^L", f20="CP") for day in (2, 3)]
    event = converted(maps, "RAS^O17", PID, orc("RE"), *given)
    keys = {r.key for r in event.resources if r.HasField("medication_administration")}
    assert len(keys) == 2
    again = converted(maps, "RAS^O17", PID, orc("RE"), given[1])
    assert keys > {r.key for r in again.resources if r.HasField("medication_administration")}


def test_results_by_sample_are_reports_on_that_sample(maps: Maps) -> None:
    event = converted(
        maps, "OUL^R22", PID, "SPM|1|S1&HOSP||BLD^Blood^L", obr(), orc("RE", status="CM"), OBX,
        "SPM|2|S2&HOSP||UR^Urine^L", obr("P2"), orc("RE", "P2"), OBX,
    )  # fmt: skip
    first, second = contents(event, "diagnostic_report")
    assert (len(first.results), len(first.specimens)) == (1, 1)
    assert first.specimens[0].key != second.specimens[0].key
    assert contents(event, "observation")[0].specimen.key == first.specimens[0].key
    assert contents(event, "service_request")[0].status == "completed"


def test_where_an_order_comes_from_is_one_body_with_address_and_number(maps: Maps) -> None:
    order = segment(
        "ORC", f1="NW", f2="P1^HOSP", f12="7^Gray^Gil", f21="Hill Clinic^^^^^^^^^H1", f22="1 Elm^^Town",
        f23="^WPN^PH^^^555^0100",
    )  # fmt: skip
    event = converted(maps, "ORM^O01", PID, order, obr())
    (body,) = contents(event, "organization")
    (role,) = contents(event, "practitioner_role")
    (made,) = contents(event, "service_request")
    assert (body.name, body.identifiers[0].value) == ("Hill Clinic", "H1")
    assert (body.addresses[0].city, body.telecoms[0].use) == ("Town", "work")
    assert made.requester.type == "PractitionerRole"
    assert {role.organization.key, role.practitioner.key} < {r.key for r in event.resources}


def test_a_performer_of_whom_nothing_is_known_is_no_resource(maps: Maps) -> None:
    line = segment("OBX", f1="1", f2="NM", f3="1^T^L", f5="1", f11="F", f25="^^^^^^^^^L")
    event = converted(maps, "ORU^R01", PID, "OBR|1||F1^L|1^T^L", line)
    assert contents(event, "practitioner") == []
    assert residue(event)["OBX[1]-25[1].10.1"] == "L"


def test_bodies_that_share_a_number_and_not_their_name_are_both_kept(maps: Maps) -> None:
    def line(number: int, name: str) -> str:
        body = f"{name}^^^^^^^^^N1"
        return segment(
            "OBX",
            f1=str(number),
            f2="NM",
            f3=f"{number}^T^L",
            f5="1",
            f11="F",
            f23=body,
            f24="1 Elm",
        )

    event = converted(
        maps, "ORU^R01", PID, "OBR|1||F1^L|1^T^L", line(1, "Hill Lab"), line(2, "Dale Lab")
    )
    named = {body.name for body in contents(event, "organization")}
    left = set(residue(event).values())
    assert {"Hill Lab", "Dale Lab"} <= named | left
    assert len({r.key for r in event.resources}) == len(event.resources)


def test_notes_say_who_wrote_them_and_of_what_kind_they_are(maps: Maps) -> None:
    event = converted(
        maps,
        "ORM^O01",
        PID,
        orc(),
        obr("P1"),
        "NTE|1||Call back|RE^Remark^HL70364|7^Note^Nora|20240311",
    )
    ((note,),) = [each.notes for each in contents(event, "service_request")]
    assert (note.text, note.time, note.kind.codings[0].code) == ("Call back", "2024-03-11", "RE")
    writer = next(each for each in event.resources if each.key == note.written_by.key)
    assert writer.practitioner.names[0].family == "Note"


def test_where_who_orders_is_reached_is_their_address(maps: Maps) -> None:
    order = segment("ORC", f1="NW", f2="P1", f12="9^Order^Oz^^^^^^HIS", f24="1 Main Street^^Town")
    event = converted(maps, "ORM^O01", PID, order, obr("P1"))
    (practitioner,) = contents(event, "practitioner")
    assert (practitioner.names[0].family, practitioner.addresses[0].city) == ("Order", "Town")
    assert len(practitioner.identifiers) == len(practitioner.names) == 1


def test_an_order_says_what_was_done_with_it_and_when_unless_results_follow(maps: Maps) -> None:
    for control, said in (("CA", ("CA", "2024-03-11")), ("RE", ("", ""))):
        control_segment = segment("ORC", f1=control, f2="P1", f9="20240311")
        (order,) = contents(
            converted(maps, "ORM^O01", PID, control_segment, obr("P1")), "service_request"
        )
        code = order.event.codings[0].code if order.event.codings else ""
        assert (code, order.event_time) == said


def test_an_order_follows_from_its_parent(maps: Maps) -> None:
    child = segment("ORC", f1="NW", f2="P2", f8="P1&HIS^F1&LAB")
    (order,) = contents(converted(maps, "ORM^O01", PID, child, obr("P2")), "service_request")
    (parent,) = order.based_on
    assert (parent.identifier.value, parent.identifier.authority.namespace) == ("F1", "LAB")


def test_who_enters_verifies_and_gets_copies_of_an_order_is_told_beside_it(maps: Maps) -> None:
    order = segment(
        "ORC", f1="NW", f2="P1^HIS", f9="20240311103000+0100", f10="1^Enter^Eva", f11="2^Check^Carl",
        f12="9^Order^Oz", f15="20240312", f17="W^Ward^L", f18="PC7^Desk^L",
    )  # fmt: skip
    event = converted(
        maps, "ORM^O01", PID, order, segment("OBR", f2="P1^HIS", f4="X", f28="3^Copy^Cora")
    )
    (act,) = contents(event, "provenance")
    by_key = {each.key: each for each in event.resources}
    roles = [each.role.codings[0].code if each.role.codings else "" for each in act.agents]
    assert sorted(roles) == ["", "IRCP", "author", "enterer", "verifier"]
    entered = next(each for each, role in zip(act.agents, roles, strict=True) if role == "enterer")
    assert by_key[entered.on_behalf_of.key].organization.name == "Ward"
    assert any(by_key[each.actor.key].device.name == "Desk" for each in act.agents)
    assert by_key[act.targets[0].key].service_request.identifiers[0].value == "P1"
    assert (act.activity.codings[0].code, act.occurred) == ("CREATE", "2024-03-12")
    assert act.recorded == "2024-03-11T10:30:00+01:00"


def test_an_order_of_which_nobody_says_who_entered_it_has_no_provenance(maps: Maps) -> None:
    assert not contents(converted(maps, "ORM^O01", PID, orc(), obr("P1")), "provenance")
