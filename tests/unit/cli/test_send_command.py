"""`plexus send` as a person calls it, against a listener in another thread: output and exit codes."""

import contextlib
import datetime
import json
import pathlib
import socketserver
import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from plexus.codecs.hl7v2 import acknowledge, read
from plexus.codecs.mllp import Frame, FrameDecoder, frame
from services.cli.send import command

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ERROR = b"ERR||PID^1^3^1^1|101^Required field missing^HL70357|E\r"


class Feed(socketserver.BaseRequestHandler):
    """Accepts what has a patient number and refuses the rest."""

    def handle(self) -> None:
        decoder = FrameDecoder(max_frame_bytes=100_000)
        while data := self.request.recv(65_536):
            for event in decoder.feed(data):
                assert isinstance(event, Frame)
                message = read(event.content)
                person = message.first("PID")
                good = person is not None and person.raw(3) != ""
                answer = acknowledge(message, "AA" if good else "AE", [], control_id="X", now=NOW)
                self.request.sendall(frame(answer if good else answer + ERROR))


@contextlib.contextmanager
def feed() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Feed) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    header = "MSH|^~\\&|A|B|C|D|20260101||ADT^A08|{}|P|2.5\rPID|1||{}||Wick^Ida\r"
    (tmp_path / "1.hl7").write_bytes(header.format("C1", "7^^^A").encode())
    (tmp_path / "2.hl7").write_bytes(header.format("C2", "").encode())
    (tmp_path / "3.hl7").write_bytes(header.format("C3", "7^^^A").encode())
    return tmp_path


def send(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(command, ["f", *arguments], input=stdin, standalone_mode=False)


def test_a_refusal_is_told_with_file_code_and_place_and_the_exit_code_is_1(
    folder: pathlib.Path,
) -> None:
    with feed() as address:
        result = send(str(folder), "--to", address)
    assert result.return_value == 1
    refused, summary = result.stdout.strip().splitlines()
    assert refused == f"{folder}/2.hl7: AE 101 PID[1]-3[1].1"
    assert summary.startswith("3 messages, 2 accepted, AA 2, AE 1, ")
    assert "Wick" not in result.output


def test_all_accepted_is_exit_code_0_and_the_summary_can_be_read_by_machines(
    folder: pathlib.Path,
) -> None:
    with feed() as address:
        files = [str(folder / "1.hl7"), str(folder / "3.hl7")]
        result = send(*files, "--to", address, "--json", "--repeat", "5", "--connections", "3")
    assert result.return_value == 0
    summary = json.loads(result.stdout)
    assert (summary["messages"], summary["accepted"], summary["codes"]) == (10, 10, {"AA": 10})
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99"]


def test_standard_input_may_hold_several_messages(folder: pathlib.Path) -> None:
    both = (folder / "1.hl7").read_bytes() + (folder / "3.hl7").read_bytes()
    with feed() as address:
        result = send("-", "--to", address, "--json", stdin=both)
    assert json.loads(result.stdout)["codes"] == {"AA": 2}


def test_quiet_leaves_only_the_summary(folder: pathlib.Path) -> None:
    with feed() as address:
        result = send(str(folder), "--to", address, "--quiet")
    assert result.return_value == 1
    assert len(result.stdout.splitlines()) == 1
