"""The message structures of HL7 v2.1 to v2.8.2, and which event has which.

`structures.txt` is made by `make grammar` from hl7apy's grammar; its head tells the notation. It is
read at the first use, and a grammar is made when it is asked for. Versions draw and name groups
differently; the merged grammar of a structure (no version) holds what any version has under the
newest names, so it suits messages whatever version they claim, and names in maps are stable.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

__all__ = ["Grammar", "Kind", "Move", "Place", "grammar_of", "structure_of", "structures"]

_TOKEN = re.compile(r"(\[[A-Z0-9|]+\]|\w+)(\(?)|(\))|([?+*])")
_MERGED = "*"


class Place:
    """A segment in a grammar: one of the places where a segment of that name may stand.

    Attributes:
        names: the segment, or several to choose from.
        number: of the place in its grammar, in the order written.
        kind: the group that it is in.
        bit: of its position in the group; choices share one.
        onward: what `moves` has found out, by name of the next segment.
    """

    __slots__ = ("bit", "kind", "low", "many", "names", "number", "onward")

    def __init__(self, names: frozenset[str], kind: "Kind", number: int, position: int) -> None:
        """Make a place; `low` and `many` come later in the notation."""
        self.names = names
        self.kind = kind
        self.number = number
        self.bit = 1 << position
        self.low = 1
        self.many = False
        self.onward: dict[str, tuple[Move, ...]] = {}


class Move(NamedTuple):
    """A way from one segment to the next; `moves` tells the rules.

    Attributes:
        place: where the segment stands then.
        keep: how many of the open groups stay open.
        unseen: the move is for a group that has none of these items yet; 0 for any.
        opens: the groups that are opened, outermost first.
    """

    place: Place
    keep: int
    unseen: int
    opens: tuple["Kind", ...]


class Kind:
    """A group in a grammar; number 0 is the message.

    Attributes:
        name: as the newest version calls it, such as ORDER_OBSERVATION; "" for the message.
        chain: the groups around it, outermost first, and itself.
        path: their names, without the message.
        names: all segments that may stand in it, at any depth.
        direct: those that may stand in it outside of inner groups.
        single: those that may stand in it outside of inner groups that repeat.
    """

    __slots__ = (
        "bit",
        "chain",
        "direct",
        "items",
        "low",
        "many",
        "name",
        "names",
        "number",
        "path",
        "single",
    )

    def __init__(self, name: str, outer: "Kind | None", number: int, position: int) -> None:
        """Make a group without content."""
        self.name = name
        self.number = number
        self.bit = 1 << position
        self.low = 1
        self.many = False
        self.items: list[Place | Kind] = []
        self.names: frozenset[str] = frozenset()
        self.direct: frozenset[str] = frozenset()
        self.single: frozenset[str] = frozenset()
        self.chain: tuple[Kind, ...] = (*outer.chain, self) if outer is not None else (self,)
        self.path = tuple(kind.name for kind in self.chain[1:])


class Grammar:
    """One message structure.

    Attributes:
        name: such as ORU_R01; "" for the one without any groups.
        kinds: its groups by number.
        places: its segments by number; the first is MSH.
    """

    __slots__ = ("kinds", "name", "places", "root")

    def __init__(self, name: str, text: str) -> None:
        """Make the grammar of a row of the table."""
        self.name = name
        self.root = Kind("", None, 0, 0)
        self.kinds = [self.root]
        self.places: list[Place] = []
        self._parse(text)

    def _parse(self, text: str) -> None:
        kind = self.root
        last: Place | Kind = kind
        for name, opens, closes, mark in _TOKEN.findall(text):
            if mark:
                last.low = 0 if mark in "?*" else last.low
                last.many = mark in "+*"
            elif closes:
                last = kind
                kind = kind.chain[-2]
            elif opens:
                last = Kind(name, kind, len(self.kinds), len(kind.items))
                self.kinds.append(last)
                kind.items.append(last)
                kind = last
            else:
                names = frozenset(name.strip("[]").split("|"))
                last = Place(names, kind, len(self.places), len(kind.items))
                self.places.append(last)
                kind.items.append(last)
        # Inner groups have higher numbers, so they are complete when the outer ones come.
        for kind in reversed(self.kinds):
            for item in kind.items:
                kind.names |= item.names
                if isinstance(item, Place):
                    kind.direct |= item.names
                elif not item.many:
                    kind.single |= item.single
            kind.single |= kind.direct

    def find(self, path: tuple[str, ...]) -> list[Kind]:
        """The groups whose path ends with these names, such as ("ORDER", "OBSERVATION")."""
        return [kind for kind in self.kinds[1:] if kind.path[-len(path) :] == path]


_Rows = dict[str, list[tuple[str, str]]]


@lru_cache(maxsize=1)
def _table() -> tuple[_Rows, dict[str, list[tuple[str, str]]]]:
    """Rows (versions, grammar) by structure, and (versions, structure) by event."""
    rows: _Rows = {}
    events: dict[str, list[tuple[str, str]]] = {}
    text = resources.files(__package__).joinpath("structures.txt").read_text(encoding="ascii")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, versions, rest = line.split(" ", 2)
        if name == "event":
            structure, *shared = rest.split(" ")
            for event in shared:
                events.setdefault(event, []).append((versions, structure))
        else:
            rows.setdefault(name, []).append((versions, rest))
    return rows, events


def structures() -> Iterator[str]:
    """Names of all structures, in order."""
    return iter(_table()[0])


@lru_cache(maxsize=1)
def segment_names() -> frozenset[str]:
    """Names of all segments that HL7 has in any structure."""
    rows = _table()[0].items()
    return frozenset().union(*(Grammar(name, found[0][1]).root.names for name, found in rows))


@lru_cache(maxsize=1024)
def grammar_of(structure: str, version: str = "") -> Grammar | None:
    """The grammar of a structure; None if it is none of HL7's.

    Args:
        structure: such as ORU_R01; "" gives the grammar that has no groups.
        version: such as 2.5.1: as that version has it, or the nearest that knows the structure.
            Empty for the merged one.
    """
    if not structure:
        return Grammar("", "MSH")
    found = _table()[0].get(structure)
    if found is None:
        return None
    if not version:
        return Grammar(structure, found[0][1])
    chosen = found[1][1]
    for versions, text in found[1:]:
        first = versions.partition("-")[0]
        if _order(first) <= _order(version):
            chosen = text
    return Grammar(structure, chosen)


def structure_of(code: str, trigger: str, version: str = "", declared: str = "") -> str:
    """Name of the structure of a message; "" where HL7 has none.

    Args:
        code: MSH-9.1.
        trigger: MSH-9.2.
        version: MSH-12; the newest where it is empty or none.
        declared: MSH-9.3, which is believed where the event is not known.
    """
    rows, events = _table()
    order = _order(version or "9")
    for versions, structure in events.get(f"{code}^{trigger}", ()):
        first, dash, last = versions.partition("-")
        last = last if dash else first
        if (not first or _order(first) <= order) and (not last or order <= _order(last)):
            return structure
    for name in (f"{code}_{trigger}", declared, code):
        if name in rows:
            return name
    return ""


@lru_cache(maxsize=256)
def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit()) or (9,)
