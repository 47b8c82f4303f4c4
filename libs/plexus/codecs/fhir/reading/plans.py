"""Tables of goals, plans and tests on offer: the inverse of `plexus.codecs.fhir.plans`."""

from collections.abc import Mapping
from typing import Final

from plexus.codecs.fhir.reading.datatypes import fixed, subject
from plexus.codecs.fhir.reading.filling import Table

__all__ = ["TABLES"]

TABLES: Final[Mapping[str, Table]] = {
    "CarePlan": {
        "identifier": "identifiers",
        "status": "status",
        "intent": fixed("plan"),
        "category": "categories",
        "title": "title",
        "subject": subject,
        "encounter": "encounter",
        "period": "period",
        "created": "created",
        "addresses": "addresses",
        "goal": "goals",
        "note": "notes",
    },
    "Goal": {
        "identifier": "identifiers",
        "lifecycleStatus": "status",
        "achievementStatus": "achievement",
        "category": "categories",
        "priority": "priority",
        "description": "description",
        "subject": subject,
        "startDate": "start",
        "target": {"dueDate": "due"},
        "statusDate": "status_date",
        "expressedBy": "expressed_by",
        "addresses": "addresses",
        "note": "notes",
    },
    "ObservationDefinition": {
        "identifier": "identifiers",
        "category": "categories",
        "code": "code",
        "permittedDataType": "data_types",
        "method": "method",
        "preferredReportName": "report_name",
        "quantitativeDetails": {"unit": "unit"},
    },
}
