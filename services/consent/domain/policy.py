"""The default policy: what holds where no person has said otherwise.

A table of rules. Of the rules that match a request, one deny decides; else permits must cover every
resource type that is asked for; else nothing covers it and it is denied. The order of the rules only
chooses which of several agreeing rules is named.
"""

import dataclasses
import enum
import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Final

from plexus.errors import ConfigurationError, Reason
from services.consent.domain.purposes import ACTIONS, BREAK_GLASS, PURPOSES, covers

__all__ = ["ANY", "INVALID", "Effect", "Policy", "Rule", "Verdict"]

ANY: Final = "*"
_REMEMBERED = 4096


class Effect(enum.StrEnum):
    """What a rule says."""

    PERMIT = "permit"
    DENY = "deny"


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table; `*` stands for every known value.

    Attributes:
        name: what decisions call it, unique in its table.
        resource_types: FHIR types, or `*` alone.
    """

    name: str
    tenant: str
    purpose: str
    recipient: str
    resource_types: frozenset[str]
    action: str
    effect: Effect

    def applies(self, tenant: str, purpose: str, recipient: str, action: str) -> bool:
        """True where all but the resource types match. The codes must be known ones."""
        return (
            self.tenant in {ANY, tenant}
            and self.recipient in {ANY, recipient}
            and self.action in {ANY, action}
            and self._reaches(purpose)
        )

    def _reaches(self, purpose: str) -> bool:
        if self.effect is Effect.PERMIT and purpose == BREAK_GLASS:
            return self.purpose == BREAK_GLASS
        return self.purpose == ANY or covers(self.purpose, purpose)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What the table says.

    Attributes:
        reason: why it is denied; unspecified for a permit.
        rule: name of the rule that decided; empty where none did.
    """

    effect: Effect
    reason: Reason.ValueType
    rule: str


INVALID: Final = Verdict(Effect.DENY, Reason.REASON_INVALID_ARGUMENT, "")
"""The verdict on what cannot be judged: it is denied, whatever the rules say."""

_NO_POLICY: Final = Verdict(Effect.DENY, Reason.REASON_NO_POLICY, "")


class Policy:
    """A table of rules.

    Attributes:
        version: content hash of the rules in their order, 16 hexadecimal digits.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Raises ConfigurationError where two rules have one name."""
        names: set[str] = set()
        for rule in rules:
            if rule.name in names:
                raise ConfigurationError(f"two policies are named {rule.name}")
            names.add(rule.name)
        self._rules = tuple(rules)
        self.version = _digest(rules)
        # A mesh asks the same few questions about many persons.
        self._remembered = functools.lru_cache(maxsize=_REMEMBERED)(self._judge)

    def judge(
        self, tenant: str, purpose: str, recipient: str, action: str, resource_types: Iterable[str]
    ) -> Verdict:
        """Decide. A request without resource types may be about any of them.

        Unknown purposes and actions, and empty names, are denied as invalid, whatever the rules say.
        """
        return self._remembered(tenant, purpose, recipient, action, frozenset(resource_types))

    def _judge(
        self, tenant: str, purpose: str, recipient: str, action: str, types: frozenset[str]
    ) -> Verdict:
        if not tenant or not recipient or purpose not in PURPOSES or action not in ACTIONS:
            return INVALID
        if not all(types) or ANY in types:
            return INVALID
        matching = [
            rule for rule in self._rules if rule.applies(tenant, purpose, recipient, action)
        ]
        for rule in matching:
            if rule.effect is Effect.DENY and (
                ANY in rule.resource_types or not types or types & rule.resource_types
            ):
                return Verdict(Effect.DENY, Reason.REASON_CONSENT_DENIED, rule.name)
        permits = [rule for rule in matching if rule.effect is Effect.PERMIT]
        for rule in permits:
            if ANY in rule.resource_types or (types and types <= rule.resource_types):
                return Verdict(Effect.PERMIT, Reason.REASON_UNSPECIFIED, rule.name)
        needed = [rule for rule in permits if types & rule.resource_types]
        if types and types <= frozenset().union(*(rule.resource_types for rule in needed)):
            names = "+".join(rule.name for rule in needed)
            return Verdict(Effect.PERMIT, Reason.REASON_UNSPECIFIED, names)
        return _NO_POLICY


def _digest(rules: Sequence[Rule]) -> str:
    content = [
        [
            rule.name,
            rule.tenant,
            rule.purpose,
            rule.recipient,
            sorted(rule.resource_types),
            rule.action,
            rule.effect.value,
        ]
        for rule in rules
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
