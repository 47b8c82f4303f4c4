"""A batch at intake: a receipt for each message, one answer for all. The listener is not tested here."""

import pytest

from plexus.api.ingest.v1.ingest_pb2 import ReceiptOutcome
from plexus.codecs.hl7v2 import read, read_ack, read_batch
from plexus.errors import Reason
from services.ingest.actors import FeedActor
from services.ingest.store import ReceiptStore

FEED = tuple[FeedActor, ReceiptStore]
ACCEPTED, REJECTED, DUPLICATE = (
    ReceiptOutcome.RECEIPT_OUTCOME_ACCEPTED,
    ReceiptOutcome.RECEIPT_OUTCOME_REJECTED,
    ReceiptOutcome.RECEIPT_OUTCOME_DUPLICATE,
)
BHS = "BHS|^~\\&|LAB|CITY|MESH|HERE|20240101||||B77\r"


def message(control: str, person: str = "77") -> str:
    return (
        f"MSH|^~\\&|LAB|CITY|MESH|HERE|20240101||ADT^A08|{control}|P|2.5.1\r"
        f"EVN||20240101\rPID|1||{person}^^^H^MR||Vale^Iris\rPV1|1|I\r"
    )


async def test_each_message_has_a_receipt_and_all_have_one_answer(feed: FEED) -> None:
    actor, store = feed
    content = f"{BHS}{message('1')}{message('2', '')}{message('1')}BTS|3\r"
    reply = await actor.receive(content.encode())
    assert [stored.outcome for stored in reply.batch] == [ACCEPTED, REJECTED, DUPLICATE]
    assert reply.stored == reply.batch[0]
    kept = await store.by_ids([reply.batch[0].message_id], content=True)
    assert kept[0].content == message("1").encode()
    assert reply.content is not None
    answer = read_batch(reply.content)
    assert not answer.issues
    acks = [read_ack(part.content) for part in answer.parts]
    assert [(ack.code, ack.control_id) for ack in acks] == [("AA", "1"), ("AE", "2"), ("AA", "1")]
    # BHS of the answer: who was asked answers, and names the batch.
    head = answer.headers[0].decode().split("|")
    assert (head[2:6], head[11]) == (["MESH", "HERE", "LAB", "CITY"], "B77")
    assert reply.content.endswith(b"BTS|3\r")


async def test_a_wrong_total_is_told_on_each_receipt_and_refuses_nothing(feed: FEED) -> None:
    actor, store = feed
    reply = await actor.receive(f"FHS|^~\\&\r{BHS}{message('1')}BTS|2\rFTS|1\r".encode())
    assert [stored.outcome for stored in reply.batch] == [ACCEPTED]
    [kept] = await store.by_ids([reply.batch[0].message_id], content=False)
    [issue] = kept.issues
    assert (issue.reason, issue.location) == (Reason.REASON_BATCH_TOTAL, "BTS-1")
    assert reply.content is not None
    assert b"BTS|1|BTS-1 tells 2 messages; there are 1.\rFTS|1\r" in reply.content
    ack = read(read_batch(reply.content).parts[0].content)
    assert ack.msh.get(9, 1) == "ACK"
    assert [err.get(4) for err in ack.all("ERR")] == ["W"]


async def test_what_belongs_to_no_message_is_kept_and_refused(feed: FEED) -> None:
    actor, store = feed
    reply = await actor.receive(f"{BHS}stray\r{message('1')}BTS|1\r".encode())
    assert [stored.outcome for stored in reply.batch] == [REJECTED, ACCEPTED]
    [kept] = await store.by_ids([reply.batch[0].message_id], content=True)
    assert b"stray" in kept.content


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-8"])
async def test_the_answer_is_in_the_characters_of_the_batch(feed: FEED, codec: str) -> None:
    content = ("\ufeff" + BHS + message("1") + "BTS|1\r").encode(codec)
    reply = await feed[0].receive(content)
    assert reply.content is not None
    text = reply.content.decode(codec)
    assert text.count("BHS|") == text.count("MSA|AA|1") == 1


async def test_an_empty_batch_is_answered_and_has_no_receipt(feed: FEED) -> None:
    reply = await feed[0].receive(f"{BHS}BTS|0\r".encode())
    assert (reply.stored, reply.batch, reply.is_empty) == (None, (), True)
    assert reply.content is not None
    assert reply.content.endswith(b"BTS|0\r")


async def test_a_batch_of_too_many_messages_is_refused_as_a_whole(feed: FEED) -> None:
    content = BHS.encode() + b"MSH|^~\\&|\r" * 10_001
    reply = await feed[0].receive(content)
    assert reply.stored is not None
    assert reply.stored.outcome == REJECTED
    assert reply.stored.issues[0].reason == Reason.REASON_TOO_LARGE
    assert reply.batch == ()


async def test_a_message_alone_and_two_in_a_frame_are_as_before(feed: FEED) -> None:
    actor, _ = feed
    alone = await actor.receive(message("9").encode())
    assert alone.batch == ()
    two = await actor.receive((message("8") + message("7")).encode())
    assert two.stored is not None
    assert two.stored.outcome == REJECTED
