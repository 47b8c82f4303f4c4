"""Consent as a whole: policies from the mesh document, decisions over gRPC."""

from collections.abc import AsyncIterator

import prometheus_client
import pytest
import pytest_asyncio

from plexus.api.consent.v1 import consent_pb2, consent_pb2_grpc
from plexus.errors import InvalidRequest, Reason
from plexus.rpc import Peer
from plexus.service import Runtime
from plexus.telemetry.tracing import Tracing

pytestmark = pytest.mark.asyncio(loop_scope="session")

_SECONDS = 5.0


@pytest_asyncio.fixture(loop_scope="session")
async def peer(consent: Runtime) -> AsyncIterator[Peer]:
    opened = Peer(consent.rpc.address, Tracing("test", None))
    yield opened
    await opened.close()


def request(person: str = "person-1", purpose: str = "TREAT") -> consent_pb2.DisclosureRequest:
    return consent_pb2.DisclosureRequest(
        tenant="north",
        person_id=person,
        recipient="ehr",
        purpose=purpose,
        action="disclose",
        resource_types=["Patient"],
    )


async def decide_batch(
    peer: Peer, requests: list[consent_pb2.DisclosureRequest]
) -> list[consent_pb2.Decision]:
    answer = await peer.ask(
        consent_pb2_grpc.ConsentServiceStub(peer.channel).DecideBatch,
        consent_pb2.DecideBatchRequest(requests=requests),
        deadline_seconds=_SECONDS,
    )
    return list(answer.decisions)


def counted(effect: str, reason: str) -> float:
    name = "plexus_consent_decisions_total"
    labels = {"effect": effect, "reason": reason}
    return prometheus_client.REGISTRY.get_sample_value(name, labels) or 0.0


async def test_decisions_come_in_the_order_asked_and_are_counted(peer: Peer) -> None:
    denied, permitted = counted("deny", "consent_denied"), counted("permit", "none")
    purposes = ["TREAT", "HMARKT", "HPAYMT", "NOSUCH", "ETREAT"]
    made = await decide_batch(peer, [request(purpose=purpose) for purpose in purposes])
    assert [(one.rule, one.reason) for one in made] == [
        ("default/treatment", Reason.REASON_UNSPECIFIED),
        ("default/1", Reason.REASON_CONSENT_DENIED),
        ("", Reason.REASON_NO_POLICY),
        ("", Reason.REASON_INVALID_ARGUMENT),
        ("default/treatment", Reason.REASON_UNSPECIFIED),
    ]
    assert counted("deny", "consent_denied") == denied + 1
    assert counted("permit", "none") == permitted + 2


async def test_one_decision_is_the_same_as_in_a_batch(peer: Peer) -> None:
    stub = consent_pb2_grpc.ConsentServiceStub(peer.channel)
    alone = await peer.ask(
        stub.Decide, consent_pb2.DecideRequest(request=request()), deadline_seconds=_SECONDS
    )
    assert await decide_batch(peer, [request()]) == [alone.decision]


async def test_a_request_that_is_missing_is_denied(peer: Peer) -> None:
    stub = consent_pb2_grpc.ConsentServiceStub(peer.channel)
    answer = await peer.ask(stub.Decide, consent_pb2.DecideRequest(), deadline_seconds=_SECONDS)
    assert answer.decision.effect == consent_pb2.EFFECT_DENY


async def test_more_than_1000_requests_are_refused(peer: Peer) -> None:
    assert len(await decide_batch(peer, [request()] * 1000)) == 1000
    with pytest.raises(InvalidRequest) as caught:
        await decide_batch(peer, [request()] * 1001)
    assert caught.value.location == "requests"


async def test_without_policies_nothing_is_permitted(consent_without_policies: Runtime) -> None:
    peer = Peer(consent_without_policies.rpc.address, Tracing("test", None))
    (decision,) = await decide_batch(peer, [request()])
    await peer.close()
    assert decision.effect == consent_pb2.EFFECT_DENY
    assert decision.reason == Reason.REASON_NO_POLICY
