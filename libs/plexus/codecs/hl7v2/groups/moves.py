"""Where a segment may stand after another: the rules of grouping, as a table that fills itself.

For a place and the name of the next segment there are a few moves, best first. Proper ones, from the
innermost open group outwards: on in the group; back to what it still misses; a further instance of
the group. Then what a strict parser would refuse: back to what the group has already passed, a new
instance of a group without its head, and, if its place was not passed, into a later group without its
first segment. What has no move at all stays with the segment before it, and the place is not changed; so do notes (NTE) that have no
proper place. So an unexpected segment can never carry off the ones after it.
"""

from collections.abc import Iterable, Iterator

from plexus.codecs.hl7v2.groups.table import Grammar, Kind, Move, Place
from plexus.codecs.hl7v2.message import Segment

__all__ = ["way"]

_NOTE = "NTE"


def way(segments: Iterable[Segment], grammar: Grammar) -> list[Move | None]:
    """The move to each segment of a message; None where it stays with the one before it."""
    result: list[Move | None] = []
    add = result.append
    # What each open group has had already, from the message inwards.
    seen = [0]
    place = grammar.places[0]
    for segment in segments:
        found = place.onward.get(segment.name)
        if found is None:
            found = _moves(grammar, place, segment.name)
        for move in found:
            target, keep, unseen, opens = move
            if unseen and seen[keep - 1] & unseen:
                continue
            if keep < len(seen):
                del seen[keep:]
            for kind in opens:
                seen[-1] |= kind.bit
                seen.append(0)
            seen[-1] |= target.bit
            place = target
            add(move)
            break
        else:
            add(None)
    return result


def _moves(grammar: Grammar, at: Place, name: str) -> tuple[Move, ...]:
    """The moves, best first. Kept by the place, for segments of the grammar only."""
    found = at.onward.get(name)
    if found is None:
        if name not in grammar.root.names:
            return ()
        found = at.onward[name] = _until_certain(_found(at, name))
    return found


def _until_certain(found: Iterator[Move]) -> tuple[Move, ...]:
    result: list[Move] = []
    for move in found:
        result.append(move)
        if not move.unseen:
            # Nothing behind a move that is always possible is ever looked at.
            break
    return tuple(result)


def _move(place: Place, keep: int, unseen: int = 0) -> Move:
    return Move(place, keep, unseen, place.kind.chain[keep:])


def _found(at: Place, name: str) -> Iterator[Move]:
    for kind, here, keep in _levels(at):
        if kind is at.kind and at.many and name in at.names:
            yield _move(at, keep)
        onward = _onward(kind, here, name)
        if onward is not None:
            if not _leads(onward, kind, name):
                # It would open a group past its beginning: an enclosing group that begins again
                # goes first (a further ORC or OBR is a new order, not a prior result).
                yield from _restarts(kind.chain, here, name)
            yield _move(onward, keep)
        if name != _NOTE:
            yield from _missing(kind, here, name, keep)
        if kind.many and (place := _entry(kind, name)) is not None:
            yield _move(place, keep - 1)
    if name == _NOTE:
        return
    is_behind = False
    for kind, here, keep in _levels(at):
        behind = [item for item in kind.items if item.bit <= here]
        is_behind = is_behind or any(
            name in item.names for item in behind if item.bit < here or isinstance(item, Place)
        )
        yield from _back(behind, here, name, keep)
        if kind.many and _begins_again(kind, here, name):
            yield _move(_anywhere(kind, name), keep - 1)
    if is_behind:
        return
    for kind, here, keep in _levels(at):
        for item in kind.items:
            if item.bit > here and isinstance(item, Kind) and name in item.names:
                yield _move(_anywhere(item, name), keep)


def _levels(at: Place) -> Iterator[tuple[Kind, int, int]]:
    """The open groups from the innermost, with the item that is open in each and its depth."""
    here = at.bit
    for kind in reversed(at.kind.chain):
        yield kind, here, len(kind.chain)
        here = kind.bit


def _onward(kind: Kind, here: int, name: str) -> Place | None:
    """The first proper place behind `here`. A note goes past nothing that is required."""
    for item in kind.items:
        if item.bit <= here:
            continue
        if isinstance(item, Place):
            if name in item.names:
                return item
        elif (place := _entry(item, name)) is not None:
            return place
        if name == _NOTE and item.low:
            return None
    return None


def _missing(kind: Kind, here: int, name: str, keep: int) -> Iterator[Move]:
    """What is required, not the group's first item, and perhaps passed without having been there."""
    for item in kind.items[1:]:
        if item.bit >= here:
            return
        if item.low:
            place = item if isinstance(item, Place) else _entry(item, name)
            if place is not None and name in place.names:
                yield _move(place, keep, item.bit)


def _back(behind: list[Place | Kind], here: int, name: str, keep: int) -> Iterator[Move]:
    """To what the group has passed: the nearest first, and what can begin with the segment."""
    for item in reversed(behind):
        place = item if isinstance(item, Place) else _entry(item, name)
        if place is not None and name in place.names:
            yield _move(place, keep, 0 if item.many else item.bit)
    for item in reversed(behind):
        # Another instance of the open one is the business of `_begins_again`.
        if isinstance(item, Kind) and name in item.names and item.bit != here:
            yield _move(_anywhere(item, name), keep, 0 if item.many else item.bit)


def _begins_again(kind: Kind, here: int, name: str) -> bool:
    """Whether a further one of the segment means a further group, though the group's head is missing.

    It must belong to the group itself, or lead the part of it that is open. So a second OBR is a
    second order, while a visit that stands behind the results does not end them.
    """
    for item in kind.items:
        if isinstance(item, Place):
            if item.low and name in item.names:
                return True
        elif item.bit == here and _entry(item, name) is not None:
            return True
    return False


def _restarts(chain: tuple[Kind, ...], here: int, name: str) -> Iterator[Move]:
    for depth in range(len(chain) - 1, 0, -1):
        kind = chain[depth]
        if kind.many and (_heads(kind, name) or _begins_again(kind, here, name)):
            yield _move(_anywhere(kind, name), depth)
            return
        here = kind.bit


def _heads(kind: Kind, name: str) -> bool:
    """Whether the group's very first segment is this one."""
    first = kind.items[0]
    return name in first.names if isinstance(first, Place) else _heads(first, name)


def _leads(place: Place, kind: Kind, name: str) -> bool:
    """Whether the way from the group to the place opens no group past its beginning."""
    opened = place.kind.chain[len(kind.chain) :]
    return not opened or _heads(opened[0], name)


def _entry(kind: Kind, name: str) -> Place | None:
    """The first place of the segment with which the group can properly begin."""
    for item in kind.items:
        if isinstance(item, Place):
            if name in item.names:
                return item
        elif (place := _entry(item, name)) is not None:
            return place
        if item.low and not _is_nullable(item):
            return None
    return None


def _is_nullable(item: Place | Kind) -> bool:
    return isinstance(item, Kind) and all(not part.low or _is_nullable(part) for part in item.items)


def _anywhere(kind: Kind, name: str) -> Place:
    """The first place of the segment in the group, at any depth; there is one."""
    for item in kind.items:
        if isinstance(item, Place):
            if name in item.names:
                return item
        elif name in item.names:
            return _anywhere(item, name)
    raise AssertionError(f"{kind.name} has no {name}")
