"""Every ADT and ORU of the shared corpus over MLLP, where the corpus is found.

Each message is either answered positively and arrives as valid FHIR R4, or refused with an ERR segment
that names place and reason, and kept. The corpus lies beside the checkout or at $PLEXUS_SHARED.
"""

import csv
import os
import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.cli.sample_mesh import SampleFeed
from services.cli.sending.outgoing import outgoing
from services.cli.sending.sender import Sent
from tests.e2e.running import Running, running_mesh

SHARED = pathlib.Path(
    os.environ.get("PLEXUS_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared")
)
CORPUS = SHARED / "corpus"
FEED = "corpus"

pytestmark = [
    pytest.mark.skipif(
        not (CORPUS / "manifest.tsv").is_file(),
        reason="the shared corpus is not here; set PLEXUS_SHARED to its folder",
    ),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mesh"),
    pytest.mark.timeout(300),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fed() -> AsyncIterator[Running]:
    with (CORPUS / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        names = [
            row["file"]
            for row in csv.DictReader(file, delimiter="\t")
            if row["type"] in {"ADT", "ORU"}
        ]
    messages = [outgoing((CORPUS / name).read_bytes(), name) for name in names]
    feed = SampleFeed(FEED, pathlib.Path(), ())
    async with running_mesh([feed], sources=pathlib.Path("none"), validate=True) as running:
        running.histories[FEED] = await running.send(FEED, messages, connections=8)
        await running.settle(90)
        yield running


def _accepted(fed: Running) -> list[Sent]:
    return [sent for sent in fed.histories[FEED] if sent.accepted]


async def test_every_message_is_answered(fed: Running) -> None:
    assert len(fed.histories[FEED]) > 400
    assert not [sent.label for sent in fed.histories[FEED] if sent.problem]
    assert {sent.code for sent in fed.histories[FEED]} <= {"AA", "AE", "AR", "CA", "CE", "CR", ""}


async def test_every_refusal_names_reason_and_place(fed: Running) -> None:
    refused = [sent for sent in fed.histories[FEED] if not sent.accepted]
    assert not [sent.label for sent in refused if not sent.errors]


async def test_every_accepted_message_arrives_or_is_parked_with_a_reason(fed: Running) -> None:
    report = await fed.settle()
    assert not report.violations
    counts = report.ledger.feeds[0]
    assert counts.in_flight == 0
    assert counts.delivered >= 0.95 * (counts.received - counts.rejected)
    arrived = {one.message_id.partition(".")[0] for one in fed.receiver.transactions}
    rows = await fed.rows(
        "SELECT r.message_id::text AS id, m.disposition = 6 AS parked FROM"
        " ingest.receipt r LEFT JOIN audit.message m USING (message_id) WHERE r.outcome = 1"
    )
    assert len(_accepted(fed)) >= len(rows) > 100
    assert not [row["id"] for row in rows if row["id"] not in arrived and not row["parked"]]


async def test_everything_that_arrives_is_valid_fhir(fed: Running) -> None:
    assert fed.receiver.transactions
    assert not fed.receiver.findings
