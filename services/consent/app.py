"""All the wiring of consent, top to bottom."""

import zoneinfo

from plexus.api.consent.v1 import consent_pb2_grpc
from plexus.errors import ConfigurationError
from plexus.service import Runtime
from plexus.settings import load_document
from services.consent.actors import Registry
from services.consent.domain import ANY, Decider, Effect, Policy, Rule
from services.consent.domain.codes import reference
from services.consent.service import ConsentServicer
from services.consent.settings import ConsentSettings, PolicySection, RecipientSection

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = ConsentSettings
SECTIONS = ("policies", "recipients")


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
        Decider(policy, actors=actors, zone=zone),
        Registry(database, runtime.clock, zone),
        runtime.clock,
        recipients=sorted(named)[:20] or ["anybody"],
        decision_seconds=runtime.settings.decision_seconds,
    )
    consent_pb2_grpc.add_ConsentServiceServicer_to_server(servicer, runtime.rpc.grpc_server)
    runtime.rpc.serves("plexus.api.consent.v1.ConsentService")
