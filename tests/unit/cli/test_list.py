"""The overview: who is ready, how feeds and destinations do, and what the exit code says.

The services are the fakes of `test_why`; their plain HTTP server is the real one.
"""

import datetime
import json
import pathlib
from collections.abc import Iterator

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.delivery.v1 import delivery_pb2
from plexus.api.ingest.v1 import ingest_pb2
from plexus.errors import Reason
from services.cli.list import command, watch
from services.registry import SERVICES
from tests.unit.cli.test_why import FakeMesh, running_mesh


@pytest.fixture
def mesh(tmp_path: pathlib.Path) -> Iterator[FakeMesh]:
    """A mesh in which every service is ready."""
    with running_mesh(tmp_path) as started:
        for name in SERVICES:
            started.add_admin(name)
        yield started


def minutes_ago(minutes: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(
        datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes, seconds=1)
    )
    return stamp


def lines_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_mesh_that_does_well_is_told_and_passes(mesh: FakeMesh) -> None:
    mesh.ingest.feeds = [
        ingest_pb2.Feed(
            tenant="north",
            name="ward",
            address="mllp://127.0.0.1:2575",
            connections=3,
            last_received_at=minutes_ago(5),
            accepted=1200,
            rejected=4,
            duplicates=5,
            unrelayed=6,
        ),
        ingest_pb2.Feed(tenant="north", name="clinic"),
    ]
    mesh.delivery.destinations = [
        delivery_pb2.Destination(tenant="north", name="lab", kind="fhir", available=True)
    ]
    told = mesh.invoke(command)
    lines = lines_of(told.output)
    assert told.exit_code == 0
    assert all(f"{name} ready" in lines for name in SERVICES)
    assert "ward mllp://127.0.0.1:2575 5 min ago 1,200 4 5 3 6" in lines
    assert "clinic gRPC only never 0 0 0 0 0" in lines
    assert "lab fhir available 0" in lines


def test_a_service_that_is_not_ready_says_why_and_fails(mesh: FakeMesh) -> None:
    mesh.add_admin("identity", "PostgreSQL cannot be reached")
    told = mesh.invoke(command)
    assert told.exit_code == 1
    assert "identity not ready store: PostgreSQL cannot be reached" in lines_of(told.output)
    assert "What to do: Look at the logs of identity" in told.output


def test_a_failing_destination_says_what_waits_and_fails(mesh: FakeMesh) -> None:
    mesh.delivery.destinations = [
        delivery_pb2.Destination(
            tenant="north",
            name="lab",
            kind="fhir",
            pending=12,
            oldest_pending_at=minutes_ago(180),
            last_failure=Reason.REASON_UNAVAILABLE,
        )
    ]
    told = mesh.invoke(command)
    assert told.exit_code == 1
    assert "lab fhir failing 12 3 h ago UNAVAILABLE" in lines_of(told.output)
    assert "Destination lab fails" in told.output


def test_what_is_not_answered_is_said_to_be_unknown(mesh: FakeMesh) -> None:
    mesh.stop_service("ingest")
    mesh.stop_service("delivery")
    told = mesh.invoke(command)
    assert told.exit_code == 1
    assert "Feeds are not known: ingest did not answer." in told.output
    assert "Destinations are not known: delivery did not answer." in told.output


def test_where_only_grpc_is_known_its_health_is_asked(mesh: FakeMesh) -> None:
    for name in ("ingest", "audit"):
        mesh.admin.pop(name)
    mesh.add_admin("consent")  # saves what is known
    mesh.set_serving("audit", serving=False)
    told = mesh.invoke(command)
    assert told.exit_code == 1
    assert {"audit not ready its gRPC health says so", "ingest ready"} <= set(lines_of(told.output))


def test_a_folder_without_a_mesh_says_how_to_start_one(
    mesh: FakeMesh, tmp_path: pathlib.Path
) -> None:
    mesh.folder = tmp_path / "elsewhere"
    told = mesh.invoke(command)
    assert told.exit_code == 1
    assert "Nobody answers: start the mesh with plexus up" in told.output


def test_json_tells_the_same(mesh: FakeMesh) -> None:
    mesh.add_admin("records", "no lease")
    mesh.stop_service("delivery")
    told = json.loads(mesh.invoke(command, "--json").output)
    assert told["ready"] is False
    assert told["services"]["records"] == {"ready": False, "problem": "store: no lease"}
    assert told["services"]["audit"] == {"ready": True, "problem": ""}
    assert (told["feeds"], told["destinations"]) == ([], None)


def test_watching_looks_until_it_is_stopped_and_ends_with_the_last_look() -> None:
    looks = [True, True, False]
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if not looks:
            raise KeyboardInterrupt

    assert watch(lambda: looks.pop(0), 2.0, sleep) is False
    assert pauses == [2.0, 2.0, 2.0]
