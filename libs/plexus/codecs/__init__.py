"""Dialects on the wire: bytes to structure and back, without any I/O.

One module or package per dialect. A codec knows how a dialect is written, never what it means:
meaning belongs to `services.transform`. Codecs take bytes and give plain objects, so that they
run the same in a listener, in a test and over a file. Nothing in here awaits, logs or keeps state
between messages, but for the frame decoder of a connection.
"""
