"""`plexus explain`: what a person and a program see, and the exit codes. Truth of paths: test_lineage."""

import json
import os
import pathlib
import pty
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from services.cli.explain import command

ADT = (
    "MSH|^~\\&|APP|FAC|RCV|FAC2|202401011200||ADT^A08^ADT_A01|C1|P|2.5.1\r"
    "PID|1||77^^^H^MR||Vale^Iris||19700102|F||||||||||||||||||||||Q\rPV1|1|I\rZPI|private\r"
)


@pytest.fixture
def adt(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "adt.hl7"
    path.write_text(ADT)
    return path


def explained(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments], input=stdin)


def test_each_leaf_is_shown_with_its_place_and_rule(adt: pathlib.Path) -> None:
    result = explained(adt)
    assert result.exit_code == 0
    lines = [line.strip() for line in result.output.splitlines()]
    at = next(n for n, line in enumerate(lines) if line.endswith("Vale"))
    assert lines[at].split() == ["5[1].1.1", "mapped", "Vale"]
    assert lines[at + 1] == "Person[0].names[0].family → Patient.name[0].family"
    assert "segments/PID.map:" in lines[at + 2]
    assert "datatypes/people.map:" in lines[at + 2]
    assert "XPN[HumanName] XPN.1 sort 1" in lines[at + 2]
    assert "The code is not in the code table; kept as residue." in result.output
    assert "ADT_A01 has no line for ZPI." in result.output


def test_only_some_outcomes_are_shown_and_no_values_if_so_wished(adt: pathlib.Path) -> None:
    result = explained(adt, "--only", "residue", "--no-values")
    assert "ZPI[1]" in result.output
    for hidden in ("private", "Vale", " mapped  ", "PV1[1]-2"):
        assert hidden not in result.output


def test_json_has_every_leaf_with_paths_and_rules(adt: pathlib.Path) -> None:
    told = json.loads(explained(adt, "--json").output)
    assert told["type"] == "ADT^A08"
    leaves = {leaf["location"]: leaf for leaf in told["leaves"]}
    [target] = leaves["PID[1]-7[1].1.1"]["targets"]
    assert target["path"] == "resources[0].person.birth_date"
    assert [each["path"] for each in target["fhir"]] == ["Patient.birthDate"]
    assert target["fhir"][0]["resource"].startswith("urn:uuid:")
    assert sum(told["coverage"][name] for name in ("mapped", "dropped", "residue")) == len(leaves)
    bare = json.loads(explained(adt, "--json", "--no-values").output)
    assert all("value" not in leaf for leaf in bare["leaves"])


def test_what_the_options_say_of_the_source_decides(
    adt: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    overlay = tmp_path / "north.map"
    overlay.write_text(
        "overlay north\n\nin segment PID -> Person\nadd drop PID-1  # ours: says nothing\n"
    )
    config = tmp_path / "plexus.yaml"
    config.write_text(
        "sources:\n- {tenant: acme, name: north, time_zone: Europe/Vienna, overlays: [north.map]}\n"
    )
    for options in (["--overlay", overlay], ["--config", config, "--source", "north"]):
        told = json.loads(explained(adt, "--json", *options).output)
        [leaf] = [one for one in told["leaves"] if one["location"] == "PID[1]-1[1].1.1"]
        assert (leaf["outcome"], leaf["reason"]) == ("dropped", "ours: says nothing")
        assert leaf["rules"][0]["where"].endswith("north.map:4")


def test_a_source_that_the_document_does_not_have_is_an_error_that_names_those_it_has(
    adt: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    config = tmp_path / "plexus.yaml"
    config.write_text("sources:\n- {tenant: acme, name: north}\n")
    result = explained(adt, "--config", config, "--source", "south")
    assert result.exception is not None
    assert "south is no source; there are: north of acme" in str(result.exception)


def test_a_message_that_cannot_be_converted_says_why_and_the_exit_code_is_1() -> None:
    result = explained("-", stdin=ADT.replace("ADT^A08^ADT_A01", "XXX^X01"))
    assert result.exit_code == 1
    assert "not converted at MSH-9: UNSUPPORTED_MESSAGE_TYPE" in result.output


def test_of_a_file_with_several_messages_all_or_one_are_explained(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "two.hl7"
    path.write_text(ADT + ADT.replace("Vale", "Moss"))
    assert len(json.loads(explained(path, "--json").output)) == 2
    one = explained(path, "--message", 2)
    assert "Moss" in one.output
    assert "Vale" not in one.output
    assert explained(path, "--message", 3).exit_code == 2


def _on_a_terminal(path: pathlib.Path, **environment: str) -> str:
    """What `plexus explain` writes to a terminal."""
    ours, theirs = pty.openpty()
    usual = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM"}}
    with (
        os.fdopen(ours, "rb", buffering=0) as reader,
        subprocess.Popen(
            [sys.executable, "-m", "services.cli", "explain", str(path), "--only", "residue"],
            stdout=theirs,
            env=usual | {"TERM": "xterm"} | environment,
        ),
    ):
        os.close(theirs)
        written = b""
        try:
            while block := reader.read(65536):
                written += block
        except OSError:  # how Linux tells that the other end is closed
            pass
    return written.decode()


def test_a_terminal_gets_colour_unless_it_wants_none(adt: pathlib.Path) -> None:
    assert "residue \x1b[0m" in _on_a_terminal(adt)
    assert "\x1b[" not in _on_a_terminal(adt, NO_COLOR="1")
