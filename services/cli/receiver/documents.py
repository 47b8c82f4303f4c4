"""The FHIR documents that the receiver writes itself, and its one error."""

import datetime
from collections.abc import Sequence
from typing import Any, Final

__all__ = ["CAPABILITIES", "FhirError", "Json", "outcome", "searchset", "timestamp"]

Json = dict[str, Any]

CAPABILITIES: Final[Json] = {
    "resourceType": "CapabilityStatement",
    "status": "active",
    "date": "2026-01-01",
    "kind": "instance",
    "implementation": {"description": "plexus receive: takes what a destination gets"},
    "fhirVersion": "4.0.1",
    "format": ["json"],
    "rest": [
        {
            "mode": "server",
            "documentation": (
                "Any resource type can be read, updated and deleted by id, searched by identifier,"
                " and updated and deleted conditionally by identifier."
            ),
            "interaction": [{"code": "transaction"}],
        }
    ],
}


class FhirError(Exception):
    """A request that is not granted.

    Attributes:
        status: HTTP status.
        code: of FHIR R4 issue-type.
        diagnostics: for people; names places, never values.
    """

    def __init__(self, status: int, code: str, diagnostics: str) -> None:
        super().__init__(diagnostics)
        self.status = status
        self.code = code
        self.diagnostics = diagnostics


def outcome(code: str, diagnostics: str) -> Json:
    """An OperationOutcome with one error."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": diagnostics}],
    }


def searchset(resources: Sequence[Json]) -> Json:
    """A Bundle of what was found (R4 3.1.1.3.2)."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "entry": [{"resource": each, "search": {"mode": "match"}} for each in resources],
    }


def timestamp(at: float) -> str:
    """A FHIR instant with milliseconds, of seconds since 1970."""
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
