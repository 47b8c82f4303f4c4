"""What a decision is made of: the effect, why, by which rule, what is owed, and until when."""

import enum
from typing import Any, Final, NamedTuple

import orjson

from services.consent.domain.policy import Effect
from services.consent.domain.times import text_of

__all__ = ["BREAK_GLASS_ALERT", "BREAK_GLASS_OBLIGATIONS", "Cause", "Decided"]


class Cause(enum.StrEnum):
    """Why it was decided so."""

    CONSENT = "consent"
    """A directive says it."""
    OUTSIDE = "outside"
    """A directive permits other data than these."""
    DEFAULT = "default"
    """No directive applies; the default permits it."""
    NO_POLICY = "no-policy"
    """No directive applies and the default has no permit."""
    STATUTE = "statute"
    """The law says it, whatever the person says."""
    NEEDS_CONSENT = "needs-consent"
    """The law demands the person's consent, and there is none."""
    INDETERMINATE = "indeterminate"
    """A directive that is in force cannot be understood."""
    INVALID = "invalid"
    """The request cannot be understood."""
    BREAK_GLASS = "break-glass"
    """Permitted against the rules, in an emergency."""


BREAK_GLASS_ALERT: Final = "AUDIT_ALERT"
"""Owed where the glass was broken, and nowhere else."""

BREAK_GLASS_OBLIGATIONS: Final = (BREAK_GLASS_ALERT, "NOTIFY_PRIVACY", "SECOND_PERSON_REVIEW")


class Decided(NamedTuple):
    """A decision. The same inputs give an equal one, and the same bytes.

    Attributes:
        rule: `id@version` of the directive or statute that decided, or the name of the default rule.
        path: the provision of the directive that decided.
        obligations: what whoever discloses must do.
        residual: data that this decision on a request does not settle: see `engine.Screen`.
        valid_until: microseconds since 1970 of the next moment at which it may change, or None.
        epoch: consent epoch of the person.
    """

    effect: Effect
    cause: Cause
    rule: str = ""
    path: str = ""
    obligations: tuple[str, ...] = ()
    residual: tuple[Any, ...] = ()
    valid_until: int | None = None
    epoch: int = 0

    @property
    def is_permit(self) -> bool:
        """True where it may be disclosed."""
        return self.effect is Effect.PERMIT

    def as_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        told = self._asdict()
        told["valid_until"] = None if self.valid_until is None else text_of(self.valid_until)
        return told

    def as_bytes(self) -> bytes:
        """Canonical JSON."""
        return orjson.dumps(self.as_json(), option=orjson.OPT_SORT_KEYS)
