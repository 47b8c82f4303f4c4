"""canonical → resolved: each event gets its person, and changes of the index are written.

A batch runs first on what is committed, without locks. In the daily case everybody is known, nothing
changes, and that was all. Where it would change the index, it locks every name and person that its
changes concern, loads again (READ COMMITTED: so it sees who was first) and runs again. So two first
messages of one patient, on two shards or replicas, make one person. Before what a source says of a
person is written, its blocking keys are locked, too: so that holds for two sources with two numbers.
"""

from collections.abc import Callable, Sequence

from plexus.actors import Turn, TurnFailed, run_turns
from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.errors import InvalidMessage, Unavailable
from plexus.ids import STEWARDSHIP, IdSource, KeyDigest
from plexus.store import Connection, Transaction
from plexus.telemetry.metrics import IDENTITY_LARGE_BLOCKS, IDENTITY_MATCHES
from services.identity.actors import Arrival, MasterIndex
from services.identity.actors.gathering import gather
from services.identity.domain import Index, Linker, Name, Population
from services.identity.store import DecisionStore, IndexStore, RecordStore

__all__ = ["IdentityStage"]


class IdentityStage:
    """The master person index in the stream."""

    def __init__(self, ids: IdSource, digest: KeyDigest, linker: Linker) -> None:
        self._ids = ids
        self._digest = digest
        self._linker = linker

    async def turn_batch(self, turns: Sequence[Turn], transaction: Transaction) -> None:
        store = IndexStore(transaction.connection)
        records = RecordStore(transaction.connection)
        read = [(turn, _read(turn)) for turn in turns]
        names = _names(read)
        index = await store.load(names)
        unlinks = [
            turn.envelope.message_id
            for turn, message in read
            if message.kind == EventKind.EVENT_KIND_UNLINK
        ]
        if unlinks:
            index.taken = await store.unlinks_among(unlinks)
        decisions = DecisionStore(transaction.connection)
        carried = [
            turn.envelope.message_id for turn, _ in read if turn.envelope.source == STEWARDSHIP
        ]
        if carried:
            decided = await decisions.of(carried)
            index.decided = {
                name: (each.person_id, each.other_person) for name, each in decided.items()
            }
            index.carried_out = frozenset(name for name, each in decided.items() if each.is_applied)
        population = await self._population(transaction.connection, index, read)
        actor = self._run(read, index, population)
        if index.contested:
            contested, merged = index.contested, set(index.merged)
            await store.lock(contested)
            known = [(tenant, prior) for tenant, prior in merged if prior not in index.new_persons]
            before = index
            index = await store.load(names, members_of=known)
            index.taken, index.decided = before.taken, before.decided
            index.carried_out = before.carried_out
            population = await self._population(transaction.connection, index, read)
            for turn, _ in read:
                turn.reset()
            actor = self._run(read, index, population)
            new = {(turn.envelope.tenant, person) for turn in turns for person in index.new_persons}
            if not index.contested <= contested or not set(index.merged) <= merged | new:
                # Somebody was faster between the two reads, and now other persons are concerned.
                raise Unavailable("the index has changed under this batch")
            await store.save(index)
            await records.save(population)
        if carried:
            await decisions.note_applied(carried, turns[0].now)
        for result, count in actor.results.items():
            IDENTITY_MATCHES.labels(result=result).inc(count)
        for pass_name, count in population.large.items():
            IDENTITY_LARGE_BLOCKS.labels(kind=pass_name).inc(count)

    async def _population(
        self, connection: Connection, index: Index, read: Sequence[tuple[Turn, Arrival]]
    ) -> Population:
        """The source records that the batch concerns; `index` learns whose they are."""
        telling = [
            (message, message.evidence)
            for turn, message in read
            if message.evidence is not None and self._linker.is_enabled(turn.envelope.tenant)
        ]
        if not telling:
            return Population({}, {}, (), {})
        held = await RecordStore(connection).held({evidence.key for _, evidence in telling})
        seeking = [
            evidence
            for message, evidence in telling
            if not index.candidates(message.subject) and evidence.features.is_evidence
        ]
        return await gather(connection, self._linker, index, seeking, held)

    def _run(
        self, read: Sequence[tuple[Turn, Arrival]], index: Index, population: Population
    ) -> MasterIndex:
        actor = MasterIndex(index, population, self._linker, self._ids, self._person_key)

        def receiving(message: Arrival) -> Callable[[Turn], None]:
            return lambda turn: actor.receive(message, turn)

        run_turns((turn, receiving(message)) for turn, message in read)
        return actor

    def _person_key(self, tenant: str, person_id: str) -> str:
        return self._digest.key(tenant, "person", person_id)


def _read(turn: Turn) -> Arrival:
    try:
        return Arrival.read(turn.envelope)
    except InvalidMessage as exc:
        raise TurnFailed(turn, exc) from exc


def _names(read: Sequence[tuple[Turn, Arrival]]) -> list[Name]:
    """All names in the batch, each once."""
    return list({
        name: None
        for _, message in read
        for identifiers in (message.subject, message.prior)
        for identifier in identifiers
        for name in identifier.names
    })  # fmt: skip
