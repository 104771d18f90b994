"""K11 to K15: ranks, compositions, ratios, stock and validity."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ... import _core
from ...columns.convert import NULL_DAY, NULL_INT
from ..rule import Rule
from .cells import cells_of, lacking
from .found import Raw
from .given import DAY
from .line_rules import c, table_entry
from .lists import members
from .shapes import by_group, made, unbounded
from .texts import some_of
from .thresholds import thresholds
from .work import Chosen, Work

__all__ = ["VALID", "compose", "dense_of", "full_price", "same_place", "stock", "tier", "valid"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
MIDNIGHT = {"begntime": "begndate", "endtime": "enddate"}  # a time that is not given is the date's first moment


# --- K11 --------------------------------------------------------------------------------------------------------------


def tier(work: Work, rule: Rule) -> Raw:
    """K11."""
    check, batch, table = rule.check, work.batch, rule.table
    assert table is not None
    chosen = work.lines(rule)
    rows = chosen.rows.astype(np.int64)
    place, lost = same_place(work, check.same, rows)
    names = _groups(check.group_priority, rule.words["operation_group"])
    entry = _memberships(work, rule, rows, names)
    inside = entry >= 0
    listed = inside.any(axis=1)
    unknown = int(np.count_nonzero(listed & lost))
    keep = listed & ~lost
    rows, entry, inside = rows[keep], entry[keep], inside[keep]
    order, begin = by_group(batch.line_visit[rows], place[keep])
    rows, entry, inside = rows[order], entry[order], inside[order]
    combos, item = (
        np.unique(inside, axis=0, return_inverse=True)
        if len(rows)
        else (np.zeros((0, len(names)), bool), np.zeros(0, np.int64))
    )
    own = [np.flatnonzero(row) for row in combos]
    group_begin = np.concatenate(([0], np.cumsum([len(o) for o in own]))).astype(np.int64)
    group = np.concatenate(own or [np.zeros(0, np.int64)]).astype(np.int32)
    factors = np.array([factor.value for factor in check.factors], np.int64)
    found = _core.check_tier(
        begin, c(item.reshape(-1).astype(np.int32)), c(work.quantity[rows]), c(work.amount[rows]), c(full_price(work, rule, rows)), group_begin,
        group, len(names), factors, work.threads,
    )  # fmt: skip
    found["excess"] = np.full(len(found["excess"]), -1, np.int64)
    raw = Raw(unbounded(found), rows, "lines", chosen.eligible, chosen.unknown + unknown, expected=found["limit"])
    at = found["event"][found["part"] == 1]
    of = _chosen_group(inside, begin)[at]
    raw.found["entry"] = entry[at, of].astype(np.int32)
    return raw


def _groups(priority: tuple[str, ...], words: tuple[str, ...]) -> list[str]:
    """Operation groups in the order tried; those that the rule does not name come after, by bytes."""
    return [*priority, *sorted((w for w in words if w not in priority), key=str.encode)]


def same_place(work: Work, same: str, rows: Int64) -> tuple[Any, Any]:
    """(what cuts a visit's lines, lines of which it is not known)."""
    if same == "visit":
        return np.zeros(len(rows), np.int32), np.zeros(len(rows), bool)
    if same == "day":
        return work.batch.line_day[rows], np.zeros(len(rows), bool)
    frame = work.batch.frames["lines"]
    found = frame.code("incs_no")
    cut = np.full(len(rows), -1, np.int32) if found is None else found[0][rows]
    return cut, cut < 0


def _memberships(work: Work, rule: Rule, rows: Int64, names: list[str]) -> Int32:
    """Table row by which each line is in each operation group on its day; negative: it is not."""
    batch, table = work.batch, rule.table
    assert table is not None
    out = np.full((len(rows), len(names)), -1, np.int32)
    # Groups that no item of the batch is in need no look.
    there = work.index_in(table, table.key[0], batch.item_ids) >= 0
    words, group = rule.words["operation_group"], rule.cells["operation_group"]
    some = set(np.unique(group[there]).tolist())
    for g, name in enumerate(names):
        code = words.index(name) if name in words else -1
        if code in some:
            out[:, g] = work.entries(
                table, table.key[0], batch.item_ids, "item", batch.item[rows], batch.line_visit[rows].astype(np.int64), batch.line_day[rows],
                there & (group == code),
            )  # fmt: skip
    return out


def full_price(work: Work, rule: Rule, rows: Int64) -> Int64:
    batch, table = work.batch, rule.tables["full_price"]
    entry = work.entries(table, table.key[0], batch.item_ids, "item", batch.item[rows], batch.line_visit[rows].astype(np.int64), batch.line_day[rows])  # fmt: skip
    values = rule.numbers["full_price.ceiling"]
    return np.where(entry >= 0, values[np.maximum(entry, 0)], NULL_INT) if len(values) else np.full(len(rows), NULL_INT)


def _chosen_group(inside: Any, begin: Int64) -> Int64:
    """The first group of each line in which another line of its bucket is too, else its first."""
    if not len(inside):
        return np.zeros(0, np.int64)
    count = np.add.reduceat(inside.astype(np.int64), begin[:-1], axis=0)
    shared = inside & (np.repeat(count, np.diff(begin), axis=0) > 1)
    return np.where(shared.any(axis=1), shared.argmax(axis=1), inside.argmax(axis=1))


# --- K12 --------------------------------------------------------------------------------------------------------------


def compose(work: Work, rule: Rule) -> Raw:
    """K12."""
    check, batch = rule.check, work.batch
    chosen = work.lines(rule)
    eligible, unknown = chosen.eligible, chosen.unknown
    keys = [work.of(chosen, "visit")]
    if check.group == "prescription":
        cut = work.at(work.prescriptions, chosen.rows)
        known = cut >= 0
        unknown += int(np.count_nonzero(~known))
        if not known.all():
            chosen, cut = chosen.only(known), cut[known]
        keys = [work.of(chosen, "visit"), cut]
    order, begin = _core.check_regroup(work.person_begin(chosen), keys, work.threads)
    rows = work.at(c(chosen.rows), order)
    entry = None if chosen.entry is None else chosen.entry[order]
    item, items = work.at(batch.item, rows), len(batch.item_ids)
    raw = Raw({}, rows, "lines", eligible, unknown)
    if check.form == "distinct":
        _distinct(work, rule, raw, begin, item, items)
    elif check.form in ("all_in", "single"):
        inside = np.append(work.in_list(check.list, batch.item_ids, "item"), False)[item]
        raw.found = _core.check_listed_lines(
            begin, item, items, c(inside.astype(np.uint8)), check.form == "single", work.threads
        )
    else:
        of_class, words = _classes(work, rule, rows, entry)
        raw.found = _core.check_same_class(begin, item, items, of_class, len(words), True, work.threads)
        raw.what = [words[step] for step in raw.found["step"].tolist()]
        first = [int(e) for e in _first(raw.found)]
        if entry is not None:
            raw.found["entry"] = entry[first].astype(np.int32)
            return Raw(unbounded(raw.found), rows, "lines", raw.eligible, raw.unknown, raw.what)
    raw.found = unbounded(raw.found)
    return table_entry(raw, Chosen(rows, None, 0, 0))


def _first(found: dict[str, Any]) -> Int64:
    """The first offending event of each finding."""
    event = np.where(found["part"] == 1, found["event"], np.iinfo(np.int32).max)
    return np.minimum.reduceat(event, found["details"][:-1]) if len(found["measure"]) else np.zeros(0, np.int64)


def _distinct(work: Work, rule: Rule, raw: Raw, begin: Int64, item: Int32, items: int) -> None:
    check = rule.check
    highest = check.comparator in ("more_than", "at_least")
    last = raw.rows[begin[1:] - 1] if len(raw.rows) else raw.rows
    if check.thresholds is None:
        scope, offsets, lost = None, np.array([0, 1], np.int64), 0
        values: list[tuple[int, int]] = [(check.value.value, 0)]
    else:
        scope, (offsets, _), values, lost = thresholds(work, rule, [list(check.thresholds)], last, "lines", highest)
    limits = np.array([v for v, _ in values], np.int64)
    raw.found = _core.check_distinct(begin, item, items, scope, offsets, limits, check.comparator, work.threads)
    severity = np.array([s for _, s in values] or [0], np.int64)
    raw.severity = severity[raw.found["step"]]
    raw.unknown += lost


def _classes(work: Work, rule: Rule, rows: Int64, entry: Any) -> tuple[Int32, list[str]]:
    """(class of each line, -1 none; the classes)."""
    check, batch = rule.check, work.batch
    if check.prefix is not None:
        length = check.prefix.value
        place: dict[str, int] = {}
        lut = np.array(
            [place.setdefault(str(code)[:length], len(place)) for code in batch.item_ids.to_pylist()] + [-1], np.int32
        )
        return c(lut[batch.item[rows]]), list(place)
    cells, words = rule.cells[check.column], rule.words[check.column]
    if entry is None:
        return np.full(len(rows), -1, np.int32), list(words)
    return c(np.where(entry >= 0, cells[np.maximum(entry, 0)], -1).astype(np.int32)), list(words)


# --- K14 --------------------------------------------------------------------------------------------------------------


def stock(work: Work, rule: Rule) -> Raw:
    """K14."""
    return _stock(work, rule) if rule.check.form == "stock" else _trace(work, rule)


def _stock(work: Work, rule: Rule) -> Raw:
    check, batch = rule.check, work.batch
    frame = batch.frames["stock"]
    chosen = work.lines(rule)
    items = len(batch.item_ids)
    known = (batch.stock_hospital >= 0) & (batch.stock_item >= 0)
    wanted = batch.stock_hospital.astype(np.int64) * items + batch.stock_item
    # Lines of what has a row of stock, by a dense number of (institution, item).
    keys = np.unique(wanted[known])
    chosen = chosen.only(_in_stock(work, chosen, known))
    rows = chosen.rows
    number = _numbered(keys, work.at(batch.hospital, work.of(chosen, "visit")), work.of(chosen, "item"), items)
    order, begin = work.by_key(number, len(keys), rows, "lines")
    rows = rows[order]
    entry = None if chosen.entry is None else chosen.entry[order]
    # Of the keys of which a line was sold, which group of `begin` they are.
    sold = _core.check_tally(number, None, len(keys)) > 0
    group = np.append(np.where(sold, np.cumsum(sold) - 1, -1), -1)
    at = group[np.where(known, np.searchsorted(keys, wanted), -1)]
    there = at >= 0
    first, last = frame.days("begndate"), frame.days("enddate")
    lines = np.where(there, at, -1).astype(np.int32)
    factor = _factors(rule, entry, begin, lines)
    lost = int(np.count_nonzero(~known | ((factor == NULL_INT) & there)))
    lines = np.where(factor == NULL_INT, -1, lines).astype(np.int32)
    opened, came, left = (
        c(np.where(frame.ints(n) == NULL_INT, 0, frame.ints(n))) for n in ("open_cnt", "in_cnt", "close_cnt")
    )
    found = _core.check_stock(
        begin, c(batch.line_day[rows]), c(work.quantity[rows]), lines, c(np.where(first == NULL_DAY, -(2**31), first).astype(np.int32)),
        c(np.where(last == NULL_DAY, 2**31 - 1, last).astype(np.int32)), opened, came, left,
        c(np.where(factor == NULL_INT, 1, factor * 100)), check.tolerance.value, work.threads,
    )  # fmt: skip
    row = found["entry"]
    found["begin"] = np.where(first[row] == NULL_DAY, NULL_INT, first[row].astype(np.int64) * DAY)
    found["end"] = np.where(last[row] == NULL_DAY, NULL_INT, last[row].astype(np.int64) * DAY)
    places, codes = (some_of(frame.ids[name], row).to_pylist() for name in ("fixmedins_code", "med_list_codg"))
    found["entry"] = np.full(len(row), -1, np.int32)
    return Raw(found, rows, "lines", frame.rows, lost, [f"{h}|{i}" for h, i in zip(places, codes)])


def _numbered(keys: Int64, hospital: Int32, item: Int32, items: int) -> Int32:
    """Place of (institution, item) among sorted keys; -1 where it is not there."""
    if not len(keys):
        return np.full(len(item), -1, np.int32)
    key = hospital.astype(np.int64)
    key *= items
    key += item
    top = int(keys[-1]) + 1
    if top < 1 << 26:
        place = np.full(top + 1, -1, np.int32)
        place[keys] = np.arange(len(keys), dtype=np.int32)
        found: Int32 = place[np.minimum(key, top, out=key)]
    else:
        at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        found = np.where(keys[at] == key, at, -1).astype(np.int32)
    found[hospital < 0] = -1
    return found


def _in_stock(work: Work, chosen: Chosen, known: Any) -> npt.NDArray[np.bool_]:
    """Lines of institutions and of items that have stock; of which together is told later."""
    batch = work.batch
    places, items = np.zeros(len(batch.hospital_ids) + 1, bool), np.zeros(len(batch.item_ids) + 1, bool)
    places[batch.stock_hospital[known]] = items[batch.stock_item[known]] = True
    visits = np.append(places[batch.hospital], False).view(np.uint8)
    inside = _core.taken(items.view(np.uint8), work.of(chosen, "item"), work.threads)
    return (inside & _core.taken(visits, work.of(chosen, "visit"), work.threads)).view(bool)


def _factors(rule: Rule, entry: Any, begin: Int64, lines: Int32) -> Int64:
    """Units of stock for a unit sold, 1/10000, of each row of stock."""
    figure = rule.check.factor
    if not figure.column:
        return np.full(len(lines), figure.value, np.int64)
    values = rule.numbers[figure.column]
    out = np.full(len(lines), NULL_INT, np.int64)
    there = np.flatnonzero(lines >= 0)
    if entry is not None and len(values):
        of = entry[begin[lines[there]]]
        out[there] = np.where(of >= 0, values[np.maximum(of, 0)], NULL_INT)
    return out


def _trace(work: Work, rule: Rule) -> Raw:
    chosen = work.lines(rule)
    codes, ids = work.line_ids("drug_trac_codg")
    return _repeated(work, chosen, work.at(codes, chosen.rows), ids, "lines")


def _repeated(work: Work, chosen: Chosen, code: Int32, texts: pa.Array, on: str) -> Raw:
    """Rows of one value; each later one offends."""
    count = _core.check_tally(c(code), None, len(texts))
    lost = chosen.unknown + len(chosen.rows) - int(count.sum())
    many = np.append(count > 1, False)[code]
    rows, code = chosen.rows[many], code[many]
    found, dense = np.unique(code, return_inverse=True)
    order, begin = work.by_key(dense.reshape(-1), len(found), rows, on)
    out = unbounded(_core.check_repeated(begin, len(order), work.threads))
    raw = Raw(out, rows[order], on, chosen.eligible, lost)
    at = out["event"][out["part"] == 1]
    raw.what = [str(text) for text in texts.take(pa.array(code[order][at])).to_pylist()]
    return table_entry(raw, Chosen(rows, None, 0, 0))


# --- K15 --------------------------------------------------------------------------------------------------------------


def valid(work: Work, rule: Rule) -> Raw:
    """K15."""
    check = rule.check
    on = check.on
    chosen = work.visits(rule) if on == "visits" else work.lines(rule, given=True)
    if not len(chosen.rows):  # there may be no table of lines
        return Raw(unbounded(made(chosen.rows)), chosen.rows, on, chosen.eligible, chosen.unknown)
    if check.form == "unique":
        code, texts = dense_of(work, check.column, chosen.rows, on)
        return _repeated(work, chosen, code, texts, on)
    found = VALID[check.form](work, rule, chosen.rows, on)
    return table_entry(
        Raw(unbounded(found), chosen.rows, on, chosen.eligible, chosen.unknown), Chosen(chosen.rows, None, 0, 0)
    )


def dense_of(work: Work, column: str, rows: Any, on: str) -> tuple[Any, pa.Array]:
    """(dense code of a row's own cell, -1 missing; what the codes stand for)."""
    frame = work.batch.frames[on]
    if column in frame.ids:
        codes, ids = work.batch.number(on, column)
        return codes[rows], ids
    values, missing, texts = cells_of(work.batch, on, column, rows)
    if texts is None:
        numbers, code = np.unique(np.where(missing, 0, values), return_inverse=True)
        texts = [str(int(n)) for n in numbers.tolist()]
        values = code.reshape(-1)
    return np.where(missing, -1, values).astype(np.int32), pa.array(texts, pa.large_string())


def _own_or_visit(work: Work, column: str, rows: Int64, on: str) -> tuple[Any, Any, Any]:
    """Cells of some rows; of lines that lack one, their visit's. Codes of the two have one list of texts."""
    values, missing, texts = cells_of(work.batch, on, column, rows)
    if column in MIDNIGHT and missing.any():
        visit = work.batch.line_visit[rows].astype(np.int64) if on == "lines" else rows
        if on == "lines":
            theirs, absent, _ = cells_of(work.batch, "visits", column, visit)
            values, missing = np.where(missing, theirs, values), missing & absent
        day, unsaid, _ = cells_of(work.batch, "visits", MIDNIGHT[column], visit)
        return np.where(missing, day.astype(np.int64) * DAY, values), missing & unsaid, None
    if on == "visits" or not missing.any():
        return values, missing, texts
    theirs, absent, other = cells_of(work.batch, "visits", column, work.batch.line_visit[rows].astype(np.int64))
    if absent.all():
        return values, missing, texts
    if missing.all():
        return theirs, absent, other
    if texts is not None and other is not None:
        place = {text: i for i, text in enumerate(texts)}
        lut = np.array([place.setdefault(text, len(place)) for text in other] + [0], np.int64)
        theirs, texts = lut[np.where(absent, len(other), theirs)], list(place)
    return np.where(missing, theirs, values), missing & absent, texts


def _required(work: Work, rule: Rule, rows: Int64, on: str) -> dict[str, Any]:
    count = np.zeros(len(rows), np.int64)
    for column in rule.check.columns:
        lacks = lacking(work.batch, on, column, rows)
        if lacks.any():
            count += lacks if on == "visits" and column not in MIDNIGHT else _own_or_visit(work, column, rows, on)[1]
    at = np.flatnonzero(count)
    return made(at, count[at] if len(at) else 0)


def _one_of(work: Work, rule: Rule, rows: Int64, on: str) -> dict[str, Any]:
    values, missing, texts = _own_or_visit(work, rule.check.column, rows, on)
    right = np.array([text in rule.check.codes for text in texts or []] + [False])
    state = np.where(missing, 2, ~right[np.where(missing, -1, values)]).astype(np.uint8)
    return _core.check_flagged(state, work.threads)


def _sum(work: Work, rule: Rule, rows: Int64, on: str) -> dict[str, Any]:
    batch = work.batch
    size, by = batch.visits.rows, batch.line_visit
    counted, summed = work.of_rule(
        "sums", lambda: (_core.check_tally(by, None, size), _core.check_tally(by, work.given_amount, size))
    )
    count, sums = counted[rows], summed[rows]
    work.let_go()
    # One amount a visit: what its lines come to.
    begin = np.concatenate(([0], np.cumsum(count > 0)))
    total = batch.visits.ints("medfee_sumamt")[rows]
    if work.no_amount is not None:
        unsaid = _core.check_tally(batch.line_visit[work.no_amount], None, size)[rows] > 0
        total = np.where(unsaid, NULL_INT, total)
    return _core.check_sums(begin, sums[count > 0], c(total), rule.check.tolerance.value, work.threads)


def _product(work: Work, rule: Rule, rows: Int64, on: str) -> dict[str, Any]:
    given = work.of_rule("given", lambda: (work.given_quantity, work.given_amount))
    quantity, amount = (work.at(column, rows) for column in given)
    work.let_go()
    return _core.check_product(c(quantity), c(work.prices(rows)), c(amount), rule.check.tolerance.value, work.threads)


def _time(work: Work, column: str, rows: Int64, on: str) -> Int64:
    """A time or date of some rows in microseconds; NULL_INT is missing."""
    values, missing, _ = _own_or_visit(work, column, rows, on)
    values = values.astype(np.int64)
    spec = work.batch.frames[on].table.find(column) or work.batch.visits.table.find(column)
    scale = DAY if spec is not None and spec.kind == "date" else 1
    return np.where(missing, NULL_INT, np.where(missing, 0, values) * scale)


def _ordered(work: Work, rule: Rule, rows: Int64, on: str) -> dict[str, Any]:
    earlier, later = (_time(work, column, rows, on) for column in (rule.check.earlier, rule.check.later))
    found = _core.check_in_order(c(earlier), c(later), work.threads)
    return {**found, "measure": found["measure"] - found["limit"], "limit": np.zeros(len(found["limit"]), np.int64)}


def _delay(work: Work, rule: Rule, rows: Int64, on: str) -> dict[str, Any]:
    first, last = (_time(work, column, rows, on) for column in (rule.check.start, rule.check.end))
    return _core.check_delay(c(first), c(last), rule.check.hours.value, rule.check.comparator, work.threads)


def _in_catalogue(work: Work, rule: Rule, rows: Int64, on: str) -> dict[str, Any]:
    return made(np.flatnonzero(work.catalogue_rows_of(rows) < 0))


def _code_in(work: Work, rule: Rule, rows: Int64, on: str) -> dict[str, Any]:
    check, batch = rule.check, work.batch
    values, missing, texts = _own_or_visit(work, check.column, rows, on)
    codes = pa.array([str(text) for text in texts or []], pa.large_string())
    if check.list is not None:
        known = work.lists[check.list]
        inside = np.append(members(codes, known.match, known.codes), False)
        state = np.where(missing, 2, ~inside[np.where(missing, -1, values)])
        return _core.check_flagged(c(state.astype(np.uint8)), work.threads)
    table = rule.tables["codes"]
    visit = batch.line_visit[rows].astype(np.int64) if on == "lines" else rows
    day = batch.line_day[rows] if on == "lines" else batch.begin_day[rows]
    key = np.where(missing, -1, values).astype(np.int32)
    entry = work.entries(table, table.key[0], codes, f"{on}.{check.column}", key, visit, day)
    state = np.where(missing | (entry == -2), 2, entry < 0)
    return _core.check_flagged(c(state.astype(np.uint8)), work.threads)


VALID = {
    "required": _required,
    "one_of": _one_of,
    "sum": _sum,
    "product": _product,
    "order": _ordered,
    "delay": _delay,
    "in_catalogue": _in_catalogue,
    "code_in": _code_in,
}
