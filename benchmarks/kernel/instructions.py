"""`python -m benchmarks.kernel.instructions`: what each stage of the kernel costs in instructions, held against a baseline.

Instructions do not depend on how busy a machine is, so a small loss shows where clocks would hide it. They do depend on the compiler
and the libc: a baseline belongs to one pair, and another pair is reported, not judged.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from .builds import PLAIN, FaultError, first, make, run

BASELINE = Path(__file__).resolve().parent / "instructions.json"
LIMIT = 30_000  # ppm above the baseline
SCALE = 100
# The libc picks its memory functions by the processor; without these it picks those that every x86-64 has. So does the kernel.
PLAIN_LIBC = (
    "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-BMI2,-RTM:"
    "glibc.cpu.x86_non_temporal_threshold=0x4000000"
)


def refs(bench: list[str], stage: str, scale: int, rounds: int) -> int:
    """Instructions of one process."""
    valgrind = first(("valgrind",))
    if valgrind is None:
        raise FaultError("missing: valgrind (Debian: valgrind)")
    with tempfile.NamedTemporaryFile() as unread:
        tool = [valgrind, "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={unread.name}"]
        done = run(
            [*tool, *bench, stage, str(scale), "1", str(rounds)], {"GLIBC_TUNABLES": PLAIN_LIBC, "YB_MAX_ISA": "v1"}
        )
    counted = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if counted is None:
        raise FaultError(f"cachegrind told no instructions:\n{done.stderr}")
    return int(counted[1].replace(",", ""))


def measure(bench: list[str], scale: int) -> dict[str, int]:
    """Instructions of the kernel in each stage: a round, less what making the input costs."""
    stages = run([*bench, "stages"]).stdout.split()
    return {stage: refs(bench, stage, scale, 1) - refs(bench, stage, scale, 0) for stage in stages}


def judge(found: dict[str, int], baseline: dict[str, int], limit: int = LIMIT) -> list[str]:
    """What is wrong: stages above the limit, and stages that only one side has."""
    out = [f"{stage}: no baseline" for stage in found if stage not in baseline]
    out += [f"{stage}: in the baseline, not in the bench" for stage in baseline if stage not in found]
    for stage in found:
        if stage in baseline and found[stage] * 1_000_000 > baseline[stage] * (1_000_000 + limit):
            out.append(f"{stage}: {change(found[stage], baseline[stage])} instructions, allowed +{limit / 10_000:.1f}%")
    return out


def change(found: int, was: int) -> str:
    return f"{100 * (found - was) / was:+.2f}%"


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {"scale": SCALE, "kernel": {}}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.kernel.instructions", description=__doc__)
    parser.add_argument("--write", action="store_true", help="make what is measured the baseline of this pair")
    parser.add_argument("--baseline", type=Path, default=BASELINE)
    parser.add_argument("--bench", help="a bench that is built already")
    parser.add_argument("--scale", type=int, default=SCALE, help="hundredths of the full size")
    asked = parser.parse_args(arguments)
    try:
        bench = [asked.bench] if asked.bench else make(PLAIN)
        pair = run([*bench, "about"]).stdout.strip()
        found = measure(bench, asked.scale)
    except FaultError as fault:
        print(fault)
        return 1
    kept = read(asked.baseline)
    if asked.write:
        pairs = kept["kernel"] if kept["scale"] == asked.scale else {}
        written = {"scale": asked.scale, "kernel": dict(sorted({**pairs, pair: found}.items()))}
        asked.baseline.write_text(json.dumps(written, indent=2) + "\n")
        print(f"{asked.baseline.name}: {pair}")
        return 0
    if kept["scale"] != asked.scale:
        print(f"the baseline is of scale {kept['scale']}, asked was {asked.scale}")
        return 1
    known = kept["kernel"].get(pair)
    print(pair)
    for stage, count in found.items():
        against = f"  {change(count, known[stage])}" if known and stage in known else ""
        print(f"  {stage:<8}{count:>14,}{against}")
    if known is None:
        print(f"NOT GATED: no baseline for this pair; {asked.baseline.name} has {', '.join(kept['kernel']) or 'none'}.")
        print("To add it: make instructions-baseline, then commit the file.")
        return 0
    if wrong := judge(found, known):
        print("\n".join(["TOO MANY INSTRUCTIONS, or stages without a baseline:", *(f"  {one}" for one in wrong)]))
        print("If that is the price of something wanted: make instructions-baseline, and say why in the commit.")
        return 1
    if any(count * 1_000_000 < known[stage] * (1_000_000 - LIMIT) for stage, count in found.items()):
        print("Fewer than before: make instructions-baseline keeps what was won.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
