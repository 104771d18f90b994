"""Rule checks beside DuckDB, Polars and plain Python; all shipped rules beside settling; one prescription.

`python -m benchmarks.checks --visits 200000 --rounds 5 --out checks.json`

The JSON: machine, versions, sizes of the city, for each workload the seconds of each contender and round; all rules beside settling with
seconds by kernel and rule; seconds of each prescription.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .. import fresh, report
from . import kernels, prescription, together, town
from .peers.plain_python import SAMPLE
from .rules import workloads

PARTS = ("together", "prescription")
MOST_ROUNDS = 3  # of all rules beside settling, which take long


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def described(result: dict[str, Any]) -> str:
    """The city in one line."""
    size, versions = result["sizes"], result.get("versions", {})
    told = f"{size['visits']:,} visits and {size['lines']:,} lines of {size['persons']:,} persons; {size['standing_lines']:,} lines stand after netting"
    parts = ", ".join(f"{part} {taken:.0f} s" for part, taken in result["seconds"].items())
    return "; ".join([told, *dict.fromkeys(versions.values())]) + f". Took: {parts}."


def main(argv: list[str] | None = None) -> None:
    parser = report.parser("checks", __doc__)
    every = [*workloads(), *PARTS]
    parser.add_argument("--visits", type=int, default=200_000, help="ten lines each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=report.integers, default=[1, 2], help="of all rules beside settling")
    parser.add_argument("--only", default=",".join(every), help=f"by comma: {', '.join(every)}")
    parser.add_argument("--contenders", default=",".join(kernels.NAMES), help=f"by comma: {', '.join(kernels.NAMES)}")
    parser.add_argument("--calls", type=int, default=200, help="prescriptions")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep the city here, and take it from here when it is there")
    asked = parser.parse_args(argv)
    only, names = asked.only.split(","), asked.contenders.split(",")
    for given, known in ((only, every), (names, kernels.NAMES)):
        if set(given) - set(known):
            parser.error(f"no {', '.join(sorted(set(given) - set(known)))}; there are {', '.join(known)}")
    if asked.visits < 200:
        parser.error("--visits is at least 200")
    with tempfile.TemporaryDirectory(prefix="ybcore-checks-") as at:
        folder = asked.folder or Path(at)
        result = measure(folder, asked, only, names)
    parts = [described(result)]
    if result.get("rules"):
        parts.append(kernels.table(result, result["sizes"]["standing_lines"]))
    parts += [together.table(result["together"])] if "together" in result else []
    parts += [prescription.table(result["prescription"])] if "prescription" in result else []
    report.tell(result, asked.out, *parts)


def measure(folder: Path, asked: Any, only: list[str], names: list[str]) -> dict[str, Any]:
    """Everything that was asked for, in the order of the command's help; what there is stands in the file after each part."""
    result = report.begun(name="checks", visits=asked.visits, seed=asked.seed, rounds=asked.rounds)
    result["seconds"], result["sample"] = {}, SAMPLE

    def timed(part: str, call: Any) -> Any:
        began = time.perf_counter()
        done = call()
        result["seconds"][part] = time.perf_counter() - began
        return done

    def keep() -> None:
        if asked.out is not None:
            asked.out.write_text(json.dumps(result, indent=1) + "\n")

    say("the city ...")
    result["sizes"] = timed("city", lambda: town.made(folder, asked.visits, asked.seed))
    which = [name for name in workloads() if name in only]
    if which:
        result |= timed("rules", lambda: kernels.measure(folder, names, which, asked.rounds, say))
        keep()
    if "together" in only:
        result["together"] = timed(
            "together", lambda: together.measure(folder, asked.threads, min(asked.rounds, MOST_ROUNDS), say)
        )
        keep()
    if "prescription" in only:
        say("prescriptions ...")
        told = timed("prescription", lambda: fresh.ask("checks.prescription", str(folder), str(asked.calls)))
        result["prescription"] = told
    return result
