"""MLLP from the sender's side: one connection, a message, and its answer.

`plexus.codecs.mllp` frames; ingest listens.
"""

from plexus.mllp.client import MllpClient

__all__ = ["MllpClient"]
