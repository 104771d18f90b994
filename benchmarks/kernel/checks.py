"""`python -m benchmarks.kernel.checks`: million lines a second of each rule kernel, alone, on one thread and on two.

The stage `checks` of the bench makes the histories and calls the kernels; the fastest of the rounds counts.
"""

from __future__ import annotations

import argparse
import re
import sys

from .builds import PLAIN, FaultError, make, run

FULL = 200_000  # lines at scale 100


def rates(bench: list[str], lines: int, threads: int, rounds: int) -> dict[str, float]:
    """Rows a second by kernel, in millions."""
    done = run([*bench, "checks", str(max(1, lines * 100 // FULL)), str(threads), str(rounds)])
    told = re.findall(r"^checks/(\w+) (\d+) rows (\d+) ns$", done.stderr, flags=re.M)
    return {name: int(rows) * 1_000 / max(1, int(took)) for name, rows, took in told}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.kernel.checks", description=__doc__)
    parser.add_argument("--lines", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--bench", help="a bench that is built already")
    asked = parser.parse_args(arguments)
    try:
        bench = [asked.bench] if asked.bench else make(PLAIN)
        threads = [int(text) for text in asked.threads.split(",")]
        found = [rates(bench, asked.lines, one, asked.rounds) for one in threads]
    except FaultError as fault:
        print(fault)
        return 1
    print(
        f"| million rows a second | {' | '.join(f'{one} threads' for one in threads)} |\n|---|{'---|' * len(threads)}"
    )
    for name in found[0]:
        print(
            f"| {name} | {' | '.join(f'{one[name]:.0f}' if one[name] >= 10 else f'{one[name]:.1f}' for one in found)} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
