"""Tables of devices and of who did what: the inverse of `plexus.codecs.fhir.origins`."""

from collections.abc import Mapping
from typing import Any, Final

from plexus.codecs.fhir.reading.filling import Each, Reading, Table, fill
from plexus.codecs.fhir.reading.tree import Tree

__all__ = ["TABLES"]


def _name(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """The first name, if it is one for people: what else it is called stays residue."""
    names = source[name]
    for each in names if isinstance(names, list) else ():
        if isinstance(each, dict) and each.get("type") == "user-friendly-name":
            fill({"name": "name"}, "Device.deviceName", each, target, reading)
            if "name" not in each:
                del each["type"]


TABLES: Final[Mapping[str, Table]] = {
    "Device": {
        "identifier": "identifiers",
        "udiCarrier": {"deviceIdentifier": "device_identifier"},
        "distinctIdentifier": "distinct_identifier",
        "manufactureDate": "manufactured",
        "expirationDate": "expiration",
        "lotNumber": "lot_number",
        "serialNumber": "serial_number",
        "deviceName": _name,
        "type": "type",
    },
    "Provenance": {
        "target": "targets",
        "occurredDateTime": "occurred",
        "recorded": "recorded",
        "location": "location",
        "reason": "reasons",
        "activity": "activity",
        "agent": Each("agents", {"type": "role", "who": "actor", "onBehalfOf": "on_behalf_of"}),
    },
}
