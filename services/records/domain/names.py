"""One resource under several keys: which one it is kept under, and what becomes of the others.

An order is named by its placer's number, by its filler's, by an accession number, and a message may know
any of them. A message that knows two says that both name the same. Then the better name (the lower
precedence) is the key, and the other one gets a pointer to it: a slot with nothing but the key and
the precedence of its target. Whatever comes under a pointed name is renamed before it is put, and
what it brings along that is named within it, such as the results of a report.

Where both names have a resource already, they are joined: the versions under the worse name go to the
better one, what refers to it is renamed, and the worse one is told as deleted. Since versions
are compared as always, the record does not depend on whether a number was learnt early or late. Two
names of the same precedence are two resources: a number that came with both points at the later one.
"""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message

from plexus.api.canonical.v1.datatypes_pb2 import Reference
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.records.v1.records_pb2 import DISPOSITION_UPDATED, Disposition
from services.records.domain.record import Record
from services.records.domain.versions import PERSON, POINTER, Said, Slot, Version, place_of

__all__ = [
    "Dispositions",
    "Stamp",
    "places_of",
    "reconcile",
    "referring_marks",
    "refers_to",
    "rejoin",
]

# There are placer, filler and accession number.
_MOST_STEPS: Final = 8

Name = tuple[str, int]
"""Key and precedence."""
Dispositions = dict[Slot, Disposition.ValueType]


class Stamp(NamedTuple):
    """The message, or the part of one, that says so."""

    message_id: str
    receipt: int
    attempt: int
    part: int = 0


def places_of(said: Said) -> Iterator[Slot]:
    """Where a resource may be kept, by its names, and where it may stand that it is kept elsewhere."""
    kind = said.slot.type
    for key, precedence in said.names:
        yield Slot(kind, key, "")
        if precedence:
            yield Slot(kind, key, POINTER)


def reconcile(record: Record, said: list[Said], stamp: Stamp, changed: Dispositions) -> list[Said]:
    """What a message says, under the keys that its resources are kept under.

    Args:
        record: whom it is for.
        said: what the message says.
        stamp: the message.
        changed: gets what becomes of resources because the message says that two are one.
    """
    renamed: dict[str, str] = {}
    for each in said:
        if each.names:
            root = _agree(record, each, stamp, changed)
            if root != each.slot.key:
                renamed[each.slot.key] = root
    if renamed:
        return [_said_under(each, renamed) for each in said]
    return said


def referring_marks(key: str) -> tuple[bytes, bytes]:
    """The content of whatever refers to a key, or is named within it, has one of these."""
    return key.encode(), _within(key).encode()


def refers_to(content: bytes, key: str) -> bool:
    """Whether a resource refers to a key, or is named within it."""
    if not any(mark in content for mark in referring_marks(key)):
        return False
    return _rename(Resource.FromString(content), {key: f"{key}|"})


def rejoin(record: Record, adopted: Iterable[Slot], stamp: Stamp) -> Dispositions:
    """Join what a takeover has brought together: a name on one side, the pointer on the other."""
    changed: Dispositions = {}
    for kind, key in sorted({(slot.type, slot.key) for slot in adopted if slot.type != PERSON}):
        pointer = record.held.get(Slot(kind, key, POINTER))
        if pointer is not None:
            root, _ = _follow(record, kind, (key, 1))
            _join(record, kind, key, root, _by(stamp, pointer), changed)
    return changed


def _agree(record: Record, said: Said, stamp: Stamp, changed: Dispositions) -> str:
    """Let all names of a resource lead to the best of them, and give its key."""
    kind = said.slot.type
    best, *others = said.names
    if not best[1] and all(_leads(record, kind, name, best) for name in others):
        return best[0]
    word = Version(b"", said.source, said.time, *stamp)
    found = [(name, _follow(record, kind, name)) for name in said.names]
    root = min((target for _, target in found), key=lambda target: target[1])
    for name, target in found:
        if target == root:
            continue
        worse = name if target[1] == root[1] else target
        if worse[1] > root[1]:
            _point(record, Slot(kind, worse[0], POINTER), root, word)
            _join(record, kind, worse[0], root[0], word, changed)
    return root[0]


def _follow(record: Record, kind: str, name: Name) -> Name:
    """The name that a name leads to."""
    for _ in range(_MOST_STEPS):
        if not name[1]:
            break
        pointer = _held(record, Slot(kind, name[0], POINTER))
        if pointer is None:
            break
        (target,) = Resource.FromString(pointer.content).names
        name = (target.key, target.precedence)
    _held(record, Slot(kind, name[0], ""))
    return name


def _held(record: Record, slot: Slot) -> Version | None:
    """What is held there; asks for it, should it not be loaded."""
    version = record.held.get(slot)
    if version is None:
        record.wanted.add(slot)
    return version


def _point(record: Record, slot: Slot, target: Name, word: Version) -> None:
    """Let a name lead to another one, unless a later word says otherwise."""
    held = record.held.get(slot)
    if held is not None and held.rank >= word.rank:
        return
    content = _pointer(slot.key, target)
    record.replace(slot, dataclasses.replace(word, content=content, number=1))


def _leads(record: Record, kind: str, name: Name, target: Name) -> bool:
    """Whether a name is known to lead there, as it mostly is but for the first time."""
    pointer = record.held.get(Slot(kind, name[0], POINTER))
    return pointer is not None and pointer.content == _pointer(name[0], target)


@functools.lru_cache(maxsize=4096)
def _pointer(key: str, target: Name) -> bytes:
    resource = Resource(key=key)
    resource.names.add(key=target[0], precedence=target[1])
    return resource.SerializeToString()


def _join(
    record: Record, kind: str, worse: str, better: str, word: Version, changed: Dispositions
) -> None:
    """Bring what stands under the worse key under the better one."""
    left = record.held.get(Slot(kind, worse, ""))
    if left is None or left.is_moved:
        return
    record.wanted_referrers.add(worse)
    _held(record, Slot(kind, better, ""))
    renamed = {worse: better}
    marks = referring_marks(worse)
    for slot, version in list(record.held.items()):
        if slot.type == PERSON or slot.told_by or not any(m in version.content for m in marks):
            continue
        resource = Resource.FromString(version.content)
        if version.is_moved or not _rename(resource, renamed):
            continue
        moved = dataclasses.replace(version, content=resource.SerializeToString())
        place = Slot(slot.type, place_of(resource.key), "")
        if place == slot:
            moved.number += 1
            record.replace(slot, moved)
        else:
            _held(record, place)
            record.move(place, moved)
            record.replace(slot, _moved(version, resource.key, word))
            changed[slot] = DISPOSITION_UPDATED
        changed[place] = DISPOSITION_UPDATED


def _moved(version: Version, key: str, word: Version) -> Version:
    """What is left under the old key: that there is nothing any more, and where it has gone."""
    before = Resource.FromString(version.content)
    left = Resource(key=before.key, deleted=True)
    left.names.add(key=key)
    content: Any = getattr(left, before.WhichOneof("content") or "")
    content.SetInParent()
    number = version.number + 1
    return dataclasses.replace(word, content=left.SerializeToString(), number=number)


def _by(stamp: Stamp, version: Version) -> Version:
    return Version(b"", version.source, version.time, *stamp)


def _said_under(said: Said, renamed: Mapping[str, str]) -> Said:
    if said.slot.type == PERSON:
        return said
    resource = Resource.FromString(said.content)
    if not _rename(resource, renamed):
        return said
    slot = said.slot._replace(key=place_of(resource.key))
    return said._replace(slot=slot, content=resource.SerializeToString())


def _rename(resource: Resource, renamed: Mapping[str, str]) -> bool:
    """Give a resource and its references their new keys; False where none has changed."""
    key = _new_key(resource.key, renamed)
    has_changed = key != resource.key
    resource.key = key
    for reference in _references(resource):
        key = _new_key(reference.key, renamed)
        if key != reference.key:
            reference.key = key
            has_changed = True
    return has_changed


def _new_key(key: str, renamed: Mapping[str, str]) -> str:
    """The new key of what had this one, or was named within it: then a part of its key is that key."""
    if key in renamed:
        return renamed[key]
    for old, new in renamed.items():
        part = f"|{_within(old)}"
        if f"{part}|" in key:
            return key.replace(f"{part}|", f"|{_within(new)}|", 1)
        if key.endswith(part):
            return f"{key.removesuffix(part)}|{_within(new)}"
    return key


def _within(key: str) -> str:
    """A key as it is written as a part of another one."""
    return key.replace("\\", "\\\\").replace("|", "\\|")


def _references(message: Message) -> Iterator[Reference]:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in value if field.is_repeated else (value,):
            if isinstance(each, Reference):
                yield each
            else:
                yield from _references(each)
