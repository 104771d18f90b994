"""A batch through the rules: docs/checks.md on columns."""
