"""From a request of the mesh to the decision that travels with what is disclosed.

A request is decided by the policies of the mesh where neither the person nor the law has said
anything, and by `engine` where they have. A deny that the policies name stands whatever they permit.
"""

import datetime
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.consent.v1 import consent_pb2
from plexus.errors import Reason
from plexus.ids import named_id
from services.consent.domain.decision import Cause, Decided
from services.consent.domain.engine import Directives, Rulebook
from services.consent.domain.labelling import Labeller
from services.consent.domain.laws import NO_LAWS, Laws, LawsOfTenant
from services.consent.domain.policy import INVALID, Effect, Policy, Verdict
from services.consent.domain.questions import Datum, Request
from services.consent.domain.times import span, text_of

__all__ = ["NO_DIRECTIVES", "RECIPIENT", "Decider"]

RECIPIENT: Final = "urn:plexus:recipient:"
"""Begins the reference by which a directive can name a recipient of the mesh."""

_MOST_STEPS: Final = 5
NO_DIRECTIVES: Final = Directives()

_NAMESPACE: Final = uuid.UUID("6c3f6a52-0d5e-5e0c-8f64-2a4b1f9d7c35").bytes
_EFFECTS: Final = {
    Effect.PERMIT: consent_pb2.EFFECT_PERMIT,
    Effect.DENY: consent_pb2.EFFECT_DENY,
}
_LAWS: Final = frozenset({Cause.STATUTE, Cause.NEEDS_CONSENT})
_REASONS: Final = {
    Cause.INVALID: Reason.REASON_INVALID_ARGUMENT,
    Cause.NO_POLICY: Reason.REASON_NO_POLICY,
}


class _PolicyDefault:
    """The policies' verdict on the whole request holds for each datum of it."""

    def __init__(self, verdict: Verdict) -> None:
        self._rule = verdict.rule if verdict.effect is Effect.PERMIT else None

    def permits(self, request: Request, datum: Datum) -> str | None:
        """Name of the policy that permits it."""
        return self._rule


class Decider:
    """Decides disclosures. Never raises for what a request says: unknown is denied.

    The same request under the same policies, directives and period gives the same bytes.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        actors: Mapping[str, frozenset[str]] | None = None,
        zone: datetime.tzinfo = datetime.UTC,
        laws: Laws = NO_LAWS,
    ) -> None:
        """Keep what decides.

        Args:
            policy: the default.
            actors: by recipient: references of all that they are. Of one that is not here nobody knows
                who they are, and a deny that names somebody may mean them.
            zone: of dates without an offset.
            laws: statutes, and who may break the glass.
        """
        self._policy = policy
        self._laws = laws
        self._version = f"{policy.version}-{laws.version}" if laws.version else policy.version
        self._actors = actors or {}
        self._zone = zone

    def decide(
        self,
        request: consent_pb2.DisclosureRequest,
        directives: Directives = NO_DIRECTIVES,
        now: datetime.datetime | None = None,
    ) -> consent_pb2.Decision:
        """Decide one request. `now` is needed where there are directives or laws."""
        verdict = INVALID
        if request.person_id:
            verdict = self._policy.judge(
                request.tenant,
                request.purpose,
                request.recipient,
                request.action,
                request.resource_types,
            )
        laws = self._laws.of(request.tenant)
        is_silent = not directives and not laws.speak_to(request.purpose)
        if is_silent or verdict == INVALID or verdict.reason == Reason.REASON_CONSENT_DENIED:
            return self._by_policy(request, verdict, directives.epoch)
        assert now is not None
        return self._by_rules(request, verdict, directives, laws, now)

    def _by_policy(
        self, request: consent_pb2.DisclosureRequest, verdict: Verdict, epoch: int
    ) -> consent_pb2.Decision:
        return consent_pb2.Decision(
            decision_id=self._id(request, f"{epoch}"),
            effect=_EFFECTS[verdict.effect],
            reason=verdict.reason,
            rule=f"default/{verdict.rule}" if verdict.rule else "",
            policy_version=self._version,
            epoch=epoch,
        )

    def _by_rules(
        self,
        request: consent_pb2.DisclosureRequest,
        verdict: Verdict,
        directives: Directives,
        laws: LawsOfTenant,
        now: datetime.datetime,
    ) -> consent_pb2.Decision:
        known = self._actors.get(request.recipient)
        screen = Rulebook(
            directives, _PolicyDefault(verdict), laws.statutes, laws.break_glass
        ).screen(
            Request.of(
                purposes=[request.purpose],
                actors={f"{RECIPIENT}{request.recipient}", *(known or ()), *request.actors},
                action=request.action,
                now=now,
                reason=request.reason,
                knows_actors=known is not None,
            )
        )
        asked = screen.decided()
        each: Sequence[Decided] = ()
        if asked.residual:
            labels = _labels(request.data, laws.labeller)
            each = [
                screen.decide(self._datum(datum, has))
                for datum, has in zip(request.data, labels, strict=True)
            ]
        withheld = [place for place, made in enumerate(each) if not made.is_permit]
        needs_data = bool(asked.residual) and not each
        is_denied = needs_data or not asked.is_permit or (bool(each) and len(withheld) == len(each))
        named = each[withheld[0]] if withheld else asked
        made = consent_pb2.Decision(
            decision_id=self._id(request, f"{directives.epoch}|{asked.valid_until}"),
            effect=_EFFECTS[Effect.DENY if is_denied else Effect.PERMIT],
            reason=_REASONS.get(named.cause, Reason.REASON_CONSENT_DENIED)
            if is_denied
            else Reason.REASON_UNSPECIFIED,
            rule=_rule(named),
            policy_version=self._version,
            epoch=directives.epoch,
            withheld=withheld,
            needs_data=needs_data,
            obligations=asked.obligations,
        )
        if asked.valid_until is not None and (text := text_of(asked.valid_until)):
            until = Timestamp()
            until.FromJsonString(text)
            made.valid_until.CopyFrom(until)
        return made

    def _datum(self, told: consent_pb2.Datum, labels: AbstractSet[str]) -> Datum:
        try:
            date = span(told.date, self._zone) if told.date else None
        except (ValueError, OverflowError):
            date = None
        return Datum.of(kind=told.resource_type or None, labels=labels, codes=told.codes, date=date)

    def _id(self, request: consent_pb2.DisclosureRequest, state: str) -> str:
        asked = hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()
        return named_id(_NAMESPACE, f"{self._version}|{state}|{asked}")


def _labels(data: Sequence[consent_pb2.Datum], labeller: Labeller) -> list[set[str]]:
    """The labels of each datum: its own, those that its codes call for, and those of what it holds."""
    labels = [{*each.labels, *(labeller.labels(each.codes) if labeller else ())} for each in data]
    # What holds something may itself be held. Each pass goes one step up; more than a few are a circle.
    for _ in range(_MOST_STEPS):
        has_grown = False
        for has, each in zip(labels, data, strict=True):
            for place in each.holds:
                if place < len(labels) and not labels[place] <= has:
                    has.update(labels[place])
                    has_grown = True
        if not has_grown:
            break
    return labels


def _rule(made: Decided) -> str:
    if made.cause is Cause.DEFAULT:
        return f"default/{made.rule}"
    if not made.rule:
        return ""
    if made.cause in _LAWS:
        return f"statute/{made.rule} {made.cause}"
    return f"consent/{made.rule} {made.path} {made.cause}".replace("  ", " ")
