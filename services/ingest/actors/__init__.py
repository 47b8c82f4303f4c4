"""One actor per feed takes messages in; one committer per replica stores what they all took."""

from services.ingest.actors.committer import Committer
from services.ingest.actors.feed import FeedActor, Reply

__all__ = ["Committer", "FeedActor", "Reply"]
