"""FHIR JSON as a tree from which readers take what they understand; what is left over is residue.

A reader pops each primitive that it has put somewhere, or writes None over it in a list, and leaves
the containers. So at the end the leaves that are still there are exactly what nobody read, and stand
at the places where they came. Numbers are kept as they were written, since the digits of a FHIR
decimal count (R4 2.24.0.1).
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import orjson

from plexus.errors import InvalidMessage, Reason

__all__ = ["DEPTH_LIMIT", "Digits", "Tree", "is_read", "leaves", "parse", "refuse", "written"]

Tree = dict[str, Any]

DEPTH_LIMIT: Final = 64
"""Objects and lists within each other; what the specification defines needs a third of it."""

_BOM: Final = b"\xef\xbb\xbf"


class Digits(str):
    """A JSON number, as it was written."""

    __slots__ = ()


class _DoubledError(ValueError):
    pass


def refuse(location: str, detail: str, reason: Reason.ValueType) -> InvalidMessage:
    """What to raise for a message that can never be read. Holds places, never values."""
    return InvalidMessage(detail, reason=reason, location=location)


def parse(content: bytes) -> Tree:
    """The JSON object that the bytes hold.

    Raises:
        InvalidMessage: REASON_UNREADABLE where they are no JSON object in UTF-8, name a member twice,
            or are nested beyond reason.
    """
    content = content.removeprefix(_BOM)
    try:
        # Refuses what the other parser lets pass: NaN, lone surrogates, numbers beyond a double.
        orjson.loads(content)
        read = json.loads(
            content, parse_float=Digits, parse_int=Digits, object_pairs_hook=_without_doubles
        )
    except _DoubledError as exc:
        raise _unreadable("A member stands twice in one object.") from exc
    except (ValueError, RecursionError) as exc:
        raise _unreadable("The content is no JSON text in UTF-8.") from exc
    if not isinstance(read, dict):
        raise _unreadable("The content is no JSON object.")
    _check_depth(read)
    return read


def _unreadable(detail: str) -> InvalidMessage:
    return refuse("", detail, Reason.REASON_UNREADABLE)


def _without_doubles(pairs: list[tuple[str, Any]]) -> Tree:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _DoubledError
    return made


def _check_depth(root: Tree) -> None:
    level: list[Any] = [root]
    for _ in range(DEPTH_LIMIT):
        level = [
            below
            for each in level
            for below in (each.values() if isinstance(each, dict) else each)
            if isinstance(below, (dict, list))
        ]
        if not level:
            return
    raise _unreadable("The content is nested too deeply.")


def leaves(value: Any, location: str) -> Iterator[tuple[str, str]]:
    """Place and text of every primitive that is still there, in order.

    Places are written as FHIRPath does: `Patient.contact[0].gender`.
    """
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, f"{location}.{name}" if location else name)
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from leaves(each, f"{location}[{at}]")
    elif value is not None:
        yield location, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def is_read(value: Any) -> bool:
    """Whether no primitive is left."""
    return next(leaves(value, ""), None) is None


def written(tree: Any) -> bytes:
    """The tree as JSON, with the digits that it came with."""
    return orjson.dumps(tree, default=_fragment, option=orjson.OPT_PASSTHROUGH_SUBCLASS)


def _fragment(value: Any) -> orjson.Fragment:
    assert isinstance(value, Digits)
    return orjson.Fragment(value.encode())
