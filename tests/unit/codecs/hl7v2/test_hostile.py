"""Messages as bad feeds write them: each read as it was meant, or with an issue that says what is odd.

All are written for this test. A place is `SEG[n]-field[rep].comp.sub`; its value is the decoded text.
"""

import re
import time
from typing import NamedTuple

import pytest

from plexus.codecs.hl7v2 import Message, leaves, read
from plexus.errors import InvalidMessage, Reason

_PLACE = re.compile(r"(\w{3})(?:\[(\d+)\])?-(\d+)(?:\[(\d+)\])?(?:\.(\d+))?(?:\.(\d+))?")


class Case(NamedTuple):
    """What is sent, what must be found in it, and which issues (reason and location) are told."""

    content: bytes
    values: dict[str, str]
    issues: tuple[tuple[str, str], ...] = ()


def value(message: Message, place: str) -> str:
    found = _PLACE.fullmatch(place)
    assert found is not None, place
    name, index, field, repetition, component, subcomponent = found.groups("1")
    segments = message.all(name)
    if len(segments) < int(index):
        return "no such segment"
    return segments[int(index) - 1].get(
        int(field), int(component), int(subcomponent), int(repetition)
    )


H = b"MSH|^~\\&|APP|FAC|||20240101||ADT^A01|C1|P|2.5.1"
P = b"PID|1||77^^^H^MR||Vale^Iris"
WHO = {"MSH-10": "C1", "PID-3": "77", "PID-3.4": "H", "PID-5.2": "Iris"}
CHARSET = H + b"||||||"
UNKNOWN = "UNKNOWN_CHARSET"

CASES = {
    # -- line ends ------------------------------------------------------------------------------
    "carriage returns": Case(H + b"\r" + P + b"\r", WHO),
    "line feeds": Case(H + b"\n" + P + b"\n", WHO),
    "both": Case(H + b"\r\n" + P + b"\r\n", WHO),
    "all kinds in one message": Case(
        H + b"\r" + P + b"\r\nPV1|1|I\nPV2|1", WHO | {"PV1-2": "I", "PV2-1": "1"}
    ),
    "no end at the end": Case(H + b"\r" + P, WHO),
    "blank lines between": Case(H + b"\r\r\r" + P + b"\r\r", WHO),
    "line feeds doubled": Case(H + b"\n\n" + P + b"\n\n", WHO),
    "bare line feed in a text": Case(
        H + b"\r" + P + b"\rOBX|1|TX|A||one\ntwo|x\r", WHO | {"OBX-5": "one\ntwo", "OBX-6": "x"}
    ),
    "bare line feed before something like a segment": Case(
        H + b"\r" + P + b"\nOBX|1|TX|A||one\r", WHO | {"OBX-5": "one"}
    ),
    "text line that begins with three letters": Case(
        H + b"\rOBX|1|TX|A||one\nThe end\r" + P, WHO | {"OBX-5": "one\nThe end"}
    ),
    "text line after a carriage return": Case(
        H + b"\rOBX|1|TX|A||one\rtwo three\r" + P,
        WHO | {"OBX-5": "one\rtwo three"},
        (("SEGMENT_SEQUENCE", ""),),
    ),
    # -- around the message ---------------------------------------------------------------------
    "UTF-8 mark": Case(b"\xef\xbb\xbf" + H + b"\r" + P, WHO),
    "leading blanks and tabs": Case(b" \t  " + H + b"\r  " + P, WHO),
    "leading blank lines": Case(b"\r\n\r\n" + H + b"\r" + P, WHO),
    "NUL bytes before": Case(b"\x00\x00" + H + b"\r" + P, WHO),
    "NUL bytes after": Case(H + b"\r" + P + b"\r\x00\x00", WHO),
    "NUL bytes within": Case(H + b"\r" + P + b"\rNK1|1|a\x00b", WHO | {"NK1-2": "a\x00b"}),
    "MLLP framing left on": Case(b"\x0b" + H + b"\r" + P + b"\r\x1c\r", WHO),
    "a letter before the header": Case(
        b"Dear all,\r" + H + b"\r" + P, WHO, (("SEGMENT_SEQUENCE", "MSH"),)
    ),
    # -- separators -----------------------------------------------------------------------------
    "five encoding characters": Case(
        b"MSH|^~\\&#|A||||||ADT^A01|C1|P|2.7\rPID|1||7&x^^^H~8||a\\P\\b",
        {"PID-3.1.2": "x", "PID-3[2]": "8", "PID-5": "a#b"},
    ),
    "other separators": Case(
        b"MSH$%~?@$A$$$$$$ADT%A01$C1$P$2.5\rPID$1$$7@x%%%H~8$$a?F?b?S?c",
        {"MSH-9.2": "A01", "PID-3.1.2": "x", "PID-3[2]": "8", "PID-5": "a$b%c"},
    ),
    "separators as sent by mistake": Case(
        b"MSH|:;~\\&|A||||||ADT:A01|C1|P|2.5\rPID|1||7:::H",
        {"MSH-9.2": "A01", "PID-3.4": "H"},
    ),
    "four encoding characters in a short message": Case(
        b"MSH|^~\\&|A||||||ADT^A01|C1|P|2.5", {"MSH-9.2": "A01"}
    ),
    "no escape character": Case(
        b"MSH|^~|A||||||ADT^A01|C1|P|2.5\rPID|1||7^^^H~8||a\\F\\b&c",
        {"PID-3.4": "H", "PID-3[2]": "8", "PID-5": "a\\F\\b&c"},
    ),
    "component separator only": Case(
        b"MSH|^|A||||||ADT^A01|C1|P|2.5\rPID|1||7^^^H~8", {"PID-3.4": "H~8"}
    ),
    "escape character left out": Case(
        b"MSH|^~&|A||||||ADT^A01|C1|P|2.5\rPID|1||7^^^H~8||a&b",
        {"PID-3[2]": "8", "PID-5.1.2": "b"},
        (("DATA_TYPE", "MSH-2"),),
    ),
    "empty MSH-2": Case(
        b"MSH||A||||||ADT^A01|C1|P|2.5\rPID|1||7^^^H", {"PID-3.4": "H"}, (("DATA_TYPE", "MSH-2"),)
    ),
    "one character twice": Case(
        b"MSH|^~\\&|\rPID|1||7^^^H".replace(b"~\\&|", b"~\\&~|"),
        {"PID-3.4": "H"},
        (("DATA_TYPE", "MSH-2"),),
    ),
    "a separator that is special in patterns": Case(
        b"MSH.^~\\&.A......ADT^A01.C1.P.2\rPID.1..7^^^H..a\\F\\b", {"PID-3.4": "H", "PID-5": "a.b"}
    ),
    "header and nothing else": Case(b"MSH|", {"MSH-1": "|"}, (("DATA_TYPE", "MSH-2"),)),
    # -- characters -----------------------------------------------------------------------------
    "UTF-8 as declared": Case(
        CHARSET + b"UNICODE UTF-8\r" + "PID|1||7||Łoś".encode(), {"PID-5": "Łoś"}
    ),
    "ISO 8859-1 as declared": Case(CHARSET + b"8859/1\rPID|1||7||Jos\xe9", {"PID-5": "José"}),
    "ISO 8859-2 as declared": Case(CHARSET + b"8859/2\rPID|1||7||\xa3o\xb6", {"PID-5": "Łoś"}),
    "nothing declared, UTF-8": Case(
        H + b"\r" + "PID|1||7||é".encode(), {"PID-5": "é"}, ((UNKNOWN, "MSH-18"),)
    ),
    "nothing declared, no UTF-8": Case(
        H + b"\rPID|1||7||Jos\xe9", {"PID-5": "José"}, ((UNKNOWN, "MSH-18"),)
    ),
    "a charset that nobody knows": Case(
        CHARSET + b"KLINGON\r" + P, WHO, ((UNKNOWN, "MSH-18"),)
    ),
    "declared ASCII, and it is not": Case(
        CHARSET + b"ASCII\rPID|1||7||Jos\xe9", {"PID-5": "José"}, (("UNDECODABLE", "MSH-18"),)
    ),
    "declared UTF-8, and it is not": Case(
        CHARSET + b"UNICODE UTF-8\rPID|1||7||Jos\xe9",
        {"PID-5": "José"},
        (("UNDECODABLE", "MSH-18"),),
    ),
    "UTF-16 with its mark": Case(
        ("\ufeff" + (H + b"\r" + P).decode()).encode("utf-16-le"), WHO
    ),
    "UTF-16 without a mark": Case((H + b"\r" + P).decode().encode("utf-16-be"), WHO),
    "declared UTF-16, but bytes": Case(
        CHARSET + b"UNICODE UTF-16\r" + P, WHO, ((UNKNOWN, "MSH-18"),)
    ),
    "UTF-16 cut in a character": Case(
        (H + b"\r" + P).decode().encode("utf-16-le")[:-1],
        {"MSH-10": "C1", "PID-3": "77"},
        (("UNDECODABLE", "MSH-18"),),
    ),
    "Japanese with ISO 2022 switches": Case(
        CHARSET + b"ISO IR14~ISO IR87\rPID|1||7||" + "山田".encode("iso2022_jp_2"),
        {"PID-5": "山田"},
    ),
    # -- escapes --------------------------------------------------------------------------------
    "all separators escaped": Case(
        H + b"\rNTE|1||a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", {"NTE-3": "a|b^c&d~e\\f"}
    ),
    "hexadecimal": Case(H + b"\rNTE|1||a\\X0D0A\\b\\X41\\", {"NTE-3": "a\r\nbA"}),
    "character set switch": Case(H + b"\rNTE|1||\\C2842\\abc", {"NTE-3": "abc"}),
    "formatted text": Case(
        H + b"\rNTE|1||one\\.br\\two\\.sp2\\three\\.in+4\\\\H\\four\\N\\",
        {"NTE-3": "one\ntwo\n\nthreefour"},
    ),
    "a local sequence stays": Case(H + b"\rNTE|1||a\\Z01\\b", {"NTE-3": "a\\Z01\\b"}),
    "an escape that opens nothing": Case(H + b"\rNTE|1||C:\\temp|x", {"NTE-3": "C:\\temp", "NTE-4": "x"}),
    "an escape at the very end": Case(H + b"\rNTE|1||abc\\", {"NTE-3": "abc\\"}),
    "odd hexadecimal digits stay": Case(H + b"\rNTE|1||\\X4\\", {"NTE-3": "\\X4\\"}),
    # -- values ---------------------------------------------------------------------------------
    "null and nothing": Case(
        H + b'\rPID|1||7|""||""^x|', {"PID-4": '""', "PID-5": "", "PID-6": '""', "PID-7": ""}
    ),
    "empty repetitions keep their places": Case(
        H + b"\rPID|1||~7~~8", {"PID-3[1]": "", "PID-3[2]": "7", "PID-3[4]": "8"}
    ),
    "more fields than the standard has": Case(
        H + b"\rEVN|" + b"|" * 98 + b"last", {"EVN-99": "last"}
    ),
    "text that looks like markup": Case(
        H + b'\rNTE|1||<b>a</b> &amp; "q"', {"NTE-3.1": "<b>a</b> ", "NTE-3.1.2": 'amp; "q"'}
    ),
    # -- segments -------------------------------------------------------------------------------
    "local segments": Case(
        H + b"\rZPI|1|local^x\r" + P + b"\rZZ9|a", WHO | {"ZPI-2.2": "x", "ZZ9-1": "a"}
    ),
    "segments that nobody knows": Case(H + b"\rQQQ|1|a\r" + P, WHO | {"QQQ-2": "a"}),
    "a segment without fields": Case(H + b"\rDSC\r" + P, WHO | {"DSC-1": ""}),
    "small letters": Case(H + b"\rpid|1||8\r" + P, WHO | {"pid-3": "8"}),
    "two headers": Case(H + b"\r" + P + b"\r" + H, WHO | {"MSH[2]-10": "C1"}),
    "no type, no version": Case(b"MSH|^~\\&|A\r" + P, {"PID-3": "77", "MSH-9": "", "MSH-12": ""}),
    "a version of the future": Case(H.replace(b"2.5.1", b"9.9") + b"\r" + P, WHO),
    "a dozen thousand segments": Case(
        H + b"\r" + b"OBX|1|NM|A||1\r" * 12_000 + P, WHO | {"OBX[12000]-5": "1"}
    ),
    "a field of a megabyte": Case(
        H + b"\rOBX|1|ED|A||^^^Base64^" + b"QUJD" * 262_144 + b"|x\r" + P,
        WHO | {"OBX-5.5": "QUJD" * 262_144, "OBX-6": "x"},
    ),
}  # fmt: skip


def test_there_are_at_least_as_many_cases_as_the_design_asks_for() -> None:
    assert len(CASES) >= 46


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_message_is_read_as_it_was_meant(name: str) -> None:
    case = CASES[name]
    message = read(case.content)
    assert {place: value(message, place) for place in case.values} == case.values
    told = {(Reason.Name(i.reason).removeprefix("REASON_"), i.location) for i in message.issues}
    assert told == set(case.issues)
    assert all(issue.severity and issue.detail for issue in message.issues)
    # Whatever was read, all of it can be listed.
    assert sum(1 for _ in leaves(message)) > 0


@pytest.mark.parametrize(
    "content", [b"", b"\r\n", b"junk", b"MS", b"MSH", b"PID|1\r", b"\xff\xfeM"]
)
def test_what_has_no_header_is_refused_with_a_reason(content: bytes) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(content)
    assert caught.value.reason == Reason.REASON_UNREADABLE


def _best(content: bytes) -> float:
    best = 1.0
    for _ in range(5):
        begun = time.process_time()
        message = read(content)
        assert message.all("OBX")[-1].get(5, 5)
        best = min(best, time.process_time() - begun)
    return best


@pytest.mark.parametrize("codec", ["ascii", "utf-8"])
def test_a_megabyte_is_read_in_less_than_20_ms_and_four_in_proportion(codec: str) -> None:
    def content(size: int) -> bytes:
        text = "QUJD" * (size // 4) + ("é" if codec == "utf-8" else "")
        return H + b"\rOBX|1|ED|A||^^^Base64^" + text.encode(codec) + b"|x\r"

    one, four = _best(content(1 << 20)), _best(content(1 << 22))
    assert one < 0.020
    assert four < 0.100
