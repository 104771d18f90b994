"""The kernel without Python: the same bytes from every compiler and machine, and what a stage costs in instructions."""
