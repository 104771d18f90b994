"""A year from files to files, beside what reading, settling and writing take alone.

`python -m benchmarks.files --folder F --visits 10000000 --memory 4GiB --threads 2 --out files.json`

The floor: every row group of the inputs decoded (`decode`), every unit settled by the engine from tables that lie in memory (`kernel`) and every part
encoded (`encode`), each alone, on the same number of threads, with the same columns and the same writer, the files in the page cache. A job does the same
and has to find what belongs together, sort it and keep its journal. Each figure is a fresh process. Beside the clock stand processor seconds of all
threads, in which a busy machine shows less: of the job with the start of its process, of the floor without. The rows of both years are the same: their
settlements are compared before anything is told.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ybcore.memory import take_from_system

from . import fresh, report, years

DOCUMENT = """ybcore: job/1
policy: [{policies}]
catalog: {folder}/catalog
inputs:
  visits: {folder}/visits
  lines: {folder}/lines
  persons: {folder}/persons.parquet
  institutions: {folder}/institutions.parquet
  acct_events: {folder}/acct_events.parquet
output: {out}
memory: {memory}
threads: {threads}
"""


def document(folder: Path, out: Path, memory: str, threads: int) -> Path:
    """A job over one of the years, under the schemes of `ybcore demo`."""
    from ybcore.cli.settle import demo_policies

    path = out.parent / f"{out.name}.yaml"
    policies = ", ".join(str(policy) for policy in demo_policies())
    path.write_text(DOCUMENT.format(policies=policies, folder=folder, out=out, memory=memory, threads=threads))
    return path


def warm(folder: Path) -> int:
    """Bytes of the visits and lines, all of them read once."""
    total = 0
    for path in sorted(folder.rglob("*.parquet")):
        with open(path, "rb") as file:
            while block := file.read(1 << 24):
                total += len(block)
    return total


def job(path: Path) -> dict[str, Any]:
    """One run of the job in a process of its own: seconds, steps and the peak of its memory."""
    out = path.with_suffix("")
    for folder in (out, out.parent / f"{out.name}.unfinished"):
        shutil.rmtree(folder, ignore_errors=True)
    began = time.perf_counter()
    command = [sys.executable, "-c", "from ybcore.cli import main; main()", "run", str(path)]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    status = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"the job {path} stopped with exit code {status}")
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    told = {name: run[name] for name in ("steps", "threads", "peak_memory_bytes")}
    return told | {
        "seconds": seconds,
        "cpu_seconds": spent.ru_utime - used.ru_utime + spent.ru_stime - used.ru_stime,
    }


# ------------------------------------------------------------------ the floor, in this process


def decode(path: Path) -> dict[str, Any]:
    """Seconds to decode every row group of the inputs on the job's threads."""
    from ybcore.jobs.document import load_job
    from ybcore.jobs.job import Opened

    asked = load_job(path)
    opened = Opened.of(asked)
    wanted = _columns(opened.datasets)
    groups = [
        (data, file.index, group, wanted.get(name))
        for name, data in opened.datasets.items()
        for file in data.files
        for group in range(len(file.group_rows))
    ]
    began, worked = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(asked.threads) as pool:
        rows = sum(pool.map(lambda at: at[0].read(*at[1:]).num_rows, groups))
    return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - worked, "rows": rows}


def _columns(datasets: dict[str, Any]) -> dict[str, list[str]]:
    """Every column but the names of lines, where no line returns another."""
    lines = datasets["lines"].columns
    if {"feedetl_sn", "init_feedetl_sn"} <= set(lines):
        return {}
    return {"lines": [name for name in lines if name not in ("feedetl_sn", "init_feedetl_sn")]}


class _Inline:
    """A pool that does what it is given at once, so that nothing runs beside what is measured."""

    def submit(self, function: Any, *given: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*given))
        return done


def rest(path: Path) -> dict[str, Any]:
    """Seconds in which the job's threads settle every unit and write every part, one after the other."""
    from ybcore.engine import Engine
    from ybcore.jobs.document import load_job
    from ybcore.jobs.job import Opened
    from ybcore.jobs.manifest import Inputs, begin
    from ybcore.jobs.parts import write_part
    from ybcore.jobs.run import AROUND, Work
    from ybcore.jobs.unit import Outputs, settle_unit

    asked = load_job(path)
    opened = Opened.of(asked)
    threads = asked.threads or 1
    spent = dict.fromkeys(("kernel", "encode", "units", "kernel_cpu", "encode_cpu", "units_cpu"), 0.0)
    lock = threading.Lock()

    class Timed(Engine):
        def settle(self, *given: Any, **named: Any) -> Any:
            began, worked = time.perf_counter(), time.thread_time()
            try:
                return super().settle(*given, **named)
            finally:
                with lock:
                    spent["kernel"] += (time.perf_counter() - began) / threads
                    spent["kernel_cpu"] += time.thread_time() - worked

    engines = [Timed(opened.engine.book, opened.engine.catalog, threads=1) for _ in range(threads)]
    scratch = asked.output.parent / f"{asked.output.name}.floor"
    scratch.mkdir(exist_ok=True)

    class Floor(Work):
        def run(self) -> Any:
            from ybcore.jobs.plan import make_plan

            self.workers, self.pool = 1, _Inline()
            self.plan = make_plan(self.engine, self.datasets, None, self.unit_visits, map)
            self._engines = deque()
            self.ready: list[dict[str, Any]] = []
            for name in AROUND:
                if name in self.datasets:
                    self._scatter(name)
            self._settle_all()
            self.flush()

        def _settle(self, unit: int, tables: dict[str, Any]) -> int:
            self.ready.append(self.completed(unit, tables))
            if len(self.ready) == threads:
                self.flush()
            return unit

        def flush(self) -> None:
            with ThreadPoolExecutor(threads) as pool:
                began, worked = time.perf_counter(), time.process_time()
                done = list(
                    pool.map(lambda at: settle_unit(at[0], at[1], outputs=self.outputs), zip(engines, self.ready))
                )
                spent["units"] += time.perf_counter() - began
                spent["units_cpu"] += time.process_time() - worked
                self.ready.clear()
                began, worked = time.perf_counter(), time.process_time()
                list(pool.map(lambda at: self.wrote(*at), enumerate(done)))
                spent["encode"] += time.perf_counter() - began
                spent["encode_cpu"] += time.process_time() - worked

        def wrote(self, at: int, result: Any) -> None:
            write_part(result.settlements, scratch / f"{at}.parquet")
            if result.state is not None:
                result.state.save(scratch / f"state-{at}")

    journal = begin(Inputs(asked, opened.engine, opened.datasets, opened.rules), replace=True)
    assert journal is not None
    with journal:
        outputs = Outputs(**dict(asked.outputs))
        Floor(opened.engine, opened.datasets, journal, outputs=outputs, memory=asked.memory, threads=threads).run()
    shutil.rmtree(scratch)
    shutil.rmtree(asked.output.parent / f"{asked.output.name}.unfinished", ignore_errors=True)
    return spent


# ------------------------------------------------------------------ the whole


def compared(one: Path, two: Path) -> int:
    """Rows of two jobs' settlements, which must be the same but for the files they came from. Raises SystemExit."""
    parts = [sorted((out / "settlements").glob("*.parquet")) for out in (one, two)]
    rows = 0
    tables = [_flow(files) for files in parts]
    for a, b in zip(*tables, strict=True):
        if not a.equals(b):
            raise SystemExit(f"the two years were settled differently near row {rows:,}; nothing is told")
        rows += a.num_rows
    return rows


def _flow(files: list[Path]) -> Any:
    """Rows in pieces of one size, without the columns that say where they came from."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    held: list[Any] = []
    count, size = 0, 1 << 16
    data = ds.dataset([str(path) for path in files])
    names = [name for name in data.schema.names if name not in ("source_file", "source_row")]
    for batch in data.to_batches(columns=names, batch_size=size, fragment_readahead=1, batch_readahead=1):
        table = pa.Table.from_batches([batch])
        held.append(_texts(table))
        count += table.num_rows
        while count >= size:
            whole = pa.concat_tables(held)
            yield whole.slice(0, size).combine_chunks()
            held = [whole.slice(size)]
            count -= size
    if count:
        yield pa.concat_tables(held).combine_chunks()


def _texts(table: Any) -> Any:
    import pyarrow as pa

    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(field.type.value_type))
    return table


def measure(folder: Path, visits: int, seed: int, memory: str, threads: int, rounds: int) -> dict[str, Any]:
    """The years, the floor, and the jobs in turn."""
    result = report.begun(name="files", visits=visits, seed=seed, memory=memory, threads=threads)
    found = years.made(folder / "year", visits, seed)
    paths = {kind: document(found[kind], folder / f"out-{kind}", memory, threads) for kind in years.KINDS}
    result["bytes"] = {kind: warm(found[kind]) for kind in years.KINDS}
    result["jobs"] = {kind: [] for kind in years.KINDS}
    floor = fresh.ask("files", "--rest", str(paths["grouped"]), threads=threads)
    result["floor"], result["floor_cpu"] = {}, {}
    for kind in years.KINDS:
        alone = fresh.ask("files", "--decode", str(paths[kind]), threads=threads)
        result["floor"][kind] = {"decode": alone["seconds"], "kernel": floor["kernel"], "encode": floor["encode"]}
        worked = {"decode": alone["cpu_seconds"], "kernel": floor["kernel_cpu"], "encode": floor["encode_cpu"]}
        result["floor_cpu"][kind] = worked
    result["units_seconds"], result["units_cpu_seconds"] = floor["units"], floor["units_cpu"]
    for _ in range(rounds):
        for kind in years.KINDS:
            print(f"{kind} ...", file=sys.stderr, flush=True)
            result["jobs"][kind].append(job(paths[kind]))
    result["rows"] = compared(folder / "out-scattered", folder / "out-grouped")
    return result


def table(result: dict[str, Any]) -> str:
    """One row a year."""
    head = [
        "input",
        "s (median)",
        "decode",
        "kernel",
        "encode",
        "× their sum",
        "processor s",
        "× theirs",
        "outside the kernel",
        "visits/s",
        "most memory",
    ]
    rows = []
    for kind, runs in result["jobs"].items():
        seconds = report.middle([run["seconds"] for run in runs])
        floor = result["floor"][kind]
        whole = sum(floor.values())
        worked = report.middle([run["cpu_seconds"] for run in runs])
        theirs = sum(result["floor_cpu"][kind].values())
        most = max(run["peak_memory_bytes"] for run in runs) / 2**30
        rows.append([
            kind, f"{seconds:.1f}", *(f"{floor[name]:.1f}" for name in ("decode", "kernel", "encode")), f"{seconds / whole:.2f}",
            f"{worked:.1f}", f"{worked / theirs:.2f}", f"{1 - floor['kernel'] / seconds:.0%}", f"{result['rows'] / seconds:,.0f}", f"{most:.2f} GiB",
        ])  # fmt: skip
    return report.table(head, rows)


def main(argv: list[str] | None = None) -> None:
    parser = report.parser("files", __doc__)
    parser.add_argument(
        "--folder", type=Path, help="where the years and the outputs lie; needs about 25 GB at ten million visits"
    )
    parser.add_argument("--visits", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", default="4GiB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--decode", type=Path, help="measure decoding the inputs of this job here and answer in JSON")
    parser.add_argument("--rest", type=Path, help="measure settling and encoding here and answer in JSON")
    asked = parser.parse_args(argv)
    if asked.decode or asked.rest:
        take_from_system()  # as the job does
        print(json.dumps(decode(asked.decode) if asked.decode else rest(asked.rest)))
        return
    if asked.folder is None:
        parser.error("--folder is needed: the years are large")
    asked.folder.mkdir(parents=True, exist_ok=True)
    result = measure(asked.folder.resolve(), asked.visits, asked.seed, asked.memory, asked.threads, asked.rounds)
    report.tell(result, asked.out, table(result))


if __name__ == "__main__":
    main()
