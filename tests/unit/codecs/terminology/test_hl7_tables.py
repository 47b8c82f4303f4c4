"""The HL7 tables as they are committed. Making them from a release is `test_generate`."""

import importlib.resources
import subprocess
import sys

import pytest

from plexus.codecs.fhir.systems import system_uri
from plexus.codecs.terminology import (
    NAMES,
    OIDS,
    THO,
    code_system,
    display,
    is_known,
    system_of_name,
    table,
)


def test_table_gives_codes_with_meaning_and_status() -> None:
    found = table(1)
    assert found is not None
    assert found.uri == f"{THO}v2-0001"
    assert found.codes["F"] == ("Female", "active")
    assert not found.is_retired


def test_code_that_hl7_withdrew_is_known_as_deprecated() -> None:
    found = table(70)
    assert found is not None
    statuses = {code.status for code in found.codes.values()}
    assert statuses <= {"active", "deprecated", "retired"}
    old = table(359)
    assert old is not None
    assert "..." not in old.codes


def test_table_that_shares_its_codes_with_another_leads_to_them() -> None:
    yes_no = table(136)
    assert yes_no is not None
    assert yes_no.uri == f"{THO}v2-0532"
    assert is_known(f"{THO}v2-0136", "Y")


def test_unknown_table_system_and_code_are_unknown() -> None:
    assert table(9999) is None
    assert code_system("http://example.org/none") is None
    assert not is_known(f"{THO}v2-0001", "f")
    assert display(f"{THO}v2-0001", "f") == ""
    assert display("http://loinc.org", "2345-7") == ""


def test_v3_system_that_the_maps_write_is_held() -> None:
    assert display(f"{THO}v3-ActCode", "IMP") == "inpatient encounter"


def test_wording_of_the_uniform_bill_is_left_out() -> None:
    assert table(344) is None


def test_file_names_its_source_and_licence_and_is_small() -> None:
    content = (
        importlib.resources.files("plexus.codecs.terminology") / "hl7_tables.txt"
    ).read_bytes()
    assert len(content) < 1 << 20
    head = content[:300].decode()
    assert "hl7.terminology.r4 " in head
    assert "CC0-1.0" in head


def test_nothing_is_read_before_the_first_question() -> None:
    code = (
        "import plexus.codecs.terminology.hl7_tables as t;"
        "assert t._file.cache_info().currsize == 0;"
        "t.table(1); assert t._file.cache_info().currsize == 1"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("LN", "http://loinc.org"),
        (" ln ", "http://loinc.org"),
        ("HL70001", f"{THO}v2-0001"),
        ("hl7-4", f"{THO}v2-0004"),
        ("99LAB", ""),
        ("L", ""),
        ("", ""),
    ],
)
def test_name_of_a_system_has_one_uri(name: str, uri: str) -> None:
    assert system_of_name(name) == uri


def test_names_are_upper_case_and_renderer_agrees_with_them() -> None:
    for name, uri in NAMES.items():
        assert name == name.upper()
        assert system_uri(name) == system_uri("", name) == uri
    for oid, uri in OIDS.items():
        assert system_uri(oid) == system_uri(f"urn:oid:{oid}") == uri
