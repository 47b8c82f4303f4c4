"""Weights from a population whose truth is known: households, twins, typing errors, moves.

The population is small and invented here. Quality on whole public sets is measured elsewhere.
"""

import collections
import itertools
import random

import pytest

from services.identity.domain.blocking import blocking_keys
from services.identity.domain.normalisation import Features
from services.identity.domain.scoring import Grade, Model, compare, score, shipped_model
from services.identity.domain.training import LEAST_RECORDS, train
from tests.unit.identity.people_material import features

_SYLLABLES = ("ka", "lo", "mi", "ren", "tor", "ba", "shi", "del", "mar", "vin", "po", "gre", "han")
_STREETS = ("Mill Lane", "High Street", "Station Road", "Park Avenue", "Church Street", "Elm Drive")


def _word(chance: random.Random, length: int) -> str:
    return "".join(chance.choice(_SYLLABLES) for _ in range(length)).title()


def _population(households: int) -> list[tuple[int, Features]]:
    """Records with the number of the person: each told by one to three systems, with mistakes."""
    chance = random.Random(5)
    families = [_word(chance, 3) for _ in range(300)]
    givens = [_word(chance, 2) for _ in range(90)]
    records: list[tuple[int, Features]] = []
    numbers = itertools.count()
    for house in range(households):
        family = chance.choice(families)
        home = {
            "street": f"{chance.randint(1, 150)} {chance.choice(_STREETS)}",
            "city": f"Town{chance.randint(1, 12)}",
            "code": f"{50_100 + chance.randint(1, 60)}",
            "phone": f"212{3_000_000 + house}",
        }
        for member in range(chance.choice((1, 2, 3, 4))):
            number = next(numbers)
            year = 1950 + chance.randint(0, 12) if member < 2 else 1985 + chance.randint(0, 14)
            who = {
                "family": family,
                "given": chance.choice(givens),
                "born": f"{year}-{chance.randint(1, 12):02d}-{chance.randint(2, 28):02d}",
                "sex": chance.choice(("male", "female")),
            }
            records += [
                (number, features(**_mistaken(who | home, chance)))
                for _ in range(chance.choice((1, 2, 2, 3)))
            ]
    chance.shuffle(records)
    return records


def _mistaken(said: dict[str, str], chance: random.Random) -> dict[str, str]:
    said = dict(said)
    for name in ("family", "given"):
        if chance.random() < 0.06:
            place = chance.randrange(len(said[name]) - 1)
            text = said[name]
            said[name] = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    if chance.random() < 0.04:
        said["born"] = said["born"][:-1] + str(chance.randint(1, 8))
    if chance.random() < 0.15:
        said["street"] = f"{chance.randint(1, 150)} {chance.choice(_STREETS)}"
        said["phone"] = f"312{chance.randint(3_000_000, 9_000_000)}"
    for name in ("phone", "sex", "code"):
        if chance.random() < 0.1:
            said[name] = ""
    return said


@pytest.fixture(scope="module")
def population() -> list[tuple[int, Features]]:
    return _population(300)


@pytest.fixture(scope="module")
def model(population: list[tuple[int, Features]]) -> Model:
    return train([features for _, features in population], seed=1)


def _pairs(population: list[tuple[int, Features]]) -> set[tuple[int, int]]:
    blocks: dict[int, list[int]] = collections.defaultdict(list)
    for place, (_, each) in enumerate(population):
        for key in blocking_keys("", each):
            blocks[key.number].append(place)
    return {
        pair
        for block in blocks.values()
        if len(block) <= 100
        for pair in itertools.combinations(block, 2)
    }


def _true_pairs(population: list[tuple[int, Features]]) -> int:
    sizes = collections.Counter(number for number, _ in population).values()
    return sum(size * (size - 1) // 2 for size in sizes)


def test_blocking_finds_nearly_all_pairs_of_one_person(
    population: list[tuple[int, Features]],
) -> None:
    found = sum(population[a][0] == population[b][0] for a, b in _pairs(population))
    assert found / _true_pairs(population) > 0.99


@pytest.mark.parametrize("which", ["shipped", "trained"])
def test_households_do_not_become_one_person(
    population: list[tuple[int, Features]], model: Model, which: str
) -> None:
    used = model if which == "trained" else shipped_model()
    matched = [
        population[a][0] == population[b][0]
        for a, b in _pairs(population)
        if score(population[a][1], population[b][1], used).grade is Grade.MATCH
    ]
    assert sum(matched) / len(matched) > 0.995
    assert sum(matched) / _true_pairs(population) > (0.85 if which == "trained" else 0.75)


def test_training_learns_that_a_household_shares_its_home(model: Model) -> None:
    one = features()
    relative = features(given="Bruno", born="1951-09-30", sex="male")
    address = compare(one, relative).levels[5]
    assert model.household[5][address] > model.stranger[5][address] + 5


def test_the_same_records_and_seed_give_the_same_model(
    population: list[tuple[int, Features]],
) -> None:
    told: list[tuple[str, float]] = []
    records = [each for _, each in population[:LEAST_RECORDS]]
    model = train(records, 1)
    again = train(records, 1, lambda what, share: told.append((what, share)))
    assert again == model
    assert again.version == model.version
    assert [what for what, _ in itertools.groupby(told, key=lambda each: each[0])] == [
        "strangers",
        "candidates",
        "weights",
    ]
    assert told[-1] == ("weights", 1.0)


def test_a_model_keeps_no_name_that_few_people_have(model: Model) -> None:
    assert model.trained_on > 0
    assert min(model.families.values()) * model.trained_on >= 4.9


def test_too_few_records_teach_nothing() -> None:
    with pytest.raises(ValueError, match=str(LEAST_RECORDS)):
        train([features()] * (LEAST_RECORDS - 1), 1)
