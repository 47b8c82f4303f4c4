"""What is refused at intake, where and why."""

import pytest

from plexus.api.canonical.v1.event_pb2 import SEVERITY_ERROR
from plexus.codecs.hl7v2 import check, read
from plexus.codecs.hl7v2.conformance import MAX_ISSUES
from plexus.errors import Reason

_SUPPORTED = {
    "ADT": frozenset({"A01", "A20", "A24", "A37", "A40", "A43", "A45", "A46", "A48"}),
    "ORU": frozenset({"R01"}),
}
_MISSING = Reason.REASON_REQUIRED_FIELD_MISSING
_SEQUENCE = Reason.REASON_SEGMENT_SEQUENCE
_PID = "PID|1||12^^^H^MR"


def _found(
    *segments: str,
    kind: str = "ADT^A01",
    control_id: str = "7",
    version: str = "2.5.1",
    charset: str = "",
    keep_unsupported: bool = False,
) -> list[tuple[int, str]]:
    header = f"MSH|^~\\&|A|B|C|D|20260101||{kind}|{control_id}|P|{version}||||||{charset}"
    message = read("\r".join((header, *segments, "")).encode())
    issues = check(message, _SUPPORTED, keep_unsupported=keep_unsupported)
    assert all(issue.severity == SEVERITY_ERROR and issue.detail for issue in issues)
    return [(issue.reason, issue.location) for issue in issues]


@pytest.mark.parametrize(
    ("kind", "segments"),
    [
        ("ADT^A01", [_PID]),
        ("ADT^A01^ADT_A01", ["EVN|A01", "PID|1||^^^H~5"]),
        ("ADT^A01", ["PID|1|99|"]),
        ("ADT^A20", ["EVN|A20", "NPU|1"]),
        ("ADT^A40", [_PID, "MRG|13^^^H"]),
        ("ORU^R01", [_PID, "OBR|1", "OBX|1|NM|A^B||5", "OBX|2||C"]),
        ("ORU^R01", [_PID, "OBX|1|ST|A||x", "OBR|1"]),
    ],
)
def test_sound_messages_are_accepted(kind: str, segments: list[str]) -> None:
    assert _found(*segments, kind=kind) == []


def test_header_fields_are_required() -> None:
    assert _found(_PID, kind="", control_id='""', version="") == [
        (_MISSING, "MSH-9"),
        (_MISSING, "MSH-10"),
        (_MISSING, "MSH-12"),
    ]


@pytest.mark.parametrize("version", ["2.1", "2.3.1", "2.5.1^USA", "2.8.2", "2.9", "2.9.1"])
def test_every_version_of_hl7_v2_is_accepted(version: str) -> None:
    assert _found(_PID, version=version) == []


@pytest.mark.parametrize("version", ["3.0", "2", "2.999", "2.3.z", "two"])
def test_other_versions_are_not_supported(version: str) -> None:
    assert _found(_PID, version=version) == [(Reason.REASON_UNSUPPORTED_VERSION, "MSH-12")]


def test_unsupported_types_and_events_are_told_apart() -> None:
    unsupported_type = (Reason.REASON_UNSUPPORTED_MESSAGE_TYPE, "MSH-9.1")
    unsupported_event = (Reason.REASON_UNSUPPORTED_EVENT, "MSH-9.2")
    assert _found(kind="SIU^S12") == [unsupported_type]
    assert _found(kind="ADT^A99") == [unsupported_event]
    assert _found(kind="ORU") == [unsupported_event]


@pytest.mark.parametrize("kind", ["SIU^S12", "ADT^A99", "ORU"])
def test_unsupported_messages_can_be_kept_but_need_a_header(kind: str) -> None:
    assert _found(kind=kind, keep_unsupported=True) == []
    assert _found(kind=kind, keep_unsupported=True, control_id="") == [(_MISSING, "MSH-10")]


@pytest.mark.parametrize("kind", ["ADT^A01", "ORU^R01"])
def test_a_message_about_a_person_has_a_person(kind: str) -> None:
    assert _found("OBR|1", kind=kind) == [(_SEQUENCE, "PID")]


@pytest.mark.parametrize("field", ["", "^^^H", '""', " ", '""^^^H~^^^K'])
def test_a_person_has_a_usable_identifier(field: str) -> None:
    assert _found(f"PID|1||{field}|alt^^^X") == [(_MISSING, "PID-3.1")]


def test_every_person_has_a_usable_identifier() -> None:
    assert _found(_PID, "PID|2||") == [(_MISSING, "PID[2]-3.1")]


def test_a_merge_names_who_goes_under() -> None:
    assert _found(_PID, kind="ADT^A40") == [(_SEQUENCE, "MRG")]
    assert _found(_PID, "MRG|^^^H", kind="ADT^A40") == [(_MISSING, "MRG-1.1")]


@pytest.mark.parametrize(
    ("survivor", "prior", "is_self_merge"),
    [
        ("1^^^H^MR", "1^^^H^MR", True),
        ("1^^^H^MR", "1^^^H^PI", True),
        ("1", "1", True),
        ("1^^^H&1.2&ISO", "1^^^&1.2&ISO", True),
        ("1^^^H&1.2&ISO", "1^^^H", True),
        ("1^^^H~9^^^S", "9^^^S~1^^^H", True),
        ("1^^^H", "2^^^H", False),
        ("1^^^H", "1^^^K", False),
        ("1^^^H&1.2&ISO", "1^^^H&1.3&ISO", False),
        ("1^^^H", "1", False),
        ("1^^^H~9^^^S", "2^^^H~9^^^S", False),
    ],
)
def test_a_merge_into_itself_is_refused(survivor: str, prior: str, is_self_merge: bool) -> None:
    expected = [(Reason.REASON_INVALID_MERGE, "MRG-1")] if is_self_merge else []
    assert _found(f"PID|1||{survivor}", f"MRG|{prior}", kind="ADT^A40") == expected


@pytest.mark.parametrize("event", ["A24", "A37"])
def test_a_link_names_two(event: str) -> None:
    assert _found(_PID, "PID|2||13^^^H", kind=f"ADT^{event}") == []
    assert _found(_PID, kind=f"ADT^{event}") == [(_SEQUENCE, "PID[2]")]
    assert _found(_PID, "PID|2", kind=f"ADT^{event}") == [(_MISSING, "PID[2]-3.1")]


def test_a_number_that_moves_is_named() -> None:
    assert _found(_PID, "MRG|13^^^H", kind="ADT^A43") == []
    assert _found(_PID, "MRG|^^^H", kind="ADT^A43") == [(_MISSING, "MRG-1.1")]
    assert _found(_PID, "MRG|12^^^H", kind="ADT^A43") == [(Reason.REASON_INVALID_MERGE, "MRG-1")]


@pytest.mark.parametrize(
    ("event", "patient", "prior", "location"),
    [
        ("A46", "PID||9|12^^^H", "MRG|12^^^H|||8", "MRG-4"),
        ("A48", "PID|||12^^^H|9", "MRG||8", "MRG-2"),
    ],
)
def test_other_numbers_have_prior_ones_of_their_own(
    event: str, patient: str, prior: str, location: str
) -> None:
    assert _found(patient, prior, kind=f"ADT^{event}") == []
    assert _found(patient, "MRG|13^^^H", kind=f"ADT^{event}") == [(_MISSING, f"{location}.1")]


def test_a_move_names_whose_visit_it_was_and_which() -> None:
    assert _found(_PID, "MRG|13^^^H||||V1", "PV1|1", kind="ADT^A45") == []
    assert _found(_PID, "MRG|12^^^H||||V1", "PV1|1", kind="ADT^A45") == []
    assert _found(_PID, "PV1|1", kind="ADT^A45") == [(_SEQUENCE, "MRG")]
    assert _found(_PID, "MRG|||||V1", "MRG|13^^^H", kind="ADT^A45") == [
        (_MISSING, "MRG-1.1"),
        (_MISSING, "MRG[2]-5.1"),
    ]


def test_each_merge_is_held_against_its_own_person() -> None:
    pairs = ["PID|1||1^^^H", "MRG|2^^^H", "PID|2||3^^^H", "MRG|1^^^H", "PID|3||4", "MRG|4"]
    assert _found(*pairs, kind="ADT^A40") == [(Reason.REASON_INVALID_MERGE, "MRG[3]-1")]


def test_results_need_a_request_after_the_person() -> None:
    assert _found(_PID, kind="ORU^R01") == [(_SEQUENCE, "OBR")]
    assert _found("OBR|1", "OBX|1|ST|A||x", _PID, kind="ORU^R01") == [
        (_SEQUENCE, "OBR[1]"),
        (_SEQUENCE, "OBX[1]"),
    ]


def test_observations_need_a_code_and_a_type_for_their_value() -> None:
    assert _found(
        _PID, "OBR|1", "OBX|1|NM|A||5", "OBX|2||A||5", 'OBX|3|NM|""||5', "OBX|4", kind="ORU^R01"
    ) == [(_MISSING, "OBX[2]-2"), (_MISSING, "OBX[3]-3"), (_MISSING, "OBX[4]-3")]


def test_errors_of_reading_come_first_and_warnings_do_not_count() -> None:
    assert _found(charset="KLINGON") == [
        (Reason.REASON_UNKNOWN_CHARSET, "MSH-18"),
        (_SEQUENCE, "PID"),
    ]
    assert _found(_PID, "a text line\u00e4") == []


def test_a_second_message_in_the_same_block_is_refused() -> None:
    assert _found(_PID, "MSH|^~\\&|X") == [(_SEQUENCE, "MSH[2]")]


def test_the_number_of_issues_is_bounded() -> None:
    assert len(_found(_PID, "OBR|1", *["OBX|1"] * 500, kind="ORU^R01")) == MAX_ISSUES
