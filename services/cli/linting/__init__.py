"""Holding messages against the standard: what `plexus lint` looks for.

`findings` says what is found and where, `structure` looks at segments and their order, `standard` at
fields, with hl7apy, which is slow and strict and therefore known here only.
"""

from services.cli.linting.findings import Finding, lint_file

__all__ = ["Finding", "lint_file"]
