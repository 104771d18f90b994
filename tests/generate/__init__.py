"""Random policy documents and random populations, aimed at each other: every option of the language is reachable."""
