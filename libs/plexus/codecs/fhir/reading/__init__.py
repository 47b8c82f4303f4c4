"""FHIR R4 as it comes in: the inverse of the renderers.

`read_document` takes one resource or a Bundle apart into entries, each with its canonical resource;
`subject_of` finds the one person that it is about. What the model does not hold of a resource is its
residue; a type that it does not model travels as Opaque. Nothing is refused for what it says of a
person: only what is no FHIR, or not about one person.
"""

from typing import Final

from plexus.codecs.fhir.reading.document import ENTRY_LIMIT, Document, read_document
from plexus.codecs.fhir.reading.entry import FHIR_JSON, Entry
from plexus.codecs.fhir.reading.subject import Subject, subject_of

__all__ = [
    "ENTRY_LIMIT",
    "FHIR_JSON",
    "Document",
    "Entry",
    "Subject",
    "is_fhir",
    "read_document",
    "subject_of",
]

_BLANK: Final = b"\xef\xbb\xbf \t\r\n"


def is_fhir(content: bytes) -> bool:
    """Whether the bytes can be FHIR JSON and nothing else that is taken in: they begin an object."""
    return content[:64].lstrip(_BLANK).startswith(b"{")
