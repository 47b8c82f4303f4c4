"""Gathers the source records with which something that is said of a person is compared."""

from collections.abc import Mapping, Sequence

from plexus.store import Connection
from services.identity.domain import Evidence, Held, Index, Linker, Population, RecordKey
from services.identity.store import AssertionStore, RecordStore

__all__ = ["gather"]


async def gather(
    connection: Connection,
    linker: Linker,
    index: Index,
    seeking: Sequence[Evidence],
    held: Mapping[RecordKey, Held],
) -> Population:
    """The records that share a key with any of `seeking`, and all records of the persons behind those.

    Args:
        connection: to identity's schema.
        linker: says which persons are worth a look.
        index: learns whose the records are.
        seeking: what is said.
        held: what is stored of the records that are told, to be kept in the population.
    """
    records = RecordStore(connection)
    if not seeking:
        return Population(held, {}, (), {})
    found = await records.blocks({key.number for evidence in seeking for key in evidence.keys})
    numbers = {number for block in found.records.values() for number in block}
    numbered, features, links = await records.read(numbers)
    index.learn(links)
    blocks = {
        key: [numbered[number] for number in block if number in numbered]
        for key, block in found.records.items()
    }
    population = Population(held, blocks, found.large, features)
    promising = {
        (evidence.key.name.tenant, person)
        for evidence in seeking
        for person in linker.promising(evidence.key.name.tenant, evidence, population, index)
    }
    if not promising:
        return population
    members, links = await records.members(promising)
    index.learn(links)
    assertions = await AssertionStore(connection).among(links)
    return Population(held, blocks, found.large, features | members, assertions)
