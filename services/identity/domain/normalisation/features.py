"""What is known of one person, in the form in which it is compared: the features of a source record."""

import functools
import hashlib
import json
import pathlib
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from plexus.api.canonical.v1.resources_pb2 import Person
from services.identity.domain.normalisation.contacts import read_email, read_phone
from services.identity.domain.normalisation.dates import BirthDate, read_birth_date
from services.identity.domain.normalisation.letters import fold
from services.identity.domain.normalisation.names import PersonName, read_name
from services.identity.domain.normalisation.national import NationalId, read_national_ids
from services.identity.domain.normalisation.places import PostalAddress, read_address

__all__ = ["Features", "features_of", "normalisation_version"]

_MOST: Final = 8
_SEXES: Final = {"male": "m", "female": "f", "m": "m", "f": "f"}


class Features(NamedTuple):
    """All that identity compares of a source record. Holds patient data.

    Lists are sorted and without repetition, so features do not depend on the order in a message.

    Attributes:
        names: all names, those borne earlier too.
        birth_date: or None.
        sex: "m", "f" or empty; other genders are no evidence for or against.
        national_ids: sound ones only.
        addresses: at most eight.
        phones: at most eight.
        emails: at most eight.
        birth_order: among those born together, from 1; 0 where unknown.
        is_multiple: true where the record says that the person is a twin.
        mothers: identifiers of the mother, as authority and value.
    """

    names: tuple[PersonName, ...] = ()
    birth_date: BirthDate | None = None
    sex: str = ""
    national_ids: tuple[NationalId, ...] = ()
    addresses: tuple[PostalAddress, ...] = ()
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    birth_order: int = 0
    is_multiple: bool = False
    mothers: tuple[str, ...] = ()

    @property
    def is_newborn(self) -> bool:
        """Nobody has named the person yet."""
        return bool(self.names) and all(name.is_newborn for name in self.names)

    @property
    def is_evidence(self) -> bool:
        """There is enough to look for somebody: a name or a national number."""
        return bool(self.names or self.national_ids)

    def to_text(self) -> str:
        """The features as JSON, for the store. `from_text` gives them back."""
        return json.dumps(self, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "Features":
        """Features as they were stored."""
        return _parsed(text)


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> Features:
    """Cached: a batch that changes something reads its candidates twice, before and after its locks."""
    names, birth, sex, ids, addresses, phones, emails, *others = json.loads(text)
    order, multiple, mothers = others
    return Features(
        tuple(PersonName(tuple(f), tuple(g), line, new) for f, g, line, new in names),
        BirthDate(*birth) if birth else None,
        sex,
        tuple(NationalId(*each) for each in ids),
        tuple(PostalAddress(*each) for each in addresses),
        tuple(phones),
        tuple(emails),
        order,
        multiple,
        tuple(mothers),
    )


def features_of(person: Person) -> Features:
    """The features of a canonical person. Pure: the same person gives the same features."""
    names = _kept(read_name(each.family, each.given, each.suffix) for each in person.names)
    addresses = _kept(
        read_address(each.line, each.city, each.state, each.postal_code)
        for each in person.addresses
    )
    phones = _kept(
        read_phone(each.value) for each in person.telecoms if each.system not in {"email", "url"}
    )
    emails = _kept(
        read_email(each.value)
        for each in person.telecoms
        if each.system == "email" or "@" in each.value
    )
    mothers = {
        fold(f"{each.authority.universal_id or each.authority.namespace} {each.value}")
        for each in person.mother_identifiers
        if each.value
    }
    return Features(
        names,
        read_birth_date(person.birth_date),
        _SEXES.get(person.gender.casefold(), ""),
        read_national_ids(person.identifiers)[:_MOST],
        addresses,
        phones,
        emails,
        min(person.birth_order, 99),
        person.multiple_birth or person.birth_order > 0,
        tuple(sorted(mothers)[:_MOST]),
    )


def _kept(found: Iterable[Any]) -> tuple[Any, ...]:
    """What is there, each once, sorted, at most eight."""
    return tuple(sorted({each for each in found if each})[:_MOST])


def _hashed() -> str:
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(pathlib.Path(__file__).parent.glob("*.[pt][yx]*")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


# Read once with the module: nothing that runs later waits for a disk.
_VERSION: Final = _hashed()


def normalisation_version() -> str:
    """Content hash over the rules and tables of this package, 12 hexadecimal digits.

    Features of another version are made again when their source speaks next.
    """
    return _VERSION
