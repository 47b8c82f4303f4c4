"""Records: the record. One actor per person, and the rule of which value wins."""
