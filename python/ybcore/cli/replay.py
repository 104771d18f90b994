"""`rules replay`: what a rule would find at many values of a figure."""

from __future__ import annotations

import datetime as dt
import json
import time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa

from .. import io
from ..catalog import Catalog
from ..checks import Rule, load_rules, shipped_rules
from ..checks.bounds import MOST, chosen_bound, read_values
from ..checks.replay import replay as run_replay
from ..checks.replay import rule_of
from ..columns.checkschema import REPLAY
from ..errors import InputError, Problem
from ..messages import current, say, yuan_text
from ..policy.paths import path_text
from .base import Session
from .tables import CHECKED, from_folder

__all__ = ["replay"]


def replay(
    session: Session,
    paths: tuple[Path, ...],
    *,
    rule_id: str,
    folder: Path,
    values: str | None,
    first: str | None,
    last: str | None,
    step: str | None,
    figure: str | None,
    out: Path | None,
    catalog: Path | None,
    stage: str,
    known_at: dt.datetime | None,
    threads: int | None,
    encoding: str,
    as_json: bool,
) -> int:
    """Read, try every value, tell."""
    asked = _values(values, first, last, step)
    if out is not None and out.suffix.lower() not in (".csv", ".parquet", ".json"):
        what, zh = "the suffix must be .csv, .parquet or .json", "后缀应为 .csv、.parquet 或 .json"
        raise InputError([Problem(what=what, what_zh=zh, path="--out", file=str(out))])
    rules = list(paths) or shipped_rules()
    inputs = from_folder(folder, catalog, tuple(rules))
    with session.step("读取规则", "read the rules"):
        book = load_rules(rules)
    rule = rule_of(book, rule_id)
    path, bound = chosen_bound(rule, figure, book)
    read_values(bound, asked)  # told before the tables are read
    tables = inputs.tables(session, CHECKED)
    found = inputs.catalog(session)
    began = time.perf_counter()
    with session.progress(f"回放 {rule.id}", f"replay {rule.id}") as tell, session.step(f"回放 {rule.id}", f"replay {rule.id}"):  # fmt: skip
        table = run_replay(
            **tables, rules=book, rule=rule.id, values=asked, figure=path_text(path), catalog=None if found is None else Catalog(**found),
            stage=stage, known_at=None if known_at is None else known_at.date(), threads=threads, progress=tell,
        )  # fmt: skip
    seconds = time.perf_counter() - began
    own = bound.text if not bound.column else None
    if out is not None:
        _write(table, out, encoding)
        session.say(f"已写入 {out}", f"written to {out}")
    if as_json:
        session.data(_json(table, rule, path_text(path), own))
    else:
        _print(session, table, rule, path_text(path), own, seconds)
    return 0


def _values(values: str | None, first: str | None, last: str | None, step: str | None) -> list[str]:
    """`1,2,3`, or every step from the first to the last, exact."""
    ranged = [text for text in (first, last, step) if text is not None]
    if (values is None) == (not ranged) or len(ranged) not in (0, 3):
        what, zh = "give --values, or --from, --to and --step", "请给出 --values，或同时给出 --from、--to、--step"
        raise InputError([Problem(what=what, what_zh=zh)])
    if values is not None:
        return [text.strip() for text in values.split(",")]
    numbers, problems = [], []
    for name, text in (("--from", first), ("--to", last), ("--step", step)):
        try:
            numbers.append(Decimal(str(text)))
        except InvalidOperation:
            problems.append(
                Problem(what=f"expected a number, found {text!r}", what_zh=f"应为数字，实为 {text!r}", path=name)
            )
    if not problems and not all(number.is_finite() for number in numbers):
        problems.append(Problem(what="expected finite numbers", what_zh="应为有限的数", path="--from"))
    if not problems and (numbers[2] <= 0 or numbers[1] < numbers[0]):
        problems.append(Problem(what="--step must be above 0 and --to not below --from", what_zh="--step 应大于 0，--to 不应小于 --from", path="--step"))  # fmt: skip
    if problems:
        raise InputError(problems)
    low, high, by = numbers
    count = int((high - low) / by) + 1
    if count > MOST:
        what, zh = f"{count:,} values; at most {MOST} are tried at once", f"共 {count:,} 个值，一次最多 {MOST} 个"
        raise InputError([Problem(what=what, what_zh=zh, path="--step")])
    texts = (f"{low + by * k:f}" for k in range(count))
    return [text.rstrip("0").rstrip(".") if "." in text else text for text in texts]


def _write(table: pa.Table, out: Path, encoding: str) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".json":
        out.write_text(json.dumps(_rows(table), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    else:
        io.write_table(table, out, REPLAY, encoding)


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Money is fen."""
    return [{("vola_amt_fen" if name == "vola_amt" else name): cell for name, cell in row.items()} for row in table.to_pylist()]  # fmt: skip


def _json(table: pa.Table, rule: Rule, figure: str, own: str | None) -> str:
    told = {"rule_id": rule.id, "name": rule.name[current()], "figure": figure, "own": own, "values": _rows(table)}
    return json.dumps(told, ensure_ascii=False, indent=1)


def _print(session: Session, table: pa.Table, rule: Rule, figure: str, own: str | None, seconds: float) -> None:
    from rich.table import Table

    shown = Table(title=f"{rule.id} {rule.name[current()]}", title_justify="left", show_edge=False)
    heads = "阈值 命中 明细 就诊 人数 违规金额（元）", "value hits lines visits persons amount_(yuan)"
    for head in say(*heads).split():
        shown.add_column(head.replace("_", " "), justify="right", no_wrap=True)
    for row in table.to_pylist():
        mark = say("（现行）", " (own)") if row["value"] == own else ""
        counts = [f"{row[name]:,}" for name in ("hits", "lines", "visits", "persons")]
        shown.add_row(row["value"] + mark, *counts, yuan_text(row["vola_amt"]))
    session.out().print(shown)
    scans, again = table["scans"][0].as_py(), sum(table["again"].to_pylist())
    more = say(f"，复判 {again:,} 行", f", {again:,} row{'s' * (again > 1)} judged again") if again else ""
    session.data(
        say(
            f"{figure}：{len(table)} 个值，扫描 {scans} 次{more}，{seconds:.2f} 秒；未计抑制与规则间关系",
            f"{figure}: {len(table)} value{'s' * (len(table) > 1)}, {scans} scan{'s' * (scans > 1)}{more}, {seconds:.2f} s; before suppression and relations",
        )
    )
