"""What consent looks at in a resource: labels, codings, when it happened, and what it holds."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from plexus.codecs.fhir.elements import Json

__all__ = ["Attributes", "attributes_of"]

# By type of what happened, the first that is there: the time of the act before that of its record.
_DATES: Final = (
    "effectiveDateTime",
    "effectiveInstant",
    "effectivePeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "performedDateTime",
    "performedPeriod",
    "onsetDateTime",
    "onsetPeriod",
    "period",
    "servicedPeriod",
    "start",
    "authoredOn",
    "recordedDate",
    "issued",
    "date",
    "created",
)
# Members of R4 types that name what a resource is put together of.
_HOLDERS: Final = ("result", "hasMember", "section", "entry", "content")


class Attributes(NamedTuple):
    """Of one resource.

    Attributes:
        labels: security labels as `system|code`, its own and its document's.
        codes: every coding within it, as `system|code`.
        date: when it happened, as FHIR writes dates; of a period its start; empty where it is unknown.
        holds: places of what it is put together of, such as the results of a report.
    """

    resource_type: str
    labels: list[str]
    codes: list[str]
    date: str
    holds: list[int]


def attributes_of(resource: Json, places: Mapping[str, int] | None = None) -> Attributes:
    """Look at a rendered resource; `places` are those of others by address."""
    meta = resource.get("meta")
    security = meta.get("security") if isinstance(meta, dict) else None
    labels = [*_codings(security), *_codings(resource.get("securityLabel"))]
    content = {name: value for name, value in resource.items() if name != "meta"}
    return Attributes(
        str(resource.get("resourceType", "")),
        list(dict.fromkeys(labels)),
        list(dict.fromkeys(_codings(content))),
        _date(resource),
        _places([resource.get(name) for name in _HOLDERS], places) if places else [],
    )


def _places(found: Any, places: Mapping[str, int]) -> list[int]:
    addresses = dict.fromkeys(_addresses(found))
    return [places[address] for address in addresses if address in places]


def _addresses(found: Any) -> Iterator[str]:
    if isinstance(found, list):
        for each in found:
            yield from _addresses(each)
    elif isinstance(found, dict):
        if isinstance(address := found.get("reference"), str):
            yield address
        for each in found.values():
            if isinstance(each, dict | list):
                yield from _addresses(each)


def _codings(found: Any) -> Iterator[str]:
    if isinstance(found, list):
        for each in found:
            yield from _codings(each)
    elif isinstance(found, dict):
        system, code = found.get("system"), found.get("code")
        if isinstance(system, str) and isinstance(code, str):
            yield f"{system}|{code}"
        for each in found.values():
            if isinstance(each, dict | list):
                yield from _codings(each)


def _date(resource: Json) -> str:
    for name in _DATES:
        found = resource.get(name)
        if isinstance(found, dict):
            found = found.get("start")
        if isinstance(found, str):
            return found
    return ""
