"""Patient, RelatedPerson, Practitioner, Organization and Location.

Rules from the HL7 v2-to-FHIR guide (PID, PD1, NK1): religion, place of birth, citizenship, race and
ethnic group have no element in R4 and stand in the extensions that HL7 publishes for them.
"""

from collections.abc import Sequence
from typing import Any

from plexus.api.canonical.v1 import datatypes_pb2, resources_pb2
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.contact_points import telecoms
from plexus.codecs.fhir.datatypes import (
    address,
    addresses,
    concept,
    concept_label,
    concepts,
    human_name,
    human_names,
    labels,
    period,
)
from plexus.codecs.fhir.elements import Json, every, extension, filled, text, token
from plexus.codecs.fhir.references import LOCATION, ORGANIZATION, PRACTITIONER, Links
from plexus.codecs.fhir.systems import system_uri

__all__ = [
    "BIRTH_PLACE_URL",
    "BIRTH_TIME_URL",
    "CITIZENSHIP_URL",
    "CONGREGATION_URL",
    "DISABILITY_URL",
    "ETHNICITY_SENT_URL",
    "ETHNICITY_URL",
    "MAIDEN_NAME_URL",
    "MOTHER",
    "NATIONALITY_URL",
    "RACE_SENT_URL",
    "RACE_URL",
    "RELIGION_URL",
    "location",
    "omb_ethnicity",
    "organization",
    "patient",
    "practitioner",
    "practitioner_role",
    "related_person",
]

_HL7 = "http://hl7.org/fhir/StructureDefinition"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
BIRTH_PLACE_URL = f"{_HL7}/patient-birthPlace"
BIRTH_TIME_URL = f"{_HL7}/patient-birthTime"
CITIZENSHIP_URL = f"{_HL7}/patient-citizenship"
CONGREGATION_URL = f"{_HL7}/patient-congregation"
DISABILITY_URL = f"{_HL7}/patient-disability"
ETHNICITY_URL = f"{_US_CORE}/us-core-ethnicity"
MAIDEN_NAME_URL = f"{_HL7}/patient-mothersMaidenName"
NATIONALITY_URL = f"{_HL7}/patient-nationality"
RACE_URL = f"{_US_CORE}/us-core-race"
RACE_SENT_URL = "urn:plexus:extension:race"
ETHNICITY_SENT_URL = "urn:plexus:extension:ethnicity"
"""A race and an ethnic group as they were sent, where US Core's extensions do not say all of it."""
RELIGION_URL = f"{_HL7}/patient-religion"
_CDC_RACE = "urn:oid:2.16.840.1.113883.6.238"
_V2_RACES = {_CDC_RACE, "http://terminology.hl7.org/CodeSystem/v2-0005"}
_OMB_RACES = {"1002-5", "2028-9", "2054-5", "2076-8", "2106-3"}
_V2_ETHNICITIES = {_CDC_RACE, "http://terminology.hl7.org/CodeSystem/v2-0189"}
# HL7 table 0189 has letters for the two codes of OMB.
_OMB_ETHNICITIES = {"2135-2": "2135-2", "2186-5": "2186-5", "H": "2135-2", "N": "2186-5"}
MOTHER: Json = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}]
}


def patient(person: resources_pb2.Person, links: Links) -> Json:
    """R4 Patient."""
    born = times.date(person.birth_date)
    born_at = times.instant(person.birth_date)
    language = concept(person.language)
    died_at = times.date_time(person.deceased_time)
    has_order = 0 < person.birth_order < 2**31
    return {
        "meta": labels(person.restrictions),
        "extension": _patient_extensions(person),
        "name": human_names(person.names),
        "telecom": telecoms(person.telecoms),
        "gender": coded(person.gender, codes.GENDER),
        "birthDate": born,
        "_birthDate": {"extension": [extension(BIRTH_TIME_URL, valueDateTime=born_at)]}
        if born_at
        else None,
        "deceasedDateTime": died_at,
        "deceasedBoolean": person.deceased if person.HasField("deceased") and not died_at else None,
        "address": addresses(person.addresses),
        "maritalStatus": concept(person.marital_status),
        "multipleBirthInteger": person.birth_order if has_order else None,
        "multipleBirthBoolean": person.multiple_birth
        if person.HasField("multiple_birth") and not has_order
        else None,
        "contact": [
            *(
                {"relationship": [MOTHER], "name": name}
                for name in human_names(person.mother_names)
            ),
            *({"organization": body} for body in links.many(person.contact_bodies, ORGANIZATION)),
        ],
        "communication": [{"language": language, "preferred": True}] if language else None,
        "generalPractitioner": links.many(
            person.general_practitioners, PRACTITIONER | ORGANIZATION
        ),
    }


def _patient_extensions(person: resources_pb2.Person) -> list[Json]:
    maiden = next((name for each in person.mother_names if (name := text(each.family))), "")
    race, ethnicity = _race(person.races), _ethnicity(person.ethnicities)
    found = [
        *_as_sent(RACE_SENT_URL, person.races, race),
        race,
        *_as_sent(ETHNICITY_SENT_URL, person.ethnicities, ethnicity),
        ethnicity,
        extension(RELIGION_URL, valueCodeableConcept=concept(person.religion)),
        extension(MAIDEN_NAME_URL, valueString=maiden),
    ]
    if place := text(person.birth_place):
        found.append(extension(BIRTH_PLACE_URL, valueAddress={"text": place}))
    for url, of in (
        (CITIZENSHIP_URL, person.citizenships),
        (NATIONALITY_URL, person.nationalities),
    ):
        found += (
            {"url": url, "extension": [{"url": "code", "valueCodeableConcept": made}]}
            for made in concepts(of)
        )
    animal = [
        {"url": name, "valueCodeableConcept": made}
        for name, made in (("species", concept(person.species)), ("breed", concept(person.breed)))
        if made
    ]
    if animal and animal[0]["url"] == "species":
        found.append({"url": f"{_HL7}/patient-animal", "extension": animal})
    found.append(
        extension(f"{_HL7}/patient-importance", valueCodeableConcept=concept(person.importance))
    )
    found += (
        extension(DISABILITY_URL, valueCodeableConcept=made)
        for made in concepts(person.disabilities)
    )
    found.append(extension(CONGREGATION_URL, valueString=text(person.congregation)))
    return [each for each in found if each]


def _as_sent(url: str, of: Sequence[datatypes_pb2.Concept], told: Json) -> list[Json]:
    """Those of which US Core's extension lacks a code, its system or its version; it has all words."""
    if not of:
        return []
    parts: Any = told.get("extension", ())
    shown = [part.get("valueCoding") for part in parts]
    sent: Any = concepts(of)
    return [
        {"url": url, "valueCodeableConcept": made}
        for made in sent
        if any(each not in shown for each in made.get("coding", ()))
    ]


def _race(races: Sequence[datatypes_pb2.Concept]) -> Json:
    """US Core race: the OMB categories, other CDC codes as detail, and always the words."""
    omb: dict[str, Json] = {}
    detailed: dict[str, Json] = {}
    labels: dict[str, None] = {}
    if not races:
        return {}
    for race in races:
        if label := concept_label(race):
            labels[label] = None
        for each in race.codings:
            code = token(each.code)
            # The five categories are known by their codes, however the sender names the table.
            if code in _OMB_RACES or (
                code and system_uri(each.system, each.system_name) in _V2_RACES
            ):
                (omb if code in _OMB_RACES else detailed)[code] = _cdc("valueCoding", code, each)
    # 2131-1 "other race" is in neither value set of US Core.
    detailed.pop("2131-1", None)
    return _us_core(RACE_URL, omb, detailed, labels)


def _ethnicity(ethnicities: Sequence[datatypes_pb2.Concept]) -> Json:
    """US Core ethnicity, built like race; one OMB category at most."""
    omb: dict[str, Json] = {}
    detailed: dict[str, Json] = {}
    labels: dict[str, None] = {}
    if not ethnicities:
        return {}
    for ethnicity in ethnicities:
        if label := concept_label(ethnicity):
            labels[label] = None
        for each in ethnicity.codings:
            system, code = system_uri(each.system, each.system_name), token(each.code)
            is_known = system in _V2_ETHNICITIES or code in _OMB_ETHNICITIES.values()
            if not is_known or not code:
                continue
            if category := omb_ethnicity(code):
                if not omb:
                    omb[category] = _cdc("valueCoding", category, each)
            elif system == _CDC_RACE:
                detailed[code] = _cdc("valueCoding", code, each)
    return _us_core(ETHNICITY_URL, omb, detailed, labels)


def omb_ethnicity(code: str) -> str:
    """The category of OMB that a code of HL7 table 0189 or of CDC is; "" where it is none."""
    return _OMB_ETHNICITIES.get(code, "")


def _cdc(name: str, code: str, source: datatypes_pb2.Coding) -> Json:
    made: Json = {"system": _CDC_RACE, "code": code}
    if display := text(source.display):
        made["display"] = display
    return {name: made}


def _us_core(
    url: str, omb: dict[str, Json], detailed: dict[str, Json], labels: dict[str, None]
) -> Json:
    if not labels:
        return {}
    parts: list[Json] = [{"url": "ombCategory", **value} for value in omb.values()]
    parts += ({"url": "detailed", **value} for value in detailed.values())
    parts.append({"url": "text", "valueString": ", ".join(labels)})
    return {"url": url, "extension": parts}


def related_person(source: resources_pb2.RelatedPerson, links: Links) -> Json:
    """R4 RelatedPerson."""
    language = concept(source.language)
    return {
        "patient": links.subject(),
        "relationship": concepts(source.relationships),
        "name": human_names(source.names),
        "telecom": telecoms(source.telecoms),
        "gender": coded(source.gender, codes.GENDER),
        "birthDate": times.date(source.birth_date),
        "address": addresses(source.addresses),
        "period": period(source.period),
        "communication": [{"language": language, "preferred": True}] if language else None,
    }


def practitioner(source: resources_pb2.Practitioner, _links: Links) -> Json:
    """R4 Practitioner."""
    return {
        "name": human_names(source.names),
        "telecom": telecoms(source.telecoms),
        "address": addresses(source.addresses),
        "active": source.active if source.HasField("active") else None,
        "gender": coded(source.gender, codes.GENDER),
        "birthDate": times.date(source.birth_date),
        "qualification": [{"code": made} for made in concepts(source.qualifications)],
        "communication": concepts(source.languages),
    }


def practitioner_role(source: resources_pb2.PractitionerRole, links: Links) -> Json:
    """R4 PractitionerRole."""
    return {
        "active": source.active if source.HasField("active") else None,
        "period": period(source.period),
        "practitioner": links.one(source.practitioner, frozenset({"Practitioner"})),
        "organization": links.one(source.organization, ORGANIZATION),
        "code": concepts(source.roles),
        "specialty": concepts(source.specialties),
        "location": links.many(source.locations, LOCATION),
        "telecom": telecoms(source.telecoms),
    }


def organization(source: resources_pb2.Organization, links: Links) -> Json:
    """R4 Organization; nothing of it is ever of use "home" (invariants org-2 and org-3)."""
    made_telecoms, made_addresses = telecoms(source.telecoms), addresses(source.addresses)
    for made in (*made_telecoms, *made_addresses):
        if made.get("use") == "home":
            del made["use"]
    return {
        "type": concepts(source.types),
        "name": text(source.name),
        "alias": [words for each in source.aliases if (words := text(each))],
        "telecom": made_telecoms,
        "address": made_addresses,
        "partOf": links.one(source.part_of, ORGANIZATION),
        "contact": every(_organization_contact, source.contacts),
    }


def _organization_contact(source: resources_pb2.OrganizationContact) -> Json:
    return filled(
        {
            "purpose": concept(source.purpose),
            "name": human_name(source.name),
            "telecom": telecoms(source.telecoms),
            "address": address(source.address),
        }
    )


def location(source: resources_pb2.Location, links: Links) -> Json:
    """R4 Location."""
    kind = coded(source.physical_type, codes.LOCATION_PHYSICAL_TYPE)
    return {
        "status": coded(source.status, codes.LOCATION_STATUS),
        "name": text(source.name),
        "description": text(source.description),
        "type": concepts(source.types),
        "telecom": telecoms(source.telecoms),
        "address": address(source.address),
        "managingOrganization": links.one(source.managing_organization, ORGANIZATION),
        "mode": coded(source.mode, codes.LOCATION_MODE),
        "physicalType": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/location-physical-type",
                    "code": kind,
                }
            ]
        }
        if kind
        else {"text": words}
        if (words := text(source.physical_type))
        else None,
        "partOf": links.one(source.part_of, LOCATION),
    }
