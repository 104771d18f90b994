"""What hangs on rules, tables, catalogue, institutions and doctors alone: made once, shared by calls."""
