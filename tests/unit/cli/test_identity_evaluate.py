"""`plexus identity evaluate` on files: columns by their names, the figures, the picture, the exit codes."""

import csv
import json
import pathlib

import pytest
from click.testing import CliRunner, Result

from plexus.errors import InvalidRequest
from services.cli.evaluating.columns import columns_of, read_mapping
from services.cli.evaluating.records import read_records
from services.cli.identity import command
from services.identity.domain.normalisation import Features

ROWS = [
    ["1", "Harriet", "Ann", "Whitfield", "02/13/1980", "12", "Mill Lane", "50312", "536-22-1234"],
    ["1", "Hariet", "", "Whitfield", "02/13/1980", "12", "Mill Lane", "50312", ""],
    ["2", "Bruno", "", "Okafor", "09/30/1951", "1", "Hill Rd", "50311", ""],
    ["3", "Ota", "", "Zelenka", "01/17/1933", "7", "Dock St", "50999", "601347788.0"],
]
HEADER = [
    "entity", "first_name", "middle_initial", "Last Name", "DOB", "street_number", "address_1", "Zip Code", "SSN",
]  # fmt: skip


@pytest.fixture
def people(tmp_path: pathlib.Path) -> pathlib.Path:
    return written(tmp_path, HEADER, ROWS)


def written(folder: pathlib.Path, header: list[str], rows: list[list[str]]) -> pathlib.Path:
    path = folder / "people.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def invoke(path: pathlib.Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["evaluate", str(path), "--truth", "entity", *arguments])


def test_usual_names_of_columns_are_understood(people: pathlib.Path) -> None:
    found = read_records(people, "entity", {})
    assert found.columns == {
        "given": "first_name", "middle": "middle_initial", "surname": "Last Name", "dob": "DOB",
        "street_no": "street_number", "street": "address_1", "zip": "Zip Code", "ssn": "SSN",
    }  # fmt: skip
    harriet = found.features[0]
    assert harriet.names[0].given == ("harriet", "ann")
    assert harriet.birth_date == (1980, 2, 13)
    assert harriet.addresses[0][:2] == ("12", "mill ln")
    assert [each.value for each in harriet.national_ids] == ["536221234"]
    assert found.truth == ["1", "1", "2", "3"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_file_is_read_however_it_was_written(
    tmp_path: pathlib.Path, encoding: str, delimiter: str
) -> None:
    path = tmp_path / "people.csv"
    with path.open("w", newline="", encoding=encoding) as file:
        out = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        out.writerows([["Entity", " Surname", "given"], ["1", "Müller\nHuber", 'Jo"e'], [], ["2"]])
    found = read_records(path, "entity", {})
    assert found.features[0].names[0].family == ("muller", "huber")
    assert found.truth == ["1", "2"]


def test_a_mapping_may_name_fields_and_columns_as_people_do(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, ["entity", "A", "B"], [["1", "Okafor", "Bruno"]])
    found = read_records(path, "entity", read_mapping("last_name=a,First Name=b"))
    assert found.columns == {"surname": "A", "given": "B"}


def test_a_first_name_that_is_not_told_is_not_replaced_by_the_second(
    tmp_path: pathlib.Path,
) -> None:
    path = written(tmp_path, ["entity", "given", "middle", "surname"], [["1", "", "Ann", "Okafor"]])
    (found,) = read_records(path, "entity", {}).features
    assert (found.names[0].first, found.names[0].middle) == ("", ("ann",))


def test_a_column_may_be_said_outright(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, ["entity", "a", "b"], [["1", "Okafor", "Bruno"]])
    found = read_records(path, "entity", read_mapping("surname=a, given=b"))
    assert found.features[0].names[0][:2] == (("okafor",), ("bruno",))


@pytest.mark.parametrize(
    ("written_as", "read_as"),
    [
        (["13/02/1980", "01/02/1980"], (1980, 2, 1)),
        (["02/13/1980", "01/02/1980"], (1980, 1, 2)),
        (["19800102", "19800102"], (1980, 1, 2)),
        (["1980-01-02 00:00:00", "1980-01-02 00:00:00"], (1980, 1, 2)),
        (["1/2/79", "1/2/79"], (1979, 1, 2)),
        (["1980/1/2", "1980/1/2"], (1980, 1, 2)),
    ],
)
def test_dates_are_read_as_the_column_writes_them(
    tmp_path: pathlib.Path, written_as: list[str], read_as: tuple[int, int, int]
) -> None:
    rows = [["1", "Okafor", each] for each in written_as]
    found: list[Features] = read_records(
        written(tmp_path, ["entity", "surname", "dob"], rows), "entity", {}
    ).features
    assert found[1].birth_date == read_as


def test_a_record_of_which_no_truth_is_told_is_nobody_elses(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, ["entity", "surname"], [["", "Okafor"], ["", "Okafor"]])
    assert len(set(read_records(path, "entity", {}).truth)) == 2


def test_what_is_not_there_is_named(people: pathlib.Path) -> None:
    with pytest.raises(InvalidRequest, match="no column who; it has: entity"):
        read_records(people, "who", {})
    with pytest.raises(InvalidRequest, match="no field is called nose"):
        columns_of(HEADER, {"nose": "DOB"})
    with pytest.raises(InvalidRequest, match="'given' is not of the form"):
        read_mapping("given")
    nameless = written(people.parent, ["entity", "colour"], [["1", "red"]])
    with pytest.raises(InvalidRequest, match="no column looks like a name"):
        read_records(nameless, "entity", {})


def test_figures_come_as_json_with_default_and_best(people: pathlib.Path) -> None:
    told = json.loads(invoke(people, "--json").stdout)
    for name in ("default", "best"):
        assert {"precision", "recall", "f1", "threshold"} <= set(told[name])
    assert told["default"]["threshold"] == 0.0
    assert told["default"]["f1"] == told["best"]["f1"] == told["blocking_recall"] == 1.0
    assert (told["records"], told["true_pairs"]) == (4, 1)
    assert told["model"]["trained_on"] == 0


def test_an_error_is_explained_by_lines_and_bits_and_without_values(
    people: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    rows = [["9", *ROWS[0][1:]], *ROWS[1:]]
    told = invoke(written(tmp_path, HEADER, rows))
    assert told.exit_code == 0, told.output
    assert "taken wrongly: lines 2 and 3" in told.output
    assert "birth_date: exact" in told.output
    for value in ("Whitfield", "whitfield", "1980", "Mill"):
        assert value not in told.output


def test_a_chart_is_a_png(people: pathlib.Path, tmp_path: pathlib.Path) -> None:
    told = invoke(people, "--chart", str(tmp_path / "c.png"))
    assert told.exit_code == 0, told.output
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
