"""References between FHIR resources that can never dangle.

A target in the same output is pointed at; any other one is named by a logical reference (R4
References: type and identifier, no address). A conditional reference would not do: a receiver that
lacks the target would have to fail the whole transaction.
Neighbour: `resources` makes a `Links` for one resource, `bundle` for all of an event.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from plexus.api.canonical.v1 import datatypes_pb2 as canonical
from plexus.api.canonical.v1.resources_pb2 import Participant
from plexus.codecs.fhir.datatypes import annotation, concept, identifier
from plexus.codecs.fhir.elements import ABSENT, Json, extension, filled, text
from plexus.codecs.fhir.shallow import opened
from plexus.codecs.fhir.shapes import sealed
from plexus.codecs.fhir.systems import PERSON_SYSTEM, RESOURCE_SYSTEM
from plexus.ids import resource_id

__all__ = [
    "ANNOTATION_TYPE_URL",
    "ANYBODY",
    "ANYTHING",
    "AUTHOR",
    "ENCOUNTER",
    "FHIR_TYPES",
    "FUNCTION_URL",
    "LOCATION",
    "ORGANIZATION",
    "PERFORMER",
    "PRACTITIONER",
    "REASON",
    "SPECIMEN",
    "Links",
    "Target",
]

FHIR_TYPES: Mapping[str, str] = MappingProxyType(
    {"Person": "Patient", "Allergy": "AllergyIntolerance"}
)
"""FHIR type of the canonical types that are named otherwise."""

ANNOTATION_TYPE_URL = "http://hl7.org/fhir/StructureDefinition/annotationType"
FUNCTION_URL = "http://hl7.org/fhir/StructureDefinition/event-performerFunction"

Target = tuple[str, str]
"""FHIR type and canonical key."""

PRACTITIONER = frozenset({"Practitioner", "PractitionerRole"})
ORGANIZATION = frozenset({"Organization"})
LOCATION = frozenset({"Location"})
ENCOUNTER = frozenset({"Encounter"})
SPECIMEN = frozenset({"Specimen"})
AUTHOR = PRACTITIONER | ORGANIZATION | {"Patient", "RelatedPerson"}
PERFORMER = PRACTITIONER | ORGANIZATION | {"CareTeam"}
ANYBODY = AUTHOR | {"CareTeam", "Device"}
REASON = frozenset({"Condition", "Observation", "DiagnosticReport", "DocumentReference"})
ANYTHING = (
    ANYBODY
    | REASON
    | ENCOUNTER
    | LOCATION
    | SPECIMEN
    | {
        "Account",
        "AllergyIntolerance",
        "CarePlan",
        "Coverage",
        "Goal",
        "Immunization",
        "MedicationAdministration",
        "MedicationDispense",
        "MedicationRequest",
        "Procedure",
        "ServiceRequest",
    }
)
"""Where R4 permits a reference to any resource: what may be said to support an order."""

# Each entry of an output, each reference and each destination asks for the same few ids.
_recent_id = lru_cache(maxsize=16_384)(resource_id)
_NOWHERE: Mapping[Target, str] = MappingProxyType({})


class Links:
    """What the resources of one output may point at.

    Attributes:
        tenant: whose resources they are.
        person_id: the golden person whom they are about; empty where unknown.
        targets: address of each resource that stands in the same output.
    """

    __slots__ = ("_again", "_literal", "_subject", "person_id", "targets", "tenant")

    def __init__(
        self,
        tenant: str,
        person_id: str = "",
        targets: Mapping[Target, str] = _NOWHERE,
        *,
        literal: bool = False,
    ) -> None:
        """See the attributes; `literal` points at other resources too, for a server that has them."""
        self.tenant = tenant
        self.person_id = person_id
        self.targets = targets
        self._literal = literal
        self._again: dict[tuple[frozenset[str], bytes], Json] = {}
        self._subject: Json | None = None

    def id(self, fhir_type: str, key: str) -> str:
        """The FHIR id of a resource of this tenant."""
        return _recent_id(self.tenant, fhir_type, key)

    def subject(self) -> Json:
        """Reference to the patient, or its data-absent-reason. It is shared: nobody may change it."""
        if self._subject is None:
            made = self.patient(self.person_id) if self.person_id else dict(ABSENT)
            self._subject = sealed("Reference", made)
        return self._subject

    def patient(self, person_id: str) -> Json:
        """Reference to the Patient of a golden person."""
        if address := self._address("Patient", person_id):
            return {"reference": address}
        return {"type": "Patient", "identifier": {"system": PERSON_SYSTEM, "value": person_id}}

    def one(self, source: canonical.Reference, permitted: frozenset[str]) -> Json:
        """A reference to one of the `permitted` types; {} where nothing is known.

        A target of another type is named by its display only: R4 does not allow to point at it.
        """
        made = self._one(source, permitted)
        if made and source.HasField("role"):
            role = extension(FUNCTION_URL, valueCodeableConcept=concept(source.role))
            return {"extension": [role], **made} if role else made
        return made

    def _one(self, source: canonical.Reference, permitted: frozenset[str]) -> Json:
        kind, key, display = source.type, source.key, source.display
        if not (kind or key or display or source.HasField("identifier")):
            return {}
        if display:
            display = text(display)
        fhir_type = FHIR_TYPES.get(kind, kind)
        if fhir_type and fhir_type not in permitted:
            return {"display": display} if display else {}
        if key and fhir_type and (address := self._address(fhir_type, key)):
            return {"reference": address, "display": display} if display else {"reference": address}
        known: Json
        if key and fhir_type and fhir_type != "Patient":
            known = {"system": RESOURCE_SYSTEM, "value": self.id(fhir_type, key)}
        else:
            known = identifier(source.identifier)
        if not known and not display:
            return {}
        return filled({"type": fhir_type, "identifier": known, "display": display})

    def many(self, sources: Sequence[canonical.Reference], permitted: frozenset[str]) -> list[Json]:
        """All that are known."""
        if not sources:
            return []
        return [made for each in sources[:] if (made := self.one(each, permitted))]

    def annotations(self, sources: Sequence[canonical.Annotation]) -> list[Json]:
        """All notes that have text, with who wrote them."""
        if not sources:
            return []
        return [made for each in sources[:] if (made := self._annotation(each))]

    def _annotation(self, source: canonical.Annotation) -> Json:
        made = annotation(source)
        if made and source.HasField("written_by") and (who := self.one(source.written_by, AUTHOR)):
            made.pop("authorString", None)
            made["authorReference"] = who
        if made and source.HasField("kind"):
            kind = extension(ANNOTATION_TYPE_URL, valueCodeableConcept=concept(source.kind))
            return {"extension": [kind], **made} if kind else made
        return made

    def performers(self, sources: Sequence[Participant], permitted: frozenset[str]) -> list[Json]:
        """Those who did something, with the part that they played: function and actor."""
        return [
            filled({"function": concept(each.role), "actor": who})
            for each in sources
            if (who := self.one(each.actor, permitted))
        ]

    def again(self, source: bytes, permitted: frozenset[str]) -> Json:
        """`one` of a Reference, serialised, that others of this output may have too.

        The results of a report all name its order and its visit. What they get is shared: nobody may
        change it.
        """
        if not source:
            return {}
        made = self._again.get((permitted, source))
        if made is None:
            made = sealed("Reference", self.one(opened(canonical.Reference, source), permitted))
            self._again[permitted, source] = made
        return made

    def again_many(self, sources: Sequence[bytes], permitted: frozenset[str]) -> list[Json]:
        """`many`, likewise."""
        if not sources:
            return []
        return [made for each in sources[:] if (made := self.again(each, permitted))]

    def _address(self, fhir_type: str, key: str) -> str:
        if address := self.targets.get((fhir_type, key)):
            return address
        if self._literal and (fhir_type != "Patient" or key == self.person_id):
            return f"{fhir_type}/{self.id(fhir_type, key)}"
        return ""
