"""A settlement service over HTTP: settle, reverse, check and explain, with the state in a database (docs/service.md)."""
