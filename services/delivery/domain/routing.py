"""Who wants a message: each destination's subscription, by tenant, message type and source."""

import dataclasses
import fnmatch
import re
from collections.abc import Sequence

from plexus.ids import STEWARDSHIP

__all__ = ["Route", "Router"]


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """One destination's wish. Patterns are those of a shell: * and ?."""

    destination: str
    tenant: str
    events: tuple[str, ...]
    sources: tuple[str, ...]


class Router:
    """Finds the destinations of a message."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = [
            (route.destination, route.tenant, _any_of(route.events), _any_of(route.sources))
            for route in routes
        ]
        # Message types, sources and tenants are few: each combination is matched once.
        self._known: dict[tuple[str, str, str], tuple[str, ...]] = {}

    def destinations(self, tenant: str, message_type: str, source: str) -> tuple[str, ...]:
        """The destinations that want such a message, in the order of the mesh document.

        What a steward has decided corrects what was told before, whoever had sent that: all
        destinations of the tenant want it.
        """
        name = (tenant, message_type, source)
        found = self._known.get(name)
        if found is None:
            found = tuple(
                destination
                for destination, of_tenant, events, sources in self._routes
                if of_tenant == tenant
                and (
                    source == STEWARDSHIP or (events.match(message_type) and sources.match(source))
                )
            )
            if len(self._known) < 10_000:
                self._known[name] = found
        return found


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns))
