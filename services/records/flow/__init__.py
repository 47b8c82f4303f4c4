"""The records in the stream: `stage` takes the turns, `directives` tells consent what concerns it."""

from services.records.flow.directives import ConsentTeller
from services.records.flow.stage import RecordsStage

__all__ = ["ConsentTeller", "RecordsStage"]
