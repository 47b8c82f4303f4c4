"""Identity: who is who. The master person index, in the stream between transform and records."""
