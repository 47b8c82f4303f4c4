"""Loading: mistakes in maps are found before a message comes, and named by file and line."""

from importlib import resources

import pytest

from plexus.codecs.terminology import code_system, display, is_known
from plexus.errors import ConfigurationError
from services.transform.domain import load_maps, parse_maps
from services.transform.domain.conditions import parse_condition
from services.transform.domain.tables import parse_systems, parse_table

SEGMENT = "segments/PID.map"
HEAD = "segment PID -> Person\n"


def load(text: str, name: str = SEGMENT, **others: str) -> None:
    parse_maps({name: text, **{key.replace("__", "/") + ".map": v for key, v in others.items()}})


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("PID-1 -> names # x", 1, "first"),
        (HEAD + "PID-1 -> birth_dat # x", 2, "no field birth_dat"),
        (HEAD + "# note\n\nPID-1 -> birth_date.day # x", 4, "plain value"),
        (HEAD + "PID-1 -> birth_date", 2, "cites no row"),
        (HEAD + "PID-1 ~> birth_date # x", 2, "cannot read"),
        (HEAD + "QQQ-1 -> birth_date # x", 2, "unknown segment"),
        (HEAD + "PID.1 -> birth_date # x", 2, "unknown segment"),
        (HEAD + "PID-0 -> birth_date # x", 2, "counts from 1"),
        (HEAD + "PID-1 ZZ -> birth_date # x", 2, "no datatype of plain values"),
        (HEAD + "PID-1* ZZ -> names # x", 2, "unknown datatype ZZ"),
        (HEAD + "PID-1* -> names # x", 2, "needs a datatype"),
        (HEAD + "PID-1* CWE -> religion # x", 2, "does not repeat"),
        (HEAD + "PID-1* -> birth_date # x", 2, "does not repeat"),
        (HEAD + "PID-1 via Nope -> gender # x", 2, "unknown code table"),
        (HEAD + "PID-1 CWE via Nope -> religion # x", 2, "unknown code table"),
        (HEAD + "PID-1.1.2 -> gender # x", 2, "read the component"),
        (HEAD + "PID-1 -> gender # x\nPID-1 -> gender # y", 3, "twice"),
        (HEAD + "PID-1 -> gender if PID-2 LIKES # x", 2, "expected"),
        (HEAD + "PID-1 -> gender if PID-2 IN () # x", 2, "quoted string"),
        (HEAD + "PID-1 -> gender if PID-2 VALUED PID-3 # x", 2, "unexpected"),
        (HEAD + "PID-1 -> gender if PID-2 LENGTH GREATER THAN x # x", 2, "number"),
        (HEAD + "PID-1 -> gender if SET names.use # x", 2, "SET cannot"),
        (HEAD + "PID-1 -> gender if SET nothing # x", 2, "no field nothing"),
        (HEAD + "PID-1 -> names[1].given[2] # x", 2, "slot"),
        (HEAD + 'PID-1 -> gender with use = "x" # x', 2, "'with' needs"),
        (HEAD + 'PID-1* CWE -> races with nope = "x" # x', 2, "no field nope"),
        (HEAD + "Nope#x -> religion # x", 2, "unknown code system"),
        (HEAD + '"x" -> religion # x', 2, "cannot hold"),
        (HEAD + "$nope -> gender # x", 2, "unknown name"),
        (HEAD + "PID-1 -> multiple_birth # x\nPID-1 CWE -> deceased # x", 3, "no datatype"),
        ("segment PID -> Nobody\nPID-1 -> a # x", 1, "no message Nobody"),
        (HEAD + HEAD, 2, "two maps"),
        ("datatype CX -> Identifier\nCX.1 -> value # x", 1, "in segments"),
    ],
)  # fmt: skip
def test_mistake_in_a_map_is_named_by_line(text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    assert caught.value.detail.startswith(f"{SEGMENT}:{line}: ")
    assert says in caught.value.detail


@pytest.mark.parametrize(
    ("name", "text", "line", "says"),
    [
        ("datatypes/CX.map", "datatype CX -> Identifier\nXX.1 -> value # x", 2, "no component"),
        ("datatypes/CX.map", "datatype CX -> Identifier\nCX.1* -> value # x", 2, "only fields"),
        (
            "datatypes/CX.map",
            'datatype CX -> Identifier\nCX.1 -> value if TRIGGER IN ("A01") # x',
            2,
            "no TRIGGER",
        ),
        (
            "datatypes/CX.map",
            "datatype CX -> Identifier\n$authority -> value # x",
            2,
            "no authority",
        ),
        (
            "datatypes/XCN.map",
            "datatype CWE -> Practitioner\ndatatype XCN -> Encounter\nXCN.1 CWE as Practitioner -> service_provider # x",
            3,
            "only what a segment",
        ),
        ("datatypes/CX.map", "datatype CX -> Identifier requires CX-1\n", 1, "no component"),
        ("tables/T.map", "A -> B", 1, "table Name"),
        ("tables/T.map", "table T\nA => B", 2, "CODE -> code"),
        ("tables/T.map", "table T\nA -> B\nA -> C", 3, "twice"),
        ("tables/T.map", "table T\nA -> B in Nope", 2, "unknown code system"),
        ("tables/CodeSystems.map", "LN", 1, "NAME"),
        ("tables/CodeSystems.map", "Ours = a\nOurs = b", 2, "known already"),
        ("tables/CodeSystems.map", "LN = http://loinc.org", 1, "known already"),
        ("structures/S.map", "MSH : join X # x", 1, "structure NAME"),
        ("structures/S.map", "structure ADT_A01 for ADT", 1, "no event"),
        ("structures/S.map", "structure ADT_A01 for ADT^A01\nPID : old Person # x", 2, "expected"),
        ("structures/S.map", "structure ADT_A01 for ADT^A01\nPID : new Person", 2, "cites no row"),
        ("structures/S.map", "structure ADT_A01 for ADT^A01\nPID : new Person # x", 2, "no map"),
        ("structures/S.map", "structure ADT_A01 for ADT^A01\nwhat # x", 2, "cannot read"),
        ("structures/S.map", "structure S for ADT^A01", 1, "HL7 has no structure S"),
        ("structures/S.map", "structure ADT_A01 for ADT^A01\nlink A.b <- C", 2, "makes no A"),
        ("structures/S.map", "structure ADT_A01 for ADT^A01\n\nscope ORDER", 3, "no group ORDER"),
        ("structures/S.map", "structure ADT_A01 for ADT^A01 like ADT_A02", 1, "says all itself"),
        (
            "structures/S.map",
            "structure ADT_A01 for ADT^A01\ninclude nothing",
            2,
            "no fragment nothing",
        ),
        (
            "structures/S.map",
            "structure ADT_A01 for ADT^A01\nPID : include it # x",
            2,
            "no fragment it",
        ),
        ("fragments/f.map", "PID : new Person # x", 1, "fragment name"),
        ("fragments/f.map", "# nothing", 1, "empty"),
        ("fragments/f.map", "fragment f\nPID : new Person", 2, "cites no row"),
        ("fragments/f.map", "fragment f\n\nscope ORDER", 3, "cannot read"),
        ("fragments/f.map", "fragment f\nPID : include f # x", 2, "no fragment f"),
        ("elsewhere/S.map", "x", 1, "maps lie in"),
    ],
)
def test_mistake_elsewhere_is_named_by_line(name: str, text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(text, name)
    assert caught.value.detail.startswith(f"{name}:{line}: ")
    assert says in caught.value.detail


def test_link_must_be_a_reference() -> None:
    maps = {
        "segments/PID.map": HEAD + "PID-7 -> birth_date # x",
        "structures/S.map": (
            "structure ADT_A01 for ADT^A01\nPID : new Person # x\nlink Person.birth_date <- Person"
        ),
    }
    with pytest.raises(ConfigurationError, match=r"structures/S\.map:3: .* no reference"):
        parse_maps(maps)


def package_maps() -> dict[str, str]:
    folder = resources.files("services.transform") / "maps"
    return {
        f"{kind.name}/{file.name}": file.read_text()
        for kind in folder.iterdir()
        if kind.is_dir()
        for file in kind.iterdir()
        if file.name.endswith(".map")
    }


def test_version_changes_with_any_content_and_not_with_line_ends() -> None:
    files = package_maps()
    version = parse_maps(files).version
    assert version == load_maps().version
    assert len(version) == 16
    crlf = {name: text.replace("\n", "  \r\n") for name, text in files.items()}
    assert parse_maps(crlf).version == version
    changed = files | {"tables/NameType.map": files["tables/NameType.map"] + "ZZ -> temp\n"}
    assert parse_maps(changed).version != version


def test_every_code_of_a_table_map_is_one_of_its_systems() -> None:
    files = package_maps()
    systems = parse_systems("s", files["tables/CodeSystems.map"])
    for name, text in files.items():
        if not name.startswith("tables/") or name == "tables/CodeSystems.map":
            continue
        table = parse_table(name, text, systems)
        keys = code_system(table.system)
        assert keys is None or set(table.codes) <= set(keys.codes), name
        for uri, code, shown in table.codings.values():
            assert is_known(uri, code), (name, code)
            assert shown == display(uri, code), (name, code)


def test_every_table_is_used_by_a_rule() -> None:
    files = package_maps()
    rules = "\n".join(text for name, text in files.items() if not name.startswith("tables/"))
    python = {"TelecommunicationUseCode", "TelecommunicationEquipmentType"}
    tables = {name[7:-4] for name in files if name.startswith("tables/")} - {"CodeSystems"}
    assert {table for table in tables - python if f"via {table} " not in rules} == set()


def test_generated_source_names_the_rule_it_came_from() -> None:
    maps = load_maps()
    source = maps.source("PID[Person]")
    assert "segments/PID.map:" in source
    assert "PID[Patient] PID-7 sort 7" in source
    compile(source, "x", "exec")
    assert dict(maps.names())["PID[Person]"] > 30


def test_supported_events_are_those_of_the_structures() -> None:
    supported = load_maps().supported
    assert {"A01", "A11", "A17", "A24", "A40", "A44", "A60"} <= supported["ADT"]
    # It is about a bed and about nobody: there is no place for that yet.
    assert "A20" not in supported["ADT"]


CONDITIONS = [
    ("PID-2 VALUED", {2: "x"}, {2: ""}),
    ("PID-2 VALUED", {2: "x"}, {2: '""'}),
    ("PID-2 NOT VALUED", {2: '""'}, {2: "x"}),
    ("PID-2.2 VALUED", {2: "^x"}, {2: "x"}),
    ('PID-2 EQUALS "a"', {2: "a"}, {2: "b"}),
    ('PID-2 NOT EQUALS "a"', {2: "b"}, {2: "a"}),
    ('PID-2.1.2 EQUALS "a"', {2: "x&a"}, {2: "a"}),
    ('PID-2 IN ("a", "b")', {2: "b"}, {2: "c"}),
    ('PID-2 NOT IN ("a", "b")', {2: "c"}, {2: "a"}),
    ("PID-2 LENGTH GREATER THAN 2", {2: "abc"}, {2: "ab"}),
    ("PID-2 LENGTH LESS THAN 2", {2: "a"}, {2: "ab"}),
    ("PID-2 LENGTH EQUALS 2", {2: "ab"}, {2: "a"}),
    ("PID-2 COUNT GREATER THAN 1", {2: "a~b"}, {2: "a"}),
    ("PID-2 COUNT EQUALS 1", {2: "a"}, {2: "a~b"}),
    ("PID-2 VALUED AND PID-3 VALUED", {2: "a", 3: "b"}, {2: "a"}),
    ("PID-2 VALUED OR PID-3 VALUED", {3: "b"}, {}),
    ("PID-2 VALUED OR PID-3 VALUED AND PID-4 VALUED", {2: "a"}, {3: "b"}),
    ("(PID-2 VALUED OR PID-3 VALUED) AND PID-4 VALUED", {2: "a", 4: "b"}, {2: "a"}),
    ('TRIGGER EQUALS "A01"', {}, None),
    ('TRIGGER NOT IN ("A02", "A03")', {}, None),
    ("MSH-10 VALUED", {}, None),
    ('MSH-10 EQUALS "C1"', {}, None),
    ("SET gender", {8: "F"}, {8: ""}),
    ("NOT SET gender", {8: ""}, {8: "F"}),
]


@pytest.mark.parametrize(("condition", "true", "false"), CONDITIONS)
def test_condition_both_ways(
    condition: str, true: dict[int, str], false: dict[int, str] | None
) -> None:
    from tests.unit.transform.messages import contents, converted, segment

    maps = parse_maps(
        {
            "segments/MSH.map": "segment MSH -> CanonicalEvent\nMSH-7 DTM -> event_time # x",
            "segments/PID.map": "segment PID -> CanonicalEvent\nPID-30 CX -> subject # x\n"
            + HEAD
            + f'PID-8 -> gender # x\nPID-30 -> birth_date # x\n"yes" -> birth_place if {condition} # x',
            "datatypes/CX.map": "datatype CX -> Identifier\nCX.1 -> value # x",
            "structures/S.map": "structure ADT_A01 for ADT^A01\nMSH : join CanonicalEvent # x\n"
            "PID : join CanonicalEvent; new Person # x",
        }
    )
    for fields, expected in ((true, "yes"), (false, "")):
        if fields is None:
            continue
        pid = segment("PID", f30="1", **{f"f{n}": value for n, value in fields.items()})
        event = converted(maps, "ADT^A01", pid)
        assert contents(event, "person")[0].birth_place == expected


def test_condition_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"here: condition .*cannot read"):
        parse_condition('PID-2 EQUALS "a', "here")
