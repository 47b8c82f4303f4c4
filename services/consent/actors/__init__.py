"""Who holds a person's directives, compiled, and changes them."""

from services.consent.actors.registry import Registry

__all__ = ["Registry"]
