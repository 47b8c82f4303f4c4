"""Decides: statutes first, then the person's directives, then the default, break-glass last.

Pure: the same directives, default, statutes and question give the same decision, in any order of
the directives. `Rulebook.decide` is about one datum. `Rulebook.screen` is about a request: what it
leaves open is decided for each datum by the `Screen`, and comes to the same.
"""

import bisect
import dataclasses
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Protocol

from services.consent.domain.decision import BREAK_GLASS_OBLIGATIONS, Cause, Decided
from services.consent.domain.matching import (
    Outcome,
    Pruned,
    Says,
    judge,
    judge_pruned,
    prune,
)
from services.consent.domain.policy import Effect
from services.consent.domain.purposes import BREAK_GLASS
from services.consent.domain.questions import ANYTHING, NOTHING_KNOWN, Datum, Request
from services.consent.domain.reading import Directive
from services.consent.domain.statutes import NO_STATUTES, Ruling, Statutes
from services.consent.domain.times import ALWAYS

__all__ = ["BreakGlass", "Default", "Directives", "Rulebook", "Screen", "TableDefault"]

_MINUTE: Final = 60_000_000


class Default(Protocol):
    """What holds where no directive applies."""

    def permits(self, request: Request, datum: Datum) -> str | None:
        """Name of the rule that permits it, or None."""


@dataclasses.dataclass(frozen=True, slots=True)
class TableDefault:
    """A table of purposes. What it does not hold is denied.

    Every purpose must be in it; break-glass beside another purpose is left to the overlay.
    """

    permitted: frozenset[str]

    def permits(self, request: Request, datum: Datum) -> str | None:
        """Name the purposes."""
        asked = request.purposes - {BREAK_GLASS} or request.purposes
        return "+".join(sorted(asked)) if asked <= self.permitted else None


@dataclasses.dataclass(frozen=True, slots=True)
class BreakGlass:
    """Who may break the glass, for how long, and what it never opens.

    Attributes:
        groups: a request by a member of one may.
        never: labels, as `system|code`, that no glass opens.
    """

    groups: frozenset[str] = frozenset()
    minutes: int = 60
    never: frozenset[str] = frozenset()

    def opens(self, request: Request, datum: Datum) -> bool:
        """True where a denied request is permitted after all."""
        return (
            BREAK_GLASS in request.purposes
            and bool(request.reason)
            and not self.groups.isdisjoint(request.actors)
            and (not self.never or self._may_open(datum))
        )

    def _may_open(self, datum: Datum) -> bool:
        if datum.labels is None:
            return datum.is_hopeful
        return self.never.isdisjoint(datum.labels)


class _View(NamedTuple):
    """What is in force between two moments at which something may change.

    Attributes:
        in_force: names and directives, without those that are replaced.
        until: the next such moment, or None.
    """

    in_force: tuple[tuple[str, Directive], ...]
    until: int | None


class Directives:
    """All directives of a person, as of one consent epoch. Those that do not matter are left out."""

    def __init__(self, directives: Iterable[Directive] = (), epoch: int = 0) -> None:
        self.epoch = epoch
        self._kept = sorted(
            (each for each in directives if each.matters),
            key=lambda each: (each.name, each.digest),
        )
        edges = {edge for each in self._kept for edge in each.edges()} - set(ALWAYS)
        self._edges = sorted(edges)
        # Between two edges nothing begins or ends: what is in force there is found once.
        self._views: list[_View | None] = [None] * (len(edges) + 1)

    def __bool__(self) -> bool:
        return bool(self._kept)

    def named(self) -> frozenset[tuple[str, str]]:
        """Types and labels that provisions name, as (`class` or `label`, token)."""
        nodes = [node for each in self._kept if each.root for node in each.root.walk()]
        return frozenset(
            (what, name)
            for node in nodes
            for what, names in (("class", node.classes or ()), ("label", node.labels))
            for name in names
        )

    def at(self, now: int) -> _View:
        """What is in force at a moment."""
        place = bisect.bisect_right(self._edges, now)
        view = self._views[place]
        if view is None:
            view = self._views[place] = self._view(place, now)
        return view

    def _view(self, place: int, now: int) -> _View:
        current = [each for each in self._kept if each.period[0] <= now < each.period[1]]
        in_force = tuple(
            (each.name, each)
            for each in current
            if not any(_replaces(other, each) for other in current)
        )
        return _View(in_force, self._edges[place] if place < len(self._edges) else None)


def _replaces(other: Directive, older: Directive) -> bool:
    """True where it has the same key and was certainly written later."""
    return (
        older.key is not None
        and other.key == older.key
        and older.written is not None
        and other.written is not None
        and other.written[0] >= older.written[1]
    )


class _Verdict(NamedTuple):
    effect: Effect
    cause: Cause
    rule: str = ""
    path: str = ""


_INVALID: Final = _Verdict(Effect.DENY, Cause.INVALID)
_UNCOVERED: Final = _Verdict(Effect.DENY, Cause.NO_POLICY)


@dataclasses.dataclass(frozen=True, slots=True)
class Rulebook:
    """Everything that decides about one person."""

    directives: Directives
    default: Default
    statutes: Statutes = NO_STATUTES
    break_glass: BreakGlass = BreakGlass()

    def decide(self, request: Request, datum: Datum) -> Decided:
        """Decide about one datum."""
        if request.problem:
            return self.decided(_INVALID, request)
        told = [
            (name, judge(directive.root, request, datum))
            if directive.root is not None and not directive.problems
            else (name, None)
            for name, directive in self.directives.at(request.now).in_force
        ]
        return self.conclude(request, datum, told)

    def screen(self, request: Request) -> "Screen":
        """Decide about a request, and leave open what depends on the data."""
        left: list[tuple[str, Pruned | None, bool]] = []
        if not request.problem:
            for name, directive in self.directives.at(request.now).in_force:
                if directive.root is None or directive.problems:
                    left.append((name, None, False))
                else:
                    has_base, pruned = prune(directive.root, request)
                    if has_base or pruned[1]:
                        left.append((name, pruned, has_base))
        return Screen(self, request, tuple(left))

    def conclude(
        self, request: Request, datum: Datum, told: Iterable[tuple[str, Outcome | None]]
    ) -> Decided:
        """Put together what statutes, directives (`told`), default and break-glass say."""
        ruling, statute, owed = self.statutes.judge(request, datum)
        if ruling is Ruling.DENY:
            return self.decided(_Verdict(Effect.DENY, Cause.STATUTE, statute), request)
        if ruling is Ruling.PERMIT:
            verdict = _Verdict(Effect.PERMIT, Cause.STATUTE, statute)
        else:
            found = _combined(told)
            if found is None:
                found = self._without_directives(request, datum, ruling, statute)
            verdict = found
        if verdict.effect is Effect.DENY:
            if not self.break_glass.opens(request, datum):
                return self.decided(verdict, request)
            verdict = _Verdict(Effect.PERMIT, Cause.BREAK_GLASS, verdict.rule, verdict.path)
        if BREAK_GLASS in request.purposes:
            ttl = f"TTL_{self.break_glass.minutes}_MINUTES"
            owed = tuple(sorted({*owed, *BREAK_GLASS_OBLIGATIONS, ttl}))
        return self.decided(verdict, request, owed)

    def _without_directives(
        self, request: Request, datum: Datum, ruling: Ruling, statute: str
    ) -> _Verdict:
        rule = self.default.permits(request, datum)
        if rule is None:
            return _UNCOVERED
        if ruling is Ruling.NEEDS_CONSENT:
            return _Verdict(Effect.DENY, Cause.NEEDS_CONSENT, statute)
        return _Verdict(Effect.PERMIT, Cause.DEFAULT, rule)

    def decided(self, verdict: _Verdict, request: Request, owed: tuple[str, ...] = ()) -> Decided:
        """A verdict as a decision on a request."""
        until = self.directives.at(request.now).until
        if request.expires is not None:
            until = request.expires if until is None else min(until, request.expires)
        if verdict.effect is Effect.PERMIT and BREAK_GLASS in request.purposes:
            ends = request.now + self.break_glass.minutes * _MINUTE
            until = ends if until is None else min(until, ends)
        return Decided(
            verdict.effect,
            verdict.cause,
            verdict.rule,
            verdict.path,
            owed,
            (),
            until,
            self.directives.epoch,
        )


def _combined(told: Iterable[tuple[str, Outcome | None]]) -> _Verdict | None:
    """Deny overrides. None where no directive says anything."""
    permit: _Verdict | None = None
    for name, outcome in told:
        if outcome is None:
            return _Verdict(Effect.DENY, Cause.INDETERMINATE, name)
        if outcome.says is Says.DENY:
            cause = Cause.OUTSIDE if outcome.is_outside else Cause.CONSENT
            return _Verdict(Effect.DENY, cause, name, outcome.path)
        if outcome.says is Says.PERMIT and permit is None:
            permit = _Verdict(Effect.PERMIT, Cause.CONSENT, name, outcome.path)
    return permit


@dataclasses.dataclass(frozen=True, slots=True)
class Screen:
    """A request that is decided but for the data: decides on many data fast."""

    rulebook: Rulebook
    request: Request
    left: tuple[tuple[str, Pruned | None, bool], ...]

    def decide(self, datum: Datum) -> Decided:
        """Decide about one datum: as `Rulebook.decide` does."""
        if self.request.problem:
            return self.rulebook.decided(_INVALID, self.request)
        told = [
            (name, None if pruned is None else judge_pruned(pruned, datum, has_base=has_base))
            for name, pruned, has_base in self.left
        ]
        return self.rulebook.conclude(self.request, datum, told)

    def decided(self) -> Decided:
        """The decision on the request: a permit says that something may be disclosed.

        What depends on the data is its residual; without one the decision is that of every datum.
        """
        worst = self.decide(NOTHING_KNOWN)
        best = self.decide(ANYTHING)
        if best.effect is worst.effect:
            return worst
        residual = tuple(
            {
                "consent": name,
                "base": _base_of(pruned[0]) if has_base else None,
                "rules": [_residual(each) for each in pruned[1]],
            }
            for name, pruned, has_base in self.left
            if pruned is not None
        )
        if not residual:  # it is the default or a statute that depends on the data
            residual = ({"consent": "", "base": None, "rules": []},)
        redacted = sorted(
            {owed for _, pruned, _ in self.left if pruned for owed in _redactions(pruned)}
        )
        obligations = tuple(sorted({*best.obligations, *redacted}))
        return best._replace(residual=residual, obligations=obligations)


def _base_of(root: Any) -> dict[str, Any]:
    return {"type": "deny" if root.is_deny else "permit", "data": root.data_dimensions()}


def _residual(pruned: Pruned) -> dict[str, Any]:
    node, below = pruned
    told: dict[str, Any] = {
        "type": "deny" if node.is_deny else "permit",
        "path": node.path,
        "data": node.data_dimensions(),
    }
    if below:
        told["rules"] = [_residual(each) for each in below]
    return told


def _redactions(pruned: Pruned) -> Iterable[str]:
    """What must be taken out of a whole, as far as denies name it."""
    for node, _ in pruned[1]:
        if node.is_deny:
            for dimension in node.data_dimensions():
                yield f"REDACT_{dimension.upper()}"
