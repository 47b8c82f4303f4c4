"""Acknowledgements: the code, the form in each version, and reading them back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.event_pb2 import (
    SEVERITY_ERROR,
    SEVERITY_INFORMATION,
    SEVERITY_WARNING,
    Issue,
)
from plexus.codecs.hl7v2 import (
    Ack,
    AckMode,
    Message,
    ack_mode,
    acknowledge,
    answer_code,
    is_rejection,
    read,
    read_ack,
)
from plexus.codecs.hl7v2.acknowledge import error_code_of
from plexus.errors import InvalidMessage, Reason

_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_ERROR = Issue(
    severity=SEVERITY_ERROR,
    reason=Reason.REASON_REQUIRED_FIELD_MISSING,
    location="PID[2]-3.1",
    detail="PID-3.1 is required | really.",
)
_WARNING = Issue(
    severity=SEVERITY_WARNING, reason=Reason.REASON_DATA_TYPE, location="OBX[4]-5[2].1.3"
)


def _message(
    version: str = "2.5.1", kind: str = "ADT^A01^ADT_A01", modes: str = "|", charset: str = ""
) -> Message:
    header = f"MSH|^~\\&|APP^1.2^ISO|FAC|RAPP|RFAC|20260101||{kind}|42|T^A|{version}|||{modes}"
    return read(f"{header}||{charset}\rPID|1||SECRET^^^H||DOE^JANE\r".encode())


def _lines(content: bytes) -> list[str]:
    assert content.endswith(b"\r")
    return content.decode().split("\r")[:-1]


def _answer(message: Message | None, code: str = "AA", *issues: Issue, text: str = "") -> list[str]:
    return _lines(acknowledge(message, code, issues, control_id="N1", now=_NOW, text=text))


def test_an_acceptance_turns_the_header_round() -> None:
    assert _answer(_message()) == [
        "MSH|^~\\&|RAPP|RFAC|APP^1.2^ISO|FAC|20260102030405+0000||ACK^A01^ACK|N1|T^A|2.5.1",
        "MSA|AA|42",
    ]


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("2.1", "ACK"),
        ("2.2", "ACK"),
        ("2.3", "ACK^A01"),
        ("2.3.1", "ACK^A01^ACK"),
        ("2.8.2", "ACK^A01^ACK"),
        ("", "ACK^A01^ACK"),
        ("9", "ACK^A01^ACK"),
    ],
)
def test_the_message_type_has_the_components_of_its_version(version: str, kind: str) -> None:
    header = _answer(_message(version))[0].split("|")
    assert header[8] == kind
    assert header[11] == (version or "2.5.1")


def test_without_an_event_the_type_is_ack_alone() -> None:
    assert _answer(_message(kind="ADT"))[0].split("|")[8] == "ACK"


def test_errors_are_told_with_place_code_and_severity_from_v25_on() -> None:
    assert _answer(_message("2.5"), "AE", _ERROR, _WARNING)[1:] == [
        "MSA|AE|42",
        "ERR||PID^2^3^1^1|101^Required field missing^HL70357|E||||PID-3.1 is required \\F\\ really.",
        "ERR||OBX^4^5^2^1^3|102^Data type error^HL70357|W",
    ]


def test_errors_are_told_as_eld_before_v25() -> None:
    assert _answer(_message("2.4"), "AE", _ERROR, _WARNING, _ERROR)[1:] == [
        "MSA|AE|42",
        "ERR|PID^2^3^101&Required field missing&HL70357~PID^2^3^101&Required field missing&HL70357",
    ]
    assert _answer(_message("2.4"), "AA", _WARNING)[1:] == ["MSA|AA|42"]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("PID", "PID^1"),
        ("MSH-9", "MSH^1^9^1"),
        ("MSH-9.1", "MSH^1^9^1^1"),
        ("OBX[3]-2", "OBX^3^2^1"),
        ("", ""),
        ("/some/other/notation", ""),
    ],
)
def test_places_are_written_as_erl(location: str, expected: str) -> None:
    issue = Issue(severity=SEVERITY_INFORMATION, location=location)
    error = _answer(_message(), "AE", issue)[2]
    assert error == f"ERR||{expected}|207^Application internal error^HL70357|I"


def test_the_text_goes_where_the_version_has_a_place_for_it() -> None:
    assert _answer(_message("2.5.1"), "AA", text="a|b")[1] == "MSA|AA|42|a\\F\\b"
    assert _answer(_message("2.7"), "AR", text="down")[1:] == [
        "MSA|AR|42",
        "ERR|||207^Application internal error^HL70357|E||||down",
    ]
    assert _answer(_message("2.7"), "AA", text="fine")[1:] == ["MSA|AA|42"]


def test_no_value_of_the_body_is_repeated() -> None:
    for version in ("2.3", "2.5.1", "2.7"):
        answer = "".join(_answer(_message(version), "AE", _ERROR, _WARNING, text="why"))
        assert not any(value in answer for value in ("SECRET", "DOE", "JANE"))


def test_text_lines_after_the_header_are_not_repeated() -> None:
    message = read(b"MSH|^~\\&|A|B|C|D|1||ADT^A01|42|P|2.5.1\nJane Doe lives here\n\rPID|1\r")
    assert "Jane" not in "".join(_answer(message))


def test_separators_and_charset_are_those_of_the_message() -> None:
    header = "MSH!:;~@!A!B!Ö!D!1!!ADT:A01!ä!P!2.5.1!!!!!!UNICODE UTF-8\r"
    answer = acknowledge(read(header.encode()), "AE", [_ERROR], control_id="N:1", now=_NOW)
    assert _lines(answer) == [
        "MSH!:;~@!Ö!D!A!B!20260102030405+0000!!ACK:A01:ACK!N~S~1!P!2.5.1!!!!!!UNICODE UTF-8",
        "MSA!AE!ä",
        "ERR!!PID:2:3:1:1!101:Required field missing:HL70357!E!!!!PID-3.1 is required | really.",
    ]


def test_a_message_in_utf_16_is_answered_in_utf_16() -> None:
    content = "MSH|^~\\&|A|B|C|D|1||ADT^A01|42|P|2.5.1||||||UNICODE UTF-16\r".encode("utf-16")
    answer = acknowledge(read(content), "AA", [], control_id="N1", now=_NOW)
    assert answer.startswith(content[:2])
    assert read_ack(answer).control_id == "42"


def test_a_charset_that_was_not_used_is_not_named() -> None:
    assert _answer(_message(charset="8859/1"))[0].endswith("||||||8859/1")
    assert _answer(_message(charset="KLINGON"))[0].endswith("|2.5.1")


def test_a_repeated_encoding_character_is_repeated_as_written() -> None:
    message = read(b"MSH|^^\\&|A|B|C|D|||ADT^A01|9|P|2.3\r")
    answer = acknowledge(message, "AA", [], control_id="N1", now=_NOW)
    assert answer.startswith(b"MSH|^^\\&|C|D|A|B|")


def test_a_message_without_components_is_answered_with_the_usual_separators() -> None:
    message = read(b"MSH||A|B|C|D|||ADT|9|P|2.3\r")
    assert acknowledge(message, "AA", [], control_id="N", now=_NOW).startswith(
        b"MSH|^~\\&|C|D|A|B|"
    )
    message = read(b"MSH!!A^X!B!C!D!!!ADT!9!P!2.3\r")
    assert acknowledge(message, "AA", [], control_id="N", now=_NOW).startswith(
        b"MSH!^~\\&!C!D!A^X!B"
    )


def test_what_could_not_be_read_is_answered_with_the_usual_header() -> None:
    issue = Issue(severity=SEVERITY_ERROR, reason=Reason.REASON_UNREADABLE, location="MSH")
    assert _answer(None, "AR", issue) == [
        "MSH|^~\\&|||||20260102030405+0000||ACK|N1|P|2.5.1",
        "MSA|AR",
        "ERR||MSH^1|100^Segment sequence error^HL70357|E",
    ]


def test_the_head_of_what_was_discarded_gives_the_control_id() -> None:
    head = b"MSH|^~\\&|A|B|C|D|1||ORU^R01|42|P|2.3\rPID|1||SEC"
    answer = acknowledge(None, "AR", [], control_id="N1", now=_NOW, head=head)
    assert _lines(answer)[1] == "MSA|AR|42"
    assert (
        read_ack(acknowledge(None, "AR", [], control_id="N1", now=_NOW, head=b"junk")).code == "AR"
    )


@pytest.mark.parametrize(
    ("modes", "accepted", "content_error", "rejected"),
    [
        ("|", "AA", "AE", "AR"),
        ('""|', "AA", "AE", "AR"),
        ("AL|NE", "CA", "CE", "CR"),
        ("al|AL", "CA", "CE", "CR"),
        ("NE|AL", None, None, None),
        ("ER|NE", None, "CE", "CR"),
        ("SU|NE", "CA", None, None),
        ("|AL", "CA", "CE", "CR"),
    ],
)
def test_the_code_follows_mode_and_condition(
    modes: str, accepted: str | None, content_error: str | None, rejected: str | None
) -> None:
    message = _message(modes=modes)
    assert answer_code(message, accepted=True) == accepted
    assert answer_code(message, accepted=False) == content_error
    assert answer_code(message, accepted=False, unsupported=True) == rejected


def test_modes_and_rejections() -> None:
    assert ack_mode(_message()) is AckMode.ORIGINAL
    assert ack_mode(_message(modes="|NE")) is AckMode.ENHANCED
    assert answer_code(None, accepted=False, unsupported=True) == "AR"
    assert not is_rejection([_ERROR, _WARNING])
    assert is_rejection([_ERROR, Issue(reason=Reason.REASON_UNSUPPORTED_EVENT)])
    assert is_rejection([Issue(reason=Reason.REASON_UNAVAILABLE)])


def test_every_reason_has_a_code_that_can_be_written() -> None:
    for reason in Reason.values():
        issue = Issue(severity=SEVERITY_ERROR, reason=reason)
        assert f"|{error_code_of(reason)}^" in _answer(_message(), "AE", issue)[2]


@pytest.mark.parametrize("version", ["2.3.1", "2.5.1", "2.7"])
def test_our_own_answer_can_be_read(version: str) -> None:
    answer = acknowledge(
        _message(version), "AE", [_ERROR, _WARNING], control_id="N1", now=_NOW, text="no"
    )
    ack = read_ack(answer)
    assert (ack.code, ack.control_id) == ("AE", "42")
    assert ack.text == ("PID-3.1 is required | really." if version == "2.7" else "no")
    assert ack.errors == (
        ["101 PID[2]-3"] if version == "2.3.1" else ["101 PID[2]-3[1].1", "102 OBX[4]-5[2].1.3"]
    )


def test_a_peers_errors_are_codes_and_places_only() -> None:
    content = (
        b"MSH|^~\\&|||||||ACK|1|P|2.5\rMSA|CR|9|Patient Doe unknown\r"
        b"ERR||Doe^Jane^3|204^Unknown key Doe|E||||Doe, Jane\rERR||PID^x^3^1|Doe\rERR||PID^1^3|101\r"
    )
    assert read_ack(content) == Ack("CR", "9", "Patient Doe unknown", ["204", "101 PID[1]-3"])


@pytest.mark.parametrize(
    ("content", "location"),
    [(b"junk", "MSH"), (b"MSH|^~\\&|\r", "MSA"), (b"MSH|^~\\&|\rMSA|OK|1\r", "MSA-1")],
)
def test_what_is_no_answer_is_refused(content: bytes, location: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read_ack(content)
    assert caught.value.location == location


@given(st.binary(max_size=80), st.text(max_size=20), st.booleans())
def test_every_message_that_can_be_read_can_be_answered(
    tail: bytes, text: str, in_header: bool
) -> None:
    header = b"MSH|^~\\&|A|B|C|D|1||ADT^A01|42|P|" + (tail if in_header else b"2.5\r" + tail)
    answer = acknowledge(read(header), "AE", [_ERROR], control_id="N1", now=_NOW, text=text)
    ack = read_ack(answer)
    assert (ack.code, ack.control_id) == ("AE", "42")
    assert not set(answer) & {0x0B, 0x1C}
