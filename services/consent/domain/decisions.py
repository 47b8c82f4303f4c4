"""From a request to the decision that travels with what is disclosed.

`Decider` is the seam: whoever decides keeps this promise, so that directives of persons can come in
beside the default policy without a change to those who ask. Until they do, a person's consent epoch
is 0.
"""

import hashlib
import uuid
from typing import Final, Protocol

from plexus.api.consent.v1 import consent_pb2
from plexus.ids import named_id
from services.consent.domain.policy import INVALID, Effect, Policy, Verdict

__all__ = ["Decider", "DefaultDecider"]

_NAMESPACE: Final = uuid.UUID("6c3f6a52-0d5e-5e0c-8f64-2a4b1f9d7c35").bytes
_EFFECTS: Final = {
    Effect.PERMIT: consent_pb2.EFFECT_PERMIT,
    Effect.DENY: consent_pb2.EFFECT_DENY,
}


class Decider(Protocol):
    """Decides disclosures. Never raises for what a request says: unknown is denied."""

    def decide(self, request: consent_pb2.DisclosureRequest) -> consent_pb2.Decision:
        """The decision; the same request under the same policy and epoch gives the same bytes."""


class DefaultDecider:
    """Decides by the default policy alone."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def decide(self, request: consent_pb2.DisclosureRequest) -> consent_pb2.Decision:
        """Decide one request."""
        verdict = INVALID
        if request.person_id:
            verdict = self._policy.judge(
                request.tenant,
                request.purpose,
                request.recipient,
                request.action,
                request.resource_types,
            )
        return _decision(request, verdict, self._policy.version, epoch=0)


def _decision(
    request: consent_pb2.DisclosureRequest, verdict: Verdict, version: str, *, epoch: int
) -> consent_pb2.Decision:
    asked = hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()
    return consent_pb2.Decision(
        decision_id=named_id(_NAMESPACE, f"{version}|{epoch}|{asked}"),
        effect=_EFFECTS[verdict.effect],
        reason=verdict.reason,
        rule=f"default/{verdict.rule}" if verdict.rule else "",
        policy_version=version,
        epoch=epoch,
    )
