"""A job settled again after some changes, by units of settling groups, in bounded memory (docs/resettlement.md section 9)."""
