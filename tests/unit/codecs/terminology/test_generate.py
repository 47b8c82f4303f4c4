"""Making the HL7 tables from a release, on a package of three systems that nobody published."""

import json
import pathlib
import runpy
import sys
import tarfile
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[4]
BASE = "http://terminology.hl7.org/CodeSystem/"
OWN = "made available under the CC0 designation"


def system(name: str, *concepts: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {
        "url": BASE + name,
        "version": "1.2.0",
        "name": name.title(),
        "status": "active",
        "content": "complete",
        "copyright": OWN,
        "concept": list(concepts),
    } | other


def concept(code: str, display: str, status: str = "active", **other: Any) -> dict[str, Any]:
    return {
        "code": code,
        "display": display,
        "property": [{"code": "status", "valueCode": status}],
    } | other


def made(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, *systems: dict[str, Any]) -> str:
    files = {
        "package.json": {
            "name": "hl7.terminology.r4",
            "version": "0.0.1",
            "title": "Test",
            "author": "nobody",
            "license": "CC0-1.0",
        }
    }
    files |= {f"CodeSystem-{n}.json": one for n, one in enumerate(systems)}
    archive = folder / "package.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files.items():
            path = folder / name
            path.write_text(json.dumps(content))
            tar.add(path, f"package/{name}")
    out = folder / "out.txt"
    monkeypatch.setattr(sys, "argv", ["generate", str(archive), "--out", str(out)])
    runpy.run_path(str(ROOT / "terminology" / "generate.py"), run_name="__main__")
    return out.read_text()


def table_row(number: str, name: str) -> dict[str, Any]:
    return {"code": number, "property": [{"code": "v2-cs-uri", "valueCode": BASE + name}]}


TABLES = system("v2-tables", table_row("0901", "v2-0901"), table_row("0902", "v2-0901"))


def test_codes_come_sorted_with_display_and_status(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = concept("A", "First\nof all", "deprecated")
    outer = concept("B", "Second", "retired", concept=[inner])
    text = made(tmp_path, monkeypatch, system("v2-0901", outer, concept("...", "more")), TABLES)
    _, block, shared = text.split("\n\n")
    assert block == "v2-0901\t1.2.0\tV2-0901\nA\tFirst of all\td\nB\tSecond\tr"
    assert shared == "0902\tv2-0901\n"


def test_what_hl7_only_quotes_or_lists_in_part_is_left_out(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = concept("A", "a")
    text = made(
        tmp_path,
        monkeypatch,
        system("v2-0901", code),
        system("v2-0903", code, copyright="Somebody else. All rights reserved."),
        system("v2-0904", code, content="fragment"),
        system("v2-0344", code),
        system("v3-Unasked", code),
        TABLES,
    )
    assert [block.split("\t")[0] for block in text.split("\n\n")[1:-1]] == ["v2-0901"]


def test_any_other_package_is_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "package.json").write_text('{"name": "other"}')
    monkeypatch.setattr(sys, "argv", ["generate", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"is no package hl7\.terminology\.r4"):
        runpy.run_path(str(ROOT / "terminology" / "generate.py"), run_name="__main__")
