"""All shipped rules over the city, with its own tables, beside ybcore's own settling of the same visits and lines, on the same threads.

The check is `load_rules`, `ybcore.check`, findings and details; settling is `load_book`, the engine and `settle` without receipt. Places
without a shipped scheme settle under another's: Tianjin's employees under Beijing's, Hefei's residents under Luoyang's.
"""

from __future__ import annotations

import copy
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import fresh, report
from .town import Town

WANTED = 8.0  # at most so many times the time of settling
MEMORY = 8 * 2**30
MOVED = {"beijing-employee": "120000", "luoyang-resident": "340100"}


def schemes() -> list[dict[str, Any]]:
    """Raw documents for every place of the city."""
    from ybcore import load_book
    from ybcore.cli.settle import demo_policies

    out = []
    for policy in load_book(demo_policies()):
        out.append(policy.doc)
        scheme = policy.doc["scheme"]
        if scheme["id"] in MOVED:
            doc = copy.deepcopy(policy.doc)
            doc["id"], doc["scheme"] = (
                f"{doc['id']}-moved",
                {**scheme, "id": f"{scheme['id']}-moved", "region": MOVED[scheme["id"]]},
            )
            out.append(doc)
    return out


def documents(town: Town) -> list[Any]:
    """The shipped documents and the city's own layer."""
    from ybcore.checks import shipped_rules

    from .own_layer import own_layer

    return [*shipped_rules(), own_layer(town)]


def run(folder: Path, threads: int, rounds: int) -> dict[str, Any]:
    """Both in turn, in this process; memory of the first check."""
    import ybcore
    from ybcore import Engine, load_book

    town = Town(folder)
    tables, catalog, rules, policies = town.tables(dirty=False), town.catalog, documents(town), schemes()
    settled = {name: tables[name] for name in ("visits", "lines", "persons", "institutions")}

    def check() -> tuple[Any, float]:
        began = time.perf_counter()
        book = ybcore.load_rules(rules)
        loading = time.perf_counter() - began
        done = ybcore.check(**tables, rules=book, catalog=catalog, threads=threads)
        done.findings, done.details  # noqa: B018  they are made when first asked for
        return done, loading

    def settle() -> Any:
        return Engine(load_book(policies), catalog, threads=threads).settle(**settled, receipt=False)

    kept: list[Any] = []
    memory = fresh.peak(lambda: kept.append(check()))
    statuses = kept[0][0].manifest.select(["rule_id", "status", "reason"]).to_pylist()
    left = [f"{row['rule_id']}: {row['reason']}" for row in statuses if row["status"] == "skipped"]
    if left:
        raise SystemExit(f"not all shipped rules run; nothing was timed: {'; '.join(left)}")
    told: dict[str, Any] = {"threads": threads, "lines": tables["lines"].num_rows, "visits": tables["visits"].num_rows}
    told |= {"findings": kept[0][0].findings.num_rows, "details": kept[0][0].details.num_rows}
    told |= {
        "memory_bytes": memory["bytes"],
        "memory_whole": memory["baseline"] + memory["bytes"],
        "memory_method": memory["method"],
    }
    kept.clear()
    outcomes = settle().visits["outcome"].cast("string").value_counts().to_pylist()
    told["outcomes"] = {row["values"]: row["counts"] for row in outcomes}
    told |= {name: [] for name in ("check", "settle", "check_busy", "settle_busy", "loading", "tables")} | {
        "kernels": {},
        "rules": {},
    }
    for k in range(rounds):
        for part in (("check", "settle"), ("settle", "check"))[k % 2]:
            began, used = time.perf_counter(), time.process_time()
            done = check() if part == "check" else settle()
            told[part].append(time.perf_counter() - began)
            told[f"{part}_busy"].append(time.process_time() - used)
            if part == "check":
                made, loading = done
                told["loading"].append(loading)
                told["tables"].append(told[part][-1] - loading - sum(made.seconds.values()))
                for name, taken in made.seconds.items():
                    told["kernels"].setdefault(name, []).append(taken)
                for row in made.manifest.to_pylist():
                    if row["status"] == "run":
                        told["rules"].setdefault(row["rule_id"], []).append(row["seconds"])
                del made
            del done
    return told


def measure(folder: Path, threads: list[int], rounds: int, say: Callable[[str], Any]) -> list[dict[str, Any]]:
    """Each number of threads in a fresh process."""
    out = []
    for count in threads:
        say(f"all rules beside settling, {count} threads ...")
        out.append(fresh.ask("checks.together", str(folder), str(count), str(rounds), threads=count))
    return out


def table(points: list[dict[str, Any]]) -> str:
    """Markdown: one row a number of threads, then where the time goes."""
    rows, parts = [], []
    for one in points:
        each = sorted(a / b for a, b in zip(one["check"], one["settle"]))
        low, high = statistics.quantiles(each, n=4)[::2] if len(each) > 1 else (each[0], each[0])
        middle = statistics.median(each)
        missed = "" if middle <= WANTED else ": **missed**"
        rows.append([
            one["threads"], f"{one['lines']:,}", f"{one['findings']:,}", f"{report.middle(one['check']):.2f}", f"{report.middle(one['settle']):.2f}",
            f"{middle:.1f} ({low:.1f}–{high:.1f})", f"{WANTED:g}{missed}", f"{one['memory_whole'] / 2**30:.1f}",
        ])  # fmt: skip
        known = {"load_rules": one["loading"], **one["kernels"], "findings, details": one["tables"]}
        by_time = sorted(((report.middle(taken), name) for name, taken in known.items()), reverse=True)
        rules = sorted(((report.middle(taken), name) for name, taken in one["rules"].items()), reverse=True)[:12]
        for title, found in (("By kernel", by_time), ("The longest rules", rules)):
            parts.append(
                f"{title}, {one['threads']} threads, s: " + ", ".join(f"{name} {taken:.2f}" for taken, name in found)
            )
    head = [
        "threads",
        "lines",
        "findings",
        "all rules, s",
        "settling, s",
        "× settling",
        "processor time × settling",
        "wanted at most",
        "peak GiB, inputs mapped",
    ]
    return report.table(head, rows) + "\n\n" + "\n".join(parts)


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
