"""The tables at the door: schemas, reading, joins. See docs/inputs.md for the contract in words."""

from .description import describe
from .schema import INPUT_TABLES, OUTPUT_TABLES, Column, Table

__all__ = ["INPUT_TABLES", "OUTPUT_TABLES", "Column", "Table", "describe"]
