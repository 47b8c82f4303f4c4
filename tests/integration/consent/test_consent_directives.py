"""Directives of persons over gRPC: filed, ended, carried over by a merge, and decided by at once.

Out of scope: which rule decides (unit tests); what delivery does with an answer (e2e).
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from plexus.api.consent.v1 import consent_pb2, consent_pb2_grpc
from plexus.errors import InvalidRequest, NotFound
from plexus.rpc import Peer
from plexus.service import Runtime
from plexus.telemetry.tracing import Tracing
from tests.integration.consent.conftest import DECISION_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="session")

_SECONDS = 30.0
_THO = "http://terminology.hl7.org/CodeSystem/"
_numbers = itertools.count()


class Asker:
    """Asks consent about a person of its own."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._stub = consent_pb2_grpc.ConsentServiceStub(peer.channel)
        self.person = f"person-{next(_numbers)}"

    async def ask(self, name: str, request: Any) -> Any:
        return await self._peer.ask(getattr(self._stub, name), request, deadline_seconds=_SECONDS)

    async def file(self, resource: Any, person: str = "") -> Any:
        content = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        request = consent_pb2.FileConsentRequest(
            tenant="north", person_id=person or self.person, content=content
        )
        return await self.ask("FileConsent", request)

    async def revoke(self, consent_id: str) -> Any:
        request = consent_pb2.RevokeConsentRequest(
            tenant="north", person_id=self.person, consent_id=consent_id
        )
        return await self.ask("RevokeConsent", request)

    async def decide(self, **changes: Any) -> consent_pb2.Decision:
        asked: dict[str, Any] = {
            "tenant": "north",
            "person_id": self.person,
            "recipient": "ehr",
            "purpose": "TREAT",
            "action": "disclose",
            "resource_types": ["Patient", "Observation"],
        }
        request = consent_pb2.DisclosureRequest(**asked | changes)
        answer = await self.ask("Decide", consent_pb2.DecideRequest(request=request))
        assert isinstance(answer.decision, consent_pb2.Decision)
        return answer.decision


@pytest_asyncio.fixture(loop_scope="session")
async def asker(consent: Runtime) -> AsyncIterator[Asker]:
    peer = Peer(consent.rpc.address, Tracing("test", None))
    yield Asker(peer)
    await peer.close()


def directive(effect: str, *provisions: Any, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": "mine",
        "status": "active",
        "provision": {"type": effect, "provision": list(provisions)},
    } | changes


def _deny_type(kind: str) -> dict[str, Any]:
    coding = {"system": "http://hl7.org/fhir/resource-types", "code": kind}
    return {"type": "deny", "class": [coding]}


_DATA = [
    consent_pb2.Datum(resource_type="Patient"),
    consent_pb2.Datum(resource_type="Observation", codes=["http://loinc.org|1-8"]),
]


async def test_a_directive_holds_from_the_next_decision_on(asker: Asker) -> None:
    assert (await asker.decide()).effect == consent_pb2.EFFECT_PERMIT
    filed = await asker.file(directive("deny"))
    denied = await asker.decide()
    assert (denied.effect, denied.epoch) == (consent_pb2.EFFECT_DENY, filed.epoch)
    assert denied.rule == f"consent/{filed.consent_id}@1 provision consent"
    revoked = await asker.revoke(filed.consent_id)
    permitted = await asker.decide()
    assert (permitted.effect, permitted.epoch) == (consent_pb2.EFFECT_PERMIT, revoked.epoch)
    assert revoked.epoch > filed.epoch


async def test_what_depends_on_the_data_is_asked_for_and_withheld(asker: Asker) -> None:
    await asker.file(directive("permit", _deny_type("Observation")))
    unsure = await asker.decide()
    assert (unsure.effect, unsure.needs_data) == (consent_pb2.EFFECT_DENY, True)
    decided = await asker.decide(data=_DATA)
    assert (decided.effect, list(decided.withheld)) == (consent_pb2.EFFECT_PERMIT, [1])
    assert decided.rule.endswith(" provision.provision[0] consent")
    all_of_it = await asker.decide(data=_DATA[1:])
    assert (all_of_it.effect, all_of_it.needs_data) == (consent_pb2.EFFECT_DENY, False)


async def test_versions_are_kept_and_what_is_revoked_stays(asker: Asker) -> None:
    first = await asker.file(directive("deny"))
    second = await asker.file(directive("permit"))
    assert (second.consent_id, second.version) == (first.consent_id, 2)
    await asker.revoke(first.consent_id)
    again = await asker.revoke(first.consent_id)
    assert again.version == 3
    listed = await asker.ask(
        "ListConsents", consent_pb2.ListConsentsRequest(tenant="north", person_id=asker.person)
    )
    assert [(each.version, each.status, each.is_current) for each in listed.consents] == [
        (1, "active", False),
        (2, "active", False),
        (3, "inactive", True),
    ]
    assert json.loads(listed.consents[0].content)["provision"]["type"] == "deny"


@pytest.mark.parametrize(
    ("content", "location"),
    [
        (b"{", "content"),
        ({"resourceType": "Patient"}, "resourceType"),
        (directive("perhaps"), "provision.type"),
        (
            directive("permit", {"purpose": [{"system": f"{_THO}v3-ActReason", "code": "NOPE"}]}),
            "provision.provision[0].purpose[0]",
        ),
    ],
)
async def test_what_cannot_be_understood_is_refused_with_its_element(
    asker: Asker, content: Any, location: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await asker.file(content)
    assert caught.value.location == location
    assert (await asker.decide()).epoch == 0


async def test_a_change_is_answered_when_no_earlier_decision_is_relied_on(asker: Asker) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    filed = await asker.file(directive("deny"))
    assert clock() - began >= DECISION_SECONDS
    began = clock()
    await asker.revoke(filed.consent_id)
    assert clock() - began >= DECISION_SECONDS


async def test_nobody_can_end_what_is_not_there(asker: Asker) -> None:
    with pytest.raises(NotFound):
        await asker.revoke("none")


async def test_a_denied_actor_may_be_whoever_is_not_known(asker: Asker) -> None:
    actor = [{"reference": {"reference": "Organization/south"}}]
    await asker.file(directive("permit", {"type": "deny", "actor": actor}))
    assert (await asker.decide()).effect == consent_pb2.EFFECT_PERMIT
    stranger = await asker.decide(recipient="stranger")
    assert stranger.effect == consent_pb2.EFFECT_DENY


async def test_a_deny_of_the_policies_stands_above_a_permit(asker: Asker) -> None:
    await asker.file(directive("permit"))
    decided = await asker.decide(purpose="HMARKT")
    assert (decided.effect, decided.rule) == (consent_pb2.EFFECT_DENY, "default/1")


async def test_a_merge_carries_directives_along(asker: Asker) -> None:
    gone = f"{asker.person}-gone"
    await asker.file(directive("deny"), gone)
    assert (await asker.decide()).effect == consent_pb2.EFFECT_PERMIT
    merged = await asker.decide(absorbed_person_ids=[gone])
    assert merged.effect == consent_pb2.EFFECT_DENY
    assert (await asker.decide()).effect == consent_pb2.EFFECT_DENY
    # What is filed for the absorbed person afterwards is the survivor's.
    later = await asker.file(directive("permit", id="other"), gone)
    assert (await asker.decide()).epoch == later.epoch


async def test_a_split_takes_back_what_the_merge_has_carried_along(asker: Asker) -> None:
    gone = f"{asker.person}-gone"
    await asker.file(directive("deny"), gone)
    await asker.decide(absorbed_person_ids=[gone])
    for _ in range(2):
        back = await asker.decide(person_id=gone, released_from_person_id=asker.person)
        assert back.effect == consent_pb2.EFFECT_DENY
    assert (await asker.decide()).effect == consent_pb2.EFFECT_PERMIT
    # What is filed for who stands again is theirs.
    later = await asker.file(directive("deny", id="other"), gone)
    assert (await asker.decide(person_id=gone)).epoch == later.epoch
    assert (await asker.decide()).effect == consent_pb2.EFFECT_PERMIT


async def test_changes_of_one_person_at_once_are_all_kept(asker: Asker) -> None:
    filed = await asyncio.gather(*(asker.file(directive("permit")) for _ in range(8)))
    assert sorted(each.version for each in filed) == list(range(1, 9))
    assert len({each.epoch for each in filed}) == 8


async def test_explain_agrees_with_decide(asker: Asker) -> None:
    await asker.file(directive("permit", _deny_type("Observation")))
    answer = await asker.ask(
        "Explain",
        consent_pb2.ExplainRequest(
            tenant="north", person_id=asker.person, recipients=["ehr"], purposes=["TREAT"]
        ),
    )
    assert len(answer.rules) > 10
    for rule in answer.rules:
        datum = consent_pb2.Datum(
            resource_type=rule.resource_type, labels=[rule.label] if rule.label else []
        )
        decided = await asker.decide(resource_types=[rule.resource_type], data=[datum])
        assert decided.effect == rule.decision.effect
        assert (rule.resource_type == "Observation") == (decided.effect == consent_pb2.EFFECT_DENY)


async def test_simulate_tells_what_would_change_and_changes_nothing(asker: Asker) -> None:
    content = json.dumps(directive("permit", _deny_type("Observation"))).encode()
    answer = await asker.ask(
        "Simulate",
        consent_pb2.SimulateRequest(tenant="north", person_id=asker.person, content=content),
    )
    treated = [each for each in answer.changes if each.purpose == "TREAT"]
    assert {each.resource_type for each in treated} == {"Observation"}
    assert answer.compared > len(answer.changes)
    assert (await asker.decide()).epoch == 0


async def test_no_decision_that_begins_after_a_change_was_answered_is_as_before(
    asker: Asker,
) -> None:
    clock = asyncio.get_running_loop().time
    made: list[tuple[float, int]] = []

    async def keep_asking(ended: asyncio.Event) -> None:
        while not ended.is_set():
            began = clock()
            made.append((began, (await asker.decide()).effect))

    for effect, expected in (
        ("deny", consent_pb2.EFFECT_DENY),
        ("permit", consent_pb2.EFFECT_PERMIT),
        ("deny", consent_pb2.EFFECT_DENY),
    ):
        ended = asyncio.Event()
        asking = [asyncio.create_task(keep_asking(ended)) for _ in range(4)]
        await asker.file(directive(effect))
        answered = clock()
        after = await asyncio.gather(*(asker.decide() for _ in range(50)))
        ended.set()
        await asyncio.gather(*asking)
        assert {each.effect for each in after} == {expected}
        assert {effect for began, effect in made if began >= answered} <= {expected}


async def test_another_replica_sees_a_change_at_once(asker: Asker, replica: Runtime) -> None:
    peer = Peer(replica.rpc.address, Tracing("test", None))
    other = Asker(peer)
    other.person = asker.person
    for effect in ("deny", "permit", "deny"):
        epoch = (await asker.file(directive(effect))).epoch
        seen = await other.decide()
        assert (seen.effect == consent_pb2.EFFECT_DENY) == (effect == "deny")
        assert seen.epoch == epoch
    await peer.close()
