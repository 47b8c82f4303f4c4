"""What our maps make of messages is valid FHIR: for the schema, and for the judge.

Messages of our sample feeds, and every ADT and ORU of the shared corpus where it is found. The schema
is held against everything that is rendered, so an answer at all says that it passed.
"""

import asyncio
import collections
import csv
import os
import pathlib
from collections.abc import Iterable

import grpc.aio
import orjson
import pytest

from plexus.api.transform.v1 import transform_pb2
from plexus.clock import ManualClock
from plexus.codecs.fhir.judge import judge
from plexus.errors import InvalidMessage, Reason
from plexus.ids import KeyDigest
from services.transform.domain import Coders, Maps, SourceMaps
from services.transform.flow import Preview, TransformStage, Worklist
from services.transform.service import TransformServicer

_ROOT = pathlib.Path(__file__).resolve().parents[3]
_FEEDS = _ROOT / "tests" / "data" / "feeds"
_CORPUS = pathlib.Path(os.environ.get("PLEXUS_SHARED", _ROOT.parent / "shared")) / "corpus"


def _judged(
    maps: Maps, messages: Iterable[tuple[str, bytes]]
) -> tuple[list[str], dict[str, list[str]]]:
    """The names of the messages that were rendered, and the findings on each that has some."""
    coders = Coders(SourceMaps(maps), {})
    worklist = Worklist(coders, ManualClock(), keep_days=90)
    preview = Preview(
        SourceMaps(maps),
        coders,
        TransformStage(SourceMaps(maps), {}, coders, digest=KeyDigest(b"a secret for tests only")),
    )
    servicer = TransformServicer(
        SourceMaps(maps), coders, preview, worklist, pathlib.Path("no terminology")
    )
    context: grpc.aio.ServicerContext[object, object] = None  # type: ignore[assignment]
    rendered: list[str] = []
    found: dict[str, list[str]] = collections.defaultdict(list)
    for name, content in messages:
        try:
            request = transform_pb2.ConvertRequest(content=content, time_zone="Europe/Berlin")
            answer = asyncio.run(servicer.Convert(request, context))
        except InvalidMessage as exc:
            if exc.reason == Reason.REASON_INVALID_OUTPUT:
                found[name].append(exc.detail)
            continue
        rendered.append(name)
        for part in answer.parts or [answer]:
            found[name] += map(str, judge(orjson.loads(part.fhir_bundle)))
    return rendered, {name: each for name, each in found.items() if each}


def test_everything_in_our_sample_feeds_is_rendered_to_valid_fhir(maps: Maps) -> None:
    files = sorted(_FEEDS.rglob("*.hl7"))
    rendered, found = _judged(maps, ((file.name, file.read_bytes()) for file in files))
    assert len(rendered) > 160
    assert found == {}


@pytest.mark.timeout(240)
@pytest.mark.skipif(
    not (_CORPUS / "manifest.tsv").is_file(),
    reason="the shared corpus is not here; set PLEXUS_SHARED to its folder",
)
def test_everything_in_the_corpus_is_rendered_to_valid_fhir(maps: Maps) -> None:
    with (_CORPUS / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        rows = [
            row for row in csv.DictReader(file, delimiter="\t") if row["type"] in {"ADT", "ORU"}
        ]
    messages = ((row["file"], (_CORPUS / row["file"]).read_bytes()) for row in rows)
    rendered, found = _judged(maps, messages)
    assert len(rendered) > 380
    assert len(found) <= len(rendered) * 0.005, dict(found)
