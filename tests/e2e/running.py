"""A mesh of real processes for a module of tests, and what it was fed."""

import asyncio
import contextlib
import dataclasses
import json
import pathlib
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import asyncpg
import yaml

from plexus.testing.servers import server_folder
from services.cli.conservation import Report, settle
from services.cli.local_mesh import LocalMesh
from services.cli.receiver import FhirReceiver
from services.cli.sample_mesh import SampleFeed, SampleMesh
from services.cli.sending.channels import MllpChannel
from services.cli.sending.outgoing import Outgoing, outgoing
from services.cli.sending.sender import Sent, send_all

FEEDS = pathlib.Path(__file__).resolve().parents[1] / "data" / "feeds"
TRACED = {"PLEXUS_TRACE_EXPORTER": "file", "PLEXUS_TRACE_RATIO": "1"}


@dataclasses.dataclass
class Running:
    """A mesh that runs.

    Attributes:
        histories: what each feed was answered, in the order of sending.
    """

    mesh: LocalMesh
    sample: SampleMesh
    receiver: FhirReceiver
    histories: dict[str, list[Sent]] = dataclasses.field(default_factory=dict)

    async def send(
        self, feed: str, messages: Sequence[Outgoing], *, connections: int = 1, tries: int = 6
    ) -> list[Sent]:
        """Send messages to a feed over MLLP."""
        port = self.sample.ports[feed]
        return await send_all(
            messages,
            lambda: MllpChannel("127.0.0.1", port, timeout_seconds=10),
            feed=feed,
            connections=connections,
            tries=tries,
        )

    async def settle(self, seconds: float = 60.0) -> Report:
        """Wait until the law holds and nothing is in flight, and return the report."""
        return await settle(self.mesh.mesh, seconds, empty=True, on_progress=lambda _: None)

    async def rows(self, query: str, *arguments: object) -> list[Mapping[str, Any]]:
        """Look into the database, as only a test may."""
        connection = await asyncpg.connect(self.mesh.postgres.dsn)
        try:
            return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()

    async def plexus(self, *arguments: str) -> tuple[int, str]:
        """Run the command line against this mesh. Returns exit code and output."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.cli",
            *arguments,
            "--data",
            str(self.mesh.folder),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()


def expected() -> dict[str, Any]:
    """What tests/data says of the feeds."""
    content: dict[str, Any] = json.loads((FEEDS / "expected.json").read_text(encoding="utf-8"))
    return content["feeds"]  # type: ignore[no-any-return]


def messages_of(feed: SampleFeed) -> list[Outgoing]:
    """The messages of a feed, one a file, in the order of their names, byte for byte."""
    return [outgoing(file.read_bytes(), file.name) for file in feed.files]


@contextlib.asynccontextmanager
async def running_mesh(
    feeds: list[SampleFeed],
    *,
    sources: pathlib.Path = FEEDS,
    validate: bool = False,
    environment: Mapping[str, str] | None = None,
    further_feeds: Sequence[Mapping[str, Any]] = (),
    further_sections: Mapping[str, Any] | None = None,
) -> AsyncIterator[Running]:
    """A mesh in a folder of its own, ready, with a FHIR server that receives.

    `further_feeds` and `further_sections` stand in its document as they are given.
    """
    with server_folder() as folder:
        async with FhirReceiver(validate=validate) as receiver:
            sample = SampleMesh.write(feeds, sources, folder / "mesh", receiver.url)
            if further_feeds or further_sections:
                document = yaml.safe_load(sample.config.read_text(encoding="utf-8"))
                document["feeds"] += further_feeds
                document |= further_sections or {}
                sample.config.write_text(yaml.safe_dump(document), encoding="utf-8")
            mesh = LocalMesh(folder / "mesh", sample.config, environment=environment, durable=True)
            async with mesh:
                await mesh.ready()
                yield Running(mesh, sample, receiver)
