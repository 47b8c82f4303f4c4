"""raw → canonical: each message is converted by the means of its dialect, or parked with its reason."""

import asyncio
from collections.abc import Mapping, Sequence

from plexus.actors import Turn, run_turns
from plexus.api.envelope.v1.envelope_pb2 import PayloadKind
from plexus.codecs.fhir.reading import FHIR_JSON
from plexus.errors import InvalidMessage, Reason
from plexus.store import Transaction
from services.transform.domain import (
    Coders,
    Profile,
    SourceContext,
    SourceMaps,
    convert,
    convert_fhir,
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
    ) -> None:
        """Convert with the maps, by what is known of each source (tenant, name)."""
        self._maps = maps
        self._coders = coders
        self.use(sources, profiles or {})

    def use(
        self,
        sources: Mapping[tuple[str, str], Source],
        profiles: Mapping[tuple[str, str], Profile],
    ) -> None:
        """From the next message on, this is known of sources."""
        self._sources = sources
        self._profiles = profiles

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
        source = self._sources.get((envelope.tenant, envelope.source))
        coder = self._coders.of(envelope.tenant, envelope.source)
        context = SourceContext(
            tenant=envelope.tenant,
            source=envelope.source,
            message_id=envelope.message_id,
            time_zone=source.time_zone if source else "",
            default_authority=source.default_authority if source else "",
            charset=envelope.charset,
            coder=coder,
            profile=self._profiles.get((envelope.tenant, envelope.source)),
        )
        if envelope.content_type == FHIR_JSON:
            event = convert_fhir(envelope.payload, context)
        else:
            maps = self._maps.of(envelope.tenant, envelope.source)
            event = convert(maps, envelope.payload, context)
        turn.ran("maps", coder.version)
        turn.emit(
            "canonical",
            PayloadKind.PAYLOAD_KIND_CANONICAL,
            envelope.key,
            event.SerializeToString(),
        )
