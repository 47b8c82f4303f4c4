"""What every journal promises (plexus.store.journal), on each journal there is."""

import dataclasses
import datetime
import uuid

import pytest

from plexus.errors import Fenced, PlexusError
from plexus.store import Done, Entry, Journal, Mark

STREAM = "2026-01-01T00:00:00+00:00"
_HOUR = datetime.timedelta(hours=1)


def done(number: int, key: str = "k", kind: int = 1) -> Done:
    return Done(str(uuid.UUID(int=number)), kind, key)


def entry(number: int, unit: str = "0", attempt: int = 1, key: str = "k") -> Entry:
    """What was done with the message of that number, which stood at that place."""
    outputs = (("out", f"{number}.{attempt}".encode()), ("other", b"\x00\xff"))
    return Entry(done(number, key), attempt, unit, number, outputs, b"custody")


async def commit(
    journal: Journal, epochs: dict[str, int], *entries: Entry, published: int = 0, era: str = STREAM
) -> None:
    last = max((one.sequence for one in entries), default=published)
    async with journal.transaction(epochs) as transaction:
        await transaction.commit(entries, dict.fromkeys(epochs, Mark(era, last, published)))


async def seen(journal: Journal, epochs: dict[str, int], *wanted: Done) -> dict[Done, Entry]:
    async with journal.transaction(epochs) as transaction:
        return await transaction.seen(wanted)


def an_hour_from_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + _HOUR


async def test_what_was_committed_is_known_again(journal: Journal) -> None:
    epochs = await journal.claim(["0"])
    await commit(journal, epochs, entry(1), entry(2, key="l"))
    wanted = (done(1), done(2, "l"), done(3))
    assert await seen(journal, epochs, *wanted) == {
        done(1): entry(1),
        done(2, "l"): entry(2, key="l"),
    }
    assert await seen(journal, epochs) == {}


async def test_one_message_of_two_kinds_or_keys_is_two(journal: Journal) -> None:
    epochs = await journal.claim(["0"])
    await commit(journal, epochs, entry(1))
    assert await seen(journal, epochs, done(1, "l"), done(1, "k", kind=2)) == {}


async def test_each_part_of_a_message_is_known_by_itself(journal: Journal) -> None:
    epochs = await journal.claim(["0"])
    parts = [
        dataclasses.replace(entry(number), done=done(1)._replace(part=number)) for number in (1, 2)
    ]
    await commit(journal, epochs, *parts)
    wanted = [done(1)._replace(part=number) for number in range(4)]
    assert await seen(journal, epochs, *wanted) == {each.done: each for each in parts}
    assert await journal.unpublished(["0"], 10) == parts


async def test_a_later_passage_replaces_the_earlier_one(journal: Journal) -> None:
    epochs = await journal.claim(["0"])
    await commit(journal, epochs, entry(1))
    await commit(journal, epochs, entry(1, attempt=2))
    assert await seen(journal, epochs, done(1)) == {done(1): entry(1, attempt=2)}
    assert await journal.unpublished(["0"], 10) == [entry(1, attempt=2)]


async def test_each_claim_gives_a_higher_epoch(journal: Journal) -> None:
    first = await journal.claim(["0", "1"])
    second = await journal.claim(["1", "2"])
    assert set(first) == {"0", "1"}
    assert set(second) == {"1", "2"}
    assert second["1"] > first["1"]
    assert await journal.claim([]) == {}


async def test_an_old_owner_writes_nothing(journal: Journal) -> None:
    old = await journal.claim(["0", "1"])
    await commit(journal, old, entry(1))
    before = await journal.marks(["0", "1"])
    new = await journal.claim(["1"])
    with pytest.raises(Fenced):
        await commit(journal, old, entry(2), entry(3, unit="1"))
    assert await journal.marks(["0", "1"]) == before
    assert await seen(journal, new, done(2), done(3)) == {}
    await commit(journal, new, entry(4, unit="1"))
    await commit(journal, {"0": old["0"]}, entry(5))


async def test_a_claim_while_a_batch_runs_fences_that_batch(journal: Journal) -> None:
    old = await journal.claim(["0"])

    async def batch() -> None:
        async with journal.transaction(old) as transaction:
            assert await transaction.seen([done(1)]) == {}
            await journal.claim(["0"])
            await transaction.commit([entry(1)], {"0": Mark(STREAM, 1, 0)})

    with pytest.raises(Fenced):
        await batch()
    assert await journal.unpublished(["0"], 10) == []


async def test_marks_are_what_was_committed_last(journal: Journal) -> None:
    assert await journal.marks(["0"]) == {}
    epochs = await journal.claim(["0", "1"])
    assert await journal.marks(["0", "9"]) == {"0": Mark()}
    await commit(journal, epochs, entry(7), published=5)
    assert await journal.marks(["1", "0"]) == dict.fromkeys(["0", "1"], Mark(STREAM, 7, 5))


async def test_what_is_not_known_to_be_published_is_left_in_its_order(journal: Journal) -> None:
    epochs = await journal.claim(["0", "1"])
    await commit(journal, epochs, entry(2, unit="1"), entry(3), entry(1), published=1)
    await journal.claim(["0", "1"])
    assert await journal.unpublished(["0", "1"], 10) == [entry(2, unit="1"), entry(3)]
    assert await journal.unpublished(["0", "1"], 1) == [entry(2, unit="1")]
    assert await journal.unpublished(["0"], 10) == [entry(3)]
    assert await journal.unpublished([], 10) == []


async def test_another_incarnation_of_the_stream_hides_what_was_left(journal: Journal) -> None:
    epochs = await journal.claim(["0"])
    await commit(journal, epochs, entry(5))
    await commit(journal, epochs, entry(1, key="l"), era="another")
    assert await journal.unpublished(["0"], 10) == [entry(1, key="l")]
    assert await seen(journal, epochs, done(5)) == {done(5): entry(5)}


async def test_a_block_that_fails_undoes_its_commit(journal: Journal) -> None:
    epochs = await journal.claim(["0"])

    async def batch() -> None:
        async with journal.transaction(epochs) as transaction:
            await transaction.commit([entry(1)], {"0": Mark(STREAM, 1, 0)})
            raise PlexusError("too bad")

    with pytest.raises(PlexusError, match="too bad"):
        await batch()
    assert await journal.marks(["0"]) == {"0": Mark()}
    assert await seen(journal, epochs, done(1)) == {}


async def test_what_is_old_and_published_is_forgotten(journal: Journal) -> None:
    epochs = await journal.claim(["0"])
    await commit(journal, epochs, entry(1), entry(2), entry(3), published=2)
    assert await journal.purge(an_hour_from_now() - 2 * _HOUR) == 0
    assert await journal.purge(an_hour_from_now()) == 2
    assert await seen(journal, epochs, done(1), done(2), done(3)) == {done(3): entry(3)}
    assert await journal.unpublished(["0"], 10) == [entry(3)]


async def _work(
    journal: Journal, epochs: dict[str, int], told: list[str], *, commits: bool = True
) -> None:
    async with journal.transaction(epochs) as transaction:
        assert dict(transaction.epochs) == epochs
        transaction.after_commit(lambda: told.append("committed"))
        if commits:
            await transaction.commit([entry(1)], dict.fromkeys(epochs, Mark(STREAM, 1, 0)))
        assert not told


async def test_who_waits_for_a_commit_hears_of_it_and_of_nothing_else(journal: Journal) -> None:
    old = await journal.claim(["0"])
    told: list[str] = []
    await _work(journal, old, told, commits=False)
    assert not told
    new = await journal.claim(["0"])
    with pytest.raises(Fenced):
        await _work(journal, old, told)
    assert not told
    await _work(journal, new, told)
    assert told == ["committed"]
