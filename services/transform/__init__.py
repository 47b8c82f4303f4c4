"""Transform: the meaning of a message, a pure function between the `raw` and `canonical` streams.

`domain` holds the mapping engine and `maps` the maps it runs: reviewable text in the project's own
notation, each rule citing the row of the HL7 V2-to-FHIR guide it follows.
"""
