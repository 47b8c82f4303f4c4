"""Keeps gRPC's own thread for the whole run.

Its last channel takes the thread along, and waits for it: whichever test the garbage collector chose
for that would fail for blocking the event loop.
"""

import grpc.aio

grpc.aio.init_grpc_aio()
