"""Signed checkpoints, against the example of the specification and against forgery."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.errors import InvalidRequest
from services.audit.domain.notes import Checkpoint, Signer, VerifyingKey, open_note, sign_note

ROOT = bytes(range(32))
ORIGIN = "plexus.example/audit/north"
OLD = Signer(ORIGIN, b"\1" * 32)
NEW = Signer(ORIGIN, b"\2" * 32)
CHECKPOINT = Checkpoint(ORIGIN, 7, ROOT)


def test_a_note_of_another_implementation_is_opened() -> None:
    # The well-known example of Go's package sumdb/note.
    key = VerifyingKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    signature = base64.b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    assert signature[:4] == key.key_id
    assert key.is_signed(text, signature[4:])
    assert not key.is_signed(text + " ", signature[4:])


def test_a_checkpoint_has_the_lines_of_the_specification() -> None:
    note = sign_note(CHECKPOINT, [OLD])
    lines = note.split("\n")
    assert lines[:4] == [ORIGIN, "7", base64.b64encode(ROOT).decode(), ""]
    assert lines[4].startswith(f"\u2014 {ORIGIN} ")
    assert lines[5:] == [""]
    opened = open_note(note, [OLD.public])
    assert (opened.checkpoint, opened.signed_by, opened.forged) == (
        CHECKPOINT,
        (OLD.public,),
        (),
    )


def test_while_keys_rotate_both_sign_and_each_is_enough() -> None:
    note = sign_note(CHECKPOINT, [NEW, OLD])
    assert open_note(note, [OLD.public]).signed_by == (OLD.public,)
    assert open_note(note, [NEW.public]).signed_by == (NEW.public,)
    assert open_note(note, [Signer(ORIGIN, b"\3" * 32).public]).signed_by == ()
    # A key of another log has signed nothing here, whatever its bytes are.
    assert open_note(note, [Signer("another", b"\1" * 32).public]).signed_by == ()


@given(st.data())
def test_no_byte_of_a_note_can_change(data: st.DataObject) -> None:
    note = sign_note(CHECKPOINT, [OLD]).encode()
    place = data.draw(st.integers(0, len(note) - 1))
    changed = bytearray(note)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        opened = open_note(changed.decode(), [OLD.public])
    except (InvalidRequest, UnicodeDecodeError):
        return
    assert not opened.signed_by


def test_a_signature_that_names_a_known_key_and_is_not_its_own_is_told() -> None:
    note = sign_note(CHECKPOINT, [OLD])
    other = sign_note(Checkpoint(ORIGIN, 8, ROOT), [OLD])
    mixed = note.rpartition("\n\n")[0] + "\n\n" + other.rpartition("\n\n")[2]
    opened = open_note(mixed, [OLD.public])
    assert (opened.signed_by, opened.forged) == ((), (OLD.public,))


@pytest.mark.parametrize(
    "note",
    [
        "",
        CHECKPOINT.text,
        CHECKPOINT.text + "\n",
        CHECKPOINT.text + "\nno signature\n",
        f"{ORIGIN}\n07\n{base64.b64encode(ROOT).decode()}\n\n\u2014 a QUJDREVG\n",
        f"{ORIGIN}\n7\nQUJD\n\n\u2014 a QUJDREVG\n",
        f"{ORIGIN}\n7\n\n\u2014 a QUJDREVG\n",
    ],
)
def test_what_is_no_signed_checkpoint_is_refused(note: str) -> None:
    with pytest.raises(InvalidRequest):
        open_note(note, [OLD.public])


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_read_as_it_is_written(seed: bytes) -> None:
    key = Signer(ORIGIN, seed).public
    assert VerifyingKey.parse(str(key)) == key


@pytest.mark.parametrize("text", ["", "a", "a+b+c", f"{ORIGIN}+00000000+{'A' * 44}"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        VerifyingKey.parse(text)
    wrong = str(OLD.public).replace("+", "+0", 1)
    with pytest.raises(InvalidRequest, match="letter"):
        VerifyingKey.parse(wrong)


def test_a_signer_wants_a_name_and_a_whole_seed() -> None:
    for name, seed in (("a b", b"\1" * 32), ("", b"\1" * 32), ("a", b"\1" * 31)):
        with pytest.raises(ValueError, match="signer"):
            Signer(name, seed)
