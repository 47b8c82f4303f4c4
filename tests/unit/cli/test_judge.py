"""`plexus judge` as a person calls it: what it reads, what it tells, and its exit codes."""

import json
import pathlib
from typing import Any

from click.testing import CliRunner, Result

from services.cli.judge import command
from tests.unit.codecs.fhir.mutants import MUTANTS, sound_bundle

PATIENT = {"resourceType": "Patient", "id": "1"}
COVERAGE = {
    "resourceType": "Coverage",
    "status": "active",
    "beneficiary": {"reference": "Patient/1"},
    "payor": [{"display": "x"}],
}


def judged(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments], input=stdin)


def write(path: pathlib.Path, *lines: Any) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def test_what_is_valid_is_told_and_the_exit_code_is_0(tmp_path: pathlib.Path) -> None:
    result = judged(write(tmp_path / "bundle.json", sound_bundle()))
    assert result.exit_code == 0
    assert result.output == "judged 1: 1 valid (100.0 %), 0 not; 0 dangling references\n"


def test_a_folder_is_searched_and_findings_are_grouped_by_frequency(tmp_path: pathlib.Path) -> None:
    dangling = next(each for each in MUTANTS if each.kind == "reference")
    write(tmp_path / "a.json", sound_bundle())
    write(tmp_path / "deep" / "b.json", dangling.bundle())
    write(tmp_path / "deep" / "c.ndjson", PATIENT | {"gender": "x"}, PATIENT | {"gender": "y"})
    (tmp_path / "notes.txt").write_text("not FHIR")
    result = judged(tmp_path)
    assert result.exit_code == 1
    first, second, last = result.output.splitlines()
    assert first.split() == ["2", "x", "Patient.gender:", "binding", "(first", "in", f"{tmp_path}/deep/c.ndjson:1)"]  # fmt: skip
    assert "Observation.subject: reference dangling" in second
    assert last == "judged 4: 1 valid (25.0 %), 3 not; 1 dangling references"


def test_lines_of_a_file_may_point_at_each_other(tmp_path: pathlib.Path) -> None:
    assert judged(write(tmp_path / "a.ndjson", PATIENT, COVERAGE)).exit_code == 0
    other = PATIENT | {"id": "2"}
    result = judged(write(tmp_path / "b.ndjson", other, COVERAGE))
    assert result.exit_code == 1
    assert "Coverage.beneficiary: reference dangling" in result.output


def test_standard_input_is_read_and_json_is_for_programs() -> None:
    lines = "\n".join([json.dumps(PATIENT), "{", json.dumps(PATIENT | {"active": "Wick"})])
    result = judged("-", "--json", stdin=lines)
    assert result.exit_code == 1
    told = json.loads(result.output)
    assert (told["judged"], told["valid"], told["dangling_references"]) == (3, 1, 0)
    assert told["findings"] == [
        {"path": "", "kind": "type", "rule": "JSON", "count": 1, "first": "-:2"},
        {"path": "Patient.active", "kind": "type", "rule": "", "count": 1, "first": "-:3"},
    ]
    assert "Wick" not in result.output


def test_where_nothing_is_to_be_judged_that_is_said(tmp_path: pathlib.Path) -> None:
    result = judged(tmp_path)
    assert result.exit_code == 2
    assert "nothing to judge" in result.output
