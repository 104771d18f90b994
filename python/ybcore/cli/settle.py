"""`demo`, `synth` and `settle`."""

from __future__ import annotations

import datetime as dt
import json
import time
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa

from .. import io
from ..catalog import Catalog
from ..checks import RuleBook, load_rules
from ..columns.phrases import chinese
from ..columns.schema import (
    ACCT_EVENTS,
    CAPS,
    INSTITUTIONS,
    ITEMS,
    LINES,
    PERSONS,
    SELFPAY,
    VISITS,
)
from ..engine import Engine, Settlement, State
from ..messages import say
from ..policy import Book, load_book
from ..receipts.files import document_files, fact, facts_of_folder
from ..receipts.model import FORMAT, RECEIPT
from ..receipts.runs import OUTPUTS
from ..report.checked import print_checked
from ..report.checked import summarise as summarise_checks
from ..report.summary import print_summary, summarise
from .base import Failure, Session
from .check import for_people, tell_checked, write_checked, write_for_people
from .tables import BESIDE, Inputs, from_options
from .whole import whole

__all__ = ["demo", "demo_policies", "files_read", "settle", "synth", "write_receipt", "write_results", "write_run"]

DEMO_POLICIES = ("beijing-employee", "luoyang-resident", "yuyang-rural")


def demo_policies() -> list[Path]:
    """Folders of the three schemes the demonstration settles under, as shipped with the package."""
    inside = Path(str(resources.files("ybcore"))) / "data" / "policies"
    root = inside if inside.is_dir() else Path(__file__).resolve().parents[3] / "data" / "policies"
    return [root / name for name in DEMO_POLICIES]


def settle(
    session: Session,
    *,
    policy: tuple[Path, ...],
    catalog: Path | None,
    folder: Path | None,
    opening: Path | None,
    threads: int | None,
    out: Path,
    format_: str,
    encoding: str,
    lines_out: bool,
    detail: bool,
    as_json: bool,
    rules: tuple[Path, ...],
    suppress: Path | None,
    known_at: dt.datetime | None,
    html: Path | None,
    excel: Path | None,
    **named: Path | None,
) -> int:
    """Settle tables from files; with rules, what their findings deny moves to full self-pay first."""
    _with_rules(rules, html, excel)
    inputs = from_options(policy, catalog, folder, opening, named, rules, suppress, known_at)
    book = load_book(policy)
    rule_book = load_rules(rules) if rules else None
    tables: dict[str, Any] = inputs.tables(session)
    beside = inputs.tables(session, BESIDE) if rules else {}
    found = inputs.catalog(session)
    read = files_read(session, inputs, {**tables, **beside}, found, book, rule_book)
    with session.step("编译政策与目录", "compile policies and catalogue"):
        files = {name: str(path) for name, path in inputs.catalog_paths.items()}
        engine = Engine(book, None if found is None else Catalog(**found, files=files), threads=threads)
    state = None if opening is None else State.load(opening)
    began = time.perf_counter()
    more = {} if rule_book is None else {"rules": rule_book, "beside": beside, **inputs.what_counts()}
    result = _run(session, engine, tables, state, lines_out, detail, **more)
    seconds = time.perf_counter() - began
    with whole(out) as place:
        written = write_results(session, result, place, format_, encoding)
        if rule_book is not None:
            written |= write_checked(session, result.checks, place, format_, encoding, named=out)
        names = write_receipt(session, result, inputs, place, read, written)
    _tell_written(session, out, names)
    if rule_book is None:
        _report(session, result, tables, engine, as_json)
        return 0
    write_for_people(session, result.checks, html, excel)
    tell_checked(session, result.checks, rule_book)
    lines = 0 if tables["lines"] is None else len(tables["lines"])
    told = summarise_checks(result.checks, rule_book, visits=len(tables["visits"]), lines=lines, seconds=seconds)
    _report(session, result, tables, engine, as_json, told)
    return 0


def _with_rules(rules: tuple[Path, ...], html: Path | None, excel: Path | None) -> None:
    """A report of findings is of rules; and nobody waits for one that cannot be written."""
    if not rules and (html is not None or excel is not None):
        raise Failure(say("--html、--excel 须与 --rules 同用", "--html and --excel need --rules"))
    for_people(html, excel)


def _run(
    session: Session,
    engine: Engine,
    tables: dict[str, Any],
    state: State | None,
    lines: bool,
    detail: bool,
    **more: Any,
) -> Settlement:
    with session.step("结算", "settle"):
        result = engine.settle(**tables, state=state, line_output=lines, detail=detail, **more)
    for note in result.notes:
        session.detail(f"提示：{chinese(note) or note}", f"note: {note}")
    return result


def files_read(
    session: Session,
    inputs: Inputs,
    tables: dict[str, pa.Table | None],
    catalog: dict[str, pa.Table | None] | None,
    book: Book,
    rules: RuleBook | None = None,
) -> list[dict[str, Any]]:
    """Every file that was read, with its hash."""
    with session.step("计算输入文件散列值", "hash the input files"):
        facts = [fact(name, path, len(table)) for name, path in inputs.paths.items() if (table := tables.get(name)) is not None]  # fmt: skip
        for name, path in inputs.catalog_paths.items():
            held = None if catalog is None else catalog[name]
            facts.append(fact(f"catalog.{name}", path, None if held is None else len(held)))
        facts += [] if inputs.state is None else facts_of_folder("state", inputs.state)
        facts += [] if inputs.suppress is None else [fact("suppress", inputs.suppress)]
        return facts + document_files(book, rules)


def write_run(
    session: Session,
    result: Settlement,
    inputs: Inputs,
    out: Path,
    suffix: str,
    encoding: str,
    read: list[dict[str, Any]],
) -> None:
    """settlements, lines, detail, state/ and receipt.json in a folder. `read`: the files that went in."""
    with whole(out) as place:
        names = write_receipt(
            session, result, inputs, place, read, write_results(session, result, place, suffix, encoding)
        )
    _tell_written(session, out, names)


def write_results(
    session: Session, result: Settlement, out: Path, suffix: str, encoding: str
) -> dict[Path, int | None]:
    """settlements, lines, detail and state/ in a folder; each file with its rows."""
    files: dict[Path, int | None] = {}
    with session.step("写出结果", "write the outputs"):
        written = {"settlements": result.visits, "line_results": result.lines, "detail": result.detail}
        for name, table in written.items():
            if table is not None:
                path = out / f"{name}.{suffix}"
                io.write_table(table, path, OUTPUTS[name], encoding)
                files[path] = len(table)
        if result.state is not None:
            result.state.save(out / "state")
            files |= dict.fromkeys(sorted((out / "state").iterdir()))
    return files


def write_receipt(
    session: Session,
    result: Settlement,
    inputs: Inputs,
    out: Path,
    read: list[dict[str, Any]],
    written: dict[Path, int | None],
) -> list[str]:
    """The last file: what went in, what came out, and the hash of each. Names of the tables."""
    with session.step("写出回执", "write the receipt"):
        outputs = [
            fact(path.stem if path.parent == out else "state", path, rows, out) for path, rows in written.items()
        ]
        named = {path.stem: path.name for path in written if path.stem in OUTPUTS}
        receipt = {
            "format": FORMAT,
            **result.receipt,
            "files": {"inputs": read, "outputs": outputs},
            "run": {**inputs.record(), "files": named},
        }
        (out / RECEIPT).write_text(json.dumps(receipt, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return [*named.values(), "state/", RECEIPT]


def _tell_written(session: Session, out: Path, names: list[str]) -> None:
    session.say(f"已写入 {out}/：{'、'.join(names)}", f"written to {out}/: {', '.join(names)}")


def _report(
    session: Session,
    result: Settlement,
    tables: dict[str, Any],
    engine: Engine,
    as_json: bool,
    checks: dict[str, Any] | None = None,
) -> None:
    rule = engine.book.policies[0].model.dates.policy
    data = summarise(result, tables["visits"], tables.get("persons"), tables.get("institutions"), policy_date=str(rule))
    if as_json:
        more = {} if checks is None else {"checks": checks}
        session.data(json.dumps({**data, **more}, ensure_ascii=False, indent=1))
        return
    print_summary(data, session.out())
    if checks is not None:
        print_checked(checks, session.out())


def demo(session: Session, *, visits: int, seed: int, threads: int | None, out: Path, as_json: bool) -> int:
    """A synthetic city, settled under three shipped schemes; inputs and outputs stay in a folder."""
    from ..synth import city

    town = city(seed=seed, persons=max(1, visits // 10), visits=visits, lines_per_visit=10.5)
    with session.step(f"生成合成城市（{visits:,} 笔结算）", f"make a synthetic city ({visits:,} visits)"):
        batch = town.visits()
        tables = {
            "visits": batch.visits,
            "lines": batch.lines,
            "persons": town.persons,
            "institutions": town.institutions,
            "acct_events": town.acct_events,
        }
        rows = dict(zip(("items", "selfpay", "caps"), town.catalog))
    folder = out / "input"
    (folder / "catalog").mkdir(parents=True, exist_ok=True)
    with session.step("写出输入", "write the inputs"):
        schemas = {t.name: t for t in (VISITS, LINES, PERSONS, INSTITUTIONS, ACCT_EVENTS, ITEMS, SELFPAY, CAPS)}
        for name, table in tables.items():
            io.write_table(table, folder / f"{name}.parquet", schemas[name])
        for name, table in rows.items():
            io.write_table(table, folder / "catalog" / f"{name}.parquet", schemas[name])
    policies = demo_policies()
    inputs = from_options(tuple(policies), None, folder, None, {})
    book = load_book(policies)
    with session.step("编译政策与目录", "compile policies and catalogue"):
        engine = Engine(book, Catalog(**rows), threads=threads)
    read = files_read(session, inputs, tables, rows, book)
    result = _run(session, engine, tables, None, False, False)
    write_run(session, result, inputs, out, "parquet", "utf-8", read)
    _report(session, result, tables, engine, as_json)
    example = _worth_explaining(result.visits)
    session.say(
        f"逐步解释一笔：ybcore explain --run {out} --setl-id {example}",
        f"Explain one of them: ybcore explain --run {out} --setl-id {example}",
    )
    return 0


def _worth_explaining(visits: pa.Table) -> Any:
    """The settlement with most money from the second layers, else the dearest: it has most to tell."""
    for column in ("hifmi_pay", "hifob_pay", "medfee_sumamt"):
        values = visits[column].to_numpy()
        if len(values) and values.max() > 0:
            return visits["setl_id"][int(values.argmax())].as_py()
    return visits["setl_id"][0].as_py()


def synth(
    session: Session,
    *,
    out: Path,
    visits: int,
    persons: int | None,
    lines_per_visit: float,
    seed: int,
    format_: str,
    encoding: str,
    clinical: bool,
    plants: int,
    clearing: int,
) -> int:
    """A synthetic city as files."""
    from ..synth import city

    town = city(
        seed=seed,
        persons=persons or max(1, visits // 10),
        visits=visits,
        lines_per_visit=lines_per_visit,
        clinical=clinical or plants > 0,
        plants=plants,
    )
    with session.progress("生成", "make") as tell:
        town.write(out, format_, encoding=encoding, progress=tell)
    if clearing:
        from ..synth.clearing import write_clearing

        write_clearing(out / "clearing", seed, clearing, format=format_, encoding=encoding)
    session.say(f"已写入 {out}/", f"written to {out}/")
    return 0
