"""`plexus simulate` as a person calls it: files, the truth beside them, MLLP to listeners, exit codes."""

import collections
import contextlib
import datetime
import json
import pathlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from plexus.codecs.hl7v2 import acknowledge, check, read
from plexus.codecs.mllp import Frame, FrameDecoder, frame
from plexus.errors import InvalidMessage
from services.cli.sample_mesh import find_feeds
from services.cli.sending import read_files
from services.cli.simulate import command
from services.cli.simulation import SYSTEMS, Fact, Hospital, Simulated, spread
from tests.unit.cli.simulation_material import SUPPORTED

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
REFUSED = b"MSH|^~\\&|R|R|S|S|20260101||ACK|R1|P|2.5\rMSA|AR|\r"


class Listener(socketserver.ThreadingTCPServer):
    """Keeps what comes on each port, and answers as intake would."""

    daemon_threads = True
    supported = SUPPORTED

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken: list[bytes] = []

    def answer(self, content: bytes) -> bytes:
        self.taken.append(content)
        try:
            message = read(content)
        except InvalidMessage:
            return REFUSED
        issues = check(message, self.supported)
        code = "AE" if issues else "AA"
        return acknowledge(message, code, issues, control_id="X", now=NOW)


class Handler(socketserver.BaseRequestHandler):
    server: Listener

    def handle(self) -> None:
        decoder = FrameDecoder(max_frame_bytes=1_000_000)
        while data := self.request.recv(65_536):
            for event in decoder.feed(data):
                assert isinstance(event, Frame)
                self.request.sendall(frame(self.server.answer(event.content)))


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    with Listener() as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()


def address(server: Listener) -> str:
    return f"127.0.0.1:{server.server_address[1]}"


def simulate(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), standalone_mode=False)


def summary_of(result: Result) -> dict[str, Any]:
    assert result.exception is None, result.exception
    summary = json.loads(result.stdout)
    assert isinstance(summary, dict)
    return summary


def simulated(seed: str, **options: Any) -> list[Simulated]:
    return list(Hospital(seed, **options))


def test_files_hold_the_messages_in_their_order_and_the_truth_lies_beside(
    tmp_path: pathlib.Path,
) -> None:
    out = tmp_path / "hospital"
    result = simulate("--seed", "f", "--patients", "30", "--days", "2", "--dirt", "0.2",
                      "--out", str(out))  # fmt: skip
    assert result.return_value == 0
    expected = simulated("f", patients=30, days=2, dirt=spread(0.2))
    files = sorted((path for path in out.rglob("*.hl7")), key=lambda path: path.name)
    assert [path.read_bytes() for path in files] == [one.content for one in expected]
    assert [path.parent.name for path in files] == [one.system for one in expected]
    lines = (out / "truth.ndjson").read_text(encoding="utf-8").splitlines()
    facts: list[Fact] = [json.loads(line) for line in lines]
    assert [fact for fact in facts if fact["kind"] == "message"] == [one.truth for one in expected]
    assert {fact["kind"] for fact in facts} == {"message", "order", "encounter", "person"}


def test_the_folder_is_what_the_demo_and_send_read(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "hospital"
    simulate("--patients", "30", "--days", "2", "--out", str(out))
    feeds = find_feeds(out)
    assert {feed.name for feed in feeds} <= set(SYSTEMS)
    assert len(feeds) > 4
    for feed in feeds:
        for message in read_files(feed.files):
            assert message.control_id.startswith(SYSTEMS[feed.name].prefix)
    sources = yaml.safe_load((out / "sources.yaml").read_text(encoding="utf-8"))
    assert {one["name"] for one in sources} == set(SYSTEMS)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "letter").write_text("mine")
    result = simulate("--count", "5", "--out", str(tmp_path))
    assert "not empty" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_each_system_sends_to_its_address_and_order_is_kept(tmp_path: pathlib.Path) -> None:
    with listening() as lab, listening() as rest:
        result = simulate(
            "--seed", "m", "--patients", "30", "--days", "2", "--json",
            "--to", f"laboratory={address(lab)}", "--to", address(rest),
            "--truth", str(tmp_path / "truth"),
        )  # fmt: skip
    expected = simulated("m", patients=30, days=2)
    assert result.return_value == 0
    assert lab.taken == [one.content for one in expected if one.system == "laboratory"]
    others = [one.content for one in expected if one.system != "laboratory"]
    assert collections.Counter(rest.taken) == collections.Counter(others)
    summary = summary_of(result)
    assert summary["codes"] == {"AA": len(expected)}
    assert summary["messages"] == len(expected)
    assert (tmp_path / "truth").read_bytes().count(b"\n") > len(expected)


def test_one_persons_messages_keep_their_order_over_many_connections() -> None:
    with listening() as server:
        result = simulate(
            "--seed", "o", "--patients", "25", "--days", "2", "--connections", "4",
            "--systems", "registration,clinic", "--to", address(server), "--json",
        )  # fmt: skip
    assert result.return_value == 0
    expected = simulated("o", patients=25, days=2, systems=frozenset({"registration", "clinic"}))
    place = {content: n for n, content in enumerate(server.taken)}
    by_person: dict[tuple[str, str], list[int]] = {}
    for one in expected:
        by_person.setdefault((one.system, one.person), []).append(place[one.content])
    assert all(places == sorted(places) for places in by_person.values())


def test_spoiled_messages_may_be_refused() -> None:
    with listening() as server:
        result = simulate(
            "--patients", "30", "--days", "2", "--dirt", "broken=0.1", "--dirt", "no-number=0.2",
            "--to", address(server), "--json",
        )  # fmt: skip
    assert result.return_value == 0
    summary = summary_of(result)
    assert summary["codes"]["AE"] > 5
    assert summary["codes"]["AR"] > 0
    assert summary["refused_whole"] == 0
    assert summary["dirt"].keys() == {"broken", "no-number"}


def test_a_whole_message_that_is_refused_is_exit_code_1_and_told_without_its_content() -> None:
    with listening() as server:
        server.supported = {"ADT": SUPPORTED["ADT"]}
        result = simulate(
            "--patients", "20", "--days", "2", "--systems", "laboratory,registration",
            "--to", address(server),
        )  # fmt: skip
    assert result.return_value == 1
    assert "refused although they were whole" in result.stdout
    first = result.stderr.splitlines()[0]
    assert first.startswith("laboratory ")
    assert " ORU^R01: AE 200" in first
    assert "PID" not in result.output


def test_where_nobody_listens_nothing_is_answered_and_the_exit_code_is_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    result = simulate("--count", "3", "--systems", "clinic", "--to", f"127.0.0.1:{port}", "--json")
    assert result.return_value == 1
    summary = summary_of(result)
    assert summary["unanswered"] == 3
    assert "cannot be reached" in result.stderr


def test_without_a_target_it_counts() -> None:
    result = simulate("--count", "50", "--json")
    assert result.return_value == 0
    summary = summary_of(result)
    assert summary["messages"] == 50
    assert sum(kind["made"] for kind in summary["types"].values()) == 50


def test_the_table_tells_types_and_answers() -> None:
    result = simulate("--count", "50", "--dirt", "0.3")
    assert "ADT^A28" in result.stdout
    assert "dirt: " in result.stdout
    assert "50 messages in " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--systems", "kitchen"], "--systems takes names of"),
        (["--dirt", "much"], "--dirt takes a number"),
        (["--dirt", "mud=0.1"], "no such dirt: mud"),
        (["--dirt", "1.5"], "between 0 and 1"),
        (["--rate", "5"], "name --to"),
        (["--to", "kitchen=127.0.0.1:1"], "kitchen is no system"),
        (["--to", "laboratory=127.0.0.1:1"], "no address for "),
        (["--to", "somewhere"], "HOST:PORT"),
        (["--to", "127.0.0.1:1", "--out", "x"], "choose one"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(arguments: list[str], says: str) -> None:
    result = simulate(*arguments)
    assert says in str(result.exception)
