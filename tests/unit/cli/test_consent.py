"""`plexus consent check`: what it tells, and its exit codes. Out of scope: which case decides what."""

import json
import pathlib
from typing import Any

import click.testing
import pytest

from services.cli.consent import command

_CASE: dict[str, Any] = {
    "id": 5,
    "title": "a deny",
    "default_policy": {"TREAT": True},
    "consents": [{"id": "c1", "status": "active", "provision": {"type": "deny"}}],
    "request": {
        "purposes": ["TREAT"],
        "actors": ["Practitioner/a"],
        "action": "action|access",
        "now": "2024-06-15T10:00:00+00:00",
    },
    "resource": {"type": "rt|Observation", "labels": []},
    "expect": "DENY",
}


def _run(folder: pathlib.Path, content: Any, *options: str) -> click.testing.Result:
    path = folder / "cases.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return click.testing.CliRunner().invoke(command, ["check", str(path), *options])


def test_cases_as_expected_are_only_counted(tmp_path: pathlib.Path) -> None:
    result = _run(tmp_path, [_CASE])
    assert (result.exit_code, result.stdout) == (0, "1 cases: 1 as expected, 0 not\n")


def test_a_disagreement_is_one_line_with_the_rule(tmp_path: pathlib.Path) -> None:
    result = _run(tmp_path, [_CASE, _CASE | {"expect": "PERMIT"}])
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "5 a deny: expected PERMIT, decided DENY (consent c1@1 provision)",
        "2 cases: 1 as expected, 1 not",
    ]


def test_a_directive_that_cannot_be_understood_is_told_with_its_element(
    tmp_path: pathlib.Path,
) -> None:
    broken = {"id": "c1", "status": "active", "provision": {"type": "maybe"}}
    result = _run(tmp_path, [_CASE | {"consents": [broken], "expect": "PERMIT"}])
    assert "provision.type: must be permit or deny" in result.stdout


def test_json_holds_the_decision(tmp_path: pathlib.Path) -> None:
    result = _run(tmp_path, [_CASE | {"expect": "PERMIT"}], "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["cases"], told["agree"]) == (1, 1, 0)
    assert told["disagreements"][0]["decision"]["rule"] == "c1@1"


def test_a_request_that_cannot_be_read_is_denied(tmp_path: pathlib.Path) -> None:
    case = _CASE | {"request": _CASE["request"] | {"now": "soon"}, "consents": []}
    assert _run(tmp_path, [case]).exit_code == 0


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "{}",
        "[]",
        [1],
        [{key: value for key, value in _CASE.items() if key != "request"}],
        [_CASE | {"request": {"now": "2024"}}],
        [_CASE | {"expect": "MAYBE"}],
        [_CASE | {"consents": {}}],
        [_CASE | {"zone": "Nowhere/Else"}],
        [_CASE | {"statutes": [{"id": "s", "law": "perhaps"}]}],
    ],
)
def test_what_is_no_file_of_vectors_is_refused(tmp_path: pathlib.Path, content: Any) -> None:
    result = _run(tmp_path, content)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
