"""What of an audit event is hashed: form 1, one line of JSON.

It is a JSON object in UTF-8 on one line: members are the fields of `AuditEvent` by their names in the
contract, those that are set, sorted by name, without white space; and `"v":1`, the form. Texts and numbers
are as JSON has them, enumerations are numbers, lists and maps keep that shape, a time is RFC 3339 in UTC
with nine digits after the point. An event with fields that this release does not know has a member `wire`
as well: the whole protobuf message in base64. The bytes are stored as they were hashed and never made again.

Events that were stored before there was a log are protobuf in their row; their leaf is form 1 of it.
"""

import base64
import datetime
import functools
from collections.abc import Callable
from typing import Any, Final

import orjson
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from plexus.api.audit.v1.audit_pb2 import AuditEvent

__all__ = ["FORM", "decode_leaf", "encode_leaf", "leaf_of", "told_of"]

FORM: Final = 1
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_JSON_BEGINS: Final = b"{"


def encode_leaf(event: AuditEvent) -> bytes:
    """The bytes that are stored and hashed."""
    # Reading the plain fields by name costs a third of having all listed, and every disclosure comes by here.
    members: dict[str, Any] = {name: value for name in _PLAIN if (value := getattr(event, name))}
    for name, tell in _OTHERS:
        if value := tell(event):
            members[name] = value
    members["v"] = FORM
    if len(UnknownFieldSet(event)):
        members["wire"] = base64.b64encode(event.SerializeToString(deterministic=True)).decode()
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)


def decode_leaf(stored: bytes) -> AuditEvent:
    """The event of a row, in whichever form it lies there.

    Raises:
        ValueError: it is none.
    """
    event = AuditEvent()
    try:
        if not stored.startswith(_JSON_BEGINS):
            return AuditEvent.FromString(stored)
        members = orjson.loads(stored)
        if "wire" in members:
            return AuditEvent.FromString(base64.b64decode(members["wire"]))
        for name, value in members.items():
            # A member of a newer release is none that this one could show.
            if name in _FIELDS:
                _set(event, name, value)
    except (DecodeError, TypeError, AttributeError) as exc:
        raise ValueError("this is no audit event") from exc
    return event


def told_of(stored: bytes) -> tuple[str, str]:
    """Agent and destination of the event of a row; empty where it is none."""
    try:
        if stored.startswith(_JSON_BEGINS):
            members = orjson.loads(stored)
            if "wire" not in members:
                return str(members.get("agent", "")), str(members.get("destination", ""))
        event = decode_leaf(stored)
    except ValueError:  # it becomes a leaf all the same; verification says what is wrong with it
        return "", ""
    return event.agent, event.destination


def leaf_of(stored: bytes) -> bytes:
    """The data of the leaf of a row. What is no event at all stands for itself."""
    if stored.startswith(_JSON_BEGINS):
        return stored
    try:
        return encode_leaf(AuditEvent.FromString(stored))
    except DecodeError:
        return stored


def _set(event: AuditEvent, name: str, value: Any) -> None:
    field = _FIELDS[name]
    if field.message_type is None:
        if field.is_repeated:
            getattr(event, name).extend(value)
        else:
            setattr(event, name, value)
    elif field.message_type.GetOptions().map_entry:
        getattr(event, name).update(value)
    else:
        moment, _, nanos = value.removesuffix("Z").partition(".")
        at = datetime.datetime.fromisoformat(moment).replace(tzinfo=datetime.UTC)
        target = getattr(event, name)
        target.seconds, target.nanos = int((at - _EPOCH).total_seconds()), int(nanos)


@functools.lru_cache(maxsize=64)
def _second_text(seconds: int) -> str:
    """Events come many in a second."""
    return (_EPOCH + datetime.timedelta(seconds=seconds)).isoformat()[:19]


def _teller(field: FieldDescriptor) -> Callable[[AuditEvent], Any]:
    """Tells a field that is no plain one. There is no field of another kind, or this cannot be imported."""
    name = field.name
    if field.message_type is None:
        return lambda event: list(getattr(event, name))
    if field.message_type.GetOptions().map_entry:
        return lambda event: dict(getattr(event, name))
    assert field.message_type.full_name == "google.protobuf.Timestamp"

    def tell_time(event: AuditEvent) -> str:
        if not event.HasField(name):  # type: ignore[arg-type] # of the descriptor
            return ""
        at = getattr(event, name)
        return f"{_second_text(at.seconds)}.{at.nanos:09d}Z"

    return tell_time


_FIELDS: Final = dict(AuditEvent.DESCRIPTOR.fields_by_name)
_PLAIN: Final = tuple(
    name for name, field in _FIELDS.items() if field.message_type is None and not field.is_repeated
)
_OTHERS: Final = tuple(
    (name, _teller(field)) for name, field in _FIELDS.items() if name not in _PLAIN
)
