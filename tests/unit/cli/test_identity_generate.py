"""`plexus identity generate`: invented populations, hard where matching is hard, with the truth."""

import csv
import dataclasses
import itertools
import pathlib
import random

import pytest
from click.testing import CliRunner

from services.cli.evaluating.population import Human, invent, tell
from services.cli.evaluating.records import Records, read_records
from services.cli.identity import command
from services.identity.domain.evaluation import evaluate
from services.identity.domain.scoring import shipped_model


def generated(path: pathlib.Path, *arguments: str) -> pathlib.Path:
    done = CliRunner().invoke(command, ["generate", str(path), "--people", "800", *arguments])
    assert done.exit_code == 0, done.output
    return path


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    path = generated(tmp_path_factory.mktemp("people") / "people.csv")
    return read_records(path, "entity", {})


@pytest.fixture(scope="module")
def people() -> list[Human]:
    return list(invent(3000, random.Random(4)))


def test_the_same_seed_gives_the_same_file_and_another_seed_another(tmp_path: pathlib.Path) -> None:
    first = generated(tmp_path / "1.csv", "--seed", "7").read_bytes()
    assert generated(tmp_path / "2.csv", "--seed", "7").read_bytes() == first
    assert generated(tmp_path / "3.csv", "--seed", "8").read_bytes() != first


def test_twins_have_another_name_and_numbers_that_follow_each_other(people: list[Human]) -> None:
    twins = [
        (one, other)
        for one, other in itertools.pairwise(people)
        if one.is_twin and other.is_twin and one.born == other.born
    ]
    assert twins
    for one, other in twins:
        assert int(other.ssn) - int(one.ssn) == 1
        assert one.given != other.given
        assert (one.family, one.home) == (other.family, other.home)


def test_some_sons_have_their_fathers_name(people: list[Human]) -> None:
    juniors = [human for human in people if human.suffix == "Jr"]
    assert juniors
    for son in juniors:
        assert any(
            father.home == son.home and father.given == son.given and father.born < son.born
            for father in people
        )


def test_each_person_has_one_to_four_records(people: list[Human]) -> None:
    told = list(tell(people, random.Random(1)))
    entities = [record["entity"] for record in told]
    counts = {entity: entities.count(entity) for entity in set(entities[:200])}
    assert set(counts.values()) <= {1, 2, 3, 4}
    assert {record["entity"] for record in told} == {str(human.number) for human in people}


def test_without_a_class_for_households_relatives_are_taken_for_one_person(
    records: Records,
) -> None:
    model = shipped_model().for_population(len(records.features))
    two_classes = dataclasses.replace(model, household_prior_bits=-1e6)
    three, two = (evaluate(records.features, records.truth, each) for each in (model, two_classes))
    assert three.at(0.0).precision > 0.95
    assert three.at(0.0).recall > 0.9
    assert two.at(0.0).precision < three.at(0.0).precision - 0.05


def test_columns_are_those_that_evaluate_understands(tmp_path: pathlib.Path) -> None:
    path = generated(tmp_path / "people.csv")
    with path.open(encoding="utf-8") as file:
        header = set(csv.DictReader(file).fieldnames or ())
    assert set(read_records(path, "entity", {}).columns) == header - {"entity"}
