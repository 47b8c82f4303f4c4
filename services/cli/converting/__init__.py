"""Converting without a mesh: what `plexus convert` and `plexus explain` share.

`dialect` knows what is known of a source: from a mesh document, or from the command line. `batch`
converts messages one by one, and `explained` shows one. The same maps run as in the mesh; what is
missing is who the person is: here it is whoever the first identifier names.
"""

from services.cli.converting.dialect import Dialect, dialect_options

__all__ = ["Dialect", "dialect_options"]
