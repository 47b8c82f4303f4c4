"""Printing and verifying settings and the mesh document: every problem, its line, and no secret."""

import importlib.resources
import json
import os
import pathlib

import pytest
import yaml
from click.testing import CliRunner, Result

from plexus.errors import ConfigurationError
from services.cli.config import SECTION_MODELS, Findings, command, verify_document
from services.registry import SERVICES, load_service, sections_of

GOOD = """\
sources:
  - {tenant: north, name: his, time_zone: Europe/Vienna}
feeds:
  - name: ward
    tenant: north
    source: his
    listen: 127.0.0.1:2575
destinations:
  - {name: lab, tenant: north, kind: folder, path: out, purpose: ETREAT}
policies:
  - {tenant: north, purpose: TREAT, recipient: lab, effect: permit}
"""


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("PLEXUS_")]:
        monkeypatch.delenv(name)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def findings_of(folder: pathlib.Path, text: str) -> Findings:
    path = folder / "plexus.yaml"
    path.write_text(text, encoding="utf-8")
    findings = Findings()
    verify_document(path, findings)
    findings.problems = [one.removeprefix(str(path)) for one in findings.problems]
    findings.notes = [one.removeprefix(str(path)) for one in findings.notes]
    return findings


def test_every_section_that_a_service_reads_is_described_and_verified() -> None:
    assert set(SECTION_MODELS) == {section for name in SERVICES for section in sections_of(name)}


def test_a_good_document_passes_without_a_note(tmp_path: pathlib.Path) -> None:
    findings = findings_of(tmp_path, GOOD)
    assert (findings.problems, findings.notes) == ([], [])
    assert len(findings.passed) == len(SECTION_MODELS) + 1


def test_the_first_document_that_up_writes_passes(tmp_path: pathlib.Path) -> None:
    starter = importlib.resources.files("services.cli") / "starter.yaml"
    findings = findings_of(tmp_path, starter.read_text(encoding="utf-8"))
    assert (findings.problems, findings.notes) == ([], [])


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("feeds:", "feedz:", ":3: nothing is called feedz; there is: "),
        ("    source: his", "    sauce: his", ":6: feeds.0.sauce: Extra inputs"),
        ("    source: his", "    name: his", ":6: name stands here a second time"),
        ("127.0.0.1:2575", "localhost", ":7: feeds.0.listen: must be host:port"),
        ("Europe/Vienna", "Europe/Nowhere", ":2: sources.0.time_zone: is no IANA time zone"),
        ("purpose: ETREAT", "purpose: TREATS", ":9: destinations.0.purpose: is no PurposeOfUse"),
        ("path: out", "path: out, token_file: /nope", ":9: destinations.0.token_file: cannot be"),
        ("    source: his", "    default_charset: x", ":6: feeds.0.default_charset: is no codec"),
        ("purpose: TREAT,", "purpose: TREATS,", ":11: policies.0.purpose: Value error, is no"),
    ],
)
def test_a_problem_is_told_with_its_line(
    tmp_path: pathlib.Path, before: str, after: str, problem: str
) -> None:
    assert before in GOOD
    problems = findings_of(tmp_path, GOOD.replace(before, after)).problems
    assert [one for one in problems if one.startswith(problem)], problems


def test_names_paths_and_addresses_are_unique(tmp_path: pathlib.Path) -> None:
    again = """\
  - name: ward
    tenant: north
    source: his
    listen: 0.0.0.0:2575
destinations:
  - {name: lab, tenant: north, kind: folder, path: out, purpose: ETREAT}
"""
    findings = findings_of(tmp_path, GOOD.replace("destinations:\n", again))
    assert findings.problems == [
        ":8: feeds.1.name: ward is already used on line 4",
        ":14: destinations.1.name: lab is already used on line 13",
        ":14: destinations.1.path: out is already used on line 13",
        ":11: feeds.1.listen: port 2575 is already used on line 7",
    ]


def test_one_port_on_two_addresses_is_no_problem(tmp_path: pathlib.Path) -> None:
    again = """\
  - {name: clinic, tenant: north, source: his, listen: "127.0.0.2:2575"}
destinations:
"""
    assert findings_of(tmp_path, GOOD.replace("destinations:\n", again)).problems == []


def test_all_problems_are_told_at_once(tmp_path: pathlib.Path) -> None:
    text = GOOD.replace("Vienna", "Nowhere").replace("kind: folder", "kind: fax") + "bogus: 1\n"
    text = text.replace("effect: permit", "effect: perhaps")
    problems = findings_of(tmp_path, text).problems
    places = [one.split(": ")[1] for one in problems]
    assert places == [
        "nothing is called bogus; there is",
        "destinations.0.kind",
        "policies.0.effect",
        "sources.0.time_zone",
    ]


@pytest.mark.parametrize(
    ("before", "after", "note"),
    [
        ("    source: his\n", "", ":4: feeds.0.source: source ward of north is not listed"),
        ("    source: his\n", "", ":2: sources.0.name: no feed of north is of it"),
        ("purpose: TREAT,", "purpose: HPAYMT,", ":9: destinations.0.purpose: no policy permits"),
        ("effect: permit", "effect: deny", ":9: destinations.0.purpose: no policy permits"),
        ("recipient: lab", "recipient: labb", ":11: policies.0.recipient: no destination is"),
        ("policies:", "recipients: [{name: labb}]\npolicies:", ":10: recipients.0.name: no dest"),
    ],
)
def test_what_is_probably_not_meant_is_noted_and_no_problem(
    tmp_path: pathlib.Path, before: str, after: str, note: str
) -> None:
    findings = findings_of(tmp_path, GOOD.replace(before, after))
    assert not findings.problems
    assert [one for one in findings.notes if one.startswith(note)], findings.notes


def test_what_could_not_be_read_is_not_noted_as_missing(tmp_path: pathlib.Path) -> None:
    findings = findings_of(tmp_path, GOOD.replace("name: his,", "name: HIS,"))
    assert [one.split(": ")[1] for one in findings.problems] == ["sources.0.name"]
    assert findings.notes == []


def test_break_glass_is_not_permitted_by_a_policy_for_all_purposes(tmp_path: pathlib.Path) -> None:
    text = GOOD.replace("purpose: ETREAT", "purpose: BTG").replace("purpose: TREAT", 'purpose: "*"')
    assert "no policy permits BTG" in findings_of(tmp_path, text).notes[0]
    named = text.replace('purpose: "*"', "purpose: BTG")
    assert findings_of(tmp_path, named).notes == []


def test_a_code_map_is_looked_for_beside_the_document_and_verified(
    tmp_path: pathlib.Path,
) -> None:
    text = GOOD.replace("Europe/Vienna}", "Europe/Vienna, code_maps: [maps/lab.csv]}")
    assert findings_of(tmp_path, text).problems != []
    (tmp_path / "maps").mkdir()
    head = "plexus code map,1\nid,m\nversion,1\nsource system,L\ntarget system,LN\n\n"
    columns = "code,display,equivalence,target code,target display\n"
    path = tmp_path / "maps" / "lab.csv"
    path.write_text(f"{head}{columns}A,,equal,1-1\n")
    assert findings_of(tmp_path, text).problems[0].startswith(f"{path}:8: 1-1 is no LOINC number")
    path.write_text(f"{head}{columns}A,,equal,2345-7\n")
    assert findings_of(tmp_path, text).problems == []


def test_an_empty_token_file_is_a_problem(tmp_path: pathlib.Path) -> None:
    token = tmp_path / "token"
    token.write_text("\n", encoding="utf-8")
    text = GOOD.replace("path: out", f"path: out, token_file: {token}")
    assert ":9: destinations.0.token_file: is empty" in findings_of(tmp_path, text).problems
    token.write_text("a-token", encoding="utf-8")
    assert findings_of(tmp_path, text).problems == []


@pytest.mark.parametrize("text", ["- 1\n", "a: [\n", ""])
def test_what_is_no_mesh_document_is_one_problem(tmp_path: pathlib.Path, text: str) -> None:
    assert len(findings_of(tmp_path, text).problems) == 1


def test_a_source_s_profile_is_verified_too(tmp_path: pathlib.Path) -> None:
    text = GOOD.replace("Europe/Vienna}", "Europe/Vienna, profile: rules/his.yaml}")
    file = tmp_path / "rules" / "his.yaml"
    assert findings_of(tmp_path, text).problems == [f"{file}: cannot read the profile"]
    file.parent.mkdir()
    file.write_text("profile:\n- {name: his}\nfields:\n- {place: PID}\n")
    [problem] = findings_of(tmp_path, text).problems
    assert problem.startswith(f"{file}:4: fields.0.place")
    file.write_text("profile:\n- {name: his}\n")
    assert findings_of(tmp_path, text).problems == []


def test_verify_tells_what_is_right_and_passes(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plexus.yaml"
    path.write_text(GOOD, encoding="utf-8")
    told = invoke("verify", "--config", str(path))
    assert told.exit_code == 0
    lines = [" ".join(line.split()) for line in told.output.splitlines()]
    assert [f"OK settings of {name}" for name in SERVICES] == lines[: len(SERVICES)]
    assert f"OK {path}: feeds: 1" in lines


def test_verify_fails_on_a_problem_and_json_tells_it(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plexus.yaml"
    path.write_text("bogus: 1\n", encoding="utf-8")
    told = invoke("verify", "--config", str(path), "--json")
    assert told.exit_code == 1
    content = json.loads(told.output)
    assert content["ok"] is False
    assert content["problems"][0].startswith(f"{path}:1: nothing is called bogus")


def test_verify_tells_a_wrong_setting_once_and_never_a_secret(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plexus.yaml"
    path.write_text(GOOD, encoding="utf-8")
    monkeypatch.setenv("PLEXUS_CONFIG", str(path))
    monkeypatch.setenv("PLEXUS_SHARDS", "none")
    told = invoke("verify")
    assert told.exit_code == 1
    assert told.output.count("PLEXUS_SHARDS: Input should be a valid integer") == 1
    monkeypatch.delenv("PLEXUS_SHARDS")
    monkeypatch.setenv("PLEXUS_KEY_SECRET", "tooshortsecret")
    told = invoke("verify")
    assert told.exit_code == 1
    assert "at least 16" in told.output
    assert "tooshortsecret" not in told.output


def test_print_tells_each_setting_with_value_default_and_meaning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLEXUS_SHARDS", "64")
    monkeypatch.setenv("PLEXUS_KEY_SECRET", "a-secret-of-many-letters")
    monkeypatch.setenv("PLEXUS_DATABASE_URL", "postgresql://me:hunter2@there/plexus")
    told = invoke("print", "ingest")
    assert told.exit_code == 0
    assert "PLEXUS_SHARDS=64  (default: 8)" in told.output
    assert "PLEXUS_COMMIT_BATCH=256\n    Most receipts of one commit." in told.output
    assert "hunter2" not in told.output
    assert "a-secret" not in told.output


def test_print_without_a_service_tells_every_setting_of_all() -> None:
    rows = json.loads(invoke("print", "--json").output)
    for name in SERVICES:
        fields = load_service(name).settings.model_fields
        told = {row["variable"] for row in rows if row["service"] in {name, "all services"}}
        assert {f"PLEXUS_{field.upper()}" for field in fields} <= told
    assert all(row["meaning"] for row in rows)
    assert len(rows) == len({(row["service"], row["variable"]) for row in rows})


def test_print_says_which_setting_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLEXUS_SHARDS", "none")
    told = invoke("print", "ingest")
    assert isinstance(told.exception, ConfigurationError)
    assert told.exception.detail.startswith("PLEXUS_SHARDS: ")


def test_the_description_of_the_document_has_every_field_and_is_yaml() -> None:
    told = invoke("print", "--document").output
    content = yaml.safe_load(told.replace("…", "needed"))
    assert set(content) == set(SECTION_MODELS)
    for name, model in SECTION_MODELS.items():
        [entry] = content[name]
        assert set(entry) == set(model.model_fields)
    assert content["destinations"][0]["subscription"] == {"events": ["*"], "sources": ["*"]}
    assert content["feeds"][0]["max_frame_bytes"] == 4 * 1024 * 1024
    assert "at most 6,291,456" in told.replace("\n    #", "")


def test_the_description_as_json_has_every_field_with_its_meaning() -> None:
    content = json.loads(invoke("print", "--document", "--json").output)
    assert {
        name: {one["name"].split(".")[0] for one in rows} for name, rows in content.items()
    } == {name: set(model.model_fields) for name, model in SECTION_MODELS.items()}
    assert all(row["meaning"] and row["type"] for rows in content.values() for row in rows)
