"""Identifiers that a country gives to each person once, checked by their own rule.

A number with a wrong check digit is no evidence: it is left out, like one that is missing. The
systems are known by the OIDs and URIs that HL7 and the countries have registered for them.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from services.identity.domain.identifiers import authority_name, is_placeholder
from services.identity.domain.normalisation.letters import digits

__all__ = ["NationalId", "is_sound_number", "read_national_ids"]


class NationalId(NamedTuple):
    """A number that belongs to one human being. Holds patient data.

    Attributes:
        system: short name of the scheme, such as "us-ssn" or "uk-nhs".
        value: without separators, capital letters.
    """

    system: str
    value: str


_NO_SSN: Final = frozenset({"078051120", "219099999", "123456789", "111223333", "987654321"})
_NOT_LETTERS: Final = re.compile(r"[^0-9A-Z]")
_DNI_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"


def _ssn(number: str) -> bool:
    """US Social Security: no area 000, 666, 900 to 999, group 00 or serial 0000 was ever assigned."""
    return (
        len(number) == 9
        and number.isdigit()
        and number[:3] not in {"000", "666"}
        and number[0] != "9"
        and number[3:5] != "00"
        and number[5:] != "0000"
        and number not in _NO_SSN
        and len(set(number)) > 1
    )


def _mod_11_nhs(number: str) -> bool:
    """NHS number of the United Kingdom: weights 10 to 2, modulus 11."""
    if len(number) != 10 or not number.isdigit():
        return False
    check = 11 - sum(int(d) * w for d, w in zip(number, range(10, 1, -1), strict=False)) % 11
    return check % 11 == int(number[9]) and check != 10


def _luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _npi(number: str) -> bool:
    """US National Provider Identifier: Luhn over 80840 and the number."""
    return len(number) == 10 and number.isdigit() and _luhn("80840" + number)


def _sin(number: str) -> bool:
    return len(number) == 9 and number.isdigit() and number[0] not in "08" and _luhn(number)


def _ihi(number: str) -> bool:
    return len(number) == 16 and number.isdigit() and number.startswith("80036") and _luhn(number)


def _bsn(number: str) -> bool:
    """Burgerservicenummer of the Netherlands: the test of eleven."""
    number = number.zfill(9)
    if len(number) != 9 or not number.isdigit():
        return False
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(int(d) * w for d, w in zip(number, weights, strict=True)) % 11 == 0


def _svnr(number: str) -> bool:
    """Sozialversicherungsnummer of Austria: the fourth digit checks the others."""
    if len(number) != 10 or not number.isdigit() or number[0] == "0":
        return False
    weights = (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)
    return sum(int(d) * w for d, w in zip(number, weights, strict=True)) % 11 == int(number[3])


def _ahv(number: str) -> bool:
    """AHV number of Switzerland: EAN-13 beginning with 756."""
    if len(number) != 13 or not number.isdigit() or not number.startswith("756"):
        return False
    return sum(int(d) * (1 + 2 * (place % 2)) for place, d in enumerate(number)) % 10 == 0


def _personnummer(number: str) -> bool:
    """Personnummer of Sweden: Luhn over the last ten digits."""
    return len(number) in {10, 12} and number.isdigit() and _luhn(number[-10:])


def _nir(number: str) -> bool:
    """NIR of France: 97 minus the first thirteen digits modulo 97; Corsica counts as 19 and 18."""
    if len(number) != 15:
        return False
    body = number[:13].replace("2A", "19").replace("2B", "18")
    return body.isdigit() and number[13:].isdigit() and 97 - int(body) % 97 == int(number[13:])


def _dni(number: str) -> bool:
    """DNI and NIE of Spain: the letter is the number modulo 23."""
    body = number[:-1].translate(str.maketrans("XYZ", "012"))
    return len(number) == 9 and body.isdigit() and _DNI_LETTERS[int(body) % 23] == number[-1]


_CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    "us-ssn": _ssn, "uk-nhs": _mod_11_nhs, "us-npi": _npi, "ca-sin": _sin, "au-ihi": _ihi, "nl-bsn": _bsn,
    "at-svnr": _svnr, "ch-ahv": _ahv, "se-personnummer": _personnummer, "fr-nir": _nir, "es-dni": _dni,
}  # fmt: skip
_SYSTEMS: Final = {
    "2.16.840.1.113883.4.1": "us-ssn", "http://hl7.org/fhir/sid/us-ssn": "us-ssn", "ssa": "us-ssn",
    "usssa": "us-ssn", "2.16.840.1.113883.2.1.4.1": "uk-nhs",
    "https://fhir.nhs.uk/id/nhs-number": "uk-nhs", "nhs": "uk-nhs",
    "2.16.840.1.113883.4.6": "us-npi", "http://hl7.org/fhir/sid/us-npi": "us-npi",
    "2.16.840.1.113883.4.272": "ca-sin", "1.2.36.1.2001.1003.0": "au-ihi",
    "http://ns.electronichealth.net.au/id/hi/ihi/1.0": "au-ihi",
    "2.16.840.1.113883.2.4.6.3": "nl-bsn", "http://fhir.nl/fhir/namingsystem/bsn": "nl-bsn",
    "1.2.40.0.10.1.4.3.1": "at-svnr", "2.16.756.5.32": "ch-ahv",
    "1.2.752.129.2.1.3.1": "se-personnummer", "1.2.250.1.213.1.4.8": "fr-nir",
    "1.3.6.1.4.1.19126.3": "es-dni",
}  # fmt: skip


def is_sound_number(system: str, value: str) -> bool:
    """True where the number keeps the rule of its system; systems without a rule accept all."""
    check = _CHECKS.get(system)
    return check is None or check(value)


def read_national_ids(identifiers: Iterable[Identifier]) -> tuple[NationalId, ...]:
    """The sound national numbers among the identifiers, each once, sorted."""
    found: set[NationalId] = set()
    for identifier in identifiers:
        system = _system(identifier)
        value = _NOT_LETTERS.sub("", identifier.value.upper())
        if not system or is_placeholder(value):
            continue
        if system == "us-ssn" and len(value) != len(digits(value)):
            continue
        if is_sound_number(system, value):
            found.add(NationalId(system, value[:40]))
    return tuple(sorted(found))


def _system(identifier: Identifier) -> str:
    authority = identifier.authority
    for name in (authority.universal_id, authority.namespace):
        if name and (system := _SYSTEMS.get(authority_name(name))):
            return system
    code = identifier.type_code.upper()
    if code == "SS":
        return "us-ssn"
    if code == "NI" or (len(code) == 5 and code.startswith("NN")):
        # HL7 table 0203: a national number of the authority, or of the country that the code ends with.
        realm = authority_name(authority.universal_id or authority.namespace)
        return f"{code.lower()}:{realm}"[:60]
    return ""
