"""`python -m benchmarks.kernel.portable`: every compiler, machine and number of threads gives the same bytes.

What this machine lacks is named and left out; with YBCORE_REQUIRE_SYSTEM=1, as in CI, it is an error.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from .builds import OTHERS, PLAIN, FaultError, make, run, unit_tests


def digests(bench: list[str], scale: int, threads: int) -> list[str]:
    """The bench's lines: stage, digest, what happened."""
    return run([*bench, "all", str(scale), str(threads)]).stdout.splitlines()


def differences(expected: list[str], found: list[str]) -> list[str]:
    """Stages that differ, each with both lines."""
    if [line.split()[0] for line in expected] != [line.split()[0] for line in found]:
        return [f"other stages: {expected} and {found}"]
    return [f"expected {e}\n    found    {f}" for e, f in zip(expected, found, strict=True) if e != f]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.kernel.portable", description=__doc__)
    parser.add_argument("--scale", type=int, default=100, help="hundredths of the full size")
    scale = parser.parse_args(arguments).scale
    if lacking := PLAIN.missing():
        print(f"missing: {', '.join(lacking)}")
        return 1
    expected: list[str] = []
    faults = 0
    left_out = []
    for build in (PLAIN, *OTHERS):
        if lacking := build.missing():
            left_out += [f"{build.name}: missing {name}" for name in lacking]
            continue
        begin = time.monotonic()
        told = []
        try:
            bench = make(build)
            told.append(f"built in {time.monotonic() - begin:.0f} s")
            for threads in (1, 2):
                lines = digests(bench, scale, threads)
                if not expected:
                    expected = lines
                    print("\n".join(lines))
                found = differences(expected, lines)
                faults += len(found)
                told.append(
                    f"{threads} thread{'s' if threads > 1 else ''} {'the same' if not found else f'DIFFERS in {len(found)}'}"
                )
                for one in found:
                    print(f"{build.name}, {threads} threads:\n    {one}")
            if build.tests and build is not PLAIN:  # those of the plain build are `make cpp-test`
                told.append(unit_tests(build))
        except FaultError as fault:
            faults += 1
            print(f"{build.name}: {fault}")
        print(f"{build.name}: {', '.join(told)}, {time.monotonic() - begin:.0f} s", flush=True)
    for one in left_out:
        print(f"NOT COMPARED {one}")
    required = os.environ.get("YBCORE_REQUIRE_SYSTEM") == "1"
    return 1 if faults or (required and left_out) else 0


if __name__ == "__main__":
    sys.exit(main())
