"""Dirt: what interfaces do to messages on their way, at chosen rates.

Delivery: sent twice, late, under a control id that was used. Content: odd bytes, missing and wrong
fields. Spoiled: nobody can take it as it is; somebody mends it, and the clean message follows. So
whatever the dirt, every clean message arrives, and the truth about persons and records is the same.
"""

import dataclasses
import heapq
import itertools
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.cli.simulation.agenda import HOUR
from services.cli.simulation.soiling import CONTENT, SPOILING, clean, with_control_id
from services.cli.simulation.systems import Draft

__all__ = ["KINDS", "Dirt", "Soiled", "spread"]

KINDS: Final[Mapping[str, int]] = {
    "resend": 20,
    "resend-new-id": 6,
    "reused-id": 4,
    "late": 14,
    "missing-field": 8,
    "typo": 8,
    "lf": 3,
    "crlf": 3,
    "bom": 2,
    "undeclared-charset": 4,
    "charset-name": 3,
    "utf-16": 1,
    "five-separators": 3,
    "z-segment": 5,
    "null": 4,
    "escapes": 3,
    "oversized": 1,
    "broken": 2,
    "unsupported": 2,
    "unknown-patient": 2,
    "no-number": 2,
    "disorder": 1,
    "unknown-charset": 1,
    "wrong-bytes": 1,
}
"""Every kind of dirt, with its weight where only the share of all dirt is given."""

_TWICE: Final = frozenset({"resend", "resend-new-id", *SPOILING})


def spread(share: float) -> dict[str, float]:
    """A share of all messages, spread over the kinds by their weights."""
    total = sum(KINDS.values())
    return {kind: share * weight / total for kind, weight in KINDS.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class Soiled:
    """A message on its way.

    Attributes:
        at: when it arrives, in seconds since 1970.
        control_id: of these bytes.
        truth: what the dirt did; empty for a clean message.
    """

    draft: Draft
    at: float
    content: bytes
    control_id: str
    truth: dict[str, Any]


class Dirt:
    """Takes drafts as they are made and gives messages as they arrive."""

    def __init__(self, seed: int | str, shares: Mapping[str, float]) -> None:
        """Set the rates.

        Args:
            seed: of what is drawn here; the clean messages do not depend on it.
            shares: of all messages, by kind. A message that cannot have the kind drawn for it gets
                another one, so the sum holds.

        Raises:
            ValueError: an unknown kind, or shares below 0 or above 1 together.
        """
        unknown = shares.keys() - KINDS.keys()
        if unknown:
            raise ValueError(f"no such dirt: {', '.join(sorted(unknown))}")
        if any(share < 0 for share in shares.values()) or sum(shares.values()) > 1:
            raise ValueError("shares of dirt lie between 0 and 1, all of them together too")
        self._random = random.Random(f"{seed} dirt")  # noqa: S311 - invents, guards nothing
        self._shares = {kind: share for kind, share in shares.items() if share > 0}
        self._total = sum(self._shares.values())
        self._due: list[tuple[float, int, Soiled]] = []
        self._order = itertools.count()
        self._last_control_id: dict[str, str] = {}

    def take(self, draft: Draft, room: int | None = None) -> int:
        """Take a draft; `room` is how many messages may come of it. Returns how many will."""
        made = 1
        if self._total and self._random.random() < self._total:
            made = self._soil(draft, room)
        else:
            self._send(draft, draft.at, clean(draft), draft.control_id, {})
        return made

    def due(self, until: float | None) -> Iterator[Soiled]:
        """Give what arrives up to a moment, in order; everything for None."""
        while self._due and (until is None or self._due[0][0] <= until):
            yield heapq.heappop(self._due)[2]

    def _soil(self, draft: Draft, room: int | None) -> int:
        left = dict(self._shares)
        if room is not None and room < 2:
            left = {kind: share for kind, share in left.items() if kind not in _TWICE}
        while left:
            kind = self._random.choices(list(left), list(left.values()))[0]
            if made := self._try(kind, draft):
                return made
            del left[kind]
        self._send(draft, draft.at, clean(draft), draft.control_id, {})
        return 1

    def _try(self, kind: str, draft: Draft) -> int:
        """Do it, and give how many messages come of it; 0 where it cannot be done to this one."""
        chance, told = self._random, {"dirt": kind}
        control_id, at = draft.control_id, draft.at
        if kind == "late":
            self._send(draft, at + chance.uniform(HOUR, 36 * HOUR), clean(draft), control_id, told)
            return 1
        if kind == "reused-id":
            used = self._last_control_id.get(draft.system.name)
            if used is None:
                return 0
            self._send(draft, at, with_control_id(draft, used), used, told)
            return 1
        if kind in {"resend", "resend-new-id"}:
            again = control_id if kind == "resend" else f"{control_id}R"
            self._send(draft, at, clean(draft), control_id, {})
            later = at + chance.uniform(5, HOUR)
            told["repeats"] = control_id
            self._send(draft, later, with_control_id(draft, again), again, told)
            return 2
        soiled = (CONTENT.get(kind) or SPOILING[kind])(draft, chance)
        if soiled is None:
            return 0
        content, more = soiled
        if kind in CONTENT:
            self._send(draft, at, content, control_id, {**told, **more})
            return 1
        spare = more.get("control_id", f"{control_id}X")
        self._send(draft, at, content, spare, {**told, **more, "spoiled": True})
        later = at + chance.uniform(1, 90)
        self._send(draft, later, clean(draft), control_id, {"mends": kind})
        return 2

    def _send(
        self, draft: Draft, at: float, content: bytes, control_id: str, truth: dict[str, Any]
    ) -> None:
        if control_id == draft.control_id:
            self._last_control_id[draft.system.name] = control_id
        soiled = Soiled(draft, at, content, control_id, truth)
        heapq.heappush(self._due, (at, next(self._order), soiled))
