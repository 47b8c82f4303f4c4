"""Which identifiers name a person, and the form in which they are compared.

An authority has up to two names (HL7 v2.5.1 2.A.36 HD): a universal id and a namespace. Sources send
one, the other or both, so an identifier is known by each name that it came with. The universal id
decides where both sides have one; a namespace is unique within its tenant only. Values are compared
as they are, without surrounding white space: leading zeros and case may tell two persons apart.
"""

import functools
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from plexus.api.canonical.v1.datatypes_pb2 import Identifier

__all__ = ["Name", "PersonIdentifier", "authority_name", "identifying", "is_placeholder"]


class Name(NamedTuple):
    """What the index is searched by. Holds patient data."""

    tenant: str
    authority: str
    value: str


class PersonIdentifier(NamedTuple):
    """An identifier that names a person.

    Attributes:
        by_universal_id: its name by the authority's universal id, or None.
        by_namespace: its name by the authority's namespace, or None. At least one is there.
    """

    by_universal_id: Name | None
    by_namespace: Name | None

    @property
    def universal_id(self) -> str:
        """The authority's universal id, or empty."""
        return self.by_universal_id.authority if self.by_universal_id else ""

    @property
    def names(self) -> tuple[Name, ...]:
        """All names, the strongest first."""
        return tuple(name for name in self if name is not None)


# HL7 table 0203: identifiers of accounts, cards, visits, orders and policies, which several persons
# may share or one person may have many of; and the social security number, which households share
# and registration desks invent.
_NOT_PERSONS: Final = frozenset({
    "ACSN", "AM", "AN", "ANC", "AND", "ANT", "BA", "BC", "DI", "DS", "FILL", "GI", "GN", "LACSN",
    "MB", "MCN", "MS", "PLAC", "SN", "SNO", "SS", "TAX", "VN", "VS", "WC", "WCN",
})  # fmt: skip

_PLACEHOLDERS: Final = frozenset({
    "", "0123456789", "123456789", "1234567890", "ANONYMOUS", "DUMMY", "NA", "NIL", "NOID", "NONE",
    "NOTAPPLICABLE", "NOTAVAILABLE", "NOTKNOWN", "NOTPROVIDED", "NULL", "PENDING", "TBD", "UNASSIGNED",
    "UNK", "UNKNOWN",
})  # fmt: skip
_MOST_CHARACTERS: Final = 255
_NO_LETTER_OR_DIGIT: Final = re.compile(r"[\W_]+")


@functools.lru_cache(maxsize=4096)
def authority_name(text: str) -> str:
    """The canonical form of a namespace or universal id: no URN prefix, case-folded."""
    folded = text.strip().casefold()
    for prefix in ("urn:oid:", "urn:uuid:"):
        folded = folded.removeprefix(prefix)
    return folded


def is_placeholder(value: str) -> bool:
    """True for what is typed in where no number is known: UNKNOWN, N/A, 0000, 99999 and the like."""
    bare = _NO_LETTER_OR_DIGIT.sub("", value).upper()
    if bare in _PLACEHOLDERS:
        return True
    # A short number may be real; zeros never are.
    return len(set(bare)) == 1 and (bare[0] == "0" or len(bare) > 2)


def _is_sound(text: str) -> bool:
    """False for what no registry assigns and no index of PostgreSQL holds."""
    return len(text) <= _MOST_CHARACTERS and "\0" not in text


def identifying(tenant: str, identifiers: Iterable[Identifier]) -> list[PersonIdentifier]:
    """Those of `identifiers` that name a person, each once, in their order."""
    found: dict[PersonIdentifier, None] = {}
    for identifier in identifiers:
        value = identifier.value.strip()
        if identifier.type_code.upper() in _NOT_PERSONS or is_placeholder(value):
            continue
        authority = identifier.authority
        universal_id = authority_name(authority.universal_id)
        namespace = authority_name(authority.namespace)
        if not universal_id and not namespace:
            continue
        if not all(map(_is_sound, (value, universal_id, namespace))):
            continue
        found[
            PersonIdentifier(
                Name(tenant, universal_id, value) if universal_id else None,
                Name(tenant, namespace, value) if namespace and namespace != universal_id else None,
            )
        ] = None
    return list(found)
