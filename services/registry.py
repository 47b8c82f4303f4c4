"""The services, by name. A new service is one folder and one line here.

A service is imported on demand, so that a process loads only what it runs.
"""

import dataclasses
import importlib
from collections.abc import Awaitable, Callable

from plexus.errors import NotFound
from plexus.service import Runtime
from plexus.settings import ServiceSettings

__all__ = ["SERVICES", "ServiceEntry", "load_service", "sections_of"]

# In the order in which a message meets them; any start order works.
SERVICES: dict[str, str] = {
    "audit": "evidence: the custody ledger, the audit log, the conservation report",
    "consent": "decides whether data may flow",
    "ingest": "receipt: stores a message before it acknowledges it",
    "transform": "meaning: source dialect to canonical event",
    "identity": "who is who: the master person index",
    "records": "the record: one actor per person",
    "delivery": "leaving: destinations, retries, what waits",
}


@dataclasses.dataclass(frozen=True, slots=True)
class ServiceEntry:
    """How to run a service: its settings class and its wiring."""

    name: str
    settings: type[ServiceSettings]
    wire: Callable[[Runtime], Awaitable[None]]


def load_service(name: str) -> ServiceEntry:
    """Import one service. Raises NotFound where there is none of that name."""
    if name not in SERVICES:
        raise NotFound(f"there is no service {name}; there are: {', '.join(SERVICES)}")
    app = importlib.import_module(f"services.{name}.app")
    return ServiceEntry(name, app.SETTINGS, app.wire)


def sections_of(name: str) -> set[str]:
    """The top-level names of the mesh document that a service reads."""
    app = importlib.import_module(f"services.{name}.app")
    return set(getattr(app, "SECTIONS", ()))
