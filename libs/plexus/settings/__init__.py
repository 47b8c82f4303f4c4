"""Settings: one class per service, read from the environment, and the mesh document.

`base` has what every service needs to run (addresses, secrets, telemetry); `document` reads the
YAML that says what the mesh does (feeds, destinations, policy) and tells the line of an error.
"""

from plexus.settings.base import ServiceSettings, describe, printable
from plexus.settings.document import Document, Section, load_document

__all__ = ["Document", "Section", "ServiceSettings", "describe", "load_document", "printable"]
