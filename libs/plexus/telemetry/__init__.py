"""What the mesh tells about itself: logs, metrics and traces, without patient data.

`names` is the registry of every name, `logs` writes JSON lines with listed keys only, `metrics`
defines each metric once, `tracing` makes spans and carries trace context.
"""
