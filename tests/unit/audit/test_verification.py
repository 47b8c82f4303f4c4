"""Whatever is changed in a log is found and named. Out of scope: how leaves are read from a store."""

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.domain.notes import Checkpoint, Signer, sign_note
from services.audit.domain.tree import HASH_BYTES, TILE_WIDTH, Edge, leaf_hash
from services.audit.domain.verification import Fault, Finding, Leaf, Verification

ORIGIN = "plexus.example/audit/north"
SIGNER = Signer(ORIGIN, b"\1" * 32)
SIZE = 2 * TILE_WIDTH + 90
SIZES = (1, 100, TILE_WIDTH, 300, 400, 2 * TILE_WIDTH + 40, SIZE)


class Stored:
    """A log as a database holds it, to be spoiled."""

    def __init__(self) -> None:
        self.leaves: dict[int, Leaf] = {}
        self.tiles: dict[int, bytes] = {}
        self.notes: list[str] = []

    @classmethod
    def untouched(cls) -> "Stored":
        """A copy of a log that was sealed once: sealing takes longer than verifying."""
        made = cls()
        made.leaves, made.tiles = dict(_SEALED.leaves), dict(_SEALED.tiles)
        made.notes = list(_SEALED.notes)
        return made

    def seal(self, data: Callable[[int], bytes]) -> None:
        edge = Edge()
        self.notes = []
        for number in range(SIZE):
            content = data(number)
            hashed = leaf_hash(content)
            self.leaves[number] = Leaf(number, f"id {number}", content, hashed)
            for tile in edge.append([hashed]):
                self.tiles[tile.index] = tile.hashes
            if edge.size in SIZES:
                self.notes.append(sign_note(Checkpoint(ORIGIN, edge.size, edge.root), [SIGNER]))

    def change(self, number: int, **fields: object) -> None:
        self.leaves[number] = dataclasses.replace(self.leaves[number], **fields)  # type: ignore[arg-type]

    def change_tile(self, number: int, entry: bytes) -> None:
        at = number % TILE_WIDTH * HASH_BYTES
        tile = self.tiles[number // TILE_WIDTH]
        self.tiles[number // TILE_WIDTH] = tile[:at] + entry + tile[at + HASH_BYTES :]

    def verified(self, *others: str, until: int = SIZE, has_tiles: bool = True) -> list[Finding]:
        verification = Verification(ORIGIN, [SIGNER.public])
        for note in (*self.notes, *others):
            verification.expect(note, "a checkpoint")
        for start in range(0, until, 200):
            end = min(start + 200, until)
            leaves = [self.leaves[n] for n in range(start, end) if n in self.leaves]
            verification.go_on(leaves, end, self.tiles if has_tiles else {})
        verification.finish()
        self.held = verification.checkpoints
        return verification.findings


_SEALED = Stored()
_SEALED.seal(lambda number: b"event %d" % number)


def named(findings: list[Finding]) -> list[tuple[Fault, int | None]]:
    return [(one.fault, one.sequence) for one in findings]


places = st.integers(0, SIZE - 1)


def test_a_log_that_nobody_touched_verifies() -> None:
    stored = Stored.untouched()
    assert stored.verified() == []
    assert stored.held == len(SIZES)
    assert stored.verified(has_tiles=False) == []


@given(places, st.data())
def test_any_byte_of_any_event_that_changes_is_named(number: int, data: st.DataObject) -> None:
    stored = Stored.untouched()
    content = bytearray(stored.leaves[number].data)
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    stored.change(number, data=bytes(content))
    assert named(stored.verified()) == [(Fault.EVENT_CHANGED, number)]
    assert named(stored.verified(has_tiles=False)) == [(Fault.EVENT_CHANGED, number)]


@given(places)
def test_a_hash_that_is_changed_in_the_log_is_named(number: int) -> None:
    stored = Stored.untouched()
    stored.change(number, hash=leaf_hash(b"forged"))
    assert named(stored.verified()) == [(Fault.LEAF_CHANGED, number)]


@given(st.integers(0, 2 * TILE_WIDTH - 1))
def test_a_tile_that_is_changed_is_named(number: int) -> None:
    stored = Stored.untouched()
    stored.change_tile(number, leaf_hash(b"forged"))
    assert named(stored.verified()) == [(Fault.TILE_CHANGED, number)]


@given(st.integers(0, 2 * TILE_WIDTH - 1))
def test_an_event_rewritten_with_its_hash_is_named_by_its_tile(number: int) -> None:
    stored = Stored.untouched()
    stored.change(number, data=b"forged", hash=leaf_hash(b"forged"))
    assert named(stored.verified()) == [
        (Fault.EVENT_CHANGED, number),
        (Fault.LEAF_CHANGED, number),
    ]


@given(places)
def test_an_event_rewritten_with_all_over_it_is_found_between_two_checkpoints(number: int) -> None:
    stored = Stored.untouched()
    notes = stored.notes
    stored.seal(lambda n: b"forged" if n == number else b"event %d" % n)
    stored.notes = notes
    (finding,) = stored.verified()
    assert (finding.fault, finding.sequence) == (Fault.REWRITTEN, None)
    good = max((size for size in SIZES if size <= number), default=0)
    bad = min(size for size in SIZES if size > number)
    assert f"from {good:,} to {bad - 1:,}" in finding.words


@given(places)
def test_an_event_that_is_removed_is_named(number: int) -> None:
    stored = Stored.untouched()
    stored.change(number, data=b"")
    assert named(stored.verified()) == [(Fault.EVENT_REMOVED, number)]


@given(places)
def test_a_place_that_is_emptied_is_named(number: int) -> None:
    stored = Stored.untouched()
    del stored.leaves[number]
    assert (Fault.LEAF_REMOVED, number) in named(stored.verified())
    assert Fault.REWRITTEN not in {one.fault for one in stored.verified()}


@given(places, places)
def test_events_that_change_places_are_named_with_their_own(one: int, two: int) -> None:
    stored = Stored.untouched()
    first, second = stored.leaves[one], stored.leaves[two]
    stored.change(one, data=second.data)
    stored.change(two, data=first.data)
    found = stored.verified()
    if one == two:
        assert found == []
        return
    assert named(found) == [(Fault.EVENTS_SWAPPED, n) for n in sorted((one, two))]
    assert f"{max(one, two):,}" in found[0].words


def test_whole_leaves_that_change_places_are_found() -> None:
    stored = Stored.untouched()
    for one, two in ((3, 9), (520, 530)):
        first, second = stored.leaves[one], stored.leaves[two]
        stored.leaves[one] = dataclasses.replace(second, sequence=one)
        stored.leaves[two] = dataclasses.replace(first, sequence=two)
    found = named(stored.verified())
    assert (Fault.EVENTS_SWAPPED, 3) in found
    assert (Fault.EVENTS_SWAPPED, 9) in found
    assert (Fault.REWRITTEN, None) in found


@given(st.sets(places, min_size=1, max_size=6))
def test_several_changes_are_all_named(numbers: set[int]) -> None:
    stored = Stored.untouched()
    for number in numbers:
        stored.change(number, data=b"forged %d" % number)
    assert named(stored.verified()) == [(Fault.EVENT_CHANGED, n) for n in sorted(numbers)]


def test_a_row_that_says_something_else_than_its_event_is_named() -> None:
    stored = Stored.untouched()
    stored.change(7, unlike=("person_id", "at"))
    (finding,) = stored.verified()
    assert (finding.fault, finding.sequence) == (Fault.COLUMN_CHANGED, 7)
    assert "person_id, at" in finding.words


def test_an_end_that_is_cut_off_is_found_by_a_checkpoint_from_elsewhere() -> None:
    stored = Stored.untouched()
    kept = stored.notes.pop()
    assert named(stored.verified(until=SIZES[-2])) == []
    assert named(stored.verified(kept, until=SIZES[-2])) == [(Fault.CUT_OFF, None)]


def test_leaves_that_no_checkpoint_covers_are_told() -> None:
    stored = Stored.untouched()
    stored.notes.pop()
    assert named(stored.verified()) == [(Fault.NOT_SIGNED, None)]


def test_a_log_that_was_made_anew_does_not_fit_a_checkpoint_from_elsewhere() -> None:
    stored = Stored.untouched()
    kept = stored.notes[3]
    stored.seal(lambda n: b"another %d" % n)
    found = stored.verified(kept)
    assert [one.fault for one in found] == [Fault.CHECKPOINT]
    assert "another signed root" in found[0].words


@pytest.mark.parametrize("forged", ["signature", "key", "origin", "text"])
def test_a_checkpoint_that_is_not_signed_by_a_known_key_does_not_count(forged: str) -> None:
    stored = Stored.untouched()
    checkpoint = Checkpoint(ORIGIN, SIZE, leaf_hash(b"x"))
    if forged == "signature":
        note = stored.notes[-1].replace(f"\n{SIZE}\n", f"\n{SIZE + 1}\n")
    elif forged == "key":
        note = sign_note(checkpoint, [Signer(ORIGIN, b"\2" * 32)])
    elif forged == "origin":
        other = Checkpoint("plexus.example/audit/south", SIZE, leaf_hash(b"x"))
        note = sign_note(other, [SIGNER])
    else:
        note = "no checkpoint"
    assert named(stored.verified(note)) == [(Fault.CHECKPOINT, None)]


def test_the_empty_log_is_verified_too() -> None:
    verification = Verification(ORIGIN, [SIGNER.public])
    verification.expect(sign_note(Checkpoint(ORIGIN, 0, Edge().root), [SIGNER]), "it")
    verification.go_on([], 0, {})
    verification.finish()
    assert verification.findings == []
    assert verification.checkpoints == 1


def test_upper_tiles_are_held_against_those_below() -> None:
    verification = Verification(ORIGIN, [SIGNER.public])
    count = TILE_WIDTH * TILE_WIDTH
    edge = Edge()
    leaves = [
        Leaf(n, "", content, leaf_hash(content))
        for n, content in ((n, n.to_bytes(4)) for n in range(count))
    ]
    made = edge.append(one.hash for one in leaves)
    verification.expect(sign_note(Checkpoint(ORIGIN, count, edge.root), [SIGNER]), "it")
    verification.go_on(leaves, count, {})
    verification.hold_upper_tiles(1, {0: made[-1].hashes})
    assert verification.findings == []
    verification.hold_upper_tiles(1, {0: made[0].hashes})
    assert named(verification.findings) == [(Fault.TILE_CHANGED, None)]
