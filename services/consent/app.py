"""All the wiring of consent, top to bottom."""

from plexus.api.consent.v1 import consent_pb2_grpc
from plexus.service import Runtime
from plexus.settings import load_document
from services.consent.domain import DefaultDecider, Effect, Policy, Rule
from services.consent.service import ConsentServicer
from services.consent.settings import ConsentSettings, PolicySection

__all__ = ["SECTIONS", "SETTINGS", "wire"]

SETTINGS = ConsentSettings
SECTIONS = ("policies",)


async def wire(runtime: Runtime) -> None:
    """Connect consent to what it stands on: the mesh document, and nothing else."""
    sections = load_document(runtime.settings.config).sections("policies", PolicySection)
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
    consent_pb2_grpc.add_ConsentServiceServicer_to_server(
        ConsentServicer(DefaultDecider(policy)), runtime.rpc.grpc_server
    )
    runtime.rpc.serves("plexus.api.consent.v1.ConsentService")
