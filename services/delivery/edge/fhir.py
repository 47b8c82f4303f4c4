"""FHIR R4 REST: a transaction bundle of conditional updates, so that a repeat makes no double."""

import pathlib
from typing import Final

import orjson

from plexus.errors import ConfigurationError, DeadlineExceeded, Unavailable
from services.delivery.actors.wire import Parcel, Telling, Wire
from services.delivery.domain import judge_answer
from services.delivery.edge.posting import Poster

__all__ = ["FhirWire"]

_MEDIA_TYPE: Final = "application/fhir+json"
_HEADERS: Final = {
    "Content-Type": _MEDIA_TYPE,
    "Accept": _MEDIA_TYPE,
    "Prefer": "return=minimal",
    "User-Agent": "plexus",
}


class FhirWire(Wire):
    """One FHIR server."""

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float,
        token_file: pathlib.Path | None,
        provenance: Telling = "none",
    ) -> None:
        self._provenance = provenance
        self._token_file = token_file
        self._poster = Poster(url.rstrip("/") + "/", _HEADERS, timeout_seconds=timeout_seconds)

    async def send(self, parcel: Parcel) -> None:
        body = parcel.disclosure.bundle_bytes(
            message_id=parcel.message_id, sender=parcel.sender(self._provenance)
        )
        headers = {"X-Request-Id": parcel.message_id}
        if parcel.traceparent:
            headers["traceparent"] = parcel.traceparent
        if self._token_file is not None:
            headers["Authorization"] = f"Bearer {self._token()}"
        try:
            answer = await self._poster.post(headers, body)
        except TimeoutError as exc:
            raise DeadlineExceeded("the destination did not answer in time") from exc
        except OSError as exc:
            raise Unavailable(f"the destination cannot be reached: {type(exc).__name__}") from exc
        if answer.status < 300:
            return
        error = judge_answer(answer.status, _issue_codes(answer.content))
        if error is not None:
            raise error

    async def close(self) -> None:
        await self._poster.close()

    def _token(self) -> str:
        assert self._token_file is not None
        try:
            return self._token_file.read_text().strip()
        except OSError as exc:
            raise ConfigurationError(f"token_file {self._token_file} cannot be read") from exc


def _issue_codes(content: bytes) -> tuple[str, ...]:
    """Issue codes of an OperationOutcome; its texts may repeat what was sent, so they stay out."""
    try:
        outcome = orjson.loads(content)
        codes = [issue["code"] for issue in outcome["issue"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ()
    return tuple(
        code for code in codes[:5] if isinstance(code, str) and code.isascii() and len(code) < 30
    )
