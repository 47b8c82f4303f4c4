"""Transform: meaning. A pure function from what a source sent to a canonical event."""
