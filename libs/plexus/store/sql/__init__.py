"""SQL files of the journal, applied by `plexus.store.migrations`."""
