"""Write `structures.txt`: the groups of all message structures of HL7 v2.1 to v2.8.2.

The grammar comes from hl7apy (MIT), which carries it for each version; the events come from
`events.txt` beside this file. Run by `make grammar`; `--check` only says whether the table is fresh.

Versions name groups differently, and some names of hl7apy are artefacts. So that a map may name a
group once and for all, each structure is merged over its versions into one grammar (`*`), newest
first: what only older versions have is added where it stood, a group of older versions takes the
name of the newest group that begins with the same segment, and what one version calls optional is
optional. The grammars of the single versions are written with these names too.
"""

import argparse
import copy
import importlib.metadata
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hl7apy

HERE = Path(__file__).parent
TABLE = HERE.parent / "libs" / "plexus" / "codecs" / "hl7v2" / "groups" / "structures.txt"
VERSIONS = (
    "2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2",
)  # fmt: skip
# Stands for any segment: what is unknown finds its place anyway.
_WILD = "ANYHL7SEGMENT"
# Choices that are but a choice; all other groups that hl7apy calls one are sequences in the standard.
_CHOICES = ("CHOICE", "_SUPPGRP", "_CHOICE", "_OBJECT", "ORDER_DETAIL")
_KEPT = "ORDER_DETAIL"
# Names that are slips of single versions of the standard or artefacts of hl7apy.
_RENAMED = {
    "ARD_A19": "ADR_A19",
    "TIIMING": "TIMING",
    "TIIMING_QTY": "TIMING_QTY",
    "COMPONENTS": "COMPONENT",
    "AUTHORIZATION_CONTACT1": "AUTHORIZATION_CONTACT",
    "AUTHORIZATION_CONTACT2": "AUTHORIZATION_CONTACT",
    "OBXNTE_SUPPGRP": "OBSERVATION",
    "OBXTCDSIDNTE_SUPPGRP": "RESULT",
    "AUTCTD_SUPPGRP2": "AUTHORIZATION_CONTACT",
}


@dataclass
class Item:
    """A segment (or several to choose from), or a group if it has `items`."""

    names: tuple[str, ...]
    low: int
    many: bool
    items: list["Item"] = field(default_factory=list)

    @property
    def is_group(self) -> bool:
        return bool(self.items)

    def written(self) -> str:
        mark = ("*" if self.low == 0 else "+") if self.many else ("?" if self.low == 0 else "")
        if self.is_group:
            return f"{self.names[0]}({' '.join(item.written() for item in self.items)}){mark}"
        name = self.names[0] if len(self.names) == 1 else f"[{'|'.join(self.names)}]"
        return name + mark

    def segments(self) -> frozenset[str]:
        """Every segment in it, at any depth."""
        if not self.is_group:
            return frozenset(self.names)
        return frozenset().union(*(item.segments() for item in self.items))

    def anchor(self) -> tuple[str, ...]:
        """The segments that it begins with."""
        return self.items[0].anchor() if self.is_group else self.names


def _items(structure: str, node: tuple[Any, ...]) -> Iterator[Item]:
    for name, below, (low, high), kind in node[1]:
        many = high != 1
        if name == _WILD:
            continue
        if kind == "SEG":
            yield Item((name,), low, many)
            continue
        short = name[len(structure) + 1 :]
        short = _RENAMED.get(short, short)
        is_choice = below[0] == "choice" and short.endswith(_CHOICES)
        is_choice = is_choice and all(child[3] == "SEG" for child in below[1])
        if is_choice:
            names = tuple(child[0] for child in below[1] if child[0] != _WILD)
            if short == _KEPT:
                yield Item((short,), low, many, [Item(names, 1, False)])
            else:
                yield Item(names, low, many)
            continue
        inner = list(_items(structure, below))
        if inner:
            yield Item((short,), low, many, inner)


def _read() -> dict[str, dict[str, Item]]:
    """Grammars by structure and version."""
    found: dict[str, dict[str, Item]] = {}
    for version in VERSIONS:
        for given, node in hl7apy.load_library(version).MESSAGES.items():
            name = _RENAMED.get(given, given)
            root = Item((name,), 1, False, list(_items(given, node)))
            found.setdefault(name, {})[version] = root
    return found


def _merge(new: Item, old: Item) -> None:
    """Add to a group of the newer grammar what only the older one has; rename groups in `old`."""
    at = -1
    met: set[int] = set()
    waiting = deque(old.items)
    while waiting:
        item = waiting.popleft()
        place = _place(new, item, at, met)
        if place is not None:
            at = place
            mine = new.items[at]
            met.add(id(mine))
            mine.low = min(mine.low, item.low)
            mine.many = mine.many or item.many
            if item.is_group:
                item.names = mine.names
                _merge(mine, item)
            else:
                mine.names += tuple(name for name in item.names if name not in mine.names)
        elif not item.segments() & new.segments():
            at += 1
            added = copy.deepcopy(item)
            added.low = 0
            new.items.insert(at, added)
            met.add(id(added))
        else:
            # Older versions drew the group elsewhere: take in what is nowhere yet.
            waiting.extendleft(reversed(item.items))
    for item in new.items:
        if id(item) not in met and item.names != ("MSH",):
            item.low = 0


def _place(new: Item, item: Item, after: int, met: set[int]) -> int | None:
    """Where the newer group has the same, preferably behind what was met last."""
    order = [*range(after + 1, len(new.items)), *range(after + 1)]
    for place in order:
        mine = new.items[place]
        if id(mine) in met or mine.is_group != item.is_group:
            continue
        if item.is_group:
            if mine.names == item.names or set(mine.anchor()) & set(item.anchor()):
                return place
        elif set(mine.names) & set(item.names):
            return place
    return None


def _span(versions: list[str]) -> str:
    return versions[0] if len(versions) == 1 else f"{versions[0]}-{versions[-1]}"


def _rows(name: str, by_version: dict[str, Item]) -> Iterator[str]:
    versions = list(by_version)
    merged = copy.deepcopy(by_version[versions[-1]])
    for version in reversed(versions[:-1]):
        _merge(merged, by_version[version])
    body = " ".join(item.written() for item in merged.items)
    yield f"{name} * {body}"
    texts = {v: " ".join(item.written() for item in by_version[v].items) for v in versions}
    run: list[str] = []
    for version in versions:
        if run and texts[version] != texts[run[0]]:
            yield f"{name} {_span(run)} {texts[run[0]]}"
            run = []
        run.append(version)
    yield f"{name} {_span(run)} {texts[run[0]]}"


def _events(structures: dict[str, dict[str, Item]]) -> Iterator[str]:
    for number, raw in enumerate((HERE / "events.txt").read_text(encoding="utf-8").splitlines(), 1):
        line = raw.partition("#")[0].split()
        if not line:
            continue
        versions, structure, *events = line
        if structure not in structures:
            raise SystemExit(f"events.txt:{number}: hl7apy knows no structure {structure}")
        yield f"event {versions} {structure} {' '.join(events)}"


def generate() -> str:
    """Give the text of the table."""
    structures = _read()
    head = [
        (
            f"# Made by `make grammar` from hl7apy {importlib.metadata.version('hl7apy')} (MIT) and"
            " grammar/events.txt. Do not edit."
        ),
        "# STRUCTURE VERSIONS GRAMMAR, * for all versions merged; ? + * as usual, [A|B] is a choice.",
        "# event VERSIONS STRUCTURE EVENT...: whose structure has another name than CODE_TRIGGER.",
    ]
    rows = list(_events(structures))
    for name in sorted(structures):
        rows += _rows(name, structures[name])
    return "\n".join([*head, *rows]) + "\n"


def main() -> None:
    """Write the table, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is fresh")
    options = parser.parse_args()
    text = generate()
    if not options.check:
        TABLE.write_text(text, encoding="utf-8")
    elif not TABLE.exists() or TABLE.read_text(encoding="utf-8") != text:
        sys.exit(f"{TABLE} is stale: run `make grammar`")


if __name__ == "__main__":
    main()
