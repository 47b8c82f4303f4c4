"""A small FHIR R4 server that takes what a destination gets, and remembers what it took.

    documents     the few FHIR documents that it writes itself: outcomes, capabilities, searches
    resources     current resources, found by id and by identifier
    transactions  a transaction bundle as one act: all of it or nothing
    commit_log    what was committed, appended to a file before it is answered
    validation    resources held against the R4 models, in a process of its own
    exchange      a request and its answer
    fhir_receiver what is answered, and the HTTP server
    counting      the HTTP server of a receiver that only counts

It is for trying destinations out, for the demo, the tests and the benchmark; it is no record system.
"""

from services.cli.receiver.fhir_receiver import Faults, FhirReceiver
from services.cli.receiver.transactions import Committed, Touched

__all__ = ["Committed", "Faults", "FhirReceiver", "Touched"]
