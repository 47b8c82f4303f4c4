"""Names of HL7 table 0211 and what the reader decides about a message's character set."""

import pytest

from plexus.api.canonical.v1.event_pb2 import (
    SEVERITY_ERROR,
    SEVERITY_INFORMATION,
    SEVERITY_WARNING,
)
from plexus.codecs.hl7v2 import Message, codec_of, read
from plexus.errors import Reason


def _message(charset: str, name: str, codec: str, **options: str) -> Message:
    text = f"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5.1||||||{charset}\rPID|1||1||{name}^X\r"
    return read(text.encode(codec), **options)


def _name(message: Message) -> str:
    patient = message.first("PID")
    assert patient is not None
    assert patient.get(5, 2) == "X"
    return patient.get(5)


@pytest.mark.parametrize(
    ("charset", "name", "codec"),
    [
        ("ASCII", "DOE", "ascii"),
        ("8859/1", "MÜLLER", "iso8859-1"),
        ("8859/2", "ŁUKASZ", "iso8859-2"),
        ("8859/5", "МИР", "iso8859-5"),
        ("8859/7", "ΩΔΓΛ", "iso8859-7"),
        ("8859/15", "Œ€", "iso8859-15"),
        ("ISO IR 100", "MÜLLER", "iso8859-1"),
        ("UNICODE", "山田", "utf-8"),
        ("UNICODE UTF-8", "山田", "utf-8"),
        ("unicode utf8", "山田", "utf-8"),
        ("GB 18030-2000", "张伟", "gb18030"),
        ("BIG-5", "陳功", "big5"),
        ("KS X 1001", "홍길동", "euc_kr"),
        ("ISO IR13", "ﾔﾏﾀﾞ", "shift_jis"),
        ("ASCII~ISO IR87", "山田", "iso2022_jp_2"),
        ("~ISO IR87", "山田", "iso2022_jp_2"),
        ("windows-1252", "“Q”", "cp1252"),
    ],
)
def test_declared_character_sets_are_used(charset: str, name: str, codec: str) -> None:
    message = _message(charset, name, codec)
    assert _name(message) == name
    assert message.charset_declared == charset.split("~")[0]
    assert not message.issues


@pytest.mark.parametrize(("charset", "codec"), [("UNICODE UTF-16", "utf-16"), ("", "utf-16-le")])
def test_utf_16_is_read_with_and_without_a_mark(charset: str, codec: str) -> None:
    message = _message(charset, "山田", codec)
    assert _name(message) == "山田"
    assert message.charset == "utf-16-le"


def test_utf_16_that_is_cut_short_is_read_with_an_error() -> None:
    content = _message_bytes_utf_16()[:-1]
    message = read(content)
    assert message.control_id == "1"
    assert [issue.reason for issue in message.issues] == [Reason.REASON_UNDECODABLE]


def _message_bytes_utf_16() -> bytes:
    return "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5.1\rPID|1||1\r".encode("utf-16")


def test_an_empty_declaration_is_utf_8_where_the_bytes_are_and_says_so() -> None:
    message = _message("", "MÜLLER", "utf-8")
    assert _name(message) == "MÜLLER"
    assert [(issue.severity, issue.location) for issue in message.issues] == [
        (SEVERITY_INFORMATION, "MSH-18")
    ]


def test_an_empty_declaration_falls_back_to_latin_1_with_a_warning() -> None:
    message = _message("", "MÜLLER", "iso8859-1")
    assert _name(message) == "MÜLLER"
    assert message.charset == "iso8859-1"
    assert [issue.severity for issue in message.issues] == [SEVERITY_WARNING]


def test_plain_ascii_needs_no_decision() -> None:
    message = _message("", "DOE", "ascii")
    assert (message.charset, message.issues) == ("ascii", [])


def test_the_default_of_the_feed_holds_for_an_empty_declaration_only() -> None:
    assert _name(_message("", "ŁUKASZ", "cp1250", default_charset="cp1250")) == "ŁUKASZ"
    assert _name(_message('""', "ŁUKASZ", "iso8859-2", default_charset="8859/2")) == "ŁUKASZ"
    declared = _message("8859/1", "MÜLLER", "iso8859-1", default_charset="8859/5")
    assert _name(declared) == "MÜLLER"


@pytest.mark.parametrize("charset", ["KLINGON", "CNS 11643-1992", "hex", "utf-7", "cp037"])
def test_an_unknown_character_set_is_an_error_and_the_message_readable(charset: str) -> None:
    message = _message(charset, "MÜLLER", "iso8859-1")
    assert message.control_id == "1"
    assert (message.issues[0].severity, message.issues[0].reason) == (
        SEVERITY_ERROR,
        Reason.REASON_UNKNOWN_CHARSET,
    )


def test_an_unknown_default_is_an_error() -> None:
    message = _message("", "DOE", "ascii", default_charset="KLINGON")
    assert message.issues[0].reason == Reason.REASON_UNKNOWN_CHARSET


@pytest.mark.parametrize("charset", ["ASCII", "UNICODE UTF-8"])
def test_bytes_that_are_not_in_the_declared_set_are_an_error_and_lossless(charset: str) -> None:
    message = _message(charset, "MÜLLER", "iso8859-1")
    assert _name(message) == "MÜLLER"
    assert message.charset == "iso8859-1"
    assert [(issue.severity, issue.reason) for issue in message.issues] == [
        (SEVERITY_ERROR, Reason.REASON_UNDECODABLE)
    ]


def test_a_byte_order_mark_wins_over_the_declaration() -> None:
    message = _message("8859/1", "MÜLLER", "utf-8-sig")
    assert _name(message) == "MÜLLER"
    assert [issue.severity for issue in message.issues] == [SEVERITY_WARNING]


def test_utf_16_declared_over_single_bytes_is_told() -> None:
    message = _message("UNICODE UTF-16", "MÜLLER", "utf-8")
    assert _name(message) == "MÜLLER"
    assert message.issues[0].severity == SEVERITY_WARNING


def test_issues_never_hold_the_value() -> None:
    message = _message("SECRETNAME", "MÜLLER", "iso8859-1")
    assert not any("SECRET" in issue.detail or "LLER" in issue.detail for issue in message.issues)


def test_codecs_whose_separators_are_other_bytes_are_not_known() -> None:
    assert [codec_of(name) for name in ("utf-7", "cp037", "base64", "rot13", "punycode", "")] == [
        None
    ] * 6
