"""From a frame to its answer: order, group commit, room and time. Relay and gRPC are not part of it."""

import asyncio

import pytest

from plexus.api.ingest.v1.ingest_pb2 import ReceiptOutcome
from plexus.store import Database
from plexus.testing.waiting import eventually
from tests.integration.ingest.intake import Intake, Sender, message, running_intake

_ACCEPTED = ReceiptOutcome.RECEIPT_OUTCOME_ACCEPTED


async def test_answers_come_in_the_order_of_the_frames(ingest_db: Database) -> None:
    names = [f"C{n}" for n in range(150)]
    async with running_intake(ingest_db) as intake, intake.sender() as sender:
        sender.send(*map(message, names))
        assert await sender.answers(150) == [f"AA {name}" for name in names]
        assert [one.control_id for one in intake.committed] == names


async def test_an_answer_is_given_only_after_the_commit(ingest_db: Database) -> None:
    async with running_intake(ingest_db) as intake, intake.sender() as sender:
        async with intake.held():
            sender.send(message("C1"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await sender.answers(1)
        assert await sender.answers(1) == ["AA C1"]


async def test_senders_share_a_commit_and_each_gets_its_own_answer(ingest_db: Database) -> None:
    async with (
        running_intake(ingest_db) as intake,
        intake.sender() as one,
        intake.sender() as other,
    ):
        async with intake.held():
            one.send(message("A1"))
            other.send(message("B1"), message("B2", version="9"))
            await _waiting(intake, 3)
        assert await other.answers(2) == ["AA B1", "AR B2"]
        assert await one.answers(1) == ["AA A1"]


async def test_what_is_not_committed_in_time_is_refused_and_recognised_later(
    ingest_db: Database,
) -> None:
    async with running_intake(ingest_db, receipt_seconds=0.3) as intake, intake.sender() as sender:
        async with intake.held():
            sender.send(message("C1"))
            assert await sender.answers(1) == ["AR C1"]  # its commit is under way
            sender.send(message("C2"))
            assert await sender.answers(1) == ["AR C2"]  # it waits for that commit to end
        await _tried(sender, "C1")
        await _tried(sender, "C2")
        firsts = [one for one in intake.committed if one.outcome == _ACCEPTED]
        assert [one.control_id for one in firsts] == ["C1", "C2"]
        repeats = [one for one in intake.committed if one.first_id]
        assert {one.first_id for one in repeats} == {firsts[0].message_id}


async def test_more_than_there_is_room_for_waits_and_is_answered_in_order(
    ingest_db: Database,
) -> None:
    async with (
        running_intake(ingest_db, pending=3) as intake,
        intake.sender() as one,
        intake.sender() as other,
    ):
        async with intake.held():
            one.send(*(message(f"A{n}") for n in range(120)))
            other.send(*(message(f"B{n}") for n in range(120)))
            await eventually(lambda: intake.feed.is_full)
        assert await other.answers(120) == [f"AA B{n}" for n in range(120)]
        assert await one.answers(120) == [f"AA A{n}" for n in range(120)]
        assert not intake.feed.is_full


async def test_a_call_waits_for_room_but_not_for_ever(ingest_db: Database) -> None:
    async with running_intake(ingest_db, pending=1, receipt_seconds=0.5) as intake:
        async with intake.held():
            calls = [asyncio.create_task(intake.feed.receive(message(f"C{n}"))) for n in range(6)]
            replies = await asyncio.gather(*calls)
        assert [reply.stored for reply in replies] == [None] * 6
        assert all(b"MSA|AR" in (reply.content or b"") for reply in replies)
        reply = await _received(intake, "D1")
        assert b"MSA|AA" in reply


async def test_a_broken_frame_keeps_its_place_among_the_answers(ingest_db: Database) -> None:
    async with running_intake(ingest_db) as intake, intake.sender() as sender:
        sender.send_bytes(b"\x0b" + message("C1") + b"\x1c\r")
        sender.send_bytes(b"\x0b" + message("C2"))  # given up
        sender.send_bytes(b"\x0b" + message("C3") + b"\x1c\r")
        assert await sender.answers(3) == ["AA C1", "AR C2", "AA C3"]


async def test_closing_answers_what_has_arrived(ingest_db: Database) -> None:
    async with running_intake(ingest_db) as intake, intake.sender() as sender:
        async with intake.held():
            sender.send(*(message(f"C{n}") for n in range(40)))
            await _waiting(intake, 32)
            stopping = asyncio.create_task(intake.listener.stop())
        assert await sender.rest() == [f"AA C{n}" for n in range(40)]
        await stopping


async def test_what_a_sender_sent_before_it_hung_up_is_kept(ingest_db: Database) -> None:
    async with running_intake(ingest_db) as intake:
        async with intake.held(), intake.sender() as sender:
            sender.send(*(message(f"C{n}") for n in range(40)))
            await _waiting(intake, 32)
        await eventually(lambda: len(intake.committed) == 40)


async def test_while_answers_are_not_read_no_further_message_is_taken(
    ingest_db: Database,
) -> None:
    async with running_intake(ingest_db) as intake, intake.sender() as sender:
        sender.send(message("C1"))
        await sender.answers(1)
        (connection,) = intake.listener.connections
        connection.pause_writing()  # as its transport does when the sender's buffers are full
        sender.send(message("C2"))
        async with intake.sender() as other:
            other.send(message("D1"))
            assert await other.answers(1) == ["AA D1"]
        assert [one.control_id for one in intake.committed] == ["C1", "D1"]
        connection.resume_writing()
        assert await sender.answers(1) == ["AA C2"]


async def _waiting(intake: Intake, count: int) -> None:
    """Until so many messages wait for their commit, which is held."""
    await eventually(lambda: intake.committer.waiting >= count)


async def _tried(sender: Sender, name: str) -> None:
    """Send again until it is taken."""
    async with asyncio.timeout(20):
        while True:
            sender.send(message(name))
            if await sender.answers(1) == [f"AA {name}"]:
                return


async def _received(intake: Intake, name: str) -> bytes:
    async with asyncio.timeout(20):
        while True:
            reply = await intake.feed.receive(message(name))
            if reply.stored is not None:
                return reply.content or b""
