"""How source systems tell of people: each at another time, with what it asks for and how it is typed."""

import dataclasses
import random
from collections.abc import Iterator, Sequence
from typing import Final

from services.cli.evaluating.population.people import Home, Human

__all__ = ["COLUMNS", "tell"]

COLUMNS: Final = (
    "entity", "src", "given", "middle", "surname", "suffix", "sex", "dob", "street_no", "street", "unit", "city",
    "state", "zip", "phone", "email", "ssn",
)  # fmt: skip

_SOURCES: Final = ("adt", "lab", "clinic", "billing")
_RECORDS: Final = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4)
_NICKNAMES: Final = {
    "robert": "bob", "william": "bill", "richard": "dick", "james": "jim", "michael": "mike", "elizabeth": "liz",
    "margaret": "peggy", "katherine": "kate", "thomas": "tom", "edward": "ted", "joseph": "joe", "rebecca": "becky",
    "christine": "tina", "victoria": "vicky", "deborah": "debbie", "pamela": "pam", "samuel": "sam",
    "benjamin": "ben", "alexander": "alex", "samantha": "sam", "theresa": "terry", "anthony": "tony",
    "jennifer": "jen", "susan": "sue", "patricia": "pat", "daniel": "dan", "matthew": "matt", "charles": "chuck",
}  # fmt: skip
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_MISSING: Final = {
    "middle": 0.35, "sex": 0.02, "dob": 0.015, "street": 0.06, "city": 0.05, "zip": 0.06, "phone": 0.15, "email": 0.4,
    "ssn": 0.45, "suffix": 0.3, "given": 0.004,
}  # fmt: skip
_PLACEHOLDERS: Final = {
    "ssn": ("999999999", "123456789", "000000000"), "phone": ("5555555555", "9999999999"),
    "dob": ("1900-01-01",), "street": ("unknown", "homeless"),
}  # fmt: skip
_CLINIC: Final = "2125550100"
"""What a desk types where nobody says a number: half the town has it."""


def tell(people: Sequence[Human], chance: random.Random) -> Iterator[dict[str, str]]:
    """The records of all people, in no order that says anything."""
    homes = [each.home for each in people]
    told = [
        record
        for human in people
        for record in _records(human, chance, homes)
    ]  # fmt: skip
    chance.shuffle(told)
    yield from told


def _records(
    human: Human, chance: random.Random, homes: Sequence[Home]
) -> Iterator[dict[str, str]]:
    home, family = human.home, human.was or human.family
    for _ in range(chance.choice(_RECORDS)):
        if chance.random() < 0.12:
            # Moved; the mobile telephone stays, the line at home does not.
            home = dataclasses.replace(
                chance.choice(homes), number=str(chance.randint(1, 900)), phone=""
            )
        if human.was and family == human.was and chance.random() < 0.5:
            family = human.family
        yield _typed(_said(human, home, family, chance), chance)


def _said(human: Human, home: Home, family: str, chance: random.Random) -> dict[str, str]:
    middle = human.middle[:1] if chance.random() < 0.45 else human.middle
    if human.was and family == human.family and chance.random() < 0.08:
        family = f"{human.was}-{family}"
    phone = (
        home.phone if home.phone and (not human.mobile or chance.random() < 0.5) else human.mobile
    )
    return {
        "entity": str(human.number), "src": chance.choice(_SOURCES), "given": human.given, "middle": middle,
        "surname": family, "suffix": human.suffix, "sex": human.sex, "dob": human.born.isoformat(),
        "street_no": home.number, "street": home.street, "unit": home.unit, "city": home.city, "state": home.state,
        "zip": home.code, "phone": phone, "email": human.mail, "ssn": human.ssn,
    }  # fmt: skip


def _typed(said: dict[str, str], chance: random.Random) -> dict[str, str]:
    """What the desk makes of it."""
    if said["given"] in _NICKNAMES and chance.random() < 0.12:
        said["given"] = _NICKNAMES[said["given"]]
    if chance.random() < 0.012:
        said["given"], said["surname"] = said["surname"], said["given"]
    for field, share in (
        ("given", 0.03),
        ("surname", 0.035),
        ("street", 0.03),
        ("city", 0.015),
        ("email", 0.02),
    ):
        if chance.random() < share:
            said[field] = _mistyped(said[field], chance, _LETTERS)
    for field, share in (("ssn", 0.02), ("phone", 0.02), ("zip", 0.02), ("street_no", 0.02)):
        if chance.random() < share:
            said[field] = _mistyped(said[field], chance, "0123456789")
    said["dob"] = _mistyped_date(said["dob"], chance)
    if chance.random() < 0.004:
        said["sex"] = "m" if said["sex"] == "f" else "f"
    if chance.random() < 0.01:
        said["phone"] = _CLINIC
    for field, values in _PLACEHOLDERS.items():
        if chance.random() < 0.006:
            said[field] = chance.choice(values)
    for field, share in _MISSING.items():
        if chance.random() < share:
            said[field] = ""
    if not said["street"]:
        said["street_no"] = said["unit"] = ""
    return said


def _mistyped(text: str, chance: random.Random, letters: str) -> str:
    """One letter left out, put in, replaced, or changed places with the next."""
    if len(text) < 2:
        return text
    place = chance.randrange(len(text) - 1)
    way = chance.randrange(4)
    if way == 0:
        return text[:place] + text[place + 1 :]
    if way == 1:
        return text[:place] + chance.choice(letters) + text[place:]
    if way == 2:
        return text[:place] + chance.choice(letters) + text[place + 1 :]
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _mistyped_date(text: str, chance: random.Random) -> str:
    year, month, day = text.split("-")
    found = chance.random()
    if found < 0.008 and int(day) <= 12:
        return f"{year}-{day}-{month}"
    if found < 0.012:
        return f"{int(year) + chance.choice((-1, 1, 10, -10))}-{month}-{day}"
    if found < 0.02:
        return f"{year}-{month}-{chance.randint(1, 28):02d}"
    if found < 0.024:
        return f"{year}-01-01"
    return text
