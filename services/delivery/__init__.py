"""Delivery: leaving. One actor per destination, with its own queue."""
