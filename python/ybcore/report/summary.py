"""The summary of a run: counts, totals, rates, speed; as a dict of whole numbers and as tables for a terminal.

Money is int64 fen and is added with NumPy on int64; a rate is made of two sums only when it is shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.asof import Dated
from ..columns.convert import NULL_DAY
from ..columns.ids import encode, normal
from ..columns.read import Frame, Problems, read
from ..columns.schema import FUNDS, INSTITUTIONS, PERSONS, VISITS
from ..memory import peak_memory
from ..messages import (
    FLAGS,
    INSUTYPES,
    LEVELS,
    MED_TYPES,
    NATURES,
    OUTCOMES,
    PAYERS,
    PSN_TYPES,
    REASONS,
    name_of,
    say,
    yuan_text,
)

__all__ = ["percent", "print_summary", "summarise"]

SUMS = ("medfee_sumamt", "inscp_scp_amt", "fund_pay_sumamt", "psn_part_amt", "psn_cash_pay")
LEVEL_OF = {**dict.fromkeys(("01", "02", "03", "04", "12"), "3"), **dict.fromkeys(("05", "06", "07", "13"), "2"), **dict.fromkeys(("08", "09", "10", "14"), "1")}  # fmt: skip
MICROS_A_DAY = 86_400_000_000
MOST_PLACES = 10


def percent(part: int, whole: int, places: int = 2) -> str:
    """`part / whole` as text with `places` decimals of a percent, rounded half up; no float."""
    if whole <= 0:
        return "—"
    scaled = (2 * abs(part) * 100 * 10**places + whole) // (2 * whole)
    head, tail = divmod(scaled, 10**places)
    return ("-" if part < 0 else "") + (f"{head}.{tail:0{places}d}%" if places else f"{head}%")


def summarise(
    result: Any,
    visits: pa.Table,
    persons: pa.Table | None = None,
    institutions: pa.Table | None = None,
    *,
    policy_date: str = "discharge",
) -> dict[str, Any]:
    """What a run came to.

    `result`: a Settlement; `visits`, `persons`, `institutions`: the inputs, for the kind of visit, the person and the hospital.
    `without_policy`: place, scheme and days of the visits for which no document holds, most visits first.
    All money is whole fen. Groups: `by_scheme_kind`, `by_person`, `by_level`, each a list of rows with keys, visits and sums.
    """
    out = result.visits
    receipt = result.receipt
    seconds = receipt["seconds"]
    counts = receipt["counts"]
    paid = np.isin(
        np.asarray(_codes(out["outcome"])[0]),
        [i for i, w in enumerate(_codes(out["outcome"])[1]) if w in ("settled", "no_benefit")],
    )
    keys = _attributes(visits, persons, institutions, policy_date)
    sums = {name: np.asarray(out[name].combine_chunks()) for name in SUMS}
    groups = {
        "by_scheme_kind": _grouped((("insutype", keys["insutype"]), ("med_type", keys["med_type"])), sums, paid),
        "by_person": _grouped((("insutype", keys["insutype"]), ("psn_type", keys["psn_type"])), sums, paid),
        "by_level": _grouped((("level", keys["level"]),), sums, paid),
    }
    totals = {name: _total(out[name], paid) for name in (*NATURES, *PAYERS)}
    reasons, names = _codes(out["reason"])
    unruled = np.isin(np.asarray(reasons), [i for i, name in enumerate(names) if name == "no_policy"])
    flags = np.asarray(out["flags"].combine_chunks())
    return {
        "visits": counts["visits"],
        "lines": counts["lines"],
        "outcomes": counts["outcomes"],
        "without_policy": _without_policy(keys, unruled),
        "flags": {word: int(np.count_nonzero(flags & bit)) for bit, (word, _, _) in FLAGS.items()},
        "totals_fen": totals,
        "unsettled_medfee_fen": _total(out["medfee_sumamt"], ~paid),
        **groups,
        "seconds": seconds,
        "visits_per_second": int(counts["visits"] / seconds) if seconds else 0,
        "lines_per_second": int(counts["lines"] / seconds) if seconds else 0,
        "peak_memory_bytes": peak_memory(),
        "threads": receipt["threads"],
    }


def _total(column: pa.ChunkedArray, rows: Any) -> int:
    return int(pc.sum(column.filter(pa.array(rows))).as_py() or 0)


def _codes(column: pa.ChunkedArray) -> tuple[pa.Array, list[str]]:
    encoded = column.combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], pa.string())
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    return encoded.indices, [str(v) for v in encoded.dictionary.to_pylist()]


def _attributes(
    visits: pa.Table, persons: pa.Table | None, institutions: pa.Table | None, policy_date: str
) -> dict[str, Any]:
    """Scheme, kind of visit, category of person and level of hospital of every visit: (indices, texts), -1 unknown."""
    problems = Problems()
    frame = read(visits, VISITS, problems, optional={"med_type"})
    day = _policy_day(frame, policy_date)
    own_names = ("insutype", "insuplc_admdvs", "med_type", "psn_type", "hosp_lv", "dedc_hosp_lv")
    out = {name: _own(frame, name) for name in own_names}
    if persons is not None:
        rows = _find(frame, read(persons, PERSONS, problems), "psn_no", day, out["insutype"])
        for name in ("insutype", "insuplc_admdvs", "psn_type"):
            out[name] = _joined(out[name], *rows, name)
    if institutions is not None and "fixmedins_code" in frame.ids:
        rows = _find(frame, read(institutions, INSTITUTIONS, problems), "fixmedins_code", day, None)
        out["hosp_lv"], out["dedc_hosp_lv"] = (_joined(out[name], *rows, name) for name in ("hosp_lv", "dedc_hosp_lv"))
    own, texts = out["dedc_hosp_lv"]
    grade, grades = out["hosp_lv"]
    levels = np.array([LEVEL_OF.get(text, "0") for text in grades] + ["0"])[grade]
    names = ["0", "1", "2", "3"]
    derived = np.searchsorted(np.array(names), levels) + len(texts)
    out["level"] = (np.where(own >= 0, own, derived), [*texts, *names])
    return {
        "day": day,
        "insutype": out["insutype"],
        "insuplc_admdvs": out["insuplc_admdvs"],
        "med_type": _cut(out["med_type"]),
        "psn_type": _cut(out["psn_type"]),
        "level": out["level"],
    }


def _without_policy(keys: dict[str, Any], rows: Any) -> list[dict[str, Any]]:
    """Place, scheme, number, first and last policy date of the visits marked, most visits first."""
    if not rows.any():
        return []
    (places, place_names), (schemes, scheme_names) = (_words(keys[name]) for name in ("insuplc_admdvs", "insutype"))
    pairs = np.stack([places[rows], schemes[rows]])
    found, inverse, counts = np.unique(pairs, axis=1, return_inverse=True, return_counts=True)
    first = np.full(found.shape[1], np.iinfo(np.int32).max, np.int32)
    last = np.full(found.shape[1], np.iinfo(np.int32).min, np.int32)
    np.minimum.at(first, inverse.ravel(), keys["day"][rows])
    np.maximum.at(last, inverse.ravel(), keys["day"][rows])
    return [
        {
            "insuplc_admdvs": place_names[found[0, i]],
            "insutype": scheme_names[found[1, i]],
            "visits": int(counts[i]),
            "first": str(first[i].astype("datetime64[D]")),
            "last": str(last[i].astype("datetime64[D]")),
        }
        for i in np.argsort(-counts, kind="stable").tolist()
    ]


def _policy_day(frame: Frame, rule: str) -> Any:
    time = frame.ints("setl_time") if "setl_time" in frame.cells else np.zeros(frame.rows, np.int64)
    day = np.where(time < 0, 0, time // MICROS_A_DAY).astype(np.int32)
    name = {"discharge": "enddate", "admission": "begndate"}.get(rule)
    if name is None:
        return day
    given = frame.days(name)
    return np.where(given == NULL_DAY, day, given).astype(np.int32)


def _own(frame: Frame, name: str) -> tuple[Any, list[str]]:
    given = frame.code(name)
    return (np.full(frame.rows, -1, np.int64), []) if given is None else (given[0].astype(np.int64), list(given[1]))


def _find(frame: Frame, table: Frame, key: str, day: Any, scheme: tuple[Any, list[str]] | None) -> tuple[Frame, Any]:
    """(table, row that holds for each visit on its policy date)."""
    (wanted, held), names = encode([normal(frame.ids[key]), normal(table.ids[key])])
    dated = Dated.of(held, len(names), table.days("begndate"), table.days("enddate"))
    if scheme is None:
        return table, dated.find(wanted, day)
    own = table.code("insutype")
    if own is None:
        return table, dated.find(wanted, day)
    place = {text: i for i, text in enumerate(own[1])}
    lut = np.array([place.get(text, len(own[1])) if text else -1 for text in scheme[1]] + [-1], np.int32)
    return table, dated.find(wanted, day, own[0].astype(np.int32), lut[scheme[0]])


def _joined(own: tuple[Any, list[str]], table: Frame, row: Any, name: str) -> tuple[Any, list[str]]:
    values, texts = own
    given = table.code(name)
    if given is None:
        return own
    theirs = np.where(row >= 0, given[0][np.maximum(row, 0)], -1) if table.rows else np.full(len(row), -1)
    return np.where(values >= 0, values, np.where(theirs >= 0, theirs + len(texts), -1)), [*texts, *given[1]]


def _cut(column: tuple[Any, list[str]], digits: int = 2) -> tuple[Any, list[str]]:
    """Codes by their first digits, which are the national ones."""
    return column[0], [text[:digits] for text in column[1]]


def _words(column: tuple[Any, list[str]]) -> tuple[Any, list[str]]:
    """(place of every visit's text, the texts sorted, each once, "" for unknown)."""
    values, texts = column
    words = sorted({*texts, ""})
    place = {word: i for i, word in enumerate(words)}
    return np.array([place[text] for text in texts] + [place[""]], np.int64)[values], words


def _grouped(
    keys: tuple[tuple[str, tuple[Any, list[str]]], ...], sums: dict[str, Any], paid: Any
) -> list[dict[str, Any]]:
    """Visits and sums of each combination of keys, settled visits only, in the order of the keys."""
    code = np.zeros(len(paid), np.int64)
    names: list[list[str]] = []
    for _, column in keys:
        place, words = _words(column)
        code = code * len(words) + place
        names.append(words)
    found, inverse, counts = np.unique(code[paid], return_inverse=True, return_counts=True)
    # bincount adds doubles; ufunc.at on int64 is exact.
    totals = {name: np.zeros(len(found), np.int64) for name in sums}
    for name, values in sums.items():
        np.add.at(totals[name], inverse, values[paid])
    rows = []
    for i, value in enumerate(found.tolist()):
        row: dict[str, Any] = {}
        for (name, _), words in zip(reversed(keys), reversed(names)):
            value, index = divmod(value, len(words))
            row[name] = words[index]
        row = {name: row[name] for name, _ in keys}
        rows.append({**row, "visits": int(counts[i]), **{f"{name}_fen": int(t[i]) for name, t in totals.items()}})
    return rows


# ---------------------------------------------------------------------------------------------- for a terminal


def print_summary(data: dict[str, Any], console: Any) -> None:
    """The summary as tables, in the language in use."""
    from rich.table import Table

    console.print(_head(data), highlight=False)
    table = Table(title=say("结算结果", "Outcomes"), title_justify="left", show_edge=False)
    for name in (say("结果", "outcome"), say("原因", "reason")):
        table.add_column(name)
    table.add_column(say("笔数", "visits"), justify="right")
    for row in data["outcomes"]:
        reason = f"{row['reason']} {say(*REASONS[row['reason']])}" if row["reason"] in REASONS else row["reason"]
        table.add_row(name_of(OUTCOMES, row["outcome"]), reason, f"{row['visits']:,}")
    console.print(table)
    if data["without_policy"]:
        _unruled(data["without_policy"], console)
    _money_table(data, console)
    _rates(data["by_scheme_kind"], (("insutype", INSUTYPES, say("险种", "scheme")), ("med_type", MED_TYPES, say("医疗类别", "kind of visit"))), say("实际报销比例：险种 × 医疗类别", "Effective rate by scheme and kind of visit"), console)  # fmt: skip
    _rates(data["by_person"], (("insutype", INSUTYPES, say("险种", "scheme")), ("psn_type", PSN_TYPES, say("人员类别", "person"))), say("实际报销比例：人员类别", "Effective rate by person"), console)  # fmt: skip
    _rates(data["by_level"], (("level", LEVELS, say("医院等级", "level of hospital")),), say("实际报销比例：医院等级", "Effective rate by level of hospital"), console)  # fmt: skip
    flagged = [f"{say(zh, en)} {data['flags'][word]:,}" for word, zh, en in FLAGS.values() if data["flags"][word]]
    if flagged:
        console.print(say("标记：", "Flags: ") + say("；", "; ").join(flagged), highlight=False)


def _unruled(rows: list[dict[str, Any]], console: Any) -> None:
    """Which places, schemes and days want a document."""
    from rich.table import Table

    table = Table(title=say("缺少政策文件", "No policy document"), title_justify="left", show_edge=False)
    for name in (say("参保地", "insured place"), say("险种", "scheme"), say("日期", "days")):
        table.add_column(name)
    table.add_column(say("笔数", "visits"), justify="right")
    for row in rows[:MOST_PLACES]:
        scheme = f"{row['insutype']} {name_of(INSUTYPES, row['insutype'])}" if row["insutype"] else "—"
        table.add_row(row["insuplc_admdvs"] or "—", scheme, f"{row['first']} … {row['last']}", f"{row['visits']:,}")
    console.print(table)
    if len(rows) > MOST_PLACES:
        rest = sum(row["visits"] for row in rows[MOST_PLACES:])
        console.print(
            say(f"另有 {len(rows) - MOST_PLACES} 组，{rest:,} 笔", f"{len(rows) - MOST_PLACES} more, {rest:,} visits")
        )


def _head(data: dict[str, Any]) -> str:
    memory = data["peak_memory_bytes"] // 2**20
    return say(
        f"{data['visits']:,} 笔结算，{data['lines']:,} 行明细；{data['seconds']:.2f} 秒，{data['threads']} 线程："
        f"每秒 {data['visits_per_second']:,} 笔、{data['lines_per_second']:,} 行；内存峰值 {memory:,} MiB",
        f"{data['visits']:,} visits, {data['lines']:,} lines in {data['seconds']:.2f} s on {data['threads']} threads: "
        f"{data['visits_per_second']:,} visits/s, {data['lines_per_second']:,} lines/s; peak memory {memory:,} MiB",
    )


def _money_table(data: dict[str, Any], console: Any) -> None:
    from rich.table import Table

    totals = data["totals_fen"]
    table = Table(title=say("金额合计（元）", "Totals (yuan)"), title_justify="left", show_edge=False)
    table.add_column(say("费用构成 / 支付方", "nature / payer"))
    table.add_column(say("金额", "amount"), justify="right")
    table.add_column(say("占总额", "of total"), justify="right")
    for words in (NATURES, PAYERS):
        for name, pair in words.items():
            if totals[name] or name in ("medfee_sumamt", "fund_pay_sumamt", "psn_cash_pay"):
                indent = "  " if name in FUNDS or name in ("acct_pay", "acct_mulaid_pay", "psn_cash_pay") else ""
                table.add_row(
                    indent + say(*pair), yuan_text(totals[name]), percent(totals[name], totals["medfee_sumamt"])
                )
        if words is NATURES:
            table.add_section()
    console.print(table)
    if data["unsettled_medfee_fen"]:
        left = yuan_text(data["unsettled_medfee_fen"])
        console.print(say(f"未结算的费用另有 {left} 元", f"Bills that were not settled, besides: {left} yuan"))


def _rates(rows: list[dict[str, Any]], keys: Any, title: str, console: Any) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_edge=False)
    for _, _, name in keys:
        table.add_column(name)
    for name in (say("笔数", "visits"), say("总额（元）", "total (yuan)"), say("基金（元）", "funds (yuan)"), say("占总额", "of total"), say("占政策内", "of in-scope"), say("次均现金", "cash a visit")):  # fmt: skip
        table.add_column(name, justify="right")
    for row in rows:
        count = row["visits"]
        cash = (2 * row["psn_cash_pay_fen"] + count) // (2 * count) if count else 0
        table.add_row(
            *(name_of(words, row[key]) for key, words, _ in keys),
            f"{count:,}",
            yuan_text(row["medfee_sumamt_fen"]),
            yuan_text(row["fund_pay_sumamt_fen"]),
            percent(row["fund_pay_sumamt_fen"], row["medfee_sumamt_fen"]),
            percent(row["fund_pay_sumamt_fen"], row["inscp_scp_amt_fen"]),
            yuan_text(cash),
        )
    console.print(table)
