"""Blocking: which records are worth comparing. Pure; the store looks the keys up.

Two records are candidates of each other where they share a key. Each pass makes keys of other facts,
so that a mistake in some of them leaves others: exact, phonetic (`sound`) and n-gram (first and last
letters). Keys are numbers: a digest of tenant, pass and facts, which tells nothing of the person.
"""

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from services.identity.domain.normalisation import BirthDate, Features, PersonName, roots, sound

__all__ = ["MOST_PER_KEY", "SHARED", "BlockingKey", "blocking_keys"]

MOST_PER_KEY: Final = 100
"""A block with more records finds nobody: John Smith, or the telephone of a clinic. The other keys of a
record lead to those who are meant."""

SHARED: Final = frozenset({"phone", "email", "national_id"})
"""Passes of one value. A value that more than `MOST_PER_KEY` records have is a placeholder by its
frequency: it is ignored, not matched."""

_MOST_NAMES: Final = 3
_MOST_ADDRESSES: Final = 2
_MOST_VALUES: Final = 3


class BlockingKey(NamedTuple):
    """One key of a record.

    Attributes:
        number: 64 bits, signed.
        pass_name: which pass made it; a closed set.
        value: the single value behind a key of `SHARED`; empty of others. Holds patient data.
    """

    number: int
    pass_name: str
    value: str = ""


def blocking_keys(tenant: str, features: Features) -> list[BlockingKey]:
    """The keys of a record, each once: some twenty where all is known, none where nothing is."""
    found: dict[int, BlockingKey] = {}
    for pass_name, *parts in _passes(features):
        text = "\x1f".join((tenant, pass_name, *parts))
        number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True)
        found[number] = BlockingKey(number, pass_name, parts[0] if pass_name in SHARED else "")
    return list(found.values())


def _passes(features: Features) -> Iterator[tuple[str, ...]]:
    date = features.birth_date
    if date is not None and not date.is_whole:
        date = None
    for _, value in features.national_ids[:_MOST_VALUES]:
        yield "national_id", value
    for phone in features.phones[:_MOST_VALUES]:
        yield "phone", phone[-7:]
    for email in features.emails[:_MOST_VALUES]:
        yield "email", email
    for name in features.names[:_MOST_NAMES]:
        yield from _by_name(name, features, date)
    if date is not None:
        day = _digits(date)
        for address in features.addresses[:_MOST_ADDRESSES]:
            if address.postal_code:
                yield "date_code", day, address.postal_code
            if address.city:
                yield "date_city", day, address.city
    for address in features.addresses[:_MOST_ADDRESSES]:
        if address.number and address.street:
            if features.birth_date is not None:
                yield (
                    "house_year",
                    address.number,
                    _stem(address.street),
                    str(features.birth_date.year),
                )
            if address.postal_code:
                yield "house_code", address.number, _stem(address.street), address.postal_code
            if address.city:
                yield "house_city", address.number, _stem(address.street), address.city


def _by_name(
    name: PersonName, features: Features, date: BirthDate | None
) -> Iterator[tuple[str, ...]]:
    family, given = name.whole_family, name.first
    family_sound = sound(family) if family else ""
    given_sound = sound(given) if given else ""
    both = tuple(sorted((family_sound, given_sound))) if family and given else ()
    for _, value in features.national_ids[:_MOST_VALUES]:
        if family:
            yield "id_family", value[-4:], family_sound
        if given:
            yield "id_given", value[-4:], given_sound[:3]
        if features.birth_date is not None:
            yield "id_year", value[:-4], str(features.birth_date.year)
    if date is not None:
        day = _digits(date)
        for start in {family[:2], given[:2]} - {""}:
            # Whichever of the two it begins: names are swapped as often as mistyped.
            yield "date_start", day, start
        for middle in name.middle[:1]:
            yield "date_middle", day, middle[0]
        if family:
            yield "date_family", day, family_sound
        if given:
            yield "date_given", day, given_sound
        if both:
            yield "names_day", *both, day[4:]
    if both:
        yield "names", family, given
        for root in roots(given) - {given}:
            # The nickname of one is the name of another: they meet where both have its root.
            yield "names", family, root
        for middle in name.middle[:1]:
            yield "initials", family_sound, given[0], middle[0]
        if features.birth_date is not None:
            yield "names_year", *both, str(features.birth_date.year)
            yield "initial_year", family_sound, given[0], str(features.birth_date.year)
            yield "ends_year", family[-3:], given[-2:], str(features.birth_date.year)
    for address in features.addresses[:_MOST_ADDRESSES]:
        code, city = address.postal_code, address.city
        if both and code:
            yield "names_code", *both, code
            yield "starts_code", family[:3], given[:2], code[:3]
        if both and city:
            yield "names_city", *both, city
        if family and code:
            yield "code_family", code, family_sound
        if address.number and address.street:
            if family:
                yield "house_family", address.number, _stem(address.street), family_sound
            if given:
                yield "house_given", address.number, _stem(address.street), given_sound


def _stem(street: str) -> str:
    """How a street begins: what follows is mistyped, cut off or put in another order more often."""
    return street[:5]


def _digits(date: BirthDate) -> str:
    """The date so that day and month may stand in each other's place."""
    first, second = sorted((date.month, date.day))
    return f"{date.year:04d}{first:02d}{second:02d}"
