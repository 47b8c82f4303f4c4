"""What sources say of directives over gRPC: stored whatever it is, once, and effective at once.

Out of scope: how records tells it (tests/e2e/test_consent_streams.py); whom a source's directive names
(tests/unit/consent/test_consent_strangers.py).
"""

import json
from typing import Any

import pytest

from plexus.api.consent.v1 import consent_pb2
from tests.integration.consent.test_consent_directives import Asker, asker, directive

__all__ = ["asker"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def tell(asker: Asker, resource: Any, message: str, **said: Any) -> int:
    content = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
    told = consent_pb2.ToldConsent(
        **{
            "tenant": "north",
            "person_id": asker.person,
            "source": "his",
            "key": f"Consent|{asker.person}",
            "message_id": message,
            "content": content,
        }
        | said
    )
    answer = await asker.ask("TakeConsents", consent_pb2.TakeConsentsRequest(told=[told]))
    return int(answer.stored)


async def versions(asker: Asker, person: str = "") -> list[tuple[int, str, str]]:
    asked = consent_pb2.ListConsentsRequest(tenant="north", person_id=person or asker.person)
    listed = await asker.ask("ListConsents", asked)
    return [(each.version, each.status, each.source) for each in listed.consents]


async def test_what_a_source_says_holds_from_the_next_decision_on(asker: Asker) -> None:
    assert await tell(asker, directive("deny"), "m1") == 1
    assert (await asker.decide()).effect == consent_pb2.EFFECT_DENY
    assert await tell(asker, directive("deny", status="inactive"), "m2") == 1
    assert (await asker.decide()).effect == consent_pb2.EFFECT_PERMIT
    assert await versions(asker) == [(1, "active", "his"), (2, "inactive", "his")]


async def test_what_is_told_again_changes_nothing(asker: Asker) -> None:
    await tell(asker, directive("deny"), "m1")
    await tell(asker, directive("permit"), "m2")
    assert await tell(asker, directive("deny"), "m1") == 0
    assert await tell(asker, directive("permit"), "m3") == 0
    assert [version for version, _, _ in await versions(asker)] == [1, 2]


async def test_what_a_person_has_ended_a_source_does_not_begin_by_saying_it_again(
    asker: Asker,
) -> None:
    await tell(asker, directive("deny"), "m1")
    asked = consent_pb2.ListConsentsRequest(tenant="north", person_id=asker.person)
    listed = await asker.ask("ListConsents", asked)
    await asker.revoke(listed.consents[0].consent_id)
    assert await tell(asker, directive("deny"), "m2") == 0
    assert (await asker.decide()).effect == consent_pb2.EFFECT_PERMIT
    assert await tell(asker, directive("deny", language="de"), "m3") == 1
    assert (await asker.decide()).effect == consent_pb2.EFFECT_DENY


@pytest.mark.parametrize("content", [b"", b"{", b"[]", directive("perhaps"), {"status": 7}])
async def test_what_cannot_be_understood_is_stored_and_denies(asker: Asker, content: Any) -> None:
    assert await tell(asker, content, "m1") == 1
    denied = await asker.decide()
    assert denied.effect == consent_pb2.EFFECT_DENY
    assert denied.rule.endswith("indeterminate")


async def test_what_a_source_deletes_is_ended_and_stays_stored(asker: Asker) -> None:
    assert await tell(asker, b"", "m0", is_deleted=True) == 0
    await tell(asker, directive("deny"), "m1")
    assert await tell(asker, b"", "m2", is_deleted=True) == 1
    assert (await asker.decide()).effect == consent_pb2.EFFECT_PERMIT
    assert [status for _, status, _ in await versions(asker)] == ["active", "inactive"]


async def test_a_merge_is_told_once_and_a_later_word_changes_the_survivors_copy(
    asker: Asker,
) -> None:
    gone = f"gone-{asker.person}"
    await tell(asker, directive("deny"), "m1", person_id=gone)
    await tell(asker, b"", "", key="", absorbed_person_ids=[gone])
    assert (await asker.decide()).effect == consent_pb2.EFFECT_DENY
    # The source ends it where it knew it: the key is the same, and so is the directive.
    await tell(asker, directive("deny", status="inactive"), "m2")
    assert (await asker.decide()).effect == consent_pb2.EFFECT_PERMIT


async def test_what_a_source_denies_to_somebody_of_its_own_it_denies_to_all(asker: Asker) -> None:
    somebody = [{"role": {"text": "who"}, "reference": {"reference": "Organization/7"}}]
    deny = {"type": "deny", "actor": somebody}
    await asker.file(directive("permit", deny))
    assert (await asker.decide()).effect == consent_pb2.EFFECT_PERMIT
    await tell(asker, directive("permit", deny), "m1")
    assert (await asker.decide()).effect == consent_pb2.EFFECT_DENY
