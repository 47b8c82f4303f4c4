"""The FHIR receiver, asked over HTTP: transactions, single interactions, faults and its log.

Not here: what the mesh sends; the end-to-end tests bring the two together.
"""

import contextlib
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from plexus.api.canonical.v1.resources_pb2 import Person
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import render_bundle
from plexus.errors import ConfigurationError
from services.cli.receiver import Faults, FhirReceiver
from services.cli.receiver.validation import findings

Json = dict[str, Any]
PERSON = "urn:plexus:person"
OURS = "urn:plexus:resource"


def entry(fhir_type: str, value: str, system: str = OURS, **content: object) -> Json:
    return {
        "fullUrl": f"urn:uuid:{value}",
        "resource": {
            "resourceType": fhir_type,
            "identifier": [{"system": system, "value": value}],
            **content,
        },
        "request": {"method": "PUT", "url": f"{fhir_type}?identifier={system}|{value}"},
    }


def removal(fhir_type: str, value: str) -> Json:
    return {"request": {"method": "DELETE", "url": f"{fhir_type}?identifier={OURS}|{value}"}}


def bundle(*entries: Json, message: str = "m1") -> Json:
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:plexus:message", "value": message},
        "type": "transaction",
        "entry": list(entries),
    }


def patient(value: str = "p1", **content: object) -> Json:
    return entry("Patient", value, PERSON, **content)


class Asking:
    """A FHIR client that knows the receiver in this process."""

    def __init__(self, receiver: FhirReceiver, session: aiohttp.ClientSession) -> None:
        self.receiver = receiver
        self._session = session

    async def ask(self, method: str, path: str = "/", body: object = None, **headers: str) -> Json:
        data = body if isinstance(body, bytes | None) else orjson.dumps(body)
        async with self._session.request(
            method, self.receiver.url + path, data=data, headers=headers
        ) as answer:
            content = await answer.read()
            return {
                "status": answer.status,
                "headers": answer.headers,
                "body": orjson.loads(content) if content else None,
            }

    async def post(self, *entries: Json, message: str = "m1") -> Json:
        return await self.ask("POST", "/", bundle(*entries, message=message))

    async def ask_stream(self, body: AsyncIterator[bytes], request_id: str) -> int:
        """Post a body in chunks."""
        headers = {"X-Request-Id": request_id}
        async with self._session.post(self.receiver.url, data=body, headers=headers) as answer:
            return answer.status

    def actions(self) -> list[list[tuple[str, str, str, int]]]:
        return [
            [(t.fhir_type, t.own_id, t.action, t.version) for t in one.touched]
            for one in self.receiver.transactions
        ]


@contextlib.asynccontextmanager
async def asking(**options: Any) -> AsyncIterator[Asking]:
    async with FhirReceiver(**options) as receiver, aiohttp.ClientSession() as session:
        yield Asking(receiver, session)


async def test_a_conditional_update_creates_then_updates_then_changes_nothing() -> None:
    async with asking() as client:
        first = await client.post(patient(active=True))
        await client.post(patient(active=False), message="m2")
        repeat = await client.post(patient(active=False), message="m2")
        assert client.actions() == [
            [("Patient", "p1", "created", 1)],
            [("Patient", "p1", "updated", 2)],
            [("Patient", "p1", "unchanged", 2)],
        ]
        assert [one.has_effect for one in client.receiver.transactions] == [True, True, False]
        assert first["body"]["entry"][0]["response"]["status"] == "201 Created"
        assert repeat["body"]["entry"][0]["response"]["etag"] == 'W/"2"'
        assert client.receiver.transactions[0].person_id == "p1"
        assert client.receiver.stats()["distinct_messages"] == 2


async def test_the_order_of_keys_is_no_change() -> None:
    async with asking() as client:
        one = patient(active=True, gender="female")
        await client.post(one)
        one["resource"] = dict(reversed(one["resource"].items()))
        await client.post(one)
        assert client.actions()[1] == [("Patient", "p1", "unchanged", 1)]


async def test_references_within_a_bundle_become_addresses() -> None:
    async with asking() as client:
        reading = entry("Observation", "o1", subject={"reference": "urn:uuid:p1"})
        await client.post(patient(), reading)
        found = (await client.ask("GET", f"/Patient?identifier={PERSON}|p1"))["body"]
        person_id = found["entry"][0]["resource"]["id"]
        found = (await client.ask("GET", f"/Observation?identifier={OURS}|o1"))["body"]
        assert found["total"] == 1
        assert found["entry"][0]["resource"]["subject"] == {"reference": f"Patient/{person_id}"}


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        pytest.param(
            entry("Observation", "o1", subject={"reference": "urn:uuid:gone"}), 400, id="dangling"
        ),
        pytest.param(patient("p1", active=False), 400, id="same-resource-twice"),
        pytest.param({"resource": {"resourceType": "Patient"}}, 400, id="no-request"),
        pytest.param(
            {
                "request": {"method": "PUT", "url": "Patient?name=x"},
                "resource": {"resourceType": "Patient"},
            },
            400,
            id="other-search",
        ),
        pytest.param({"request": {"method": "PATCH", "url": "Patient/1"}}, 400, id="patch"),
        pytest.param(
            {
                "request": {"method": "PUT", "url": "Patient/1"},
                "resource": {"resourceType": "Device"},
            },
            400,
            id="other-type",
        ),
    ],
)
async def test_one_wrong_entry_undoes_the_whole_transaction(wrong: Json, status: int) -> None:
    async with asking() as client:
        await client.post(patient("p0"), message="before")
        answer = await client.post(patient("p1"), wrong)
        assert answer["status"] == status
        assert answer["body"]["resourceType"] == "OperationOutcome"
        assert len(client.receiver.transactions) == 1
        found = await client.ask("GET", f"/Patient?identifier={PERSON}|p1")
        assert found["body"]["total"] == 0


async def test_an_identifier_that_two_resources_have_is_refused() -> None:
    async with asking() as client:
        for number in ("1", "2"):
            one = patient()["resource"] | {"id": number}
            assert (await client.ask("PUT", f"/Patient/{number}", one))["status"] == 201
        answer = await client.post(patient(active=True))
        assert (answer["status"], answer["body"]["issue"][0]["code"]) == (412, "multiple-matches")


async def test_a_deletion_takes_the_resource_away_and_deleting_again_changes_nothing() -> None:
    async with asking() as client:
        await client.post(entry("Condition", "c1"))
        where = (await client.ask("GET", f"/Condition?identifier={OURS}|c1"))["body"]
        resource_id = where["entry"][0]["resource"]["id"]
        await client.post(removal("Condition", "c1"), message="m2")
        await client.post(removal("Condition", "c1"), message="m2")
        assert client.actions()[1:] == [
            [("Condition", "c1", "deleted", 2)],
            [("Condition", "c1", "unchanged", 0)],
        ]
        assert (await client.ask("GET", f"/Condition/{resource_id}"))["status"] == 410
        assert (await client.ask("GET", f"/Condition?identifier={OURS}|c1"))["body"]["total"] == 0
        assert client.receiver.stats()["resources"] == 0


async def test_a_resource_that_lost_its_identifier_is_no_longer_found_by_it() -> None:
    async with asking() as client:
        await client.ask("PUT", "/Patient/1", patient()["resource"] | {"id": "1"})
        await client.ask("PUT", "/Patient/1", {"resourceType": "Patient", "id": "1"})
        assert (await client.ask("GET", f"/Patient?identifier={PERSON}|p1"))["body"]["total"] == 0


async def test_single_interactions_answer_as_fhir_says() -> None:
    async with asking() as client:
        made = await client.ask("PUT", "/fhir/Patient/1", {"resourceType": "Patient", "id": "1"})
        assert (made["status"], made["headers"]["ETag"]) == (201, 'W/"1"')
        again = {"resourceType": "Patient", "id": "1", "active": True}
        assert (await client.ask("PUT", "/Patient/1", again))["status"] == 200
        read = (await client.ask("GET", "/Patient/1"))["body"]
        assert (read["active"], read["meta"]["versionId"]) == (True, "2")
        other = {"resourceType": "Patient", "id": "2"}
        assert (await client.ask("PUT", "/Patient/1", other))["status"] == 400
        assert (await client.ask("DELETE", "/Patient/1"))["status"] == 204
        assert (await client.ask("GET", "/Patient/1"))["status"] == 410
        assert (await client.ask("GET", "/Patient/none"))["status"] == 404
        assert (await client.ask("PATCH", "/Patient/1"))["status"] == 405
        assert (await client.ask("POST", "/", b"{"))["status"] == 400
        capabilities = (await client.ask("GET", "/metadata"))["body"]
        assert (capabilities["resourceType"], capabilities["fhirVersion"]) == (
            "CapabilityStatement",
            "4.0.1",
        )


async def test_the_bundles_of_the_mesh_are_taken_and_a_repeat_has_no_effect() -> None:
    event = ChangedEvent(person_id="a person/1", absorbed_person_ids=["another"])
    event.person.resource.key = "1"
    event.person.resource.person.CopyFrom(Person(gender="female"))
    made = render_bundle(event, tenant="t", message_id="m9")
    async with asking() as client:
        for _ in range(2):
            assert (await client.ask("POST", "/", made))["status"] == 200
        assert client.receiver.transactions[0].message_id == "m9"
        assert client.receiver.transactions[0].person_id == "a person/1"
        assert [one.has_effect for one in client.receiver.transactions] == [True, False]


async def test_only_who_brings_the_token_is_served() -> None:
    async with asking(bearer="s3cret") as client:
        assert (await client.post(patient()))["status"] == 401
        assert (await client.ask("GET", "/_stats", Authorization="Bearer other"))["status"] == 401
        answer = await client.ask("POST", "/", bundle(patient()), Authorization="Bearer s3cret")
        assert answer["status"] == 200
        assert len(client.receiver.transactions) == 1


async def test_faults_on_purpose_refuse_or_lose_the_answer_and_a_retry_tells_which() -> None:
    async with asking(faults=Faults(answer=409)) as client:
        assert (await client.post(patient()))["status"] == 409
        assert client.receiver.transactions == []
        client.receiver.faults = Faults(fail_rate=1.0)
        for _ in range(40):
            assert (await client.post(patient()))["status"] == 503
        carried_out = len(client.receiver.transactions)
        assert 0 < carried_out < 40
        client.receiver.faults = Faults()
        await client.post(patient())
        assert client.actions()[-1] == [("Patient", "p1", "unchanged", 1)]
        assert client.receiver.stats()["failures"] == 41


async def test_the_log_has_a_line_for_each_commit_and_the_resources_are_kept(
    tmp_path: pathlib.Path,
) -> None:
    out = tmp_path / "out"
    async with asking(out=out) as client:
        await client.post(patient(), entry("Condition", "c1"))
        await client.post(removal("Condition", "c1"), message="m2")
        lines = [orjson.loads(x) for x in (out / "transactions.ndjson").read_bytes().splitlines()]
    assert [(x["message"], x["person"], x["entries"], x["resources"]) for x in lines] == [
        ("m1", "p1", 2, [["Patient", "p1", "created", 1], ["Condition", "c1", "created", 1]]),
        ("m2", "", 1, [["Condition", "c1", "deleted", 2]]),
    ]
    kept = [orjson.loads(x) for x in (out / "resources.ndjson").read_bytes().splitlines()]
    assert [one["resourceType"] for one in kept] == ["Patient"]


async def test_counting_keeps_which_messages_came_and_nothing_of_them() -> None:
    async with asking(count_only=True) as client:
        for message in ("m1", "m2", "m1"):
            assert (await client.post(patient(), message=message))["status"] == 200
        stats = (await client.ask("GET", "/_stats"))["body"]
        assert (stats["transactions"], stats["distinct_messages"], stats["resources"]) == (3, 2, 0)
        page = (await client.ask("GET", "/_transactions?after=1"))["body"]
        assert [name for _, name in page] == ["m2", "m1"]
        assert stats["first_at"] <= page[0][0] <= page[1][0] == stats["last_at"]


async def test_findings_of_validation_are_counted_and_the_transaction_is_taken() -> None:
    told: list[str] = []
    async with asking(validate=True, on_finding=told.append) as client:
        await client.post(patient(birthDate="not a day"))
        await client.post(patient(birthDate="1970-01-01"))
        assert dict(client.receiver.findings) == {"Patient.birthDate: value_error": 1}
        assert told == ["Patient.birthDate: value_error"]
        assert len(client.receiver.transactions) == 2


def test_findings_name_places_and_never_values() -> None:
    made = bundle(patient(birthDate="Mrs Wick"), {"resource": {"resourceType": "Nothing"}})
    found = findings(orjson.dumps(made))
    assert found == ["Patient.birthDate: value_error", "resourceType: not a type of R4"]


async def test_an_address_that_is_taken_is_told() -> None:
    async with asking() as client:
        with pytest.raises(ConfigurationError, match=str(client.receiver.port)):
            await FhirReceiver(f"127.0.0.1:{client.receiver.port}").start()
