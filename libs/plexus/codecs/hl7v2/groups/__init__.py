"""Groups of segments: which order an OBX belongs to, which insurance an IN2.

`table` knows the message structures of HL7 v2.1 to v2.8.2, `moves` where a segment may stand after
another, and `tree` puts a message into groups. No message is refused here: what a structure does not
foresee stays where it was written, with the segment before it, and disturbs nothing else.
"""

from plexus.codecs.hl7v2.groups.moves import way
from plexus.codecs.hl7v2.groups.table import Grammar, Kind, Move, grammar_of, structure_of
from plexus.codecs.hl7v2.groups.tree import Group, Tree, group

__all__ = ["Grammar", "Group", "Kind", "Move", "Tree", "grammar_of", "group", "structure_of", "way"]
