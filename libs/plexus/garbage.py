"""Garbage that is seldom looked for.

What was imported lives as long as the process, and messages make few cycles.
"""

import gc
from typing import Final

__all__ = ["collect_seldom"]

_THRESHOLDS: Final = (50_000, 20, 50)


def collect_seldom() -> None:
    """Look for garbage seldom from now on, and never in what is there already."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
