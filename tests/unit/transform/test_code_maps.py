"""The files of code maps: what is read, and that every mistake is told with its line."""

import pathlib

import pytest

from plexus.codecs.terminology import LOINC
from plexus.errors import ConfigurationError
from services.transform.domain import parse_code_map, read_code_map

HEAD = "plexus code map,1\nid,lab\nversion,1.2\nsource system,99LAB\ntarget system,LN\n\n"
COLUMNS = "code,display,equivalence,target code,target display\n"


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse_code_map("lab.csv", text)
    return caught.value.detail.split("\n")


def test_a_file_is_read_with_head_and_rows() -> None:
    text = HEAD.replace("\n\n", "\nplaces,OBX-3 OBR-4\n\n") + COLUMNS
    text += 'GLU,Glucose,equivalent,2345-7,"Glucose, serum"\n\nQC,Control,unmatched,,\n'
    made = parse_code_map("lab.csv", text)
    assert (made.id, made.version, made.source, made.target) == ("lab", "1.2", "99LAB", LOINC)
    assert made.places == {"OBX-3", "OBR-4"}
    assert made.rows["GLU"] == (9, "equivalent", "2345-7", "Glucose, serum", True)
    assert made.rows["QC"] == (11, "unmatched", "", "", False)


@pytest.mark.parametrize(
    ("equivalence", "is_added"),
    [
        ("equal", True), ("equivalent", True), ("wider", True), ("subsumes", True),
        ("narrower", False), ("specializes", False), ("inexact", False), ("relatedto", False),
    ],
)  # fmt: skip
def test_a_target_is_added_only_where_it_holds_for_every_use_of_the_code(
    equivalence: str, is_added: bool
) -> None:
    row = parse_code_map("m", f"{HEAD}{COLUMNS}GLU,,{equivalence},2345-7").rows["GLU"]
    assert row.is_added == is_added


def test_display_of_a_target_in_the_hl7_tables_need_not_be_written() -> None:
    head = HEAD.replace("LN", "HL70070")
    made = parse_code_map("m", f"{head}{COLUMNS}B,,equal,BLD")
    assert made.rows["B"].display == "Whole blood"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 0, "the first line must be plexus code map,1"),
        ("plexus code map,2\n", 1, "the first line must be"),
        (HEAD.replace("id,lab\n", "") + COLUMNS, 5, "does not say id"),
        (HEAD.replace("id,lab", "id,Lab One") + COLUMNS, 2, "id must be"),
        (HEAD.replace("id,lab", "id,lab\nid,lab") + COLUMNS, 3, "id stands here twice"),
        (HEAD.replace("id,lab", "owner,lab") + COLUMNS, 2, "owner is nothing of a head"),
        (HEAD.replace("LN", "99XX") + COLUMNS, 1, "target system must be a URI"),
        (HEAD.replace("\n\n", "\nplaces,OBX3\n\n") + COLUMNS, 1, "OBX3 is no place"),
        (HEAD, 6, "expected the columns"),
        (HEAD + "code,target\n", 7, "expected the columns"),
        (HEAD + COLUMNS + ",x,equal,2345-7", 8, "has no code"),
        (HEAD + COLUMNS + "A,,same,2345-7", 8, "equivalence must be one of disjoint, equal"),
        (HEAD + COLUMNS + "A,,equal,", 8, "equal needs a target code"),
        (HEAD + COLUMNS + "A,,unmatched,2345-7", 8, "unmatched has no target code"),
        (HEAD + COLUMNS + "A,,equal,2345-8", 8, "2345-8 is no LOINC number"),
        (HEAD.replace("LN", "SCT") + COLUMNS + "A,,equal,73211008", 8, "no SNOMED CT identifier"),
        (HEAD.replace("LN", "HL70070") + COLUMNS + "A,,equal,ZZZ", 8, "has no code ZZZ"),
        (HEAD + COLUMNS + "A,,equal,2345-7\nA,,equal,718-7", 9, "first on line 8"),
        (HEAD + COLUMNS + "A,,equal,2345-7,x,y", 8, "a row has 5 cells"),
        (HEAD + COLUMNS + 'A,"x"y,equal,2345-7', 8, "is no CSV"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, says: str) -> None:
    found = problems(text)
    assert found[0].startswith(f"lab.csv:{line}: ")
    assert says in found[0]


def test_all_mistakes_are_told_at_once_within_reason() -> None:
    found = problems(HEAD + COLUMNS + "".join(f"C{n},,equal,1-1\n" for n in range(60)))
    assert [one.split(": ")[0] for one in found[:2]] == ["lab.csv:8", "lab.csv:9"]
    assert found[-1] == "lab.csv: and 10 more"


def test_digest_is_of_the_content_and_not_of_line_ends() -> None:
    text = HEAD + COLUMNS + "A,,equal,2345-7\n"
    digest = parse_code_map("a", text).digest
    assert parse_code_map("b", text.replace("\n", "\r\n")).digest == digest
    assert parse_code_map("a", text.replace("equal,", "equivalent,")).digest != digest


def test_file_may_come_from_a_spreadsheet(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "m.csv"
    text = HEAD.replace("map,1", "map,1,,,").replace("\n\n", "\n,,,,\n") + COLUMNS
    path.write_bytes(b"\xef\xbb\xbf" + f"{text}A,,equal,2345-7,\n".replace("\n", "\r\n").encode())
    assert set(read_code_map(path).rows) == {"A"}


def test_file_that_is_absent_or_no_text_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read the code map"):
        read_code_map(tmp_path / "none.csv")
    path = tmp_path / "m.csv"
    path.write_bytes(b"plexus code map,1\nid,\xe4\n")
    with pytest.raises(ConfigurationError, match=r"m\.csv:2: a code map must be UTF-8"):
        read_code_map(path)
