"""Runs one service: start order, readiness, and drain on SIGTERM.

`runtime` connects what a service stands on and stops it in reverse order; `admin` is the plain HTTP
server with /livez, /readyz and /metrics; `stage` wires a flow.
"""

from plexus.service.runtime import Runtime, run_service
from plexus.service.stage import open_stage

__all__ = ["Runtime", "open_stage", "run_service"]
