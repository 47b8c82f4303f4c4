"""The persons: households that share name, address and telephone, and what is true of each of them.

Families are what makes people hard to tell apart: twins, a father and a son of one name, a married
name beside the one of birth. `Population` invents them from a seed.
"""

import dataclasses
import datetime
import itertools
import random
import unicodedata
from typing import Final

from services.cli.simulation.agenda import day_of
from services.cli.simulation.names import CULTURES, STREETS, TOWNS, Culture
from services.cli.simulation.numbers import NATIONAL, Authority, Number, Numbering

__all__ = ["Home", "Person", "Population", "plain"]

_ALLERGIES: Final = (
    ("DA", "70618^Penicillin^RXNORM", "SV", "Hives"),
    ("DA", "1191^Aspirin^RXNORM", "MO", "Wheezing"),
    ("FA", "PEANUT^Peanuts^L", "SV", "Swelling of the face"),
    ("LA", "POLLEN^Birch pollen^L", "MI", "Sneezing"),
    ("DA", "LATEX^Latex^L", "MO", "Rash"),
)
_CONDITIONS: Final = (
    # name, least age, share
    ("diabetes", 45, 0.18),
    ("hypertension", 40, 0.35),
    ("kidney", 60, 0.12),
    ("asthma", 4, 0.08),
    ("thyroid", 35, 0.07),
)
_PLANS: Final = (
    ("GOLD^Gold plan^L", "101", "Umbrella & Galoshes Mutual"),
    ("BASIC^Basic plan^L", "102", "Quayside Sickness Fund"),
    ("STATE^State scheme^L", "103", "State Health Insurance"),
)
_UNACCENTED: Final = str.maketrans({
    "ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "\u0131": "i", "æ": "ae",
})  # fmt: skip


def plain(text: str) -> str:
    """The text in ASCII, as systems write it that know no accents."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_UNACCENTED))
    return decomposed.encode("ascii", "ignore").decode()


@dataclasses.dataclass(slots=True)
class Home:
    """Where a household lives."""

    street: str
    town: str
    zip: str
    phone: str


@dataclasses.dataclass(slots=True, eq=False)
class Person:
    """One human being, as it really is.

    Attributes:
        key: the person's name in the truth; no system knows it.
        born_at: second of birth for those who are born in the hospital.
        named: has a first name yet; a newborn is called after its mother at first.
        kin: relationship of HL7 table 0063 and the other person.
        birth_order: of a twin or triplet, from 1; 0 of others.
        numbers: all that were given, newest last, by namespace of the authority.
        links: pairs of numbers that registration has linked.
        mistaken_links: those with a number of somebody else, until they are taken back.
        unknown: number under which nobody knows yet who this is; "" mostly.
    """

    key: str
    sex: str
    born: datetime.date
    family: str
    given: str
    culture: Culture
    home: Home
    middle: str = ""
    suffix: str = ""
    prefix: str = ""
    maiden: str = ""
    mobile: str = ""
    marital: str = "S"
    born_at: float | None = None
    died_at: float | None = None
    named: bool = True
    mother: "Person | None" = None
    birth_order: int = 0
    kin: list[tuple[str, "Person"]] = dataclasses.field(default_factory=list)
    conditions: frozenset[str] = frozenset()
    allergies: tuple[tuple[str, str, str, str], ...] = ()
    plan: tuple[str, str, str] = _PLANS[0]
    policy: str = ""
    bias: float = 0.0
    numbers: dict[str, list[Number]] = dataclasses.field(default_factory=dict)
    links: set[tuple[str, str]] = dataclasses.field(default_factory=set)
    mistaken_links: set[tuple[str, str]] = dataclasses.field(default_factory=set)
    unknown: str = ""

    def number(self, authority: Authority) -> str:
        """The number in use, or "" where the authority does not know the person."""
        for one in reversed(self.numbers.get(authority.name, ())):
            if one.state == "active":
                return one.value
        return ""

    def give(self, authority: Authority, value: str) -> None:
        """Note a new number."""
        self.numbers.setdefault(authority.name, []).append(Number(authority, value))

    def retire(self, authority: Authority, value: str, state: str, successor: str) -> None:
        """Note that a number is not used any more, and which one is instead."""
        for one in self.numbers[authority.name]:
            if one.value == value:
                one.state, one.successor = state, successor
                return
        raise KeyError(value)

    @property
    def mail(self) -> str:
        """A mail address, in a domain that nobody can have (RFC 2606)."""
        words = plain(f"{self.given}.{self.family}").casefold()
        return f"{''.join(c for c in words if c.isalnum() or c == '.')}{self.mobile}@mail.example"

    def age(self, today: datetime.date) -> int:
        """Whole years."""
        had = (today.month, today.day) >= (self.born.month, self.born.day)
        return today.year - self.born.year - (not had)


class Population:
    """Invents persons, household by household. The same seed invents the same ones."""

    def __init__(self, seed: int | str, today: datetime.date, numbering: Numbering) -> None:
        self._random = random.Random(f"{seed} people")  # noqa: S311 - invents, guards nothing
        self._today = today
        self._numbering = numbering
        self._keys = itertools.count(1)
        self._homes = itertools.count(1)
        self._weights = [one.share for one in CULTURES]

    def invent(self, count: int) -> list[Person]:
        """So many persons; the last household may be cut short."""
        people: list[Person] = []
        while len(people) < count:
            people += self._household()
        del people[count:]
        kept = set(map(id, people))
        for person in people:
            person.kin = [(role, other) for role, other in person.kin if id(other) in kept]
            if person.mother is not None and id(person.mother) not in kept:
                person.mother = None
        self._random.shuffle(people)
        return people

    def child(self, mother: Person, at: float, order: int, of: int) -> Person:
        """A newborn of a mother in the population, not named yet."""
        draw = self._random
        child = self._person(mother.culture, mother.home, mother.family, 0, draw.choice("FM"))
        child.born, child.born_at, child.named = day_of(at), at, False
        child.mother, child.birth_order = mother, order if of > 1 else 0
        child.conditions, child.allergies, child.numbers = frozenset(), (), {}
        child.mobile, child.middle = "", ""
        child.plan, child.policy = mother.plan, mother.policy
        child.kin = [("MTH", mother)]
        return child

    def move(self) -> Home:
        """A new home."""
        draw = self._random
        town, code = draw.choice(TOWNS)
        number = next(self._homes)
        street = f"{draw.randint(1, 180)} {draw.choice(STREETS)}"
        return Home(street, town, code, f"{2_000_000 + number}")

    def new_mobile(self) -> str:
        """A telephone number that nobody has."""
        return f"{7_000_000 + next(self._homes)}"

    def _household(self) -> list[Person]:
        draw = self._random
        culture = draw.choices(CULTURES, self._weights)[0]
        home = self.move()
        family = draw.choice(culture.families)
        if culture.two_families and draw.random() < 0.8:
            family = f"{family} {draw.choice(culture.families)}"
        if draw.random() < 0.3:
            age = draw.randint(18, 92)
            return [self._person(culture, home, family, age, draw.choice("FM"))]
        age = draw.randint(24, 84)
        first = self._person(culture, home, family, age, "M")
        second = self._person(culture, home, family, max(20, age - draw.randint(-3, 9)), "F")
        if culture.keeps_name:
            second.family = draw.choice(culture.families)
        else:
            second.maiden = draw.choice(culture.families)
        first.marital = second.marital = "M"
        first.kin.append(("SPO", second))
        second.kin.append(("SPO", first))
        return [first, second, *self._children(first, second)]

    def _children(self, father: Person, mother: Person) -> list[Person]:
        draw = self._random
        children: list[Person] = []
        mothers_age = mother.age(self._today)
        count = draw.choices((0, 1, 2, 3), (35, 25, 25, 15))[0] if mothers_age < 68 else 0
        while len(children) < count:
            age = draw.randint(0, max(0, min(24, mothers_age - 19)))
            twins = draw.random() < 0.06
            born = self._born(age)
            for order in range(1, 3 if twins else 2):
                child = self._person(
                    father.culture, father.home, father.family, age, draw.choice("FM")
                )
                child.born, child.birth_order = born, order if twins else 0
                child.mother = mother
                child.kin = [("MTH", mother), ("FTH", father)]
                if age < 16:
                    child.mobile = ""
                children.append(child)
            if twins and children[-1].given == children[-2].given:
                children[-1].given = f"{children[-1].given} {draw.choice('ABDEGKLM')}."
        if children and children[0].sex == "M" and draw.random() < 0.15:
            # A son of his father's name: only the suffix and the birth date tell them apart.
            children[0].given, children[0].suffix, father.suffix = father.given, "Jr", "Sr"
        return children

    def _born(self, age: int) -> datetime.date:
        return self._today - datetime.timedelta(days=age * 365.25 + self._random.randint(3, 360))

    def _person(self, culture: Culture, home: Home, family: str, age: int, sex: str) -> Person:
        draw = self._random
        names = culture.female if sex == "F" else culture.male
        person = Person(
            f"P{next(self._keys):06d}",
            sex,
            self._born(age),
            family,
            draw.choice(names),
            culture,
            home,
        )
        if draw.random() < 0.4:
            person.middle = draw.choice(names)
        if age > 40 and draw.random() < 0.05:
            person.prefix = "Dr"
        person.mobile = self.new_mobile()
        person.conditions = frozenset(
            name for name, least, share in _CONDITIONS if age >= least and draw.random() < share
        )
        if draw.random() < 0.25:
            person.allergies = tuple(draw.sample(_ALLERGIES, draw.choice((1, 1, 2))))
        person.plan, person.policy = draw.choice(_PLANS), f"POL-{draw.randrange(10**7):07d}"
        person.bias = draw.gauss(0, 0.5)
        if draw.random() < 0.7:
            person.give(NATIONAL, self._numbering.next(NATIONAL))
        return person
