"""The services of Plexus, one folder each."""
