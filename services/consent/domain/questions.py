"""What is asked: a request (who, why, what is done, when) and a datum (what it is about)."""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from typing import Final

from services.consent.domain.codes import (
    CONFIDENTIALITY,
    LEVELS,
    NORMAL,
    RESOURCE_TYPES,
    UNKNOWN_LEVEL,
    local_reference,
    reference,
    token,
)
from services.consent.domain.elements import CONFIDENTIALITY_CODES
from services.consent.domain.purposes import ACTIONS, PURPOSES
from services.consent.domain.times import Span, instant

__all__ = ["ANYTHING", "NOTHING_KNOWN", "Datum", "Request", "with_parents"]


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """Who wants what kind of thing, why and when.

    Attributes:
        actors: references of everything the asker is: user, roles, organisations and those above
            them, client, groups (`with_parents` completes them).
        loose_actors: the same, and `Type/id` of those that are addresses: denies look here.
        now: microseconds since 1970.
        reason: why the glass is broken, in words; only whether it is empty matters.
        expires: when the asker's right to ask ends, or None.
        problem: why it cannot be decided; empty where it can.
        knows_actors: the actors are all that the asker is. Where not, a deny may mean the asker.
    """

    purposes: frozenset[str]
    actors: frozenset[str]
    loose_actors: frozenset[str]
    action: str
    now: int
    reason: str = ""
    expires: int | None = None
    problem: str = ""
    knows_actors: bool = True

    @classmethod
    def of(
        cls,
        *,
        purposes: Iterable[str],
        actors: Iterable[str],
        action: str,
        now: datetime.datetime,
        reason: str = "",
        expires: datetime.datetime | None = None,
        knows_actors: bool = True,
    ) -> "Request":
        """A request in its one form; what is unknown in it becomes its `problem`."""
        whys = frozenset(token(each).rpartition("|")[2] for each in purposes)
        deed = token(action).rpartition("|")[2]
        names = frozenset(reference(each) for each in actors if each.strip())
        problem = ""
        if not whys or not whys <= PURPOSES:
            problem = "a purpose is unknown, or none is given"
        elif deed not in ACTIONS:
            problem = "the action is unknown"
        elif not names:
            problem = "nobody asks"
        loose = frozenset(local_reference(each) for each in names)
        return cls(
            purposes=whys,
            actors=names,
            loose_actors=names if loose <= names else names | loose,
            action=deed,
            now=instant(now),
            reason=reason.strip(),
            expires=None if expires is None else instant(expires),
            problem=problem,
            knows_actors=knows_actors,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Datum:
    """One resource, as far as rules look at it. None: not known, which is not the same as none.

    Attributes:
        kind: its type, as a token.
        level: the highest confidentiality among its labels; without one it is normal.
        labels: its other labels; None where no label is known.
        date: what its date spans.
        own: references of itself.
        related: references of what it relates to, and of itself.
        is_hopeful: what is not known counts in favour of disclosure. Only to tell what may be.
    """

    kind: str | None = None
    level: int = NORMAL
    labels: frozenset[str] | None = None
    codes: frozenset[str] | None = None
    date: Span | None = None
    authors: frozenset[str] | None = None
    related: frozenset[str] | None = None
    own: frozenset[str] | None = None
    is_hopeful: bool = False

    @classmethod
    def of(
        cls,
        *,
        kind: str | None,
        labels: Iterable[str] | None = None,
        codes: Iterable[str] | None = None,
        date: Span | None = None,
        authors: Iterable[str] | None = None,
        related: Iterable[str] | None = None,
        own: str | None = None,
    ) -> "Datum":
        """A datum in its one form."""
        level, other = NORMAL, None
        if labels is not None:
            level, other = _levelled(labels)
        itself = _references([own] if own else None)
        beside = _references(related)
        return cls(
            kind=token(kind, RESOURCE_TYPES) if kind else None,
            level=level,
            labels=other,
            codes=None if codes is None else frozenset(token(each) for each in codes),
            date=date,
            authors=_references(authors),
            related=None if beside is None else beside | (itself or frozenset()),
            own=itself,
        )


NOTHING_KNOWN: Final = Datum()
"""Any datum, of which the worst must be thought."""

ANYTHING: Final = Datum(is_hopeful=True)
"""Any datum, of which the best may be hoped."""


def _levelled(labels: Iterable[str]) -> tuple[int, frozenset[str]]:
    levels: list[int] = []
    other: set[str] = set()
    for label in map(token, labels):
        system, _, code = label.rpartition("|")
        if system != CONFIDENTIALITY:
            other.add(label)
        elif code in LEVELS:
            levels.append(LEVELS[code])
        elif code in CONFIDENTIALITY_CODES:
            other.add(label)  # one of its codes that are no level, such as HIV
        else:
            levels.append(UNKNOWN_LEVEL)
    return max(levels, default=NORMAL), frozenset(other)


def _references(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(reference(each) for each in names)


def with_parents(actors: Iterable[str], above: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Actors with all organisations and groups that they are part of, however far above."""
    found: set[str] = set()
    waiting = [reference(each) for each in actors]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(reference(each) for each in above.get(name, ()))
    return frozenset(found)
