"""Releases of licensed code systems: read, indexed, looked up. All content here is made up."""

import contextlib
import pathlib
from collections.abc import Iterator

import pytest

from plexus.codecs.terminology import ICD10CM, LOINC, RXNORM, SNOMED
from plexus.codecs.terminology.index import Index, load_release
from plexus.codecs.terminology.releases import ReleaseCode, open_release
from plexus.errors import ConfigurationError, Unavailable

LOINC_CSV = (
    '"LOINC_NUM","COMPONENT","STATUS","SHORTNAME","LONG_COMMON_NAME","CONSUMER_NAME","DisplayName"\r\n'
    '"11-7","Sugar","ACTIVE","Sug SerPl","Sugar [Mass] in Serum","Sugar, blood","Sugar (S)"\r\n'
    '"12-5","Salt","DEPRECATED","Salt SerPl","Salt [Mass] in Serum","",""\r\n'
    '"13-3","Iron","DISCOURAGED","Fe","Iron, old, in Serum","",""\r\n'
)
CONCEPTS = "id\teffectiveTime\tactive\tmoduleId\tdefinitionStatusId\n100005\t20200101\t1\tm\td\n100104\t20200101\t0\tm\td\n"
DESCRIPTIONS = (
    "id\teffectiveTime\tactive\tmoduleId\tconceptId\tlanguageCode\ttypeId\tterm\tcaseSignificanceId\n"
    "1\t20200101\t1\tm\t100005\ten\t900000000000013009\tHayfever\tc\n"
    "2\t20200101\t1\tm\t100005\ten\t900000000000003001\tSneezing in June (disorder)\tc\n"
    "3\t20200101\t0\tm\t100005\ten\t900000000000013009\tWithdrawn word\tc\n"
    "4\t20200101\t1\tm\t100104\ten\t900000000000003001\tOld thing (disorder)\tc\n"
)
RXNORM_ROWS = [
    ("900001", "SY", "N", "sugar pill 5 mg"),
    ("900001", "SCD", "N", "sucrose 5 MG Oral Tablet"),
    ("900002", "IN", "O", "quicksilver"),
]
ICD = (
    "00001 Q99     0 Odd fevers                                                   Odd fevers, all of them\n"
    "00002 Q9912X  1 Odd fever of Monday                                          Odd fever of Monday morning\n"
)


def rxnorm() -> str:
    rows = []
    for code, kind, suppressed, name in RXNORM_ROWS:
        cells = [""] * 18
        cells[0], cells[1], cells[11], cells[12], cells[14] = code, "ENG", "RXNORM", kind, name
        cells[16] = suppressed
        rows.append("|".join(cells) + "|")
        cells[11], cells[14] = "OTHER", "word of another vocabulary"
        rows.append("|".join(cells) + "|")
    return "\n".join(rows) + "\n"


@pytest.fixture
def releases(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "releases"
    files = {
        "Loinc_2.99/LoincTable/Loinc.csv": LOINC_CSV,
        "snomed/Snapshot/sct2_Concept_Snapshot_INT_20990101.txt": CONCEPTS,
        "snomed/Snapshot/sct2_Description_Snapshot-en_INT_20990101.txt": DESCRIPTIONS,
        "RxNorm_full_01022099/rrf/RXNCONSO.RRF": rxnorm(),
        "icd/icd10cm_order_2099.txt": ICD,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder


@pytest.fixture
def index(tmp_path: pathlib.Path, releases: pathlib.Path) -> Iterator[Index]:
    for kind in ("loinc", "snomed", "rxnorm", "icd10"):
        parts = {"loinc": "Loinc_2.99", "rxnorm": "RxNorm_full_01022099", "icd10": "icd"}
        load_release(tmp_path / "index", open_release(kind, releases / parts.get(kind, kind)))
    with contextlib.closing(Index(tmp_path / "index")) as opened:
        yield opened


def codes(kind: str, path: pathlib.Path) -> list[ReleaseCode]:
    return list(open_release(kind, path).codes)


def test_loinc_gives_names_and_status(releases: pathlib.Path) -> None:
    found = open_release("loinc", releases)
    assert (found.system, found.version) == (LOINC, "2.99")
    sugar, salt, iron = found.codes
    names = ("Sugar [Mass] in Serum", "Sugar (S)", "Sugar, blood", "Sug SerPl", "Sugar")
    assert sugar == ("11-7", names[0], "active", names)
    assert (salt.status, iron.status) == ("retired", "deprecated")


def test_snomed_gives_the_full_name_first_and_no_withdrawn_one(releases: pathlib.Path) -> None:
    found = open_release("snomed", releases / "snomed")
    assert found.version == "20990101"
    names = ("Sneezing in June (disorder)", "Hayfever")
    assert list(found.codes) == [
        ("100005", names[0], "active", names),
        ("100104", "Old thing (disorder)", "retired", ("Old thing (disorder)",)),
    ]


def test_rxnorm_gives_its_own_names_with_the_clinical_drug_first(releases: pathlib.Path) -> None:
    drug, metal = codes("rxnorm", releases)
    assert drug.display == "sucrose 5 MG Oral Tablet"
    assert drug.names == ("sucrose 5 MG Oral Tablet", "sugar pill 5 mg")
    assert (metal.code, metal.status) == ("900002", "retired")


def test_icd_gets_its_dot_and_headers_are_told(releases: pathlib.Path) -> None:
    header, fever = codes("icd10", releases / "icd" / "icd10cm_order_2099.txt")
    assert (header.code, header.status) == ("Q99", "header")
    assert (fever.code, fever.display) == ("Q99.12X", "Odd fever of Monday morning")


@pytest.mark.parametrize(
    ("kind", "file", "text", "says"),
    [
        ("loinc", "Loinc.csv", "A,B\n1,2\n", "the column COMPONENT is missing"),
        ("rxnorm", "RXNCONSO.RRF", "a|b\n", "a row has 2 columns"),
        ("icd10", "icd10cm_order_2099.txt", "Dear reader,\n", "none of an ICD-10-CM order file"),
        ("snomed", "sct2_Concept_Snapshot_X_20990101.txt", "id\n", "no sct2_Description_Snapshot"),
        ("loinc", "other.txt", "", "there is no Loinc.csv"),
    ],
)
def test_what_is_no_such_release_is_refused(
    tmp_path: pathlib.Path, kind: str, file: str, text: str, says: str
) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(ConfigurationError, match=says):
        codes(kind, tmp_path)


def test_two_releases_in_one_folder_are_refused(releases: pathlib.Path) -> None:
    (releases / "icd" / "icd10cm_order_2098.txt").write_text(ICD)
    with pytest.raises(ConfigurationError, match="several icd10cm_order"):
        open_release("icd10", releases)


def test_a_loaded_code_is_looked_up_with_its_status(index: Index) -> None:
    assert {release.system for release in index.releases} == {LOINC, SNOMED, RXNORM, ICD10CM}
    assert index.look(LOINC, "12-5") == (LOINC, "12-5", "Salt [Mass] in Serum", "retired")
    assert index.look(LOINC, "99-9") is None
    assert index.look("http://example.org", "11-7") is None


def test_a_like_name_is_suggested_with_how_like_it_is(index: Index) -> None:
    (found,) = index.suggest("Serum Sugar [Mass]")
    assert found == (LOINC, "11-7", "Sugar [Mass] in Serum", 1.0)
    (half,) = index.suggest("sugar of blood, quick")
    assert half.likeness == pytest.approx(0.8)
    assert [one.code for one in index.suggest("hayfever")] == ["100005"]
    assert index.suggest("hayfever", [LOINC]) == []


@pytest.mark.parametrize(
    "text", ["", "!!", "of the", "zebra", '" OR name MATCH "x', "salt [mass] in serum"]
)
def test_nothing_is_suggested_for_what_is_unlike_or_withdrawn(index: Index, text: str) -> None:
    assert [one for one in index.suggest(text) if one.code != "11-7"] == []


def test_a_release_replaces_the_one_before(tmp_path: pathlib.Path, releases: pathlib.Path) -> None:
    folder = tmp_path / "index"
    load_release(folder, open_release("loinc", releases))
    head, *_ = LOINC_CSV.partition("\r\n")
    (releases / "Loinc_2.99/LoincTable/Loinc.csv").write_text(f"{head}\n14-1,Zinc,ACTIVE,,Zinc,,\n")
    told = load_release(folder, open_release("loinc", releases), "3.0")
    assert told == (LOINC, "3.0", 1)
    with contextlib.closing(Index(folder)) as index:
        assert index.look(LOINC, "11-7") is None
        assert index.releases == [told]
    assert [path.name for path in folder.iterdir()] == ["loinc-org.sqlite"]


def test_a_broken_release_leaves_the_one_before(
    tmp_path: pathlib.Path, releases: pathlib.Path
) -> None:
    folder = tmp_path / "index"
    load_release(folder, open_release("icd10", releases))
    file = releases / "icd/icd10cm_order_2099.txt"
    for text, says in (
        (ICD + ICD, "a code twice"),
        (ICD + "what\n", "order file"),
        ("\n", "no codes"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=says):
            load_release(folder, open_release("icd10", releases))
    with contextlib.closing(Index(folder)) as index:
        assert index.look(ICD10CM, "Q99.12X") is not None
    assert len(list(folder.iterdir())) == 1


def test_a_file_that_is_none_of_ours_says_what_to_do(tmp_path: pathlib.Path) -> None:
    (tmp_path / "loinc-org.sqlite").write_text("not a database at all, however long it is")
    with pytest.raises(Unavailable, match="load the release again"):
        Index(tmp_path)


def test_an_absent_folder_has_no_releases(tmp_path: pathlib.Path) -> None:
    with contextlib.closing(Index(tmp_path / "none")) as index:
        assert index.releases == []
        assert index.suggest("sugar") == []
