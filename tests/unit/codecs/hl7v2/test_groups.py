"""Groups: every segment in its place, and nothing moved by what does not belong there."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs.hl7v2 import Message, read
from plexus.codecs.hl7v2.groups import Group, grammar_of, group, structure_of
from plexus.codecs.hl7v2.groups.table import structures

STRUCTURES = sorted(structures())


def message(kind: str, names: list[str], version: str = "2.5.1") -> Message:
    text = f"MSH|^~\\&|||||||{kind}|1|P|{version}\r" + "".join(f"{name}|1\r" for name in names)
    return read(text.encode())


def told(found: Group) -> str:
    """A group as text: its segments, and inner groups as NAME[index](...)."""
    parts = [(s.position, s.name) for s in found.segments]
    parts += [(c.start, f"{c.name}[{c.index}]({told(c)})") for c in found.children]
    return " ".join(text for _, text in sorted(parts))


@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        (
            "ORU^R01",
            "PID PV1 ORC OBR NTE OBX NTE OBX SPM OBX OBR OBX",
            (
                "MSH PATIENT_RESULT[1](PATIENT[1](PID VISIT[1](PV1))"
                " ORDER_OBSERVATION[1](COMMON_ORDER[1](ORC) OBR NTE OBSERVATION[1](OBX NTE)"
                " OBSERVATION[2](OBX) SPECIMEN[1](SPM SPECIMEN_OBSERVATION[1](OBX)))"
                " ORDER_OBSERVATION[2](OBR OBSERVATION[1](OBX)))"
            ),
        ),
        (
            "ADT^A01",
            "EVN PID PV1 PR1 PR1 ROL IN1 IN2 IN1",
            (
                "MSH EVN PID PV1 PROCEDURE[1](PR1) PROCEDURE[2](PR1 ROL)"
                " INSURANCE[1](IN1 IN2) INSURANCE[2](IN1)"
            ),
        ),
        (
            "OML^O21",
            "PID ORC OBR OBX ORC OBR SPM SAC PID ORC OBR OBX",
            (
                "MSH PATIENT[1](PID)"
                " ORDER[1](ORC OBSERVATION_REQUEST[1](OBR OBSERVATION[1](OBX)))"
                " ORDER[2](ORC OBSERVATION_REQUEST[1](OBR SPECIMEN[1](SPM CONTAINER[1](SAC))"
                " PRIOR_RESULT[1](PATIENT_PRIOR[1](PID)"
                " ORDER_PRIOR[1](ORC OBR OBSERVATION_PRIOR[1](OBX)))))"
            ),
        ),
        (
            "SIU^S12",
            "SCH PID RGS AIS NTE AIP AIS RGS AIL",
            (
                "MSH SCH PATIENT[1](PID) RESOURCES[1](RGS SERVICE[1](AIS NTE)"
                " PERSONNEL_RESOURCE[1](AIP) SERVICE[2](AIS))"
                " RESOURCES[2](RGS LOCATION_RESOURCE[1](AIL))"
            ),
        ),
        ("ADT^A24", "EVN PID PV1 PID PV1", "MSH EVN PID PV1 PID PV1"),
        ("ADT^A40", "EVN PID MRG PID MRG", "MSH EVN PATIENT[1](PID MRG) PATIENT[2](PID MRG)"),
        (
            "RDE^O11",
            "PID ORC RXO RXR RXE TQ1 RXR RXC ORC RXE RXR",
            (
                "MSH PATIENT[1](PID) ORDER[1](ORC ORDER_DETAIL[1](RXO RXR) RXE"
                " TIMING_ENCODED[1](TQ1) RXR RXC) ORDER[2](ORC RXE RXR)"
            ),
        ),
        (
            "PPR^PC1",
            "PID PRB OBX GOL ROL PRB ORC OBR OBX",
            (
                "MSH PID PROBLEM[1](PRB PROBLEM_OBSERVATION[1](OBX) GOAL[1](GOL GOAL_ROLE[1](ROL)))"
                " PROBLEM[2](PRB ORDER[1](ORC ORDER_DETAIL[1](OBR ORDER_OBSERVATION[1](OBX))))"
            ),
        ),
        (
            "DFT^P03",
            "EVN PID FT1 PR1 FT1 DG1 IN1 IN2",
            (
                "MSH EVN PID FINANCIAL[1](FT1 FINANCIAL_PROCEDURE[1](PR1)) FINANCIAL[2](FT1) DG1"
                " INSURANCE[1](IN1 IN2)"
            ),
        ),
        ("XYZ^X99", "PID OBX", "MSH PID OBX"),
    ],
)
def test_segments_are_in_the_groups_of_the_standard(kind: str, sent: str, expected: str) -> None:
    assert told(group(message(kind, sent.split())).root) == expected


@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        # A visit among the results does not end them (nHapi issue 101: EVN in ORM emptied PID).
        (
            "ORU^R01",
            "PID PV1 OBR OBX PV1 OBX",
            (
                "MSH PATIENT_RESULT[1](PATIENT[1](PID VISIT[1](PV1))"
                " ORDER_OBSERVATION[1](OBR OBSERVATION[1](OBX PV1) OBSERVATION[2](OBX)))"
            ),
        ),
        (
            "ORM^O01",
            "EVN PID ORC OBR",
            "MSH EVN PATIENT[1](PID) ORDER[1](ORC ORDER_DETAIL[1](OBR))",
        ),
        # A note between ORC and OBR does not part them.
        (
            "ORU^R01",
            "PID ORC NTE OBR OBX",
            (
                "MSH PATIENT_RESULT[1](PATIENT[1](PID)"
                " ORDER_OBSERVATION[1](COMMON_ORDER[1](ORC NTE) OBR OBSERVATION[1](OBX)))"
            ),
        ),
        # Orders without ORC, and a visit before what should stand before it.
        (
            "ORM^O01",
            "PID OBR OBX OBR",
            (
                "MSH PATIENT[1](PID) ORDER[1](ORDER_DETAIL[1](OBR OBSERVATION[1](OBX)))"
                " ORDER[2](ORDER_DETAIL[1](OBR))"
            ),
        ),
        (
            "ORU^R01",
            "PID PV1 OBX OBR",
            (
                "MSH PATIENT_RESULT[1](PATIENT[1](PID VISIT[1](PV1) PATIENT_OBSERVATION[1](OBX))"
                " ORDER_OBSERVATION[1](OBR))"
            ),
        ),
        # Out of order, but in the group itself.
        ("ADT^A01", "EVN PID DG1 AL1 PV1 DG1", "MSH EVN PID DG1 AL1 PV1 DG1"),
        # Resources without their RGS; an insurance goes on after a guarantor as one of its own.
        (
            "SIU^S12",
            "SCH AIS AIP",
            "MSH SCH RESOURCES[1](SERVICE[1](AIS) PERSONNEL_RESOURCE[1](AIP))",
        ),
        (
            "ADT^A01",
            "EVN PID PV1 IN1 GT1 IN2",
            "MSH EVN PID PV1 INSURANCE[1](IN1) GT1 INSURANCE[2](IN2)",
        ),
        # Two visits where one is foreseen stay in the message.
        ("ADT^A01", "EVN PID PV1 PV1", "MSH EVN PID PV1 PV1"),
        ("ADT^A01", "MSH PID", "MSH MSH PID"),
    ],
)
def test_what_stands_where_it_should_not_disturbs_nothing_else(
    kind: str, sent: str, expected: str
) -> None:
    assert told(group(message(kind, sent.split())).root) == expected


@pytest.mark.parametrize(
    ("event", "version", "declared", "expected"),
    [
        ("ADT^A08", "2.5.1", "", "ADT_A01"),
        ("ADT^A31", "2.5.1", "", "ADT_A05"),
        ("ADT^A31", "2.3", "", "ADT_A01"),
        ("ADT^A31", "2.3.1", "", "ADT_A28"),
        ("ADT^A04", "2.1", "", "ADT_A04"),
        ("ADT^A47", "2.5", "", "ADT_A30"),
        ("ADT^A47", "2.8", "", "ADT_A44"),
        ("ADT^A40", "", "", "ADT_A39"),
        ("ADT^A08", "3.0", "ADT_A08", "ADT_A01"),
        ("SIU^S26", "2.8", "", "SIU_S12"),
        ("RSP^K22", "2.5", "", "RSP_K21"),
        ("RSP^K22", "2.8", "", "RSP_K22"),
        ("ORU^R01", "2.9", "", "ORU_R01"),
        ("ACK^A01", "2.5", "", "ACK"),
        ("ADT^Z99", "2.5", "ADT_A01", "ADT_A01"),
        ("ADT^Z99", "2.5", "ADT_Z99", ""),
    ],
)
def test_event_and_version_tell_the_structure(
    event: str, version: str, declared: str, expected: str
) -> None:
    code, _, trigger = event.partition("^")
    assert structure_of(code, trigger, version, declared) == expected


def test_a_version_has_its_own_grammar_and_the_newest_names() -> None:
    old, new = grammar_of("ORU_R01", "2.3"), grammar_of("ORU_R01", "2.8")
    assert old is not None
    assert new is not None
    assert "SPM" not in old.root.names
    assert "SPM" in new.root.names
    # Version 2.3 calls it RESPONSE.
    assert old.kinds[1].name == new.kinds[1].name == "PATIENT_RESULT"
    assert grammar_of("ORU_R01", "1.0") is grammar_of("ORU_R01", "1.0")
    assert grammar_of("NOT_HL7") is None


def test_every_structure_that_the_design_names_is_there() -> None:
    wanted = (
        "ADT_A01 ADT_A02 ADT_A03 ADT_A05 ADT_A06 ADT_A09 ADT_A12 ADT_A15 ADT_A16 ADT_A17 ADT_A18"
        " ADT_A20 ADT_A21 ADT_A24 ADT_A30 ADT_A37 ADT_A38 ADT_A39 ADT_A43 ADT_A44 ADT_A45 ADT_A50"
        " ADT_A54 ADT_A60 ORM_O01 OMG_O19 OML_O21 OML_O33 OML_O35 OMI_O23 OMP_O09 ORL_O22 ORG_O20"
        " ORU_R01 ORU_R30 OUL_R22 OUL_R23 OUL_R24 SIU_S12 MDM_T01 MDM_T02 VXU_V04 RDE_O11 RDS_O13"
        " RAS_O17 RGV_O15 DFT_P03 DFT_P11 BAR_P01 BAR_P02 BAR_P05 BAR_P12 PPR_PC1 PGL_PC6 PTR_PCF"
        " REF_I12 RRI_I12 MFN_M02 MFN_M05 MFN_M08 MFN_M13 QBP_Q11 QBP_Q21 RSP_K11 RSP_K21 RSP_K22"
        " RSP_K23 QRY_A19 ADR_A19 ACK"
    )
    assert set(wanted.split()) <= set(STRUCTURES)


def sequences(name: str) -> st.SearchStrategy[list[str]]:
    grammar = grammar_of(name)
    assert grammar is not None
    known = sorted(grammar.root.names - {"MSH"})
    return st.lists(st.sampled_from([*known, "ZZZ", "NTE", "PV1", "OBX"]), max_size=40)


@given(st.data())
def test_every_segment_is_in_the_tree_once_and_in_order(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(STRUCTURES))
    sent = message("X^X", data.draw(sequences(name)))
    tree = group(sent, grammar_of(name))
    assert list(tree.root.walk()) == list(sent.segments)
    for segment, owner in zip(sent.segments, tree.owners, strict=True):
        assert any(segment is own for own in owner.segments)
        assert owner.start <= segment.position


def paths(sent: Message, name: str) -> list[tuple[str, str]]:
    """Segment and way to it, of all but the unknown ones."""
    result: list[tuple[int, str, str]] = []

    def visit(found: Group, path: str) -> None:
        here = f"{path}/{found.name}[{found.index}]"
        result.extend((s.position, s.name, here) for s in found.segments)
        for child in found.children:
            visit(child, here)

    visit(group(sent, grammar_of(name)).root, "")
    return [(segment, path) for _, segment, path in sorted(result) if segment != "ZQX"]


@given(st.data())
def test_an_unknown_segment_anywhere_moves_no_other(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(STRUCTURES))
    names = data.draw(sequences(name))
    at = data.draw(st.lists(st.integers(0, len(names)), max_size=6))
    more = list(names)
    for place in sorted(at, reverse=True):
        more.insert(place, "ZQX")
    assert paths(message("X^X", more), name) == paths(message("X^X", names), name)


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_message_of_all_segments_in_order_puts_each_where_the_grammar_has_it(name: str) -> None:
    grammar = grammar_of(name)
    assert grammar is not None
    places = [(segment, place) for place in grammar.places for segment in sorted(place.names)[:1]]
    counts = Counter(segment for place in grammar.places for segment in place.names)
    tree = group(message("X^X", [segment for segment, _ in places[1:]]), grammar)
    for (segment, place), owner in zip(places, tree.owners, strict=True):
        # One that has several places may be taken for the other, for the message is optional in parts.
        if counts[segment] == 1:
            assert owner.kind is place.kind, segment
