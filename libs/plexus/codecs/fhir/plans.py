"""Goal, CarePlan and ObservationDefinition: what is to be reached, how, and what a laboratory offers."""

from plexus.api.canonical.v1 import resources_pb2
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.datatypes import concept, concepts, period
from plexus.codecs.fhir.elements import ABSENT_CONCEPT, Json, filled, text
from plexus.codecs.fhir.references import ENCOUNTER, PRACTITIONER, Links

__all__ = ["care_plan", "goal", "observation_definition"]

_GOAL_SETTER = PRACTITIONER | {"Patient", "RelatedPerson"}
_ADDRESSED = frozenset({"Condition", "Observation", "ServiceRequest"})
_DATA_TYPES = frozenset(
    {
        "Quantity",
        "CodeableConcept",
        "string",
        "boolean",
        "integer",
        "Range",
        "Ratio",
        "SampledData",
        "time",
        "dateTime",
        "Period",
    }
)


def goal(source: resources_pb2.Goal, links: Links) -> Json:
    """R4 Goal; one without a status is proposed, which claims least."""
    due = times.date(source.due)
    return {
        "lifecycleStatus": coded(source.status, codes.GOAL_STATUS, "proposed"),
        "achievementStatus": concept(source.achievement),
        "category": concepts(source.categories),
        "priority": concept(source.priority),
        "description": concept(source.description) or ABSENT_CONCEPT,
        "subject": links.subject(),
        "startDate": times.date(source.start),
        "target": [{"dueDate": due}] if due else None,
        "statusDate": times.date(source.status_date),
        "expressedBy": links.one(source.expressed_by, _GOAL_SETTER),
        "addresses": links.many(source.addresses, _ADDRESSED),
        "note": links.annotations(source.notes),
    }


def care_plan(source: resources_pb2.CarePlan, links: Links) -> Json:
    """R4 CarePlan that is a plan."""
    return {
        "status": coded(source.status, codes.PLAN_STATUS, "unknown"),
        "intent": "plan",
        "category": concepts(source.categories),
        "title": text(source.title),
        "subject": links.subject(),
        "encounter": links.one(source.encounter, ENCOUNTER),
        "period": period(source.period),
        "created": times.date_time(source.created),
        "addresses": links.many(source.addresses, frozenset({"Condition"})),
        "goal": links.many(source.goals, frozenset({"Goal"})),
        "note": links.annotations(source.notes),
    }


def observation_definition(source: resources_pb2.ObservationDefinition, _links: Links) -> Json:
    """R4 ObservationDefinition."""
    unit = concept(source.unit)
    return {
        "category": concepts(source.categories),
        "code": concept(source.code) or ABSENT_CONCEPT,
        "permittedDataType": [each for each in source.data_types if each in _DATA_TYPES],
        "method": concept(source.method),
        "preferredReportName": text(source.report_name),
        "quantitativeDetails": filled({"unit": unit}),
    }
