"""Paths into canonical messages: what stands where, and where a message has come to stand.

While a message is converted its parts are moved: doubles go, identifiers are put in order. So a trace
holds the part itself, and its path is looked for when all is done: the part, else one that says the
same.
"""

from typing import Any

from google.protobuf.message import Message

__all__ = ["Path", "Places", "scalars", "spelled", "within"]

Path = tuple[tuple[str, int], ...]
"""Names of fields, each with the index in a list; -1 where it is none, or where it is not known which."""


def spelled(path: Path) -> str:
    """As people write it: resources[0].person.names[0].family."""
    return ".".join(name if index < 0 else f"{name}[{index}]" for name, index in path)


def scalars(message: Message) -> dict[Path, Any]:
    """Every plain value of a message that is set, by its path."""
    found: dict[Path, Any] = {}
    _gather(message, (), found)
    return found


def _gather(message: Message, above: Path, found: dict[Path, Any]) -> None:
    for field, value in message.ListFields():
        items = enumerate(value) if field.is_repeated else [(-1, value)]
        for index, item in items:
            path = (*above, (field.name, index))
            if field.message_type is not None:
                _gather(item, path, found)
            else:
                found[path] = item


class Places:
    """The parts of an event by identity, and by what they say."""

    def __init__(self, event: Message) -> None:
        """Look at all of it once; it must not change afterwards."""
        self._by_id: dict[int, Path] = {}
        self._parts: list[tuple[Path, Message]] = []
        self._by_content: dict[tuple[str, bytes], list[Path]] = {}
        waiting: list[tuple[Path, Message]] = [((), event)]
        while waiting:
            above, one = waiting.pop()
            self._by_id[id(one)] = above
            # Held here, so that its id stays its own.
            self._parts.append((above, one))
            for field, value in reversed(one.ListFields()):
                if field.message_type is None or field.name == "residue":
                    continue
                items = list(enumerate(value)) if field.is_repeated else [(-1, value)]
                waiting += [((*above, (field.name, at)), item) for at, item in reversed(items)]

    def of(self, part: Message, root: Message) -> Path | None:
        """Where a part of `root` is, or one that says the same; None where there is no such thing."""
        path = self._by_id.get(id(part))
        if path is not None:
            return path
        above = self._by_id.get(id(root), ())
        if not self._by_content:
            for path, one in self._parts:
                self._by_content.setdefault(_content(one), []).append(path)
        alike = self._by_content.get(_content(part), ())
        return next((path for path in alike if path[: len(above)] == above), None)


def _content(part: Message) -> tuple[str, bytes]:
    return part.DESCRIPTOR.full_name, part.SerializeToString(deterministic=True)


def within(whole: Any, made: Any, path: Path) -> Path:
    """The path in `whole` of what has that path in `made`, which was put into `whole`.

    Elements of lists are recognised by what they say. Where one is not there the path ends before it.
    """
    found: list[tuple[str, int]] = []
    for name, index in path:
        whole, made = getattr(whole, name), getattr(made, name)
        at = index
        if index >= 0:
            made = made[index]
            if index >= len(whole) or whole[index] != made:
                at = next((n for n, one in enumerate(whole) if one == made), index)
            if at >= len(whole):
                break
            whole = whole[at]
        found.append((name, at))
    return tuple(found)
