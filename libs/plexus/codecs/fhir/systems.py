"""URIs for code systems and for assigning authorities.

HL7 v2 names code systems by table 0396 (`LN`) and authorities by HD (name, universal id, type);
FHIR wants an absolute URI. What has a registered URI gets it (`plexus.codecs.terminology`); any other
name becomes a URN of our own, so that two names never fall together and none is lost. All functions
are pure and cached: a feed uses few names, many times.
"""

import re
from functools import lru_cache
from urllib.parse import quote

from plexus.codecs.terminology import OIDS, system_of_name, table

__all__ = [
    "AUTHORITY_PREFIX",
    "CODE_SYSTEM_PREFIX",
    "FEED_SYSTEM",
    "IDENTIFIER_TYPES",
    "IDENTIFIER_TYPE_SYSTEM",
    "MESSAGE_SYSTEM",
    "PERSON_SYSTEM",
    "RESOURCE_SYSTEM",
    "authority_uri",
    "claimed",
    "system_uri",
]

PERSON_SYSTEM = "urn:plexus:person"
RESOURCE_SYSTEM = "urn:plexus:resource"
CODE_SYSTEM_PREFIX = "urn:plexus:codesystem:"
AUTHORITY_PREFIX = "urn:plexus:authority:"
MESSAGE_SYSTEM = "urn:plexus:message"
FEED_SYSTEM = "urn:plexus:feed"
IDENTIFIER_TYPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/v2-0203"

_types = table(203)
IDENTIFIER_TYPES = frozenset(_types.codes if _types else ())
"""Codes of HL7 table 0203; a type outside it is sent as text."""

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+")
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LOCAL = frozenset({"", "L", "LOCAL"})


@lru_cache(maxsize=4096)
def system_uri(system: str, name: str = "") -> str:
    """URI of a code system given as a URI, as a bare OID or by its name; "" for plain "local"."""
    system = system.strip()
    if _ABSOLUTE.fullmatch(system):
        return OIDS.get(system.removeprefix("urn:oid:"), system)
    if _OID.fullmatch(system):
        return OIDS.get(system, f"urn:oid:{system}")
    short = (system or name).strip()
    if short.upper() in _LOCAL:
        return ""
    return system_of_name(short) or claimed(short)


def claimed(system: str) -> str:
    """URI of a code system that only its sender knows, by the sender's name for it."""
    return f"{CODE_SYSTEM_PREFIX}{quote(system, safe='')}"


@lru_cache(maxsize=4096)
def authority_uri(namespace: str, universal_id: str, universal_id_type: str) -> str:
    """URI of an assigning authority (HL7 v2.5.1 2.A.36, HD), or "" where nothing names it.

    The universal id goes first, by its type; one that is not of its type, and a bare namespace,
    become `urn:plexus:authority:` with the name percent-encoded.
    """
    universal_id, namespace = universal_id.strip(), namespace.strip()
    kind = universal_id_type.strip().upper()
    lower = universal_id.lower()
    if kind in {"ISO", "OID", ""} and _OID.fullmatch(universal_id):
        return OIDS.get(universal_id, f"urn:oid:{universal_id}")
    if kind in {"UUID", "GUID", ""} and _UUID.fullmatch(lower):
        return f"urn:uuid:{lower}"
    if kind in {"URI", "URL", "URN", "ISO", "OID", "UUID", ""} and _ABSOLUTE.fullmatch(
        universal_id
    ):
        return OIDS.get(universal_id.removeprefix("urn:oid:"), universal_id)
    if kind == "DNS" and universal_id:
        return f"urn:plexus:dns:{quote(lower, safe='')}"
    name = namespace or universal_id
    return f"{AUTHORITY_PREFIX}{quote(name, safe='')}" if name else ""
