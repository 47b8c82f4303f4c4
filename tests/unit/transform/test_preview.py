"""Looks at messages by RPC: Convert, Validate, Explain. What converting does itself is told elsewhere."""

import pathlib
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio

from plexus.api.errors.v1.errors_pb2 import Reason
from plexus.api.transform.v1 import transform_pb2 as pb
from plexus.api.transform.v1 import transform_pb2_grpc
from plexus.clock import ManualClock
from plexus.codecs.fhir.validation import findings
from plexus.errors import InvalidMessage, InvalidRequest
from plexus.ids import KeyDigest
from plexus.rpc import Peer, RpcServer
from plexus.telemetry.tracing import Tracing
from services.transform.domain import Coders, Maps, SourceMaps, load_maps, parse_overlay
from services.transform.domain.profile import FieldRule, Profile
from services.transform.flow import Preview, TransformStage, Worklist
from services.transform.service import TransformServicer
from services.transform.settings import Source
from tests.unit.transform.messages import message

ADT = message("ADT^A08", "PID|1||5^^^H^MR||Vale^Iris||19700102|F", "PV1|1|I|W")
QUIET = "overlay quiet\n\nin segment PID -> Person\nadd drop PID-1  # ours: says nothing\n"
NORTH = ("acme", "north")
STRICT = Profile("strict", fields=(FieldRule("PID", (19,), least=1, is_error=True),))


@pytest.fixture
def preview(maps: Maps) -> Preview:
    sources = SourceMaps(maps, {NORTH: load_maps([parse_overlay("quiet.map", QUIET)])})
    coders = Coders(sources, {})
    source = Source(tenant="acme", name="north", time_zone="Europe/Vienna")
    twins = {
        (tenant, "twin"): Source(tenant=tenant, name="twin", time_zone=zone)
        for tenant, zone in (("acme", "Asia/Tokyo"), ("other", "Asia/Kolkata"))
    }
    strict = Source(tenant="acme", name="strict")
    known = {NORTH: source, ("acme", "strict"): strict, **twins}
    stage = TransformStage(
        sources,
        known,
        coders,
        {("acme", "strict"): STRICT},
        digest=KeyDigest(b"a secret for tests only"),
    )
    return Preview(sources, coders, stage)


def test_convert_answers_both_forms_with_issues_and_coverage(preview: Preview) -> None:
    answer = preview.convert(pb.ConvertRequest(content=ADT.replace(b"|F", b"|Q")))
    assert answer.event.trigger == "ADT^A08"
    assert findings(orjson.loads(answer.fhir_bundle)) == []
    assert [issue.location for issue in answer.issues] == ["PID[1]-8"]
    assert answer.coverage.mapped > 5
    assert answer.coverage.residue == len(answer.event.residue)
    assert not answer.lineage


def test_convert_answers_one_form_if_so_asked(preview: Preview) -> None:
    only = preview.convert(pb.ConvertRequest(content=ADT, output=pb.OUTPUT_FHIR))
    assert only.fhir_bundle
    assert not only.HasField("event")
    only = preview.convert(pb.ConvertRequest(content=ADT, output=pb.OUTPUT_CANONICAL))
    assert not only.fhir_bundle
    assert only.HasField("event")


def test_a_source_decides_by_its_overlay_and_its_zone(preview: Preview) -> None:
    plain = preview.convert(pb.ConvertRequest(content=ADT))
    north = preview.convert(pb.ConvertRequest(content=ADT, source="north"))
    assert north.maps_version != plain.maps_version
    assert north.coverage.dropped == plain.coverage.dropped + 1
    assert north.event.event_time == "2024-03-11T10:30:00+01:00"
    assert plain.event.event_time == "2024-03-11T10:30:00"
    given = preview.convert(pb.ConvertRequest(content=ADT, source="north", time_zone="Asia/Tokyo"))
    assert given.event.event_time == "2024-03-11T10:30:00+09:00"


def test_of_two_sources_of_one_name_the_tenant_says_which(preview: Preview) -> None:
    request = pb.ConvertRequest(content=ADT, source="twin", tenant="other")
    assert preview.convert(request).event.event_time.endswith("+05:30")
    request.tenant = ""
    assert preview.convert(request).event.event_time.endswith("T10:30:00")


def test_lineage_repeats_no_value_and_adds_up(preview: Preview) -> None:
    answer = preview.convert(pb.ConvertRequest(content=ADT, with_lineage=True))
    coverage = answer.coverage
    assert len(answer.lineage) == coverage.mapped + coverage.dropped + coverage.residue
    assert not any(leaf.value for leaf in answer.lineage)
    assert answer.event == preview.convert(pb.ConvertRequest(content=ADT)).event


def test_explain_tells_of_each_leaf(preview: Preview) -> None:
    answer = preview.explain(pb.ExplainRequest(content=ADT, source="north"))
    leaves = {leaf.location: leaf for leaf in answer.leaves}
    family = leaves["PID[1]-5[1].1.1"]
    assert (family.value, family.outcome) == ("Vale", pb.LEAF_OUTCOME_MAPPED)
    [target] = family.targets
    assert target.path == "resources[0].person.names[0].family"
    assert [place.path for place in target.fhir] == ["Patient.name[0].family"]
    assert [rule.where.split(":")[0] for rule in target.rules] == [
        "segments/PID.map",
        "datatypes/people.map",
    ]
    quiet = leaves["PID[1]-1[1].1.1"]
    assert (quiet.outcome, quiet.reason) == (pb.LEAF_OUTCOME_DROPPED, "ours: says nothing")
    bare = preview.explain(pb.ExplainRequest(content=ADT, without_values=True))
    assert not any(leaf.value for leaf in bare.leaves)


def test_what_cannot_be_converted_is_refused_with_its_reason(preview: Preview) -> None:
    for call in (
        lambda: preview.convert(pb.ConvertRequest(content=b"no message")),
        lambda: preview.explain(pb.ExplainRequest(content=b"no message")),
    ):
        with pytest.raises(InvalidMessage) as caught:
            call()
        assert caught.value.reason == Reason.REASON_UNREADABLE


def test_what_is_of_a_type_that_nobody_reads_is_refused(preview: Preview) -> None:
    with pytest.raises(InvalidRequest, match="cannot be converted"):
        preview.convert(pb.ConvertRequest(content=b"{}", content_type="text/plain"))
    with pytest.raises(InvalidRequest, match="cannot be validated"):
        preview.validate(pb.ValidateRequest(content=b"{}", content_type="text/plain"))


@pytest.mark.parametrize("content_type", ["", "application/fhir+json"])
def test_fhir_is_converted_and_has_no_lineage(preview: Preview, content_type: str) -> None:
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:oid:2.999.1", "value": "5"}],
        "name": [{"family": "Vale"}],
    }
    request = pb.ConvertRequest(content=orjson.dumps(patient), content_type=content_type)
    answer = preview.convert(request)
    assert "Vale" in answer.fhir_bundle.decode()
    assert [one.value for one in answer.event.subject] == ["5"]
    assert not answer.HasField("coverage")
    request.with_lineage = True
    with pytest.raises(InvalidRequest, match="no map reads FHIR"):
        preview.convert(request)


def test_a_message_whose_lineage_would_fill_no_answer_is_refused(preview: Preview) -> None:
    lines = [f"OBX|{n}|TX|a^b^c||" + "~".join("x" * 20) for n in range(1000)]
    content = message("ORU^R01", "PID|1||5^^^H", "OBR|1||F1|x", *lines)
    assert preview.convert(pb.ConvertRequest(content=content)).coverage.mapped > 20_000
    for call in (
        lambda: preview.explain(pb.ExplainRequest(content=content)),
        lambda: preview.convert(pb.ConvertRequest(content=content, with_lineage=True)),
    ):
        with pytest.raises(InvalidRequest, match="more than 20,000 leaves"):
            call()


@pytest.mark.parametrize(
    ("content", "source", "valid", "places"),
    [
        (ADT, "", True, []),
        (ADT.replace(b"|C1|", b"||"), "", False, ["MSH-10"]),
        (ADT.replace(b"ADT^A08", b"XXX^X01"), "", False, ["MSH-9.1"]),
        (ADT, "strict", False, ["PID[1]-19"]),
        (b"no message", "", False, ["MSH"]),
    ],
)
def test_a_message_is_validated_as_intake_and_the_profile_would(
    preview: Preview, content: bytes, source: str, valid: bool, places: list[str]
) -> None:
    answer = preview.validate(pb.ValidateRequest(content=content, source=source))
    assert answer.valid is valid
    assert [issue.location for issue in answer.issues] == places


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (b'{"resourceType": "Patient", "gender": "female"}', []),
        (b'{"resourceType": "Patient", "gender": "F"}', [Reason.REASON_TABLE_VALUE]),
        (b'{"resourceType": "Observation", "status": "final"}', [Reason.REASON_REQUIRED_FIELD_MISSING]),
        (b'{"resourceType": "Patient", "colour": "red"}', [Reason.REASON_DATA_TYPE]),
        (b"<Patient/>", [Reason.REASON_UNREADABLE]),
    ],
)  # fmt: skip
def test_a_fhir_resource_is_held_against_the_strict_schema(
    preview: Preview, content: bytes, reasons: list[int]
) -> None:
    request = pb.ValidateRequest(
        content=content, content_type="application/fhir+json; charset=utf-8"
    )
    answer = preview.validate(request)
    assert [issue.reason for issue in answer.issues] == reasons
    assert answer.valid is not bool(reasons)


@pytest_asyncio.fixture
async def peer(maps: Maps, preview: Preview, tmp_path: pathlib.Path) -> AsyncIterator[Peer]:
    coders = Coders(SourceMaps(maps), {})
    worklist = Worklist(coders, ManualClock(), keep_days=90)
    server = RpcServer("127.0.0.1:0", Tracing("test", None))
    transform_pb2_grpc.add_TransformServiceServicer_to_server(
        TransformServicer(SourceMaps(maps), coders, preview, worklist, tmp_path),
        server.grpc_server,
    )
    peer = Peer(await server.start(), Tracing("test", None))
    yield peer
    await peer.close()
    await server.stop(0)


async def test_the_service_answers_all_three(peer: Peer) -> None:
    stub = transform_pb2_grpc.TransformServiceStub(peer.channel)
    asked = pb.ConvertRequest(content=ADT, with_lineage=True)
    converted = await peer.ask(stub.Convert, asked, deadline_seconds=30)
    explained = await peer.ask(stub.Explain, pb.ExplainRequest(content=ADT), deadline_seconds=30)
    validated = await peer.ask(stub.Validate, pb.ValidateRequest(content=ADT), deadline_seconds=30)
    assert [leaf.location for leaf in converted.lineage] == [
        leaf.location for leaf in explained.leaves
    ]
    assert validated.valid
    with pytest.raises(InvalidMessage):
        await peer.ask(stub.Explain, pb.ExplainRequest(content=b"x"), deadline_seconds=30)
