"""Sending HL7 v2 messages, as a source does: with an answer for each, and in order for each patient.

    channels      a way to a feed: MLLP or gRPC
    outgoing      what is sent, read from files and folders
    sender        many messages over some connections, with retries, and the history of it
    latency       percentiles
    generator     synthetic traffic of a hospital

`plexus send`, `plexus bench`, the demo and the end-to-end tests stand on it.
"""

from services.cli.sending.channels import Answer, Channel, GrpcChannel, MllpChannel
from services.cli.sending.generator import TrafficGenerator
from services.cli.sending.outgoing import Outgoing, outgoing, read_files
from services.cli.sending.sender import Sent, send_all, send_to_feeds

__all__ = [
    "Answer",
    "Channel",
    "GrpcChannel",
    "MllpChannel",
    "Outgoing",
    "Sent",
    "TrafficGenerator",
    "outgoing",
    "read_files",
    "send_all",
    "send_to_feeds",
]
