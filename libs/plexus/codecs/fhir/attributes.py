"""What consent looks at in a resource: its labels, its codings, and when it happened."""

from collections.abc import Iterator
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


class Attributes(NamedTuple):
    """Of one resource.

    Attributes:
        labels: security labels as `system|code`, its own and its document's.
        codes: every coding within it, as `system|code`.
        date: when it happened, as FHIR writes dates; of a period its start; empty where it is unknown.
    """

    resource_type: str
    labels: list[str]
    codes: list[str]
    date: str


def attributes_of(resource: Json) -> Attributes:
    """Look at a rendered resource."""
    meta = resource.get("meta")
    security = meta.get("security") if isinstance(meta, dict) else None
    labels = [*_codings(security), *_codings(resource.get("securityLabel"))]
    content = {name: value for name, value in resource.items() if name != "meta"}
    return Attributes(
        str(resource.get("resourceType", "")),
        list(dict.fromkeys(labels)),
        list(dict.fromkeys(_codings(content))),
        _date(resource),
    )


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
