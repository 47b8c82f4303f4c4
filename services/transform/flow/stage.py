"""raw → canonical: each message is converted by the means of its dialect, or parked with its reason."""

import asyncio
from collections.abc import Mapping, Sequence

from plexus.actors import Turn, run_turns
from plexus.api.envelope.v1.envelope_pb2 import PayloadKind
from plexus.codecs.fhir.reading import FHIR_JSON
from plexus.codecs.hl7v2 import ordering_name
from plexus.errors import InvalidMessage, Reason
from plexus.ids import KeyDigest
from plexus.store import Transaction
from services.transform.domain import (
    PREVIEW,
    Accounts,
    Coder,
    Coders,
    Conversion,
    Profile,
    SourceContext,
    SourceMaps,
    convert_fhir,
    run_parts,
)
from services.transform.settings import Source

__all__ = ["TransformStage"]

# Yields to the loop this often, so that health checks and heartbeats go on within a large batch.
_YIELD_EVERY = 16


class TransformStage:
    """A pure function between two streams."""

    def __init__(
        self,
        maps: SourceMaps,
        sources: Mapping[tuple[str, str], Source],
        coders: Coders,
        profiles: Mapping[tuple[str, str], Profile] | None = None,
        accounts: Accounts | None = None,
        *,
        digest: KeyDigest,
    ) -> None:
        """Convert with the maps, by what is known of each source (tenant, name).

        `digest` keys the persons of messages about several, as ingest does it for those about one.
        """
        self._digest = digest
        self._maps = maps
        self._coders = coders
        self._accounts = accounts or Accounts()
        self.use(sources, profiles or {})

    def use(
        self,
        sources: Mapping[tuple[str, str], Source],
        profiles: Mapping[tuple[str, str], Profile],
    ) -> None:
        """From the next message on, this is known of sources."""
        self._sources = sources
        self._profiles = profiles

    def owner_of(self, tenant: str, source: str) -> tuple[str, str]:
        """Tenant and source that are meant: without a tenant, of the one source of that name."""
        if not tenant:
            found = [owner for owner in self._sources if owner[1] == source]
            if len(found) == 1:
                return found[0]
        return tenant or PREVIEW, source or PREVIEW

    def context_of(
        self,
        tenant: str,
        source: str,
        *,
        message_id: str,
        charset: str = "",
        time_zone: str = "",
        default_authority: str = "",
        coder: Coder | None = None,
    ) -> SourceContext:
        """What is known of a message of the source; what is given goes before what was agreed.

        Raises:
            ConfigurationError: there is no such zone or authority.
        """
        owner = (tenant, source)
        known = self._sources.get(owner)
        return SourceContext(
            tenant=tenant,
            source=source,
            message_id=message_id,
            time_zone=time_zone or (known.time_zone if known else ""),
            default_authority=default_authority or (known.default_authority if known else ""),
            charset=charset,
            coder=coder,
            profile=self._profiles.get(owner),
        )

    async def turn_batch(self, turns: Sequence[Turn], transaction: Transaction) -> None:
        for start in range(0, len(turns), _YIELD_EVERY):
            run_turns((turn, self._convert) for turn in turns[start : start + _YIELD_EVERY])
            await asyncio.sleep(0)

    def _convert(self, turn: Turn) -> None:
        envelope = turn.envelope
        if envelope.kind != PayloadKind.PAYLOAD_KIND_RAW:
            raise InvalidMessage(
                "the raw stream carries raw messages only", reason=Reason.REASON_INTERNAL
            )
        coder = self._coders.of(envelope.tenant, envelope.source)
        context = self.context_of(
            envelope.tenant,
            envelope.source,
            message_id=envelope.message_id,
            charset=envelope.charset,
            coder=coder,
        )
        if envelope.content_type == FHIR_JSON:
            event = convert_fhir(envelope.payload, context)
        else:
            maps = self._maps.of(envelope.tenant, envelope.source)
            conversions = run_parts(maps, envelope.payload, context)
            for conversion in conversions:
                self._accounts.add(
                    envelope.tenant, envelope.source, envelope.message_id, conversion
                )
            if len(conversions) > 1:
                turn.ran("maps", coder.version)
                self._emit_parts(turn, conversions)
                return
            event = conversions[0].event
        turn.ran("maps", coder.version)
        turn.emit(
            "canonical",
            PayloadKind.PAYLOAD_KIND_CANONICAL,
            envelope.key,
            event.SerializeToString(),
        )

    def _emit_parts(self, turn: Turn, conversions: Sequence[Conversion]) -> None:
        """Hand on each part in order with its own person's messages, as if it had come alone."""
        envelope = turn.envelope
        turn.divide(len(conversions))
        for part, (message, draft) in enumerate(conversions, 1):
            name = ordering_name(message.first("PID"), envelope.source)
            turn.emit(
                "canonical",
                PayloadKind.PAYLOAD_KIND_CANONICAL,
                self._digest.key(envelope.tenant, *name),
                draft.event.SerializeToString(),
                part,
            )
