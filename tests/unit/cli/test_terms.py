"""`plexus terms` without a mesh: verifying code maps, loading releases, showing codes.

`unmapped` is tested with the service it asks, in tests/integration/transform.
"""

import json
import pathlib

import pytest
from click.testing import CliRunner, Result

from plexus.errors import ConfigurationError, NotFound
from services.cli.terms import command

GOOD = (
    "plexus code map,1\nid,lab\nversion,1\nsource system,99LAB\ntarget system,LN\n\n"
    "code,display,equivalence,target code,target display\n"
    "GLU,Sugar,equivalent,11-7,Sugar\nNA,Salt,equivalent,12-5,Salt\nX,,equal,14-1,Zinc\nQ,,unmatched,,\n"
)
LOINC_CSV = (
    "LOINC_NUM,COMPONENT,STATUS,SHORTNAME,LONG_COMMON_NAME\n"
    "11-7,Sugar,ACTIVE,Sug,Sugar [Mass] in Serum\n"
    "12-5,Salt,DEPRECATED,Salt,Salt in Serum\n"
)


def invoke(folder: pathlib.Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--data", str(folder)])


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "good.csv").write_text(GOOD)
    (tmp_path / "bad.csv").write_text(GOOD.replace("11-7", "11-8"))
    (tmp_path / "Loinc.csv").write_text(LOINC_CSV)
    return tmp_path


def test_a_good_map_passes_and_says_what_it_adds(folder: pathlib.Path) -> None:
    told = invoke(folder, "map", "verify", str(folder / "good.csv"))
    assert told.exit_code == 0
    assert "lab 1: 4 codes, 3 with a coding to add" in told.output
    assert "no release of http://loinc.org is loaded" in told.output


def test_a_problem_is_told_with_its_line_and_fails(folder: pathlib.Path) -> None:
    told = invoke(folder, "map", "verify", str(folder / "good.csv"), str(folder / "bad.csv"))
    assert told.exit_code == 1
    assert "bad.csv:8: 11-8 is no LOINC number" in told.output
    assert "OK" in told.output


def test_targets_are_held_against_a_loaded_release(folder: pathlib.Path) -> None:
    assert "2 codes" in invoke(folder, "load", "loinc", str(folder), "--release", "9.9").output
    told = invoke(folder, "map", "verify", str(folder / "good.csv"), "--json")
    assert told.exit_code == 0
    (one,) = json.loads(told.output)
    assert [note.partition(".csv")[2] for note in one["notes"]] == [
        ":9: 12-5 is retired in the loaded release",
        ":10: 14-1 is not in the loaded release",
    ]


def test_a_code_is_shown_from_the_tables_or_from_a_loaded_release(folder: pathlib.Path) -> None:
    invoke(folder, "load", "loinc", str(folder), "--release", "9.9")
    assert "Whole blood" in invoke(folder, "show", "HL70070", "BLD").output
    told = json.loads(invoke(folder, "show", "LN", "12-5", "--json").output)
    assert told == {
        "system": "http://loinc.org",
        "version": "9.9",
        "code": "12-5",
        "display": "Salt in Serum",
        "status": "retired",
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["HL70070", "nope"], "has no such code"), (["SCT", "1"], "is not known here")],
)
def test_an_unknown_code_says_why(folder: pathlib.Path, arguments: list[str], says: str) -> None:
    told = invoke(folder, "show", *arguments)
    assert isinstance(told.exception, NotFound)
    assert says in told.exception.detail


def test_what_is_no_release_is_refused(folder: pathlib.Path) -> None:
    told = invoke(folder, "load", "snomed", str(folder))
    assert isinstance(told.exception, ConfigurationError)
    assert not (folder / "terminology").exists() or not list((folder / "terminology").iterdir())
