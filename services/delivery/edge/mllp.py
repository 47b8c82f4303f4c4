"""HL7 v2.5.1 over MLLP or MLLP with TLS: a message, and its acknowledgement.

A message has the same control id each time it is sent, so that a receiver knows one that it has had;
whether it was taken is unknown where no answer comes, and it is sent again. One message is on its way on a
connection at a time: many receivers answer the wrong one otherwise.
"""

import asyncio
import contextlib
import ssl
import urllib.parse
from collections.abc import AsyncIterator

from plexus.codecs.hl7v2 import read_ack
from plexus.codecs.hl7v2.rendering import Header, render_v2
from plexus.errors import ConfigurationError, InvalidMessage, Unavailable
from plexus.mllp import MllpClient
from services.delivery.actors.wire import Parcel, Wire
from services.delivery.domain import OnError, judge_ack

__all__ = ["MllpWire"]

_PORT = 2575


class MllpWire(Wire):
    """One receiver."""

    def __init__(
        self,
        url: str,
        header: Header,
        *,
        timeout_seconds: float,
        connections: int = 1,
        on_error: OnError = "park",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare; connections are made when they are needed.

        Args:
            url: mllp://host:port or mllps://host:port.
            header: what MSH says.
            timeout_seconds: for connecting, and for an answer.
            connections: most that are open at once.
            on_error: what to do with an error without a code.
            tls: for mllps; the system's authorities if None.

        Raises:
            ConfigurationError: it is no such URL.
        """
        try:
            parts = urllib.parse.urlsplit(url)
            host, port = parts.hostname, parts.port or _PORT
        except ValueError as exc:
            raise ConfigurationError("a destination's url cannot be read") from exc
        if parts.scheme not in {"mllp", "mllps"} or not host:
            raise ConfigurationError("an mllp destination's url needs mllp or mllps, and a host")
        if parts.scheme == "mllp":
            tls = None
        elif tls is None:
            tls = ssl.create_default_context()
        self._header = header
        self._on_error: OnError = on_error
        self._free: asyncio.LifoQueue[MllpClient] = asyncio.LifoQueue()
        self._clients = [
            MllpClient(host, port, timeout_seconds=timeout_seconds, tls=tls)
            for _ in range(connections)
        ]
        for client in self._clients:
            self._free.put_nowait(client)

    async def send(self, parcel: Parcel) -> None:
        content = render_v2(parcel.disclosure.canonical(), self._header)
        async with self._connected() as client:
            answer = await client.send(content)
            try:
                ack = read_ack(answer)
            except InvalidMessage as exc:
                await client.close()
                raise Unavailable("the destination's answer is no acknowledgement") from exc
            if ack.control_id != _control_id(content):
                # Which message the next answer is for nobody could say either.
                await client.close()
                raise Unavailable("the destination acknowledges another message")
        error = judge_ack(ack, self._on_error)
        if error is not None:
            raise error

    async def close(self) -> None:
        for client in self._clients:
            await client.close()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[MllpClient]:
        client = await self._free.get()
        try:
            await client.connect()
            yield client
        finally:
            self._free.put_nowait(client)


def _control_id(content: bytes) -> str:
    return content.split(b"|", 10)[9].decode("ascii", "replace")
