"""`plexus lint`: findings with file, line, place and rule; no values; exit codes."""

import json
import pathlib
import subprocess
import sys

import pytest
from click.testing import CliRunner

from services.cli.lint import command
from services.cli.linting import Finding, lint_file

GOOD = (
    "MSH|^~\\&|APP|FAC|RCV|FAC2|20240101||ADT^A08^ADT_A01|C1|P|2.5.1\r"
    "EVN||20240101\rPID|1||77^^^H&1.2&ISO^MR||Vale^Iris||19700102|F\rPV1|1|I\r"
)


def lint(text: str, **options: str) -> list[str]:
    return [
        f"{f.line} {f.level} {f.rule} {f.place}"
        for f in lint_file("f", text.encode(), **options)  # type: ignore[arg-type]
    ]


def test_a_message_that_keeps_to_the_standard_has_no_findings() -> None:
    assert lint(GOOD) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("19700102", "last spring"), ["3 error datatype PID[1]-7[1]"]),
        (("|F\r", "|Q\r"), ["3 warning table PID[1]-8"]),
        (("||77^^^H&1.2&ISO^MR|", "|||"), ["3 error missing PID[1]-3"]),
        (("PV1|1|I\r", "PV1|1|I|" + "x" * 300 + "\r"), ["4 error length PV1[1]-3[1]"]),
        (("PV1|1|I\r", ""), ["1 error missing MSH[1]"]),
        (("EVN||20240101\r", ""), ["1 error missing MSH[1]"]),
        (("PV1|1|I\r", "PV1|1|I\rPV1|2|I\r"), ["5 error often PV1[2]"]),
        (("PV1|1|I\r", "PV1|1|I\rORC|NW\r"), ["5 error segment ORC[1]"]),
        (("PV1|1|I\r", "PV1|1|I\rZZZ|anything\r"), []),
        (("|F\r", "|F" + "|" * 40 + "x\r"), ["3 error field PID[1]-48[1]"]),
        (("2.5.1", "7.7"), ["1 error version MSH-12"]),
        (("ADT^A08^ADT_A01", "ADT^A08^ADT_A08"), ["1 warning structure MSH-9"]),
        (("ADT^A08^ADT_A01", "XYZ^X01"), ["1 warning structure MSH-9", "1 warning table MSH[1]-9"]),
    ],
)
def test_a_fault_is_found_at_its_place(change: tuple[str, str], expected: list[str]) -> None:
    found = lint(GOOD.replace(*change))
    assert [line for line in found if not line.endswith("MSH[1]-9") or line in expected] == expected


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("\r", "\n").encode(),
        GOOD.replace("\r", "\r\n").encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        ("\ufeff" + GOOD).encode("utf-16-le"),
        GOOD.replace("^~\\&|", "^~\\&#|").encode(),
        GOOD.translate(str.maketrans("|^~\\&", "$%?!@")).encode(),
        b"\x0b" + GOOD.encode() + b"\x1c\r",
    ],
)
def test_how_a_message_is_written_is_no_fault(content: bytes) -> None:
    assert [f for f in lint_file("f", content) if f.level != "note"] == []


def test_a_field_too_many_and_a_part_too_many_are_told_apart() -> None:
    text = GOOD.replace("|F\r", "|F^too^much" + "|" * 40 + "x\r")
    texts = [finding.text for finding in lint_file("f", text.encode()) if finding.rule == "field"]
    assert texts == [
        "PID-8 has more parts than its data type.",
        "PID-48 is no field of this version.",
    ]


def test_lines_are_those_of_the_file() -> None:
    bad = GOOD.replace("19700102", "x")
    text = "FHS|^~\\&\nBHS|^~\\&\n" + (GOOD + bad).replace("\r", "\n") + "BTS|3\nFTS|1\n"
    assert lint(text) == ["1 warning batch BTS-1", "9 error datatype PID[1]-7[1]"]


def test_a_version_can_be_chosen() -> None:
    text = GOOD.replace("EVN||", "EVN|A08|").replace("2.5.1", "2.8")
    assert "2 error field EVN[1]-1[1]" in lint(text)
    assert lint(text, version="2.5.1") == []


def test_what_is_no_message_is_an_error() -> None:
    assert lint("a printer page\r") == ["1 error reading MSH"]
    assert lint("") == ["1 error reading "]


def test_findings_repeat_no_value() -> None:
    text = GOOD.replace("Vale^Iris", "Zq" * 400).replace("19700102", "Zq").replace("|F\r", "|Zq\r")
    found = list(lint_file("f", text.encode()))
    assert len(found) >= 3
    assert not any("Zq" in finding.text for finding in found)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_a_folder_is_looked_through_and_an_error_ends_with_1(tmp_path: pathlib.Path) -> None:
    (tmp_path / "good.hl7").write_text(GOOD)
    code, output = run(str(tmp_path))
    assert (code, output) == (0, "1 files: 0 errors, 0 warnings, 0 notes\n")
    (tmp_path / "bad.hl7").write_text(GOOD.replace("19700102", "x"))
    code, output = run(str(tmp_path))
    assert code == 1
    assert output.startswith(f"{tmp_path}/bad.hl7:3: error [datatype] PID[1]-7[1]: PID-7 ")
    code, output = run(str(tmp_path), "--json")
    told = json.loads(output)
    assert told["summary"] == {"files": 2, "error": 1, "warning": 0, "note": 0}
    assert told["findings"][0]["line"] == 3


def test_a_profile_is_held_against_too(tmp_path: pathlib.Path) -> None:
    (tmp_path / "m.hl7").write_text(GOOD)
    rules = tmp_path / "north.yaml"
    rules.write_text("profile:\n- {name: north}\nfields:\n- {place: PID-8, table: [M]}\n")
    code, output = run(str(tmp_path / "m.hl7"), "--profile", str(rules))
    assert code == 0
    assert "3: warning [profile north] PID[1]-8[1]: PID-8 is none of the codes" in output
    rules.write_text(rules.read_text().replace("[M]", "[M], severity: error"))
    assert run(str(tmp_path / "m.hl7"), "--profile", str(rules))[0] == 1


def test_findings_are_plain_data() -> None:
    [finding] = lint_file("f", GOOD.replace("19700102", "x").encode())
    assert finding == Finding(
        "f", 3, 1, "PID[1]-7[1]", "error", "datatype", "PID-7 does not fit its data type."
    )


def test_nothing_but_lint_loads_hl7apy() -> None:
    program = (
        "import sys; import services.transform.app, services.ingest.app, services.cli.send;"
        "import services.cli.config; sys.exit('hl7apy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
