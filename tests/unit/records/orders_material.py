"""Orders and results under several numbers, as transform names them. Synthetic."""

import dataclasses

from plexus.api.canonical.v1.datatypes_pb2 import Identifier, Origin, Reference
from plexus.api.canonical.v1.resources_pb2 import (
    DiagnosticReport,
    Observation,
    Resource,
    ServiceRequest,
)
from services.records.domain import POINTER, Record
from tests.unit.records.records_material import LAB

_ORDER = "PFA"
_REPORT = "FPA"
_TYPE_CODES = {"P": "PLAC", "F": "FILL", "A": "ACSN"}


def key_of(kind: str, number: str) -> str:
    return f"{kind}|NORTH|{number}|CBC"


def _named(kind: str, numbers: str, order: str) -> Resource:
    """A resource as transform names it: by the best of its numbers."""
    known = [each for each in order if each in numbers]
    resource = Resource(key=key_of(kind, known[0]))
    if len(known) > 1 or known[0] != order[0]:
        for each in known:
            resource.names.add(key=key_of(kind, each), precedence=order.index(each))
    return resource


def _identifiers(numbers: str) -> list[Identifier]:
    return [Identifier(value=each, type_code=_TYPE_CODES[each]) for each in numbers]


@dataclasses.dataclass(frozen=True)
class OrderMessage:
    """A message that names an order by some of its numbers."""

    numbers: str
    day: int
    is_result: bool
    status: str = "final"

    @property
    def trigger(self) -> str:
        return "ORU^R01" if self.is_result else "ORM^O01"

    @property
    def resources(self) -> list[Resource]:
        request = _named("ServiceRequest", self.numbers, _ORDER)
        request.service_request.CopyFrom(
            ServiceRequest(
                status="unknown" if self.is_result else "active",
                identifiers=_identifiers(self.numbers),
                authored_on=f"2026-03-0{self.day}",
            )
        )
        told = [request]
        if self.is_result:
            ordered = Reference(type="ServiceRequest", key=request.key)
            report = _named("DiagnosticReport", self.numbers, _REPORT)
            within = report.key.replace("|", "\\|")
            result = Resource(key=f"Observation|{within}|HGB|")
            result.observation.CopyFrom(Observation(status=self.status, based_on=[ordered]))
            report.diagnostic_report.CopyFrom(
                DiagnosticReport(
                    status=self.status,
                    identifiers=_identifiers(self.numbers),
                    based_on=[ordered],
                    results=[Reference(type="Observation", key=result.key)],
                    issued=f"2026-03-0{self.day}",
                )
            )
            told += [report, result]
        for resource in told:
            resource.origin.CopyFrom(Origin(source=LAB, time=f"2026-03-0{self.day}"))
        return told


def living(record: Record) -> dict[str, Resource]:
    """The living resources, by key."""
    return {
        slot.key: Resource.FromString(each.shown)
        for slot, each in record.held.items()
        if slot.told_by != POINTER and not each.is_moved
    }
