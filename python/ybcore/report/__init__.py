"""Tables for people: the summary of a run and the story of one settlement."""
