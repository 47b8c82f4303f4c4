"""Actors and flows: how a stage works off its stream.

An actor is one entity with one writer: `receive(message, turn)` decides and buffers what follows in
the turn, which is a transaction. `turn` has the actor's side, `flow` runs turn batches for the shards
that a replica owns, `outbox` publishes what was committed, `parking` limits how much may be parked.
"""

from plexus.actors.flow import Flow, Stage
from plexus.actors.lease_journal import LeaseJournal
from plexus.actors.turn import (
    Actor,
    Address,
    Directive,
    Turn,
    TurnFailed,
    run_turn,
    run_turns,
    supervise,
)

__all__ = [
    "Actor",
    "Address",
    "Directive",
    "Flow",
    "LeaseJournal",
    "Stage",
    "Turn",
    "TurnFailed",
    "run_turn",
    "run_turns",
    "supervise",
]
