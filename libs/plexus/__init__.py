"""The libraries that every service of Plexus stands on."""
