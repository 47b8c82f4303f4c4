"""What goes wrong with one message: functions from a draft to the bytes that are sent instead.

Each takes the draft and chance, and gives the bytes and what the truth says of it; None where the
message has nothing of the kind. Drafts are never changed.
"""

import base64
import codecs
import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from services.cli.simulation.systems import Draft

__all__ = ["CONTENT", "SPOILING", "Soiler", "clean", "with_control_id"]

Soiler: TypeAlias = Callable[[Draft, random.Random], tuple[bytes, dict[str, Any]] | None]

_CHARSETS: Final = (
    ("utf8", "utf-8"), ("UTF-8", "utf-8"), ("ISO-8859-1", "iso8859-1"), ("8859/15", "iso8859-15"),
    ("WINDOWS-1252", "cp1252"),
)  # fmt: skip
_NO_SUCH_TYPES: Final = ("ADT^Z99", "ZZZ^Z01", "QRY^A19")
_ATTACHMENT_BYTES: Final = 180_000
_MLLP_BYTES: Final = frozenset(b"\x0b\x1c")
_TWO_PATIENTS: Final = frozenset({"ADT^A24", "ADT^A37", "ADT^A40", "ADT^A47"})


def clean(draft: Draft, segments: Sequence[str] | None = None) -> bytes:
    """The bytes of a draft, or of other segments in its place, as its system writes them."""
    return draft.system.encode("\r".join(segments or draft.segments) + "\r")


def with_control_id(draft: Draft, control_id: str) -> bytes:
    """The same message under another MSH-10."""
    return clean(draft, _header(draft, {10: control_id}))


def _header(draft: Draft, fields: Mapping[int, str]) -> list[str]:
    """The segments with other fields of MSH."""
    header = draft.segments[0].split("|")
    for number, text in fields.items():
        header[number - 1] = text
    return ["|".join(header), *draft.segments[1:]]


def _place_of(draft: Draft, name: str) -> int:
    for place, segment in enumerate(draft.segments):
        if segment.startswith(name):
            return place
    return -1


def _with_field(draft: Draft, name: str, number: int, text: str) -> list[str]:
    """The segments with another field in the first segment of that name."""
    place = _place_of(draft, name)
    fields = draft.segments[place].split("|")
    fields += [""] * (number + 1 - len(fields))
    fields[number] = text
    segments = list(draft.segments)
    segments[place] = "|".join(fields).rstrip("|")
    return segments


def _field(draft: Draft, name: str, number: int) -> str:
    place = _place_of(draft, name)
    fields = draft.segments[place].split("|") if place >= 0 else []
    return fields[number] if number < len(fields) else ""


def _terminated_by(terminator: str) -> Soiler:
    def soil(draft: Draft, _: random.Random) -> tuple[bytes, dict[str, Any]]:
        return draft.system.encode(terminator.join(draft.segments) + terminator), {}

    return soil


def _in_charset(draft: Draft, name: str, codec: str) -> bytes:
    system = dataclasses.replace(draft.system, codec=codec)
    return system.encode("\r".join(_header(draft, {18: name})) + "\r")


def _bom(draft: Draft, _: random.Random) -> tuple[bytes, dict[str, Any]]:
    return codecs.BOM_UTF8 + _in_charset(draft, "UNICODE UTF-8", "utf-8"), {}


def _undeclared(draft: Draft, _: random.Random) -> tuple[bytes, dict[str, Any]]:
    return _in_charset(draft, "", "iso8859-1"), {}


def _charset_name(draft: Draft, chance: random.Random) -> tuple[bytes, dict[str, Any]]:
    name, codec = chance.choice(_CHARSETS)
    return _in_charset(draft, name, codec), {"charset": name}


def _utf16(draft: Draft, _: random.Random) -> tuple[bytes, dict[str, Any]] | None:
    content = codecs.BOM_UTF16_LE + _in_charset(draft, "UNICODE UTF-16", "utf-16-le")
    # Half of some characters is a byte that MLLP keeps for itself.
    return (content, {}) if _MLLP_BYTES.isdisjoint(content) else None


def _five_separators(draft: Draft, _: random.Random) -> tuple[bytes, dict[str, Any]]:
    return clean(draft, _header(draft, {2: "^~\\&#"})), {}


def _local_segment(draft: Draft, chance: random.Random) -> tuple[bytes, dict[str, Any]]:
    extra = f"ZPI|1|Sector {chance.randint(1, 9)}|A^B&C|yes~no"
    return clean(draft, [*draft.segments, extra]), {}


def _null(draft: Draft, _: random.Random) -> tuple[bytes, dict[str, Any]]:
    # PID-14, the telephone at work, is never valued here: deleting it changes nothing.
    return clean(draft, _with_field(draft, "PID", 14, '""')), {"fields": ["PID-14"]}


def _escapes(draft: Draft, _: random.Random) -> tuple[bytes, dict[str, Any]]:
    text = r"St. Mary\X27\s \T\ \S\ \R\ \E\ \H\ward\N\ \Zq\ 5"
    return clean(draft, _with_field(draft, "PID", 23, text)), {"fields": ["PID-23"]}


def _missing(draft: Draft, chance: random.Random) -> tuple[bytes, dict[str, Any]] | None:
    valued = [number for number in (7, 8, 11, 13) if _field(draft, "PID", number)]
    if not valued:
        return None
    number = chance.choice(valued)
    return clean(draft, _with_field(draft, "PID", number, "")), {"fields": [f"PID-{number}"]}


def _typo(draft: Draft, chance: random.Random) -> tuple[bytes, dict[str, Any]] | None:
    born = _field(draft, "PID", 7)
    if len(born) == 8 and born[4:6] != born[6:] and int(born[6:]) <= 12 and chance.random() < 0.3:
        turned = born[:4] + born[6:] + born[4:6]
        return clean(draft, _with_field(draft, "PID", 7, turned)), {"fields": ["PID-7"]}
    family, _, rest = _field(draft, "PID", 5).partition("^")
    places = [
        n
        for n in range(1, len(family) - 1)
        if family[n].isalpha() and family[n + 1].isalpha() and family[n] != family[n + 1]
    ]
    if not places:
        return None
    place = chance.choice(places)
    wrong = family[:place] + family[place + 1] + family[place] + family[place + 2 :]
    return clean(draft, _with_field(draft, "PID", 5, f"{wrong}^{rest}")), {"fields": ["PID-5"]}


def _oversized(draft: Draft, chance: random.Random) -> tuple[bytes, dict[str, Any]] | None:
    if not draft.kind.startswith(("ORU", "MDM")):
        return None
    data = base64.b64encode(chance.randbytes(_ATTACHMENT_BYTES)).decode()
    last = max(n for n, one in enumerate(draft.segments) if one.startswith("OBX"))
    extra = f"OBX|99|ED|SCAN^Scanned form^L||{draft.system.application}^AP^PDF^Base64^{data}||||||F"
    segments = [*draft.segments[: last + 1], extra, *draft.segments[last + 1 :]]
    return clean(draft, segments), {}


def _broken(draft: Draft, chance: random.Random) -> tuple[bytes, dict[str, Any]]:
    # Cut before MSH-9, so that nobody can take it for a whole message.
    if chance.random() < 0.5:
        return clean(draft)[: chance.randint(9, 40)], {"control_id": ""}
    return b"*** INTERFACE RESTARTED, PAGE 1 OF 1 ***\r\n\r\n", {"control_id": ""}


def _no_such_type(draft: Draft, chance: random.Random) -> tuple[bytes, dict[str, Any]]:
    return clean(draft, _header(draft, {9: chance.choice(_NO_SUCH_TYPES), 10: _spare(draft)})), {}


def _stranger(draft: Draft, _: random.Random) -> tuple[bytes, dict[str, Any]] | None:
    if draft.kind in _TWO_PATIENTS:
        return None
    first = _field(draft, "PID", 3).partition("~")[0]
    value, rest = first.split("^", 1)
    segments = _with_field(draft, "PID", 3, f"X{value}^{rest}")
    segments[0] = _header(draft, {10: _spare(draft)})[0]
    authority = rest.split("^")[2].partition("&")[0]
    return clean(draft, segments), {"person": "", "stray": f"{authority} X{value}"}


def _no_number(draft: Draft, _: random.Random) -> tuple[bytes, dict[str, Any]]:
    segments = _with_field(draft, "PID", 3, "")
    segments[0] = _header(draft, {10: _spare(draft)})[0]
    return clean(draft, segments), {}


def _disorder(draft: Draft, _: random.Random) -> tuple[bytes, dict[str, Any]]:
    segments = _header(draft, {10: _spare(draft)})
    segments.append(segments.pop(_place_of(draft, "PID")))
    return clean(draft, segments), {}


def _no_such_charset(draft: Draft, _: random.Random) -> tuple[bytes, dict[str, Any]]:
    return clean(draft, _header(draft, {10: _spare(draft), 18: "QUAYSIDE-7"})), {}


def _wrong_bytes(draft: Draft, _: random.Random) -> tuple[bytes, dict[str, Any]] | None:
    if draft.system.codec != "utf-8":
        return None
    head, pid, tail = clean(draft, _header(draft, {10: _spare(draft)})).partition(b"\rPID|")
    return head + pid + tail.replace(b"^", b"\xc3^", 1), {}


def _spare(draft: Draft) -> str:
    """A control id for the spoiled copy; the whole message keeps its own."""
    return f"{draft.control_id}X"


CONTENT: Final[Mapping[str, Soiler]] = {
    "missing-field": _missing,
    "typo": _typo,
    "lf": _terminated_by("\n"),
    "crlf": _terminated_by("\r\n"),
    "bom": _bom,
    "undeclared-charset": _undeclared,
    "charset-name": _charset_name,
    "utf-16": _utf16,
    "five-separators": _five_separators,
    "z-segment": _local_segment,
    "null": _null,
    "escapes": _escapes,
    "oversized": _oversized,
}
"""Sent instead of the clean message."""

SPOILING: Final[Mapping[str, Soiler]] = {
    "broken": _broken,
    "unsupported": _no_such_type,
    "unknown-patient": _stranger,
    "no-number": _no_number,
    "disorder": _disorder,
    "unknown-charset": _no_such_charset,
    "wrong-bytes": _wrong_bytes,
}
"""Sent before the clean message, which follows when somebody has mended it."""
