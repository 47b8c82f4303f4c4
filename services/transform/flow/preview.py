"""A look at a message: what it becomes, where each field goes, what is wrong. Nothing is stored or counted.

Whoever asks names the source to convert as, and gets what the stage would do with its messages. All of
it computes for a while, so the calls are for threads.
"""

import orjson
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from plexus.api.canonical.v1.event_pb2 import SEVERITY_ERROR, CanonicalEvent, Issue
from plexus.api.transform.v1 import transform_pb2 as pb
from plexus.codecs.fhir import Disclosure
from plexus.codecs.fhir.reading import is_fhir
from plexus.codecs.fhir.validation import Finding, findings
from plexus.codecs.hl7v2 import check, read
from plexus.errors import InvalidMessage, InvalidRequest, Reason
from plexus.ids import part_name
from services.transform.domain import (
    PREVIEW,
    Coders,
    Coverage,
    Explanation,
    Maps,
    SourceContext,
    SourceMaps,
    as_recorded,
    convert_fhir,
    coverage_of,
    explain_parts,
    run_parts,
    violations,
)
from services.transform.domain.coverage import leaf_count
from services.transform.domain.notation import Rule
from services.transform.flow.stage import TransformStage

__all__ = ["Preview"]

# Their lineage must fit into an answer.
_MOST_LEAVES = 20_000
_V2 = frozenset({"", "application/hl7-v2", "application/hl7-v2+er7", "x-application/hl7-v2+er7"})
_FHIR = "application/fhir+json"
_OUTCOMES = {
    "mapped": pb.LEAF_OUTCOME_MAPPED,
    "dropped": pb.LEAF_OUTCOME_DROPPED,
    "residue": pb.LEAF_OUTCOME_RESIDUE,
}
_REASONS = {
    "cardinality": Reason.REASON_REQUIRED_FIELD_MISSING,
    "binding": Reason.REASON_TABLE_VALUE,
}


class Preview:
    """Converts, explains and validates for somebody who looks."""

    def __init__(self, maps: SourceMaps, coders: Coders, stage: TransformStage) -> None:
        """Do as the stage does, with the same maps."""
        self._maps = maps
        self._coders = coders
        self._stage = stage

    def convert(self, request: pb.ConvertRequest) -> pb.ConvertResponse:
        """Convert a message, or FHIR.

        Raises:
            InvalidMessage: it cannot be converted.
            InvalidRequest: it is of another media type; there is no lineage, or one that is too long.
        """
        media_type = _media_type(request.content_type)
        if media_type not in _V2 and media_type != _FHIR:
            raise InvalidRequest(f"content of type {request.content_type!r} cannot be converted")
        maps, context = self._context(request)
        assert context.coder is not None
        answer = pb.ConvertResponse(maps_version=context.coder.version)
        if media_type == _FHIR or (not media_type and is_fhir(request.content)):
            if request.with_lineage:
                raise InvalidRequest("there is lineage of HL7 v2 only: no map reads FHIR")
            event = convert_fhir(request.content, context)
        elif request.with_lineage:
            explained = self._explain(maps, request.content, context)
            event = explained.event
            answer.coverage.CopyFrom(_coverage(explained.coverage))
            _tell_leaves(answer.lineage, explained, values=False)
        else:
            found = run_parts(maps, request.content, context, needs_person=False)
            covered = [coverage_of(message, draft) for message, draft in found]
            answer.coverage.CopyFrom(_coverage(Coverage(*map(sum, zip(*covered, strict=True)))))
            if len(found) > 1:
                for part, (conversion, coverage) in enumerate(zip(found, covered, strict=True), 1):
                    told = answer.parts.add(
                        maps_version=answer.maps_version, coverage=_coverage(coverage)
                    )
                    _tell(told, conversion.event, request, context, part)
                return answer
            event = found[0].event
        _tell(answer, event, request, context)
        return answer

    def explain(self, request: pb.ExplainRequest) -> pb.ExplainResponse:
        """Tell what became of each leaf of a message.

        Raises:
            InvalidMessage: it cannot be converted.
            InvalidRequest: it has too many leaves.
        """
        maps, context = self._context(request)
        assert context.coder is not None
        explained = self._explain(maps, request.content, context)
        answer = pb.ExplainResponse(
            type=explained.message.type,
            maps_version=context.coder.version,
            coverage=_coverage(explained.coverage),
            issues=explained.event.issues,
        )
        _tell_leaves(answer.leaves, explained, values=not request.without_values)
        return answer

    def validate(self, request: pb.ValidateRequest) -> pb.ValidateResponse:
        """Say what is wrong with a message, or with the structure of a FHIR resource.

        Raises:
            InvalidRequest: it is of another media type.
        """
        media_type = _media_type(request.content_type)
        if media_type == _FHIR:
            issues = _of_fhir(request.content)
        elif media_type in _V2:
            issues = self._of_message(request)
        else:
            raise InvalidRequest(f"content of type {request.content_type!r} cannot be validated")
        valid = not any(issue.severity == SEVERITY_ERROR for issue in issues)
        return pb.ValidateResponse(valid=valid, issues=issues)

    def _of_message(self, request: pb.ValidateRequest) -> list[Issue]:
        try:
            message = read(request.content, default_charset=request.charset)
        except InvalidMessage as exc:
            return [
                Issue(
                    severity=SEVERITY_ERROR,
                    reason=exc.reason,
                    location=exc.location,
                    detail=exc.detail,
                )
            ]
        owner = self._stage.owner_of(request.tenant, request.source)
        issues = [issue for issue in message.issues if issue.severity != SEVERITY_ERROR]
        issues += check(message, self._maps.of(*owner).supported)
        profile = self._stage.context_of(*owner, message_id=PREVIEW).profile
        return issues + (violations(profile, message) if profile is not None else [])

    def _explain(self, maps: Maps, content: bytes, context: SourceContext) -> Explanation:
        if leaf_count(read(content, default_charset=context.charset)) > _MOST_LEAVES:
            raise InvalidRequest(
                f"the message has more than {_MOST_LEAVES:,} leaves: use plexus explain"
            )
        explained = explain_parts(maps, content, context)
        if len(explained) > 1:
            raise InvalidRequest("the message is about several persons: use plexus explain")
        return explained[0]

    def _context(
        self, request: pb.ConvertRequest | pb.ExplainRequest
    ) -> tuple[Maps, SourceContext]:
        owner = self._stage.owner_of(request.tenant, request.source)
        context = self._stage.context_of(
            *owner,
            message_id=PREVIEW,
            charset=request.charset,
            time_zone=request.time_zone,
            default_authority=request.default_authority,
            coder=self._coders.preview(*owner),
        )
        return self._maps.of(*owner), context


def _tell(
    answer: pb.ConvertResponse,
    event: CanonicalEvent,
    request: pb.ConvertRequest,
    context: SourceContext,
    part: int = 0,
) -> None:
    """Tell an event in the forms that were asked for."""
    answer.issues.extend(event.issues)
    if request.output != pb.OUTPUT_FHIR:
        answer.event.CopyFrom(event)
    if request.output != pb.OUTPUT_CANONICAL:
        recorded = as_recorded(event, tenant=context.tenant)
        disclosure = Disclosure(recorded, tenant=context.tenant)
        answer.fhir_bundle = disclosure.bundle_bytes(message_id=part_name(PREVIEW, part))


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def _coverage(coverage: Coverage) -> pb.Coverage:
    return pb.Coverage(**coverage._asdict())


def _tell_leaves(
    leaves: RepeatedCompositeFieldContainer[pb.LeafLineage], explained: Explanation, *, values: bool
) -> None:
    for one in explained.leaves:
        told = leaves.add(
            location=one.location,
            value=one.value if values else "",
            outcome=_OUTCOMES[one.outcome],
            reason=one.reason,
            rules=map(_rule, one.rules),
        )
        for target in one.targets:
            told.targets.add(
                path=target.path,
                fhir=[pb.FhirPlace(resource=each.resource, path=each.path) for each in target.fhir],
                rules=map(_rule, target.rules),
            )


def _rule(rule: Rule) -> pb.MapRule:
    return pb.MapRule(where=rule.where, cite=rule.cite)


def _of_fhir(content: bytes) -> list[Issue]:
    try:
        resource = orjson.loads(content)
    except orjson.JSONDecodeError:
        detail = "It is no JSON."
        return [Issue(severity=SEVERITY_ERROR, reason=Reason.REASON_UNREADABLE, detail=detail)]
    return [_finding(found) for found in findings(resource)]


def _finding(found: Finding) -> Issue:
    return Issue(
        severity=SEVERITY_ERROR,
        reason=_REASONS.get(found.kind, Reason.REASON_DATA_TYPE),
        location=found.path,
        detail=f"{found.kind} {found.rule}".strip(),
    )
