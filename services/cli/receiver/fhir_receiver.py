"""The HTTP server: a transaction at its base, and resources by id and by identifier.

`/_stats` and `/_transactions` tell what was taken, for whoever measures. Nothing here is blocking:
the commit log is written and resources are validated elsewhere.
"""

import asyncio
import collections
import dataclasses
import functools
import hmac
import pathlib
import random
import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import orjson
from aiohttp import web

from plexus.errors import ConfigurationError
from services.cli.receiver.commit_log import CommitLog
from services.cli.receiver.documents import CAPABILITIES, FhirError, Json, outcome, searchset
from services.cli.receiver.resources import ResourceStore, identifier_of_query
from services.cli.receiver.transactions import Committed, commit, message_id_of
from services.cli.receiver.validation import Validator

__all__ = ["Faults", "FhirReceiver"]

_MEDIA_TYPE: Final = "application/fhir+json"
_MAX_BODY_BYTES: Final = 64 * 1024 * 1024
_MOST_TRANSACTIONS: Final = 50_000
_COUNTED: Final = b'{"resourceType":"Bundle","type":"transaction-response"}'
# The base is / and, for who expects a server to have one, /fhir.
_BASE = re.compile(r"/*(?:fhir(?:/|$))?")


@dataclasses.dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on purpose.

    Attributes:
        answer: every write is answered with this status and not carried out; None for none.
        fail_rate: share of writes (0 to 1) that are answered 503. Half of these are carried out
            first, as when an answer is lost on its way.
        delay_seconds: how long each write waits first.
    """

    answer: int | None = None
    fail_rate: float = 0.0
    delay_seconds: float = 0.0


class FhirReceiver:
    """A FHIR R4 server in this process.

    Attributes:
        faults: may be changed at any time.
        transactions: what was committed, in the order of commit.
        findings: how often validation found what; empty unless it validates.
    """

    def __init__(
        self,
        listen: str = "127.0.0.1:0",
        *,
        out: pathlib.Path | None = None,
        validate: bool = False,
        count_only: bool = False,
        bearer: str = "",
        faults: Faults | None = None,
        on_finding: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing listens before `start`.

        Args:
            listen: host and port; port 0 takes a free one.
            out: folder for the commit log and, at the end, the resources.
            validate: hold every resource against R4 and count what is wrong; nothing is refused.
            count_only: keep only which messages came, and when.
            bearer: the token that every request must bring; empty asks for none.
            faults: what goes wrong on purpose.
            on_finding: told each finding of the validation: type, place and kind, never a value.
        """
        self.faults = faults or Faults()
        self.transactions: list[Committed] = []
        self.findings: collections.Counter[str] = collections.Counter()
        self._listen = listen
        self._out = out
        self._validator = Validator() if validate else None
        self._count_only = count_only
        self._bearer = bearer.encode()
        self._on_finding = on_finding
        self._store = ResourceStore()
        self._log = CommitLog(out) if out is not None else None
        self._messages: set[str] = set()
        self._bytes = 0
        self._failures = 0
        self._random = random.Random()  # noqa: S311 - faults on purpose
        self._runner: web.ServerRunner | None = None
        self._host = ""
        self._port = 0

    @property
    def port(self) -> int:
        """Where it listens, once started."""
        return self._port

    @property
    def url(self) -> str:
        """Base URL, once started."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises ConfigurationError where the address cannot be taken."""
        host, _, port = self._listen.rpartition(":")
        server = web.Server(
            self._handle,
            request_factory=functools.partial(
                web.BaseRequest,
                loop=asyncio.get_running_loop(),
                client_max_size=_MAX_BODY_BYTES,
            ),
            access_log=None,
        )
        if self._log is not None:
            await self._log.start()
        if self._validator is not None:
            await self._validator.start()
        self._runner = web.ServerRunner(server)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host or None, int(port)).start()
        except (OSError, ValueError) as exc:
            await self._runner.cleanup()
            raise ConfigurationError(f"cannot listen on {self._listen}") from exc
        self._host = host or "127.0.0.1"
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Finish what is under way, and write the resources where there is a folder for them."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._log is not None:
            await self._log.stop()
        if self._validator is not None:
            await self._validator.stop()
        if self._out is not None:
            await asyncio.to_thread(self._dump, self._out / "resources.ndjson")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def stats(self) -> Json:
        """How much was taken; times are seconds since 1970."""
        count = len(self.transactions)
        return {
            "transactions": count,
            "distinct_messages": len(self._messages),
            "resources": len(self._store),
            "bytes": self._bytes,
            "failures": self._failures,
            "findings": sum(self.findings.values()),
            "first_at": self.transactions[0].at if count else None,
            "last_at": self.transactions[-1].at if count else None,
        }

    def resource(self, fhir_type: str, resource_id: str) -> Json:
        """One current resource. Raises FhirError as a GET would tell."""
        return self._store.read((fhir_type, resource_id))

    def _dump(self, path: pathlib.Path) -> None:
        with path.open("wb") as file:
            file.writelines(self._store.lines())

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._dispatch(request)
        except FhirError as exc:
            return _answer(exc.status, outcome(exc.code, exc.diagnostics))
        except orjson.JSONDecodeError:
            return _answer(400, outcome("structure", "the body is no JSON"))
        except OSError:
            return _answer(500, outcome("exception", "the commit log cannot be written"))

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._bearer and not hmac.compare_digest(
            request.headers.get("Authorization", "").encode(), b"Bearer " + self._bearer
        ):
            raise FhirError(401, "login", "a bearer token is needed")
        raw, _, query = request.raw_path.partition("?")
        path = _BASE.sub("", raw, count=1)
        if request.method == "GET":
            return self._read(path, query)
        if request.method not in {"POST", "PUT", "DELETE"}:
            raise FhirError(405, "not-supported", "only GET, POST, PUT and DELETE are supported")
        content = await request.read()
        self._bytes += len(content)
        lost = await self._fail()
        if request.method == "POST" and not path:
            answer = await self._transaction(content)
        else:
            answer = await self._single(request.method, path, query, content)
        if lost:
            raise FhirError(503, "transient", "fails on purpose, after it was carried out")
        return answer

    async def _fail(self) -> bool:
        """What is to go wrong now; True where the answer is to be lost."""
        faults = self.faults
        if faults.delay_seconds:
            await asyncio.sleep(faults.delay_seconds)
        if faults.answer is not None:
            self._failures += 1
            raise FhirError(faults.answer, "processing", "answers like this on purpose")
        if faults.fail_rate and self._random.random() < faults.fail_rate:
            self._failures += 1
            if self._random.random() < 0.5:
                return True
            raise FhirError(503, "transient", "fails on purpose")
        return False

    async def _transaction(self, content: bytes) -> web.Response:
        bundle = _object(content)
        if self._count_only:
            entries = len(bundle.get("entry") or ())
            await self._committed(Committed(time.time(), message_id_of(bundle), "", entries, ()))
            return web.Response(body=_COUNTED, content_type=_MEDIA_TYPE)
        if self._validator is not None:
            self._note(await self._validator.findings(content))
        committed, answer = commit(self._store, bundle)
        await self._committed(committed)
        return _answer(200, answer)

    async def _single(self, method: str, path: str, query: str, content: bytes) -> web.Response:
        """One interaction is a transaction with one entry."""
        url = f"{path}?{query}" if query else path
        entry: Json = {"request": {"method": method, "url": url}}
        if method != "DELETE":
            entry["resource"] = resource = _object(content)
            resource_id = path.partition("/")[2]
            if method == "PUT" and resource_id and resource.get("id") != resource_id:
                raise FhirError(400, "invalid", "the id of the resource is not that of the URL")
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        if self._validator is not None:
            self._note(await self._validator.findings(orjson.dumps(bundle)))
        committed, answer = commit(self._store, bundle)
        await self._committed(committed)
        response = answer["entry"][0]["response"]
        headers = {"ETag": response["etag"]} if "etag" in response else {}
        if "location" in response:
            headers["Location"] = f"{self.url}/{response['location']}"
        status = int(response["status"][:3])
        return web.Response(status=status, headers=headers)

    def _read(self, path: str, query: str) -> web.Response:
        if path == "metadata":
            return _answer(200, CAPABILITIES)
        if path == "_stats":
            return _answer(200, self.stats(), "application/json")
        if path == "_transactions":
            return _answer(200, self._page(query), "application/json")
        fhir_type, slash, resource_id = path.partition("/")
        if slash:
            return _answer(200, self._store.read((fhir_type, resource_id)))
        ids = self._store.find(fhir_type, identifier_of_query(query))
        return _answer(200, searchset([self._store.read((fhir_type, one)) for one in ids]))

    def _page(self, query: str) -> list[tuple[float, str]]:
        """Times and message ids from a place on: `_transactions?after=N`."""
        name, _, value = query.partition("=")
        if query and (name != "after" or not value.isdigit()):
            raise FhirError(400, "invalid", "only after=NUMBER is understood")
        start = int(value or 0)
        return [
            (one.at, one.message_id)
            for one in self.transactions[start : start + _MOST_TRANSACTIONS]
        ]

    async def _committed(self, committed: Committed) -> None:
        self.transactions.append(committed)
        if committed.message_id:
            self._messages.add(committed.message_id)
        if self._log is not None:
            await self._log.append(committed)

    def _note(self, findings: list[str]) -> None:
        for finding in findings:
            self.findings[finding] += 1
            self._on_finding(finding)


def _object(content: bytes) -> Json:
    parsed = orjson.loads(content)
    if not isinstance(parsed, dict):
        raise FhirError(400, "structure", "the body is no JSON object")
    return parsed


def _answer(status: int, body: Any, media_type: str = _MEDIA_TYPE) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type=media_type)
