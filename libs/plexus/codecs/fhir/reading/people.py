"""Tables of the persons, bodies and places: the inverse of `plexus.codecs.fhir.people`."""

from collections.abc import Mapping
from typing import Final

from plexus.codecs.fhir import people
from plexus.codecs.fhir.reading import patients
from plexus.codecs.fhir.reading.datatypes import code_in, subject
from plexus.codecs.fhir.reading.filling import Each, Extensions, Table

__all__ = ["TABLES"]

TABLES: Final[Mapping[str, Table]] = {
    "Patient": {
        "meta": {"security": "restrictions"},
        "identifier": "identifiers",
        "name": "names",
        "telecom": "telecoms",
        "gender": "gender",
        "birthDate": patients.birth,
        "deceasedDateTime": "deceased_time",
        "deceasedBoolean": "deceased",
        "address": "addresses",
        "maritalStatus": "marital_status",
        "multipleBirthInteger": "birth_order",
        "multipleBirthBoolean": "multiple_birth",
        "contact": patients.contacts,
        "communication": patients.communication,
        "generalPractitioner": "general_practitioners",
        "extension": Extensions(
            {
                people.RACE_SENT_URL: "races",
                people.ETHNICITY_SENT_URL: "ethnicities",
                people.RACE_URL: patients.race("races"),
                people.ETHNICITY_URL: patients.race("ethnicities"),
                people.RELIGION_URL: "religion",
                people.MAIDEN_NAME_URL: patients.maiden_name,
                people.BIRTH_PLACE_URL: {"text": "birth_place"},
                people.CITIZENSHIP_URL: Extensions({"code": "citizenships"}),
                people.NATIONALITY_URL: Extensions({"code": "nationalities"}),
                people.DISABILITY_URL: "disabilities",
                people.CONGREGATION_URL: "congregation",
            }
        ),
    },
    "Patient.contact": {
        "relationship": "relationships",
        "name": "names",
        "telecom": "telecoms",
        "address": "addresses",
        "gender": "gender",
        "period": "period",
    },
    "RelatedPerson": {
        "identifier": "identifiers",
        "patient": subject,
        "relationship": "relationships",
        "name": "names",
        "telecom": "telecoms",
        "gender": "gender",
        "birthDate": "birth_date",
        "address": "addresses",
        "communication": patients.communication,
        "period": "period",
    },
    "Practitioner": {
        "identifier": "identifiers",
        "name": "names",
        "telecom": "telecoms",
        "address": "addresses",
        "active": "active",
        "gender": "gender",
        "birthDate": "birth_date",
        "qualification": {"code": "qualifications"},
        "communication": "languages",
    },
    "PractitionerRole": {
        "identifier": "identifiers",
        "active": "active",
        "period": "period",
        "practitioner": "practitioner",
        "organization": "organization",
        "code": "roles",
        "specialty": "specialties",
        "location": "locations",
        "telecom": "telecoms",
    },
    "Organization": {
        "identifier": "identifiers",
        "type": "types",
        "name": "name",
        "alias": "aliases",
        "telecom": "telecoms",
        "address": "addresses",
        "partOf": "part_of",
        "contact": Each(
            "contacts",
            {"purpose": "purpose", "name": "name", "telecom": "telecoms", "address": "address"},
        ),
    },
    "Location": {
        "identifier": "identifiers",
        "name": "name",
        "description": "description",
        "mode": "mode",
        "physicalType": code_in("physical_type", "location-physical-type", or_text=True),
        "partOf": "part_of",
        "status": "status",
        "type": "types",
        "telecom": "telecoms",
        "address": "address",
        "managingOrganization": "managing_organization",
    },
}
