"""gRPC, for questions: servers that answer with reasons, callers that always have a deadline.

`server` builds a server with health, reflection and our interceptor; `client` makes calls; `status`
translates between the error tree and gRPC status with details, at this boundary only.
"""

from plexus.rpc.client import Peer
from plexus.rpc.server import RpcServer

__all__ = ["Peer", "RpcServer"]
