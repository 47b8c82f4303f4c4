"""What one message says of its subject: which source record it tells, and a digest to know news by.

Most messages say what is known already. The digest is cheap and shows that; features are made only where
something is new.
"""

import functools
import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from plexus.api.canonical.v1.resources_pb2 import Person
from services.identity.domain.blocking import BlockingKey, blocking_keys
from services.identity.domain.identifiers import Name
from services.identity.domain.normalisation import Features, features_of, normalisation_version

__all__ = ["Evidence", "RecordKey"]


class RecordKey(NamedTuple):
    """Names a source record: one source's view of the person behind one identifier.

    Holds patient data.
    """

    name: Name
    source: str


class Evidence:
    """What a message says of the person behind one identifier.

    Attributes:
        key: the source record.
        is_registered: registration says it (ADT), and not a message that has other business.
    """

    def __init__(self, key: RecordKey, person: Person, *, is_registered: bool) -> None:
        self.key = key
        self.is_registered = is_registered
        self._person = person

    @functools.cached_property
    def digest(self) -> bytes:
        """16 bytes that change with what is said, and with the rules by which it is read."""
        text = "\x1e".join("\x1f".join(part) for part in _said(self._person))
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    @functools.cached_property
    def features(self) -> Features:
        """What is said, in the form in which people are compared."""
        return features_of(self._person)

    @functools.cached_property
    def keys(self) -> tuple[BlockingKey, ...]:
        """The blocking keys of the features."""
        return tuple(blocking_keys(self.key.name.tenant, self.features))


def _said(person: Person) -> Iterable[Iterable[str]]:
    """All that `features_of` reads, and nothing of who said it when."""
    yield (normalisation_version(), person.birth_date, person.gender)
    yield (str(person.birth_order), str(person.multiple_birth))
    for name in person.names:
        yield (name.family, *name.given, "", *name.suffix)
    for address in person.addresses:
        yield (*address.line, "", address.city, address.state, address.postal_code)
    for telecom in person.telecoms:
        yield (telecom.system, telecom.value)
    for identifier in (*person.identifiers, *person.mother_identifiers):
        authority = identifier.authority
        yield (
            identifier.value,
            identifier.type_code,
            authority.universal_id,
            authority.namespace,
        )
