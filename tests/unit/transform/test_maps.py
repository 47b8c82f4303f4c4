"""What the maps map: one case for each rule that matters, against the field it should fill."""

import pytest

from plexus.api.canonical.v1.event_pb2 import EVENT_KIND_MERGE, EVENT_KIND_UPSERT
from plexus.errors import ConfigurationError, InvalidMessage, Reason
from services.transform.domain import Maps, SourceContext, convert
from tests.unit.transform.messages import CONTEXT, MSH, PID, contents, converted, residue, segment


def at(value: object, path: str) -> object:
    """Follow `names.0.family`."""
    for part in path.split("."):
        value = value[int(part)] if part.isdigit() else getattr(value, part)  # type: ignore[index]
    return value


PERSON = [
    ("f3", "9^^^H&1.2.3&ISO^PI", "identifiers.0.authority.universal_id", "1.2.3"),
    ("f3", "9^^^H^PI^^20200101^20210101", "identifiers.0.start", "2020-01-01"),
    ("f3", "9^^^H^PI^^20200101^20210101", "identifiers.0.end", "2021-01-01"),
    ("f3", "9", "identifiers.0.authority.namespace", "source:hosp"),
    ("f19", "999-00-0001", "identifiers.0.type_code", "SS"),
    ("f20", "D77^XX^20300101", "identifiers.0.end", "2030-01-01"),
    ("f5", "Doe&van^Jane^Q^Jr^Dr^PhD^L", "names.0.family", "Doe"),
    ("f5", "Doe^Jane^Q^Jr^Dr^PhD^L", "names.0.given.1", "Q"),
    ("f5", "Doe^Jane^Q^Jr^Dr^PhD^L", "names.0.suffix.1", "PhD"),
    ("f5", "Doe^Jane^Q^Jr^Dr^PhD^L", "names.0.prefix.0", "Dr"),
    ("f5", "Doe^Jane^^^^^L", "names.0.use", "official"),
    ("f5", "A^B~C^D", "names.1.family", "C"),
    ("f5", "A^B^^^^^L^^^20010203^^20050607^20060708", "names.0.period.start", "2005-06-07"),
    ("f5", "A^B^^^^^L^^^20010203&20020304", "names.0.period.end", "2002-03-04"),
    ("f6", "Roe^Ann", "mother_names.0.family", "Roe"),
    ("f7", "1980", "birth_date", "1980"),
    ("f7", "198002", "birth_date", "1980-02"),
    ("f7", "19800229", "birth_date", "1980-02-29"),
    ("f8", "F", "gender", "female"),
    ("f8", "A", "gender", "other"),
    ("f10", "2106-3^White^CDCREC", "races.0.codings.0.system", "urn:oid:2.16.840.1.113883.6.238"),
    ("f11", "1 Elm^Apt 2^Town^ST^12345^USA^H^^County", "addresses.0.line.1", "Apt 2"),
    ("f11", "1 Elm^Apt 2^Town^ST^12345^USA^H^^County", "addresses.0.district", "County"),
    ("f11", "1 Elm^^Town^ST^12345^USA^H", "addresses.0.use", "home"),
    ("f11", "1 Elm^^Town^ST^12345^USA^M", "addresses.0.type", "postal"),
    ("f12", "Shire", "addresses.0.district", "Shire"),
    ("f13", "555-0100", "telecoms.0.use", "home"),
    ("f13", "555-0100^WPN^FX", "telecoms.0.use", "work"),
    ("f13", "555-0100^WPN^FX", "telecoms.0.system", "fax"),
    ("f13", "^NET^Internet^j@example.org", "telecoms.0.value", "j@example.org"),
    ("f13", "^NET^Internet^j@example.org", "telecoms.0.system", "email"),
    ("f13", "^PRN^CP^^1^555^0100^7", "telecoms.0.value", "+1 555 0100 X7"),
    ("f13", "^PRN^CP^^^555^0100", "telecoms.0.use", "mobile"),
    ("f14", "555-0101", "telecoms.0.use", "work"),
    ("f15", "en", "language.codings.0.code", "en"),
    (
        "f16",
        "M",
        "marital_status.codings.0.system",
        "http://terminology.hl7.org/CodeSystem/v2-0002",
    ),
    ("f16", "G", "marital_status.codings.1.code", "T"),
    ("f17", "CAT", "religion.codings.1.code", "1041"),
    ("f21", "77^^^HOSP^MR", "mother_identifiers.0.value", "77"),
    ("f22", "H^Hispanic^HL70189", "ethnicities.0.codings.0.display", "Hispanic"),
    ("f23", "Town", "birth_place", "Town"),
    ("f24", "Y", "multiple_birth", True),
    ("f24", "N", "multiple_birth", False),
    ("f25", "2", "birth_order", 2),
    ("f26", "FR", "citizenships.0.codings.0.code", "FR"),
    ("f29", "20240101", "deceased", True),
    ("f29", "20240101", "deceased_time", "2024-01-01"),
    ("f30", "N", "deceased", False),
]


@pytest.mark.parametrize(("field", "value", "path", "expected"), PERSON)
def test_pid_rule_fills_person(
    maps: Maps, field: str, value: str, path: str, expected: object
) -> None:
    event = converted(maps, "ADT^A08", segment("PID", **{field: value}))
    (person,) = contents(event, "person")
    assert at(person, path) == expected


ENCOUNTER = [
    ("ADT^A01", {"f2": "I"}, "status", "in-progress"),
    ("ADT^A01", {"f2": "P"}, "status", "planned"),
    ("ADT^A01", {"f2": "?"}, "status", "in-progress"),
    ("ADT^A08", {"f2": "?"}, "status", "unknown"),
    ("ADT^A04", {"f2": "O"}, "status", "in-progress"),
    ("ADT^A05", {"f2": "I"}, "status", "planned"),
    ("ADT^A03", {"f2": "I"}, "status", "finished"),
    ("ADT^A08", {"f2": "I", "f45": "20240312"}, "status", "finished"),
    ("ADT^A01", {"f2": "I"}, "encounter_class.codings.0.code", "I"),
    ("ADT^A01", {"f2": "I"}, "encounter_class.codings.1.code", "IMP"),
    ("ADT^A01", {"f2": "I", "f3": "W^1^2^F"}, "locations.0.status", "active"),
    ("ADT^A05", {"f2": "P", "f3": "W^1^2^F"}, "locations.0.status", "planned"),
    ("ADT^A02", {"f3": "W^1^2^F", "f6": "W^1^1^F"}, "locations.1.status", "completed"),
    ("ADT^A01", {"f7": "5^Who^D"}, "participants.0.role.codings.0.code", "ATND"),
    ("ADT^A01", {"f7": "5^Who^D"}, "participants.0.actor.key", "Practitioner|source:hosp|5"),
    ("ADT^A01", {"f8": "5^Who^D"}, "participants.0.role.codings.0.code", "REF"),
    ("ADT^A01", {"f9": "5^Who^D"}, "participants.0.role.codings.0.code", "CON"),
    ("ADT^A01", {"f17": "5^Who^D"}, "participants.0.role.codings.0.code", "ADM"),
    ("ADT^A01", {"f4": "E"}, "types.0.codings.0.code", "E"),
    ("ADT^A01", {"f5": "PA1^^^H"}, "pre_admission_identifier.value", "PA1"),
    ("ADT^A01", {"f10": "URO"}, "service_type.codings.1.code", "222"),
    ("ADT^A01", {"f13": "R"}, "re_admission.codings.0.code", "R"),
    ("ADT^A01", {"f14": "7"}, "admit_source.codings.0.code", "7"),
    ("ADT^A01", {"f15": "A2"}, "special_arrangements.0.codings.1.code", "wheel"),
    ("ADT^A01", {"f16": "V"}, "special_courtesies.0.codings.0.code", "V"),
    ("ADT^A01", {"f19": "V1^^^H"}, "identifiers.0.type_code", "VN"),
    ("ADT^A03", {"f36": "01"}, "discharge_disposition.codings.0.code", "01"),
    ("ADT^A03", {"f37": "HOME&Home&L"}, "discharged_to.codings.0.display", "Home"),
    ("ADT^A01", {"f39": "EAST"}, "service_provider.key", "Organization|source:hosp|EAST"),
    ("ADT^A01", {"f44": "202403110900"}, "period.start", "2024-03-11T09:00:00"),
]


@pytest.mark.parametrize(("kind", "fields", "path", "expected"), ENCOUNTER)
def test_pv1_rule_fills_encounter(
    maps: Maps, kind: str, fields: dict[str, str], path: str, expected: object
) -> None:
    event = converted(maps, kind, PID, segment("PV1", **fields))
    (encounter,) = contents(event, "encounter")
    assert at(encounter, path) == expected


def test_account_of_pid_belongs_to_the_encounter(maps: Maps) -> None:
    pid = segment("PID", f3="1^^^H", f18="ACC9^^^H^AN")
    event = converted(maps, "ADT^A01", pid, "PV1|1|I")
    assert contents(event, "encounter")[0].accounts[0].value == "ACC9"
    assert not any(location.startswith("PID[1]-18") for location in residue(event))


def test_place_is_a_chain_from_bed_to_facility(maps: Maps) -> None:
    event = converted(maps, "ADT^A01", PID, segment("PV1", f3="WARD^12^B^FAC"))
    places = contents(event, "location")
    assert [place.physical_type for place in places] == ["site", "ward", "room", "bed"]
    keys = [r.key for r in event.resources if r.WhichOneof("content") == "location"]
    assert [place.part_of.key for place in places] == ["", *keys[:-1]]
    assert contents(event, "encounter")[0].locations[0].location.key == keys[-1]


OTHERS = [
    ("AL1|1|DA|70618^Penicillin^RXNORM|SV|Hives|2010", "allergy", "category", "medication"),
    ("AL1|1|DA|70618^Penicillin^RXNORM|SV|Hives|2010", "allergy", "severity", "severe"),
    ("AL1|1|DA|70618^Penicillin|SV|Hives~Rash|2010", "allergy", "reactions.1.text", "Rash"),
    ("AL1|1|DA|70618^Penicillin|SV|Hives|2010", "allergy", "clinical_status", "active"),
    ("DG1|1||E11^Diabetes^I10C||20240101|A", "condition", "use.codings.0.code", "A"),
    ("DG1|1||E11^Diabetes^I10C|Sugar", "condition", "code.text", "Sugar"),
    ("DG1|1||E11^D^I10C", "condition", "code.codings.0.system", "http://hl7.org/fhir/sid/icd-10-cm"),
    (segment("DG1", f3="E11", f21="D"), "condition", "verification_status", "entered-in-error"),
    ("PR1|1||44950^Appendectomy^CPT|Text|20240101", "procedure", "code.text", "Text"),
    ("PR1|1||44950^^^^^^^^Own|Text|20240101", "procedure", "code.text", "Own"),
    (segment("PR1", f3="44950", f11="77^Knife^Mac"),
     "procedure", "performers.0.actor.key", "Practitioner|source:hosp|77"),
    (segment("PR1", f3="44950", f11="77^Knife^Mac"),
     "procedure", "performers.0.role.codings.0.code", "304292004"),
    ("IN1|1|PPO^Plan|C1|Acme Health||||G5||||20240101|20241231|||Doe^J|SEL",
     "coverage", "payors.0.key", "Organization|source:hosp|C1"),
    ("IN1|1|PPO^Plan|C1|||||G5", "coverage", "payors.0.key", "Organization|source:hosp|C1"),
    ("IN1|1|PPO^Plan|C1|Acme||||G5||||20240101|20241231", "coverage", "period.end", "2024-12-31"),
    ("IN1|1|PPO|C1|Acme||||||||||||Doe^J|SEL", "coverage", "relationship.codings.1.code", "self"),
    ("NK1|1|Doe^John|SPO|1 Elm|555-0100|555-0101", "related_person", "names.0.family", "Doe"),
    ("NK1|1|Doe^John|SPO|1 Elm|555-0100|555-0101", "related_person", "telecoms.1.use", "work"),
    ("NK1|1|Doe^John|SPO", "related_person", "relationships.0.codings.1.code", "SPS"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "kind", "path", "expected"), OTHERS)
def test_segment_fills_its_resource(
    maps: Maps, line: str, kind: str, path: str, expected: str
) -> None:
    event = converted(maps, "ADT^A01", PID, "PV1|1|I", line)
    assert at(contents(event, kind)[0], path) == expected


def test_primary_care_provider_is_a_practitioner(maps: Maps) -> None:
    event = converted(maps, "ADT^A31", PID, "PD1||||88^Kind^Ida^^^Dr^^^NPI")
    assert contents(event, "person")[0].general_practitioners[0].key == "Practitioner|NPI|88"
    assert contents(event, "practitioner")[0].names[0].family == "Kind"


def test_the_same_practitioner_is_made_once(maps: Maps) -> None:
    event = converted(maps, "ADT^A01", PID, segment("PV1", f7="5^Who^D", f8="5^Who^D", f9="5"))
    assert len(contents(event, "practitioner")) == 1
    assert len(contents(event, "encounter")[0].participants) == 3


@pytest.mark.parametrize(
    ("pid3", "first"),
    [
        ("1^^^A^SS~2^^^B^MR", "2"),
        ("1^^^A^SS~2^^^B^PI", "2"),
        ("1^^^A^PI~2^^^B^MR", "2"),
        ("1^^^A~2^^^B", "1"),
    ],
)
def test_identifier_that_orders_the_message_comes_first(maps: Maps, pid3: str, first: str) -> None:
    event = converted(maps, "ADT^A28", f"PID|1||{pid3}")
    assert event.subject[0].value == first
    assert contents(event, "person")[0].identifiers[0].value == first
    assert len(event.subject) == 2


def test_old_identifier_fields_are_subject_identifiers_too(maps: Maps) -> None:
    event = converted(maps, "ADT^A28", "PID|1|22^^^EXT||44^^^ALT")
    assert [identifier.value for identifier in event.subject] == ["22", "44"]


def test_merge_names_both_sides(maps: Maps) -> None:
    event = converted(maps, "ADT^A40", PID, "MRG|99^^^HOSP^MR")
    assert event.kind == EVENT_KIND_MERGE
    assert [i.value for i in event.subject] == ["123"]
    assert [i.value for i in event.prior] == ["99"]


@pytest.mark.parametrize("lines", [[PID], [PID, 'MRG|""'], ["MRG|99^^^HOSP^MR"]])
def test_merge_without_both_sides_is_refused(maps: Maps, lines: list[str]) -> None:
    with pytest.raises(InvalidMessage) as caught:
        converted(maps, "ADT^A40", *lines)
    assert caught.value.reason == Reason.REASON_MAPPING_FAILED


def test_several_persons_in_one_message_are_refused(maps: Maps) -> None:
    with pytest.raises(InvalidMessage) as caught:
        converted(maps, "ORU^R01", PID, "OBR|1", "PID|2||999^^^HOSP^MR", "OBR|1")
    assert caught.value.reason == Reason.REASON_MAPPING_FAILED
    assert "999" not in caught.value.detail


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("ADT^A99", Reason.REASON_UNSUPPORTED_EVENT),
        ("XYZ^A01", Reason.REASON_UNSUPPORTED_MESSAGE_TYPE),
    ],
)
def test_unsupported_is_refused_with_its_reason(
    maps: Maps, kind: str, reason: Reason.ValueType
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        converted(maps, kind, PID)
    assert caught.value.reason == reason


def test_null_leaves_the_field_unset_and_stays_as_residue(maps: Maps) -> None:
    event = converted(maps, "ADT^A08", 'PID|1||1^^^H||""|""|""|F')
    (person,) = contents(event, "person")
    assert not person.names
    assert not person.mother_names
    assert not person.birth_date
    assert person.gender == "female"
    assert residue(event)["PID[1]-7[1].1.1"] == '""'


@pytest.mark.parametrize(
    ("evn", "zone", "expected"),
    [
        ("EVN|A01|20240310013000", "America/New_York", "2024-03-10T01:30:00-05:00"),
        ("EVN|A01|20240310033000", "America/New_York", "2024-03-10T03:30:00-04:00"),
        ("EVN|A01|20240310033000+0100", "America/New_York", "2024-03-10T03:30:00+01:00"),
        ("EVN|A01|20240310033000.25", "", "2024-03-10T03:30:00.25"),
        ("EVN|A01|20240310", "America/New_York", "2024-03-10"),
        ("EVN|A01|nonsense", "", "2024-03-11T10:30:00"),
        ("EVN|A01", "", "2024-03-11T10:30:00"),
    ],
)
def test_event_time_has_the_zone_somebody_stated(
    maps: Maps, evn: str, zone: str, expected: str
) -> None:
    context = SourceContext("acme", "hosp", "m-1", time_zone=zone)
    event = converted(maps, "ADT^A01", evn, PID, context=context)
    assert event.event_time == expected
    assert all(resource.origin.time == expected for resource in event.resources)


def test_upsert_carries_trigger_and_origin(maps: Maps) -> None:
    event = converted(maps, "ADT^A08", PID)
    assert (event.kind, event.trigger) == (EVENT_KIND_UPSERT, "ADT^A08")
    assert event.resources[0].key == "Person|HOSP|123"
    assert event.resources[0].origin.source == CONTEXT.source
    assert event.resources[0].origin.message_id == CONTEXT.message_id


def test_default_authority_of_the_source_is_used(maps: Maps) -> None:
    context = SourceContext("acme", "hosp", "m-1", default_authority="HQ")
    event = converted(maps, "ADT^A08", "PID|1||5", context=context)
    assert event.subject[0].authority.namespace == "HQ"


@pytest.mark.parametrize(
    ("given", "authority", "key"),
    [
        (
            "HQ&2.16.840.1.113883.3.9999.2.1&ISO",
            ("HQ", "2.16.840.1.113883.3.9999.2.1", "ISO"),
            "HQ",
        ),
        ("&hq.example.org&DNS", ("", "hq.example.org", "DNS"), "hq.example.org"),
        ("HQ&&", ("HQ", "", ""), "HQ"),
    ],
)
def test_default_authority_may_be_written_as_an_hd(
    maps: Maps, given: str, authority: tuple[str, str, str], key: str
) -> None:
    context = SourceContext("acme", "hosp", "m-1", default_authority=given)
    pv1 = segment("PV1", f2="I", f3="WARD", f7="5^Who^D")
    event = converted(maps, "ADT^A01", "PID|1||7~8^^^OWN", pv1, context=context)
    (practitioner,) = contents(event, "practitioner")
    for identifier in (event.subject[0], practitioner.identifiers[0]):
        found = identifier.authority
        assert (found.namespace, found.universal_id, found.universal_id_type) == authority
    other = event.subject[1].authority
    assert (other.namespace, other.universal_id, other.universal_id_type) == ("OWN", "", "")
    keys = {resource.key for resource in event.resources}
    assert keys == {
        f"Person|{key}|7",
        f"Encounter|hosp|{key}|7|m-1",
        f"Practitioner|{key}|5",
        f"Location|{key}|ward|WARD",
    }


@pytest.mark.parametrize("given", ["HQ&1.2.3", "HQ&&ISO", "&&", "HQ&1.2.3&ISO&4", "&&ISO"])
def test_default_authority_that_names_nobody_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationError, match="source hosp: the default authority"):
        SourceContext("acme", "hosp", "m-1", default_authority=given)


def test_what_one_source_says_is_not_kept_for_another(maps: Maps) -> None:
    pv1 = segment("PV1", f2="I", f3="WARD", f7="5^Who^D" + "^" * 16 + "20240101120000")
    found = set()
    for zone in ("Europe/Vienna", "America/New_York"):
        for authority in ("HQ", "WEST"):
            context = SourceContext(
                "acme", "hosp", "m", time_zone=zone, default_authority=authority
            )
            event = converted(maps, "ADT^A01", PID, pv1, context=context)
            (practitioner,) = contents(event, "practitioner")
            name = practitioner.identifiers[0].authority.namespace
            place = next(r.key for r in event.resources if r.HasField("location"))
            found.add((name, place, practitioner.names[0].period.start[-6:]))
    assert found == {
        (authority, f"Location|{authority}|ward|WARD", offset)
        for authority in ("HQ", "WEST")
        for offset in ("+01:00", "-05:00")
    }


def test_code_that_is_kept_keeps_its_trouble(maps: Maps) -> None:
    """What was made of a text before gives the same event again, residue and issues included."""
    lines = [
        PID,
        segment("PV1", f2="I&x", f4="E^^^^^^^^^^^^^^over", f7="5^Who^D^^^^^^^??"),
        "DG1|1||E11^D&more^I10C",
    ]
    first = converted(maps, "ADT^A01", *lines)
    assert residue(first)["DG1[1]-3[1].2.2"] == "more"
    assert residue(first)["PV1[1]-2[1].1.2"] == "x"
    assert residue(first)["PV1[1]-4[1].15.1"] == "over"
    assert residue(first)["PV1[1]-7[1].10.1"] == "??"
    assert [issue.location for issue in first.issues] == ["PV1[1]-7"]
    assert converted(maps, "ADT^A01", *lines) == first


def test_text_means_what_its_separators_say_though_it_was_read_before(maps: Maps) -> None:
    usual = converted(maps, "ADT^A01", PID, r"DG1|1||E11^D*x^I10C")
    other = convert(maps, MSH.replace("^~\\&", "*~\\&").format(type="ADT*A01").encode() + b"\rPID|1||1\rDG1|1||E11^D*x^I10C", CONTEXT)  # fmt: skip
    escaped = converted(maps, "ADT^A01", PID, r"DG1|1||E11^D\T\x^I10C")
    displays = [
        contents(e, "condition")[0].code.codings[0].display for e in (usual, other, escaped)
    ]
    assert displays == ["D*x", "x^I10C", "D&x"]
