"""The wires of ingest other than gRPC."""
