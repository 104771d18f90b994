"""`python -m ybcore` is `ybcore`."""

from ybcore.cli import script

if __name__ == "__main__":
    script()
