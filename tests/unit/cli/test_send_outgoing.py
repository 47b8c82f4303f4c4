"""What is read from files and folders, and the traffic that is invented."""

import itertools
import pathlib

import pytest

from plexus.codecs.hl7v2 import check, read
from plexus.errors import NotFound
from services.cli.sending import TrafficGenerator, outgoing, read_files
from services.ingest.domain import SUPPORTED


def message(control_id: str, patient: str = "1^^^A") -> bytes:
    return (
        f"MSH|^~\\&|A|B|C|D|20260101||ADT^A08|{control_id}|P|2.5\rPID|1||{patient}||Wick^Ida\r"
    ).encode()


def test_files_come_by_name_and_messages_in_their_order(tmp_path: pathlib.Path) -> None:
    (tmp_path / "b.hl7").write_bytes(message("3"))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_bytes(
        b"FHS|^~\\&\r" + message("1") + message("2") + b"FTS|2\r"
    )
    (tmp_path / ".hidden").write_bytes(message("9"))
    found = list(read_files([tmp_path]))
    assert [one.control_id for one in found] == ["1", "2", "3"]
    assert [one.label for one in found] == [
        f"{tmp_path}/a/x.txt[1]",
        f"{tmp_path}/a/x.txt[2]",
        f"{tmp_path}/b.hl7",
    ]
    assert found[2].content == message("3")


def test_a_batch_that_does_not_hold_its_total_is_told_and_sent(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "b.hl7"
    file.write_bytes(b"BHS|^~\\&\r" + message("1") + b"BTS|3\r")
    told: list[str] = []
    assert len(list(read_files([file], told.append))) == 1
    assert told == [f"{file}: BTS-1 tells 3 messages; there are 1."]


def test_a_file_that_is_missing_says_which(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"gone\.hl7"):
        list(read_files([tmp_path / "gone.hl7"]))


def test_framing_that_was_saved_with_a_message_is_taken_off() -> None:
    assert outgoing(b"\x0b" + message("1") + b"\x1c\r").content == message("1")


def test_what_cannot_be_read_is_sent_all_the_same() -> None:
    found = outgoing(b"a printer page", "page.txt")
    assert (found.content, found.control_id, found.patient) == (b"a printer page", "", "")


def test_a_patient_is_known_by_pid_3_else_by_pid_2() -> None:
    assert outgoing(message("1", "7^^^A~8^^^B")).patient == "7^^^A~8^^^B"
    assert outgoing(b"MSH|^~\\&|||||||ADT^A08|1|P|2.2\rPID|1|55\r").patient == "55"


def test_invented_messages_are_accepted_and_named_like_their_content() -> None:
    made = list(itertools.islice(TrafficGenerator(prefix="T-", people=range(40)), 600))
    for one in made:
        assert check(read(one.content), SUPPORTED) == []
        again = outgoing(one.content, one.label)
        assert again == one
    assert len({one.control_id for one in made}) == len(made)
    kinds = [read(one.content).type for one in made]
    assert 0.4 < kinds.count("ORU^R01") / len(kinds) < 0.5
    assert {"ADT^A01", "ADT^A03", "ADT^A08"} < set(kinds)
    assert 1_000 < sum(len(one.content) for one in made) / len(made) < 2_048


def test_the_same_seed_invents_the_same_messages() -> None:
    def some(seed: int) -> list[bytes]:
        source = TrafficGenerator(prefix="T-", people=range(5), seed=seed)
        return [one.content for one in itertools.islice(source, 50)]

    assert some(1) == some(1)
    assert some(1) != some(2)


def test_a_person_is_admitted_before_updated_before_discharged() -> None:
    made = itertools.islice(TrafficGenerator(prefix="T-", people=range(1)), 14)
    kinds = [read(one.content).trigger for one in made]
    assert [kind for kind in kinds if kind != "R01"] == [
        "A01",
        "A08",
        "A03",
        "A01",
        "A08",
        "A03",
        "A01",
    ]


def test_no_two_invented_persons_share_what_they_are_known_by() -> None:
    seen: dict[tuple[str, ...], str] = {}
    for number in range(2_000):
        one = next(TrafficGenerator(prefix="T-", people=range(number, number + 1)))
        person = read(one.content).first("PID")
        assert person is not None
        known_by = (person.raw(5), person.raw(7))
        assert seen.setdefault(known_by, one.patient) == one.patient
        assert seen.setdefault((person.raw(13),), one.patient) == one.patient
