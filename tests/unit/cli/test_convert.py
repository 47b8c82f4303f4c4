"""`plexus convert`: output files, report, standard output, exit codes; the same bytes each time."""

import json
import pathlib
import subprocess
import sys

import orjson
import pytest
from click.testing import CliRunner, Result

from plexus.codecs.fhir.validation import findings
from services.cli.convert import command

FEEDS = pathlib.Path(__file__).parents[2] / "data" / "feeds"
ADT = (
    "MSH|^~\\&|APP|FAC|RCV|FAC2|202401011200||ADT^A08^ADT_A01|C1|P|2.5.1\r"
    "PID|1||77^^^H^MR||Vale^Iris||19700102|F\rPV1|1|I\r"
)
UNKNOWN = ADT.replace("ADT^A08^ADT_A01", "XXX^X01")
BATCH = f"FHS|^~\\&|A\rBHS|^~\\&|A\r{ADT}{ADT.replace('77', '78')}{UNKNOWN}BTS|3\rFTS|1\r"


def converted(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments], input=stdin)


def files(folder: pathlib.Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_each_message_of_a_folder_has_a_file_named_after_it(tmp_path: pathlib.Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "one.hl7").write_text(ADT)
    (tmp_path / "in" / "deep" / "batch.hl7").write_text(BATCH)
    result = converted(tmp_path / "in", "--out", tmp_path / "out", "--report", tmp_path / "r.json")
    assert result.exit_code == 1
    made = files(tmp_path / "out")
    assert sorted(made) == ["deep/batch.hl7-2.json", "deep/batch.hl7.json", "one.hl7.json"]
    for content in made.values():
        bundle = orjson.loads(content)
        assert bundle["type"] == "transaction"
        assert findings(bundle) == []
    report = json.loads((tmp_path / "r.json").read_text())
    assert [one["converted"] for one in report["messages"]] == [True, True, False, True]
    batch, _, refused, one = report["messages"]
    assert refused["type"] == "XXX^X01"
    assert refused["issues"][0]["reason"] == "UNSUPPORTED_MESSAGE_TYPE"
    assert refused["coverage"] is None
    assert one["output"] == str(tmp_path / "out" / "one.hl7.json")
    assert batch["file"].endswith("batch.hl7[1]")
    assert one["coverage"]["mapped"] > 5
    assert one["seconds"] > 0
    summary = report["summary"]
    assert (summary["messages"], summary["converted"], summary["failed"]) == (4, 3, 1)
    assert summary["types"]["ADT^A08"] == {"converted": 3, "failed": 0}
    assert summary["reasons"] == {"UNSUPPORTED_MESSAGE_TYPE": 1}
    assert summary["coverage"]["mapped"] == sum(
        each["coverage"]["mapped"] for each in report["messages"] if each["coverage"]
    )
    assert "batch.hl7[3]: not converted at MSH-9: UNSUPPORTED_MESSAGE_TYPE" in result.output


def test_the_report_repeats_no_value(tmp_path: pathlib.Path) -> None:
    converted(FEEDS, "--out", tmp_path / "out", "--report", tmp_path / "r.json", "--quiet")
    told = (tmp_path / "r.json").read_text()
    for word in ("Quillfeather", "Ambrosia", "N100201", "19620417"):
        assert word in (FEEDS / "adt-north" / "001-admit-ambrosia.hl7").read_text()
        assert word not in told


def test_the_same_bytes_give_the_same_output(tmp_path: pathlib.Path) -> None:
    for name in ("a", "b"):
        converted(FEEDS / "lab-central", "--out", tmp_path / name, "--zone", "Europe/Vienna")
    assert files(tmp_path / "a") == files(tmp_path / "b") != {}


def test_without_a_folder_each_message_is_a_line(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "m.hl7"
    path.write_text(ADT + ADT)
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "convert", str(path)],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    bundles = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert [bundle["resourceType"] for bundle in bundles] == ["Bundle", "Bundle"]
    assert b"2 messages, " in done.stderr
    assert b"\x1b" not in done.stderr


def test_canonical_events_are_json_with_the_residue() -> None:
    result = CliRunner().invoke(command, ["-", "--to", "canonical", "--quiet"], input=ADT)
    event = json.loads(result.stdout)
    assert event["kind"] == "EVENT_KIND_UPSERT"
    assert {"location": "PID[1]-1[1].1.1", "value": "1"} in event["residue"]


def test_a_person_has_one_id_in_all_messages_and_a_merge_names_the_one_that_goes_under() -> None:
    merge = ADT.replace("ADT^A08^ADT_A01", "ADT^A40^ADT_A39").replace("77^", "78^")
    merge = merge.replace("PV1|1|I\r", "MRG|77^^^H^MR\r")
    done = converted("-", "--quiet", stdin=ADT + merge)
    first, second = (orjson.loads(line) for line in done.stdout.splitlines())
    [own] = [e for e in first["entry"] if e["resource"]["resourceType"] == "Patient"]
    survivor, gone = (e for e in second["entry"] if e["resource"]["resourceType"] == "Patient")
    assert own["fullUrl"] == gone["fullUrl"] != survivor["fullUrl"]
    assert gone["resource"]["active"] is False


@pytest.mark.parametrize(
    "arguments",
    [[], ["nowhere.hl7"], ["-", "--to", "xml"], [FEEDS / "lab-central", FEEDS / "lab-central"]],
)
def test_a_wrong_command_line_has_exit_code_2(arguments: list[object]) -> None:
    assert converted(*arguments).exit_code == 2


def test_nothing_to_convert_has_exit_code_2_and_all_converted_0(tmp_path: pathlib.Path) -> None:
    assert converted("-", stdin="").exit_code == 2
    assert converted("-", stdin=ADT).exit_code == 0


def test_what_is_no_message_is_told_and_its_neighbours_are_converted(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x00\xff printer page")
    (tmp_path / "b.hl7").write_text(ADT)
    result = converted(tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "a.bin: not converted" in result.output
    assert (tmp_path / "out" / "b.hl7.json").is_file()
