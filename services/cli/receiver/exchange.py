"""A request and its answer, whichever server carries them."""

import dataclasses
import http
from collections.abc import Mapping
from typing import Any, Final

import orjson

from services.cli.receiver.documents import FhirError, outcome

__all__ = ["Answer", "Asked", "answer_of", "refusal"]

_MEDIA_TYPE: Final = "application/fhir+json"


@dataclasses.dataclass(slots=True)
class Asked:
    """A whole request.

    Attributes:
        method: in capitals.
        target: path and query as sent.
        headers: found by their names in small letters.
        content: the body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes


@dataclasses.dataclass(slots=True)
class Answer:
    """A whole answer.

    Attributes:
        status: of HTTP.
        body: may be empty.
        media_type: of the body.
        headers: besides those that every answer has.
    """

    status: int
    body: bytes = b""
    media_type: str = _MEDIA_TYPE
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def head(self, *, keeps: bool) -> bytes:
        """Status line and headers (RFC 9112); `keeps` is whether the connection stays open."""
        lines = [
            f"HTTP/1.1 {self.status} {http.HTTPStatus(self.status).phrase}",
            f"Content-Length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        if self.body:
            lines.append(f"Content-Type: {self.media_type}")
        if not keeps:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer_of(status: int, document: Any, media_type: str = _MEDIA_TYPE) -> Answer:
    """An answer that holds a document."""
    return Answer(status, orjson.dumps(document), media_type)


def refusal(error: FhirError) -> Answer:
    """The answer to a request that is not granted."""
    return answer_of(error.status, outcome(error.code, error.diagnostics))
