"""The command line. stdout carries data, stderr everything else; exit codes: 0 done, 1 handled failure, 2 crash, usage, interruption."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; the language is decided before anything is said."""
    from .. import messages
    from .base import language_of, run

    arguments = list(sys.argv[1:] if argv is None else argv)
    messages.use(language_of(arguments))
    try:
        code = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough; what is left must not be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    return code


def script() -> None:
    """`python -m ybcore`."""
    sys.exit(main())
