"""Who holds a person's directives, compiled, and changes them."""

from services.consent.actors.registry import Registry, Told

__all__ = ["Registry", "Told"]
