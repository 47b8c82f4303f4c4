"""People in their households: couples, children, twins, a father and a son of one name, and those alone."""

import bisect
import dataclasses
import datetime
import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["Home", "Human", "Names", "invent"]

_CONSONANTS: Final = "bcdfghklmnprstvwz"
_VOWELS: Final = "aeiou"
_ENDS: Final = ("", "", "n", "r", "s", "l", "ton", "man", "er", "ski", "ez")
_GIVEN_ENDS: Final = {"f": ("a", "ia", "ine", "elle", "y"), "m": ("n", "o", "us", "ard", "y")}
_FAMILIES: Final = ["smith", "johnson", "williams", "brown", "jones", "garcia", "miller", "davis", "rodriguez", "martinez", "hernandez", "lopez", "wilson", "anderson", "thomas", "taylor", "moore", "jackson", "martin", "lee", "perez", "thompson", "white", "harris", "clark", "lewis", "robinson", "walker", "young", "king"]  # fmt: skip
_GIVENS: Final = {
    "m": ["james", "john", "robert", "michael", "william", "david", "richard", "joseph", "thomas", "charles", "daniel", "matthew", "anthony", "steven", "edward", "benjamin", "samuel", "alexander", "nicholas", "jonathan"],
    "f": ["mary", "patricia", "jennifer", "linda", "elizabeth", "barbara", "susan", "jessica", "sarah", "margaret", "katherine", "rebecca", "christine", "victoria", "deborah", "pamela", "alexandra", "samantha", "abigail", "theresa"],
}  # fmt: skip
_STREETS: Final = ["oak", "mill", "church", "park", "lake", "hill", "river", "cedar", "main", "school", "spring", "maple", "meadow", "station"]  # fmt: skip
_KINDS: Final = ("st", "ave", "rd", "ln", "dr", "ct")
_FIRST_DAY: Final = datetime.date(1925, 1, 1)
_LAST_DAY: Final = datetime.date(2025, 12, 31)
_MOST_OF_HOUSEHOLD: Final = 7


@dataclasses.dataclass(frozen=True, slots=True)
class Home:
    """Where people live. `phone` is the line that they share; empty where there is none."""

    number: str
    street: str
    unit: str
    city: str
    state: str
    code: str
    phone: str


@dataclasses.dataclass(slots=True)
class Human:
    """Somebody. `was` is the family name borne before a marriage."""

    number: int
    given: str
    middle: str
    family: str
    suffix: str
    sex: str
    born: datetime.date
    ssn: str
    mobile: str
    mail: str
    home: Home
    was: str = ""
    is_twin: bool = False


class Names:
    """Names as unevenly spread as real ones: a few that many bear, and many that hardly anybody does."""

    def __init__(self, chance: random.Random, size: int) -> None:
        """`size` is the number of people that there will be."""
        self._chance = chance
        self._families = self._spread(
            [*_FAMILIES, *self._invented(max(200, size // 12), _ENDS, 2)], 0.75
        )
        self._givens = {
            sex: self._spread([*_GIVENS[sex], *self._invented(max(60, size // 150), ends, 1)], 0.9)
            for sex, ends in _GIVEN_ENDS.items()
        }

    def family(self) -> str:
        """A family name."""
        return self._drawn(*self._families)

    def given(self, sex: str) -> str:
        """A given name."""
        return self._drawn(*self._givens[sex])

    def _invented(self, number: int, ends: Sequence[str], syllables: int) -> list[str]:
        found: dict[str, None] = {}
        while len(found) < number:
            length = syllables + self._chance.randrange(2)
            word = "".join(
                self._chance.choice(_CONSONANTS) + self._chance.choice(_VOWELS)
                for _ in range(length)
            )
            found[word + self._chance.choice(ends)] = None
        return list(found)

    def _spread(self, names: list[str], power: float) -> tuple[list[str], list[float]]:
        return names, list(itertools.accumulate((rank + 3) ** -power for rank in range(len(names))))

    def _drawn(self, names: list[str], upto: list[float]) -> str:
        return names[bisect.bisect(upto, self._chance.random() * upto[-1])]


def invent(people: int, chance: random.Random) -> Iterator[Human]:
    """So many people, household by household."""
    names = Names(chance, people)
    towns = _towns(chance, max(4, people // 1500))
    numbers = itertools.count()
    left = people
    while left > 0:
        household = list(_household(names, towns, chance, numbers))[:left]
        yield from household
        left -= len(household)


def _towns(chance: random.Random, number: int) -> list[tuple[str, str, str]]:
    names = Names(chance, 100)
    return [
        (names.family() + chance.choice(("", "", " city", " falls", "ville")), chance.choice(("oh", "pa", "ny", "wa")), f"{chance.randrange(10_000, 99_000):05d}")
        for _ in range(number)
    ]  # fmt: skip


def new_home(towns: Sequence[tuple[str, str, str]], chance: random.Random) -> Home:
    """A home that nobody lives in yet, most likely."""
    city, state, code = chance.choice(towns)
    return Home(
        str(chance.randint(1, 900)),
        f"{chance.choice(_STREETS)} {chance.choice(_KINDS)}",
        str(chance.randint(1, 40)) if chance.random() < 0.2 else "",
        city,
        state,
        code,
        _phone(chance) if chance.random() < 0.5 else "",
    )


def _household(
    names: Names,
    towns: Sequence[tuple[str, str, str]],
    chance: random.Random,
    numbers: Iterator[int],
) -> Iterator[Human]:
    home = new_home(towns, chance)
    family = names.family()
    kind = chance.random()
    sex = chance.choice("mf")
    first = _human(next(numbers), names, chance, home, family, sex, _born(chance, 22, 95))
    yield first
    if kind < 0.35:
        return
    other = "f" if sex == "m" else "m"
    second = _human(
        next(numbers), names, chance, home, family, other, _near(first.born, chance, 3000)
    )
    if second.sex == "f" and chance.random() < 0.6:
        second.was = names.family()
    yield second
    if kind < 0.55:
        return
    father, mother = (first, second) if first.sex == "m" else (second, first)
    yield from _children(father, mother, names, chance, numbers)


def _children(
    father: Human, mother: Human, names: Names, chance: random.Random, numbers: Iterator[int]
) -> Iterator[Human]:
    born = mother.born + datetime.timedelta(days=chance.randint(20 * 365, 33 * 365))
    for place in range(chance.randint(1, _MOST_OF_HOUSEHOLD - 4)):
        if born > _LAST_DAY:
            return
        child = _human(
            next(numbers), names, chance, father.home, father.family, chance.choice("mf"), born
        )
        if place == 0 and child.sex == "m" and chance.random() < 0.15:
            # A son of his father's name.
            child.given, child.middle, child.suffix = father.given, father.middle, "Jr"
            father.suffix = "Sr" if chance.random() < 0.5 else ""
        yield child
        if chance.random() < 0.06:
            twin = _human(next(numbers), names, chance, father.home, father.family, child.sex, born)
            twin.ssn = f"{int(child.ssn) + 1:09d}"
            twin.is_twin = child.is_twin = True
            while twin.given == child.given:
                twin.given = names.given(child.sex)
            yield twin
        born += datetime.timedelta(days=chance.randint(400, 1800))


def _human(
    number: int,
    names: Names,
    chance: random.Random,
    home: Home,
    family: str,
    sex: str,
    born: datetime.date,
) -> Human:
    given = names.given(sex)
    return Human(
        number,
        given,
        names.given(sex) if chance.random() < 0.75 else "",
        family,
        "",
        sex,
        born,
        f"{chance.randint(1, 665):03d}{chance.randint(1, 99):02d}{chance.randint(1, 9998):04d}",
        _phone(chance) if chance.random() < 0.7 else "",
        f"{given}.{family}{chance.randint(1, 99)}@mail.example" if chance.random() < 0.5 else "",
        home,
    )


def _phone(chance: random.Random) -> str:
    return f"{chance.randint(201, 989)}{chance.randint(200, 999)}{chance.randint(0, 9999):04d}"


def _born(chance: random.Random, youngest: int, oldest: int) -> datetime.date:
    return _LAST_DAY - datetime.timedelta(days=chance.randint(youngest * 365, oldest * 365))


def _near(date: datetime.date, chance: random.Random, days: int) -> datetime.date:
    return max(_FIRST_DAY, date + datetime.timedelta(days=chance.randint(-days, days)))
