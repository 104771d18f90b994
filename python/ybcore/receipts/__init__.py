"""What a run leaves behind so that it can be proved again (docs/receipts.md)."""
