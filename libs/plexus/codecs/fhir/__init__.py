"""FHIR R4: canonical resources and record changes as FHIR JSON.

`resources` renders one resource, `bundle` the effect of one message as a transaction or as NDJSON.
What goes out is valid R4, holds no empty element, keeps every digit of a number and the precision
of every time, and is the same bytes for the same input. Residue (what the canonical model does not
hold) stays in the record, unless a receiver is to be told of it (`provenance`).
"""

from plexus.codecs.fhir.bundle import (
    Disclosure,
    Sender,
    bundle_bytes,
    render_bundle,
    resource_lines,
)
from plexus.codecs.fhir.resources import render_resource

__all__ = [
    "Disclosure",
    "Sender",
    "bundle_bytes",
    "render_bundle",
    "render_resource",
    "resource_lines",
]
