"""The HTTP server: a transaction at its base, and resources by id and by identifier.

`/_stats` and `/_transactions` tell what was taken, for whoever measures. Nothing here is blocking:
the commit log is written and resources are validated elsewhere. Where it only counts, `counting` is
its server instead.
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
from typing import Final, Self

import orjson
from aiohttp import web

from plexus.errors import ConfigurationError
from services.cli.receiver.commit_log import CommitLog
from services.cli.receiver.counting import CountingConnection
from services.cli.receiver.documents import CAPABILITIES, FhirError, Json, searchset
from services.cli.receiver.exchange import Answer, Asked, answer_of, refusal
from services.cli.receiver.resources import ResourceStore, identifier_of_query
from services.cli.receiver.transactions import Committed, commit, message_id_of
from services.cli.receiver.validation import Validator

__all__ = ["Faults", "FhirReceiver"]

_MAX_BODY_BYTES: Final = 64 * 1024 * 1024
_MOST_TRANSACTIONS: Final = 50_000
_COUNTED: Final = Answer(200, b'{"resourceType":"Bundle","type":"transaction-response"}')
_REQUEST_ID: Final = "x-request-id"
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


_NO_FAULTS: Final = Faults()


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
            count_only: keep only which messages came (the X-Request-Id, or the bundle's identifier
                where there is none), and when.
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
        self._counting: asyncio.Server | None = None
        self._connections: set[CountingConnection] = set()
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
        if self._log is not None:
            await self._log.start()
        if self._validator is not None:
            await self._validator.start()
        try:
            listen = self._listen_counting if self._count_only else self._listen_usual
            self._port = await listen(host or None, int(port))
        except (OSError, ValueError) as exc:
            await self._stop_listening()
            raise ConfigurationError(f"cannot listen on {self._listen}") from exc
        self._host = host or "127.0.0.1"

    async def _listen_usual(self, host: str | None, port: int) -> int:
        server = web.Server(
            self._handle,
            request_factory=functools.partial(
                web.BaseRequest,
                loop=asyncio.get_running_loop(),
                client_max_size=_MAX_BODY_BYTES,
            ),
            access_log=None,
        )
        self._runner = web.ServerRunner(server)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        return int(self._runner.addresses[0][1])

    async def _listen_counting(self, host: str | None, port: int) -> int:
        self._counting = await asyncio.get_running_loop().create_server(
            lambda: CountingConnection(
                self._count,
                self._answer,
                most_bytes=_MAX_BODY_BYTES,
                connections=self._connections,
            ),
            host,
            port,
        )
        return int(self._counting.sockets[0].getsockname()[1])

    async def _stop_listening(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._counting is not None:
            self._counting.close()
            await asyncio.gather(*(one.finish() for one in list(self._connections)))

    async def stop(self) -> None:
        """Finish what is under way, and write the resources where there is a folder for them."""
        await self._stop_listening()
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
        content = await request.read()
        asked = Asked(request.method, request.raw_path, request.headers, content)
        answer = await self._answer(asked)
        if not answer.body:
            return web.Response(status=answer.status, headers=answer.headers)
        return web.Response(
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            content_type=answer.media_type,
        )

    async def _answer(self, asked: Asked) -> Answer:
        try:
            return await self._dispatch(asked)
        except FhirError as exc:
            return refusal(exc)
        except orjson.JSONDecodeError:
            return refusal(FhirError(400, "structure", "the body is no JSON"))
        except OSError:
            return refusal(FhirError(500, "exception", "the commit log cannot be written"))

    def _count(self, asked: Asked) -> Answer | None:
        """Count a transaction that nothing has to be waited for; None for all else."""
        message_id = asked.headers.get(_REQUEST_ID)
        if (
            asked.method != "POST"
            or not message_id
            or self._log is not None
            or self.faults != _NO_FAULTS
            or not self._may_ask(asked)
            or _path_of(asked)[0]
        ):
            return None
        self._bytes += len(asked.content)
        self._note_commit(Committed(time.time(), message_id, "", 0, ()))
        return _COUNTED

    def _may_ask(self, asked: Asked) -> bool:
        return not self._bearer or hmac.compare_digest(
            asked.headers.get("authorization", "").encode(), b"Bearer " + self._bearer
        )

    async def _dispatch(self, asked: Asked) -> Answer:
        if not self._may_ask(asked):
            raise FhirError(401, "login", "a bearer token is needed")
        path, query = _path_of(asked)
        if asked.method == "GET":
            return self._read(path, query)
        if asked.method not in {"POST", "PUT", "DELETE"}:
            raise FhirError(405, "not-supported", "only GET, POST, PUT and DELETE are supported")
        self._bytes += len(asked.content)
        lost = await self._fail()
        if asked.method == "POST" and not path:
            answer = await self._transaction(asked)
        else:
            answer = await self._single(asked.method, path, query, asked.content)
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

    async def _transaction(self, asked: Asked) -> Answer:
        content = asked.content
        bundle = _object(content)
        if self._count_only:
            message_id = asked.headers.get(_REQUEST_ID) or message_id_of(bundle)
            entries = len(bundle.get("entry") or ())
            await self._committed(Committed(time.time(), message_id, "", entries, ()))
            return _COUNTED
        if self._validator is not None:
            self._note(await self._validator.findings(content))
        committed, answer = commit(self._store, bundle)
        await self._committed(committed)
        return answer_of(200, answer)

    async def _single(self, method: str, path: str, query: str, content: bytes) -> Answer:
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
        return Answer(status, headers=headers)

    def _read(self, path: str, query: str) -> Answer:
        if path == "metadata":
            return answer_of(200, CAPABILITIES)
        if path == "_stats":
            return answer_of(200, self.stats(), "application/json")
        if path == "_transactions":
            return answer_of(200, self._page(query), "application/json")
        fhir_type, slash, resource_id = path.partition("/")
        if slash:
            return answer_of(200, self._store.read((fhir_type, resource_id)))
        ids = self._store.find(fhir_type, identifier_of_query(query))
        return answer_of(200, searchset([self._store.read((fhir_type, one)) for one in ids]))

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
        self._note_commit(committed)
        if self._log is not None:
            await self._log.append(committed)

    def _note_commit(self, committed: Committed) -> None:
        self.transactions.append(committed)
        if committed.message_id:
            self._messages.add(committed.message_id)

    def _note(self, findings: list[str]) -> None:
        for finding in findings:
            self.findings[finding] += 1
            self._on_finding(finding)


def _path_of(asked: Asked) -> tuple[str, str]:
    """The path below the base, and the query."""
    raw, _, query = asked.target.partition("?")
    return _BASE.sub("", raw, count=1), query


def _object(content: bytes) -> Json:
    parsed = orjson.loads(content)
    if not isinstance(parsed, dict):
        raise FhirError(400, "structure", "the body is no JSON object")
    return parsed
