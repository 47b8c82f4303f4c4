"""What holds above a tenant's persons: statutes, who may break the glass, and what is sensitive."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from services.consent.domain.engine import BreakGlass
from services.consent.domain.labelling import NO_LABELS, Labeller
from services.consent.domain.policy import ANY
from services.consent.domain.purposes import BREAK_GLASS
from services.consent.domain.statutes import NO_STATUTES, Statute, Statutes

__all__ = ["NO_LAWS", "Laws", "LawsOfTenant"]


class LawsOfTenant(NamedTuple):
    """What holds for one tenant."""

    statutes: Statutes = NO_STATUTES
    break_glass: BreakGlass = BreakGlass()
    labeller: Labeller = NO_LABELS

    def speak_to(self, purpose: str) -> bool:
        """False where they say nothing about any request for a purpose."""
        return bool(self.statutes) or (purpose == BREAK_GLASS and bool(self.break_glass.groups))


class Laws:
    """What holds for each tenant; `*` stands for all of them.

    Attributes:
        version: content hash, 16 hexadecimal digits; empty where there are none.
    """

    def __init__(
        self,
        statutes: Sequence[tuple[str, Statute]] = (),
        break_glass: Mapping[str, BreakGlass] | None = None,
        labellers: Mapping[str, Labeller] | None = None,
    ) -> None:
        """Keep them by tenant. A tenant's own break-glass and label rules replace those for all."""
        self._statutes = tuple(statutes)
        self._break_glass = dict(break_glass or {})
        self._labellers = dict(labellers or {})
        self._of: dict[str, LawsOfTenant] = {}
        named = {tenant for tenant, _ in statutes} | {*self._break_glass, *self._labellers, ANY}
        for tenant in named:
            self._of[tenant] = self._make(tenant)
        self.version = _digest(self._statutes, self._break_glass, self._labellers)

    def of(self, tenant: str) -> LawsOfTenant:
        """What holds for a tenant."""
        return self._of.get(tenant) or self._of[ANY]

    def _make(self, tenant: str) -> LawsOfTenant:
        glass = self._break_glass
        return LawsOfTenant(
            Statutes(each for whose, each in self._statutes if whose in {ANY, tenant}),
            glass.get(tenant) or glass.get(ANY) or BreakGlass(),
            self._labellers.get(tenant) or self._labellers.get(ANY) or NO_LABELS,
        )


def _digest(
    statutes: Sequence[tuple[str, Statute]],
    break_glass: Mapping[str, BreakGlass],
    labellers: Mapping[str, Labeller],
) -> str:
    if not (statutes or break_glass or labellers):
        return ""
    content: list[Any] = sorted([tenant, each.name, each.digest] for tenant, each in statutes)
    content += sorted(
        [tenant, sorted(each.groups), each.minutes, sorted(each.never)]
        for tenant, each in break_glass.items()
    )
    content += sorted([tenant, each.version] for tenant, each in labellers.items())
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


NO_LAWS: Final = Laws()
