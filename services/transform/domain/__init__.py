"""The domain of transform: HL7 v2 messages to canonical events, by maps that people can review.

`notation`, `conditions`, `tables` and `structures` read the maps; `targets`, `library`, `reading`,
`reaching`, `constants` and `generate` check and compile them, `load` does it all once; `convert`
runs them with a `draft` in hand. `datatypes`, `values`, `places`, `citations` and `times` are what
maps cannot say; `kept` remembers codes. Pure: no I/O beyond reading the package's own maps.
"""

from services.transform.domain.context import SourceContext
from services.transform.domain.convert import convert
from services.transform.domain.load import Maps, load_maps, parse_maps

__all__ = ["Maps", "SourceContext", "convert", "load_maps", "parse_maps"]
