"""The maps themselves, as text: segments, datatypes, code tables, message structures.

`services.transform.domain.notation` describes the notation and `load_maps` reads them. After `#`
every rule cites the row of the HL7 V2-to-FHIR guide (map, field, sort) that it follows, or says why
it is our own.
"""
