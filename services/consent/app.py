"""All the wiring of consent, top to bottom."""

import zoneinfo

from plexus.api.consent.v1 import consent_pb2_grpc
from plexus.errors import ConfigurationError
from plexus.service import Runtime
from plexus.settings import Document, load_document
from services.consent.actors import Registry
from services.consent.domain import ANY, BreakGlass, Decider, Effect, Laws, Policy, Rule
from services.consent.domain.codes import reference, token
from services.consent.service import ConsentServicer
from services.consent.settings import (
    BreakGlassSection,
    ConsentSettings,
    LabelsSection,
    PolicySection,
    RecipientSection,
    StatuteSection,
)

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = ConsentSettings
SECTIONS = ("policies", "recipients", "statutes", "break_glass", "labels")


async def wire(runtime: Runtime) -> None:
    """Connect consent to what it stands on: the mesh document, and its directives."""
    assert isinstance(runtime.settings, ConsentSettings)
    zone = zoneinfo.ZoneInfo(runtime.settings.time_zone)
    document = load_document(runtime.settings.config)
    sections = document.sections("policies", PolicySection)
    recipients = document.sections("recipients", RecipientSection)
    policy = Policy([
        Rule(
            name=section.name or str(place),
            tenant=section.tenant,
            purpose=section.purpose,
            recipient=section.recipient,
            resource_types=frozenset(section.resource_types),
            action=section.action,
            effect=Effect(section.effect),
        )
        for place, section in enumerate(sections)
    ])  # fmt: skip
    actors = {each.name: frozenset(map(reference, each.actors)) for each in recipients}
    if len(actors) < len(recipients):
        raise ConfigurationError("two recipients have one name")
    named = {each.name for each in recipients} | {each.recipient for each in sections} - {ANY}
    database = await runtime.database("services.consent")
    servicer = ConsentServicer(
        Decider(policy, actors=actors, zone=zone, laws=_laws(document, zone)),
        Registry(database, runtime.clock, zone, frozenset().union(*actors.values())),
        runtime.clock,
        recipients=sorted(named)[:20] or ["anybody"],
        decision_seconds=runtime.settings.decision_seconds,
    )
    consent_pb2_grpc.add_ConsentServiceServicer_to_server(servicer, runtime.rpc.grpc_server)
    runtime.rpc.serves("plexus.api.consent.v1.ConsentService")


def _laws(document: Document, zone: zoneinfo.ZoneInfo) -> Laws:
    statutes = document.sections("statutes", StatuteSection)
    if len({(each.tenant, each.id) for each in statutes}) < len(statutes):
        raise ConfigurationError("two statutes of one tenant have one id")
    glasses = document.sections("break_glass", BreakGlassSection)
    if len({each.tenant for each in glasses}) < len(glasses):
        raise ConfigurationError("two break_glass rules are for one tenant")
    labels = document.sections("labels", LabelsSection)
    if len({each.tenant for each in labels}) < len(labels):
        raise ConfigurationError("two entries of labels are for one tenant")
    return Laws(
        [(each.tenant, each.statute(zone)) for each in statutes],
        {
            each.tenant: BreakGlass(
                groups=frozenset(map(reference, each.groups)),
                minutes=each.minutes,
                never=frozenset(map(token, each.never)),
            )
            for each in glasses
        },
        {each.tenant: each.labeller(document.path.parent) for each in labels},
    )
