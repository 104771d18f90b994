"""What a shell and a first call wait for: imports, help, the first settlement, each in fresh processes.

`python -m benchmarks.startup --rounds 9 --out startup.json`

Seconds from the start of the interpreter to its end, beside an interpreter that does nothing; those of processors tell how much of it
was waiting for other work on the machine. The settlements are timed inside their
process: making an engine of one document, then the same two visits again and again.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

from . import report

#: What is started, and the most that we allow ourselves.
STARTS: dict[str, tuple[list[str], float | None]] = {
    "python, nothing": (["-c", "pass"], None),
    "import numpy": (["-c", "import numpy"], None),
    "import ybcore": (["-c", "import ybcore"], 0.25),
    "import numpy, ybcore": (["-c", "import numpy, ybcore"], 0.25),
    "from ybcore import Engine": (["-c", "from ybcore import Engine"], None),
    "ybcore --version": (["-m", "ybcore", "--version"], 0.2),
    "ybcore --lang zh --help": (["-m", "ybcore", "--lang", "zh", "--help"], 0.2),
    "ybcore --lang en --help": (["-m", "ybcore", "--lang", "en", "--help"], 0.2),
    "ybcore settle --help": (["-m", "ybcore", "settle", "--help"], 0.2),
}
# Tables are Arrow's: what pyarrow loads to convert Python values (pandas, where it is installed) is not the engine's wait.
FIRST = """
import json, time
import pyarrow as pa
times = []
def now(name, since):
    times.append([name, time.perf_counter() - since])
    return time.perf_counter()
visits = pa.table({"setl_id": ["S1", "S2"], "psn_no": ["P1", "P2"], "insutype": ["310", "310"], "med_type": ["21", "21"],
                   "setl_time": ["2024-05-01", "2024-06-01"], "inscp_scp_amt": [1_000_000, 100_000]})
at = time.perf_counter()
from ybcore import Engine
at = now("load the engine", at)
engine = Engine('''format: ybcore-policy/1
id: town
scheme: {id: town, region: "*", insutype: ["310"]}
effective: {from: 2024-01-01}
plans:
  - id: inpatient
    layers:
      - {id: basic, basic: true, payer: hifp_pay, deductible: {amount: 1300}, rate: 0.85}
''', threads=1)
at = now("make an engine of one document", at)
for name in ("first settle, two visits", "second settle", "third settle"):
    engine.settle(visits)
    at = now(name, at)
print(json.dumps(times))
"""


def start(words: list[str]) -> tuple[float, float]:
    """(seconds, seconds of processors) of one interpreter. Raises CalledProcessError when it fails."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(rounds: int) -> dict[str, Any]:
    """Rounds in turn, one start of each a round; the first round, which reads files from the disk, does not count."""
    result = report.begun(name="startup")
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in STARTS}
    inside: dict[str, list[float]] = {}
    for k in range(rounds + 1):
        for name, (words, _) in STARTS.items():
            took = start(words)
            if k:
                seconds[name].append(took)
        done = subprocess.run([sys.executable, "-c", FIRST], check=True, stdout=subprocess.PIPE, text=True)
        for name, took in json.loads(done.stdout.splitlines()[-1]):
            if k:
                inside.setdefault(name, []).append(took)
    result["starts"] = {name: {
            "seconds": [wall for wall, _ in each], "cpu_seconds": [busy for _, busy in each], "wanted": STARTS[name][1],
        } for name, each in seconds.items()
    }  # fmt: skip
    result["inside"] = {name: {"seconds": each} for name, each in inside.items()}
    return result


def table(result: dict[str, Any]) -> str:
    """One row a start, then what happens inside a process."""
    rows = []
    for name, one in [*result["starts"].items(), *result["inside"].items()]:
        middle, wanted = report.middle(one["seconds"]), one.get("wanted")
        busy = f"{report.middle(one['cpu_seconds']):.3f}" if "cpu_seconds" in one else "–"
        goal = "–" if wanted is None else f"{wanted:.2f} ({'kept' if middle <= wanted else 'missed'})"
        rows.append([name, f"{middle:.3f}", f"{min(one['seconds']):.3f}–{max(one['seconds']):.3f}", busy, goal])
    return report.table(["what", "s (median)", "range", "processor s", "at most"], rows)


def main(argv: list[str] | None = None) -> None:
    parser = report.parser("startup", __doc__)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args(argv)
    result = measure(asked.rounds)
    report.tell(result, asked.out, table(result))


if __name__ == "__main__":
    main()
