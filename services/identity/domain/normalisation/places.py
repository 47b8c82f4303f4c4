"""Addresses and postal codes as they are compared."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from services.identity.domain.normalisation.letters import fold, words

__all__ = ["PostalAddress", "read_address", "read_postal_code"]


class PostalAddress(NamedTuple):
    """Where somebody lives. Holds patient data. What is unknown is empty.

    Attributes:
        number: of the house, folded: "12", "12a".
        street: the other words of the street, in their order, without number and unit.
        unit: of the flat or suite.
        city: folded.
        state: folded.
        postal_code: see `read_postal_code`.
    """

    number: str = ""
    street: str = ""
    unit: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""


_SHORT: Final = {
    "street": "st", "str": "st", "strasse": "st", "avenue": "ave", "av": "ave", "avenida": "ave",
    "road": "rd", "drive": "dr", "lane": "ln", "boulevard": "blvd", "court": "ct", "place": "pl",
    "square": "sq", "terrace": "ter", "terr": "ter", "highway": "hwy", "parkway": "pkwy", "circle": "cir",
    "crescent": "cres", "close": "cl", "trail": "trl", "alley": "aly", "heights": "hts", "mount": "mt",
    "saint": "st", "sankt": "st", "sainte": "st", "north": "n", "south": "s", "east": "e", "west": "w",
    "northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw", "platz": "pl",
    "calle": "c", "rue": "r", "gasse": "g", "way": "wy", "first": "1st", "second": "2nd", "third": "3rd",
    "fourth": "4th", "fifth": "5th",
}  # fmt: skip
_UNITS: Final = frozenset({
    "apt", "apartment", "unit", "suite", "ste", "flat", "room", "rm", "floor", "fl", "top", "stiege",
    "lot", "bldg", "building", "piso", "etage", "whg", "tur",
})  # fmt: skip
_NOWHERE: Final = frozenset({
    "unknown", "unk", "none", "na", "n a", "homeless", "no fixed abode", "nfa", "no fixed address",
    "no address", "address unknown", "unknown address", "undomiciled", "transient", "general delivery",
    "same", "same as above", "return mail", "returned mail", "bad address", "not given", "not provided",
    "not known", "refused", "declined", "confidential", "test", "null", "tbd", "x", "xx", "xxx", "xxxx",
    "unbekannt", "ohne festen wohnsitz", "obdachlos", "sans domicile fixe", "sdf", "anytown", "nowhere",
})  # fmt: skip
_NUMBER: Final = re.compile(r"\d+[a-z]?\Z")
_GERMAN: Final = re.compile(r"(.{3,})(strasse|str)\Z")
_NINE: Final = re.compile(r"(\d{5})\d{4}\Z", re.ASCII)
_MOST_CHARACTERS: Final = 60
_NO_CODES: Final = frozenset({"12345", "123456", "99998", "NONE", "UNK", "UNKNOWN", "NA"})


def read_postal_code(text: str) -> str:
    """Capital letters and digits without separators; the first five of a US ZIP+4; empty for none."""
    code = "".join(fold(text).split()).upper()
    if code in _NO_CODES or len(set(code)) == 1:
        return ""
    if found := _NINE.match(code):
        code = found.group(1)
        return "" if len(set(code)) == 1 else code
    return code[:12]


def read_address(
    line: Iterable[str], city: str = "", state: str = "", postal_code: str = ""
) -> PostalAddress | None:
    """The address; None where nothing of it says where somebody lives."""
    number, street, unit = _street(list(line))
    town = " ".join(_SHORT.get(word, word) for word in words(city))[:_MOST_CHARACTERS]
    if town in _NOWHERE:
        town = ""
    folded_state = fold(state)[:_MOST_CHARACTERS]
    code = read_postal_code(postal_code)
    if not (street or number or town or code):
        return None
    return PostalAddress(number, street, unit, town, folded_state, code)


def _street(lines: list[str]) -> tuple[str, str, str]:
    if fold(" ".join(lines)) in _NOWHERE:
        return "", "", ""
    number, unit = "", ""
    street: list[str] = []
    said = [
        word
        for each in lines
        if fold(each) not in _NOWHERE
        for word in words(each.replace("#", " unit "))
    ]
    place = 0
    while place < len(said):
        word = said[place]
        if word in _UNITS and street and place + 1 < len(said):
            # What follows names the unit, unless another such word does.
            place += 1
            unit = unit or (said[place] if said[place] not in _UNITS else "")
        elif (
            not number and _NUMBER.match(word) and (place == 0 or place + 1 >= len(said) or street)
        ):
            number = word
        elif found := _GERMAN.match(word):
            street += [found.group(1), "st"]
        else:
            street.append(_SHORT.get(word, word))
        place += 1
    return number, " ".join(street)[:_MOST_CHARACTERS], unit
