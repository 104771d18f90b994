"""Reads figures from a raw document into the nodes of `figures`, telling everything that is wrong."""

from __future__ import annotations

from typing import Any, NamedTuple

from .conditions import parse_key
from .faults import Fault, Faults, nearest, unknown
from .figures import (
    ByCounter,
    Compute,
    Const,
    CounterRow,
    Dated,
    DatedRow,
    Dim,
    Figure,
    FromAge,
    Plus,
    Round,
    Table,
    TableRow,
)
from .names import Names
from .numbers import MONEY_UNITS, PPM, ScalarError, days, fen, ppm, whole
from .paths import RawPath, place_of

__all__ = ["is_open", "parse_figure"]

_FORMS = ("value", "by", "dated", "from_age", "compute", "by_counter")
_ABOUT = ("unit", "cite", "source", "note")


class _Held(NamedTuple):
    """What the enclosing long forms say."""

    unit: str = "yuan"
    cite: str | None = None
    source: str | None = None
    note: str | None = None


def is_open(raw: Any) -> bool:
    """Whether a band edge or limit is the word `open`."""
    return isinstance(raw, str) and raw == "open"


def _about(raw: dict[str, Any], dim: Dim, held: _Held, faults: Faults, loc: RawPath) -> _Held:
    """`unit`, `cite`, `source`, `note` of a long form."""
    for name in _ABOUT:
        value = raw.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            faults.add((*loc, name), Fault("expected text", "应为文本", "text", "文本"))
        elif name != "unit":
            held = held._replace(**{name: str(value)})
        elif dim not in ("money", "signed_money"):
            faults.add((*loc, name), Fault("only money has a unit", "只有金额才有单位", key=True))
        elif value not in MONEY_UNITS:
            faults.add((*loc, name), unknown("unit", "单位", value, MONEY_UNITS))
        else:
            held = held._replace(unit=str(value))
    source = raw.get("source")
    if isinstance(source, str) and source != "assumed" and nearest(source, ("assumed",)):
        faults.add((*loc, "source"), unknown("source", "来源", source, ("assumed",)))
    return held


def _scalar(raw: str, dim: Dim, held: _Held, faults: Faults, loc: RawPath) -> Const | None:
    value: int | str
    try:
        if dim == "text":
            value = str(raw)
        elif dim in ("money", "signed_money"):
            value = fen(raw, held.unit)
            if value < 0 and dim == "money":
                raise ScalarError(f"money here is not negative, found {raw}", f"此处金额不得为负，实为 {raw}")
        else:
            value = _rate(raw, dim)
    except ScalarError as err:
        faults.add(loc, Fault(err.en, err.zh))
        return None
    return Const(dim=dim, value=value, path=place_of(raw, ()), **held._asdict())


def _rate(raw: str, dim: Dim) -> int:
    value = ppm(raw)
    low = {"share": 0, "factor": 0, "points": -PPM}[dim]
    high = None if dim == "factor" else PPM
    if value < low or (high is not None and value > high):
        bounds = {"share": "between 0 and 1", "factor": "0 or more", "points": "between -1 and 1"}[dim]
        bounds_zh = {"share": "在 0 与 1 之间", "factor": "不小于 0", "points": "在 -1 与 1 之间"}[dim]
        percent = not raw.endswith("%") and PPM < value <= 100 * PPM
        hint, hint_zh = (f"; for percent write {raw}%", f"；百分数请写 {raw}%") if percent else ("", "")
        raise ScalarError(f"a rate here is {bounds}, found {raw}{hint}", f"此处比例应{bounds_zh}，实为 {raw}{hint_zh}")
    return value


class _Parser:
    """Reads one figure, however deep. Every `_x` returns None after telling what is wrong."""

    def __init__(self, names: Names, faults: Faults) -> None:
        self.names, self.faults = names, faults

    def read(self, raw: Any, dim: Dim, held: _Held, loc: RawPath, counter: bool, long: bool = False) -> Figure | None:
        """`counter`: whether by_counter may stand here. `long`: inside `value:` of a long form."""
        if isinstance(raw, str):
            return _scalar(raw, dim, held, self.faults, loc)
        if not isinstance(raw, dict):
            self.faults.add(
                loc,
                Fault(
                    "expected a figure, found a list", "应为数值，实为列表", "a scalar or a mapping", "标量或键值映射"
                ),
            )
            return None
        form = next((name for name in _FORMS if name in raw), None)
        if form is None:
            words = [str(name) for name in raw]
            near = next((n for n in (nearest(word, _FORMS) for word in words) if n), "")
            self.faults.add(loc, Fault("not a figure", "不是数值的写法", f"one of the keys: {', '.join(_FORMS)}", f"以下键之一：{', '.join(_FORMS)}", near))  # fmt: skip
            return None
        if form == "by":
            return self._table(raw, dim, held, loc, counter)
        if form == "value":
            return self._long(raw, dim, held, loc, counter, long)
        allowed = (form, "rows") if form == "by_counter" else (form,)
        self.only(raw, allowed, loc)
        if form == "dated":
            return self._dated(raw["dated"], dim, held, (*loc, "dated"), counter)
        if long:
            en = f"`value` of a long form is a scalar, a `by` or a `dated`, not `{form}`"
            self.faults.add(loc, Fault(en, f"长写法的 value 只能是标量、by 或 dated，不能是 {form}"))
            return None
        money = dim in ("money", "signed_money")
        if form == "from_age":
            if dim not in ("share", "factor", "points"):
                self.faults.add(loc, Fault("`from_age` gives a rate, not money or text", "from_age 只用于比例"))
                return None
            return self._from_age(raw["from_age"], dim, held, (*loc, "from_age"))
        if not money:
            self.faults.add(loc, Fault(f"`{form}` gives money, not a rate or text", f"{form} 只用于金额"))
            return None
        if form == "compute":
            return self._compute(raw["compute"], dim, (*loc, "compute"))
        if not counter:
            self.faults.add(loc, Fault("`by_counter` cannot stand here", "此处不能用 by_counter"))
            return None
        return self._by_counter(raw, dim, loc)

    def only(self, raw: dict[str, Any], allowed: tuple[str, ...], loc: RawPath) -> None:
        for name in raw:
            if name not in allowed:
                self.faults.add((*loc, name), unknown("key", "键", name, allowed, key=True))

    def mapping(self, raw: Any, loc: RawPath) -> dict[str, Any]:
        if isinstance(raw, dict):
            return raw
        self.faults.add(loc, Fault("expected a mapping", "应为键值映射", "a mapping", "键值映射"))
        return {}

    def rows(self, raw: Any, loc: RawPath) -> list[Any]:
        if isinstance(raw, list) and raw:
            return raw
        self.faults.add(loc, Fault("expected a list with at least one row", "应为至少一行的列表", "a list", "列表"))
        return []

    def _long(
        self, raw: dict[str, Any], dim: Dim, held: _Held, loc: RawPath, counter: bool, long: bool
    ) -> Figure | None:
        self.only(raw, ("value", *_ABOUT), loc)
        if long:
            self.faults.add(loc, Fault("a long form inside a long form", "长写法不能嵌套"))
        held = _about(raw, dim, held, self.faults, loc)
        return self.read(raw["value"], dim, held, (*loc, "value"), counter, True)

    def _table(self, raw: dict[str, Any], dim: Dim, held: _Held, loc: RawPath, counter: bool) -> Table | None:
        by = raw["by"]
        attribute = self.names.attributes.get(by) if isinstance(by, str) else None
        if attribute is None:
            self.faults.add((*loc, "by"), unknown("attribute", "属性", str(by), self.names.attributes))
        rows: list[TableRow] = []
        otherwise: Figure | None = None
        for key, cell in raw.items():
            if key == "by":
                continue
            value = self.read(cell, dim, held, (*loc, key), counter)
            if key == "else":
                otherwise = value
            elif attribute is not None:
                test = parse_key(str(key), attribute, self.names, self.faults, (*loc, key))
                if value is not None:
                    rows.append(TableRow(key=str(key), test=test, value=value))
        if len(raw) == 1:
            self.faults.add(loc, Fault("a table without cells", "表中没有任何取值", "at least one key", "至少一个键"))
        if attribute is None:
            return None
        return Table(
            dim=dim, by=attribute.name, rows=tuple(rows), otherwise=otherwise, path=place_of(by, (*loc, "by"))[:-1]
        )

    def _dated(self, raw: Any, dim: Dim, held: _Held, loc: RawPath, counter: bool) -> Dated:
        out: list[DatedRow] = []
        for index, item in enumerate(self.rows(raw, loc)):
            here = (*loc, index)
            row = self.mapping(item, here)
            self.only(row, ("from", "value", *_ABOUT), here)
            inner = _about(row, dim, held, self.faults, here)
            start = self.scalar(row, "from", days, here)
            if "value" not in row:
                if row:
                    self.faults.add(
                        (*here, "value"), Fault("a required key is missing", "缺少必填项", "this key", "写明该项")
                    )
                continue
            value = self.read(row["value"], dim, inner, (*here, "value"), counter)
            if start is None or value is None:
                continue
            if out and start <= out[-1].start:
                en, zh = (
                    "dates must ascend; this row is not later than the one before",
                    "日期必须递增，此行不晚于上一行",
                )
                self.faults.add((*here, "from"), Fault(en, zh))
            out.append(DatedRow(start=start, value=value))
        return Dated(dim=dim, rows=tuple(out))

    def scalar(self, raw: dict[str, Any], name: str, read: Any, loc: RawPath, default: Any = None) -> Any:
        """`raw[name]` through `read`; None (told) when missing without default, or wrong."""
        if name not in raw:
            if default is None and raw:
                self.faults.add((*loc, name), Fault("a required key is missing", "缺少必填项", "this key", "写明该项"))
            return default
        try:
            if not isinstance(raw[name], str):
                raise ScalarError("expected a scalar", "应为标量")
            return read(str(raw[name]))
        except ScalarError as err:
            self.faults.add((*loc, name), Fault(err.en, err.zh))
            return None

    def _from_age(self, raw: Any, dim: Dim, held: _Held, loc: RawPath) -> FromAge | None:
        row = self.mapping(raw, loc)
        self.only(row, ("start", "per_year", "from", "every", "min", "max"), loc)
        share = lambda text: _rate(text, "share")  # noqa: E731
        start = self.scalar(row, "start", share, loc)
        per_year = self.scalar(row, "per_year", ppm, loc)
        from_age = self.scalar(row, "from", lambda text: whole(text, 0, 150), loc, 0)
        every = self.scalar(row, "every", lambda text: whole(text, 1, 150), loc, 1)
        least = self.scalar(row, "min", share, loc, 0)
        most = self.scalar(row, "max", share, loc, PPM)
        if None in (start, per_year, from_age, every, least, most):
            return None
        if most < least:
            self.faults.add((*loc, "max"), Fault("max is below min", "max 小于 min"))
        written = tuple(str(name) for name in row if name in ("start", "per_year", "min", "max"))
        return FromAge(
            dim=dim,
            start=start,
            per_year=per_year,
            from_age=from_age,
            every=every,
            least=least,
            most=most,
            written=written,
            path=place_of(row["start"], (*loc, "start"))[:-1],
            **held._asdict(),
        )

    def _compute(self, raw: Any, dim: Dim, loc: RawPath) -> Compute | None:
        row = self.mapping(raw, loc)
        self.only(row, ("base", "factor", "of", "over", "plus", "min", "max", "round"), loc)

        def inner(name: str, kind: Dim, default: str | None = None) -> Figure | None:
            raw_value = row.get(name, default)
            return None if raw_value is None else self.read(raw_value, kind, _Held(), (*loc, name), False)

        base = inner("base", "signed_money", "0")
        factor = inner("factor", "factor", "1")
        if "factor" in row and "of" not in row:
            self.faults.add(
                (*loc, "factor"), Fault("`factor` without `of` is unused", "没有 of 时 factor 无作用", key=True)
            )
        of = self._of(row.get("of"), (*loc, "of"))
        over = self.scalar(row, "over", lambda text: whole(text, 1), loc, 1)
        plus = self._plus(row.get("plus"), (*loc, "plus"))
        least, most = inner("min", "signed_money"), inner("max", "signed_money")
        if isinstance(least, Const) and isinstance(most, Const) and int(most.value) < int(least.value):
            self.faults.add((*loc, "max"), Fault("max is below min", "max 小于 min"))
        rounding = self._round(row.get("round"), (*loc, "round"))
        if base is None or factor is None or over is None:
            return None
        return Compute(
            dim=dim, base=base, factor=factor, **of, over=over, plus=plus, least=least, most=most, round=rounding
        )

    def _of(self, raw: Any, loc: RawPath) -> dict[str, Any]:
        if raw is None:
            return {}
        if isinstance(raw, str):
            if raw not in self.names.fields:
                self.faults.add(loc, unknown("numeric field", "数值字段", raw, self.names.fields))
            return {"of_field": str(raw)}
        row = self.mapping(raw, loc)
        self.only(row, ("reference", "amount"), loc)
        if len(row) != 1:
            self.faults.add(
                loc, Fault("expected {reference: name} or {amount: figure}", "应为 {reference: 名称} 或 {amount: 数值}")
            )
            return {}
        if "amount" in row:
            return {"of_amount": self.read(row["amount"], "signed_money", _Held(), (*loc, "amount"), False)}
        name = row.get("reference")
        if "reference" in row and name not in self.names.references:
            self.faults.add((*loc, "reference"), unknown("reference", "参考值", str(name), self.names.references))
        return {"of_reference": str(name)}

    def _plus(self, raw: Any, loc: RawPath) -> Plus | None:
        if raw is None:
            return None
        row = self.mapping(raw, loc)
        self.only(row, ("step", "count", "beyond"), loc)
        count = self.scalar(row, "count", str, loc)
        if count is not None and count not in self.names.fields:
            self.faults.add((*loc, "count"), unknown("numeric field", "数值字段", count, self.names.fields))
        beyond = self.scalar(row, "beyond", lambda text: whole(text, 0), loc, 0)
        if "step" not in row:
            self.faults.add((*loc, "step"), Fault("a required key is missing", "缺少必填项", "this key", "写明该项"))
            return None
        step = self.read(row["step"], "signed_money", _Held(), (*loc, "step"), False)
        if step is None or count is None or beyond is None:
            return None
        return Plus(step=step, count=count, beyond=beyond)

    def _round(self, raw: Any, loc: RawPath) -> Round:
        """`{to, mode}`."""
        if raw is None:
            return Round()
        row = self.mapping(raw, loc)
        self.only(row, ("to", "mode"), loc)
        out: dict[str, str] = {}
        for name, valid in (("to", ("fen", "jiao", "yuan")), ("mode", ("half_up", "half_even", "down", "up"))):
            word = row.get(name)
            if word is not None and word not in valid:
                self.faults.add((*loc, name), unknown("rounding", "取整方式", str(word), valid))
            elif word is not None:
                out[name] = str(word)
        return Round(**out)  # type: ignore[arg-type]

    def _by_counter(self, raw: dict[str, Any], dim: Dim, loc: RawPath) -> ByCounter:
        name = str(raw["by_counter"])
        if name not in self.names.counters:
            self.faults.add((*loc, "by_counter"), unknown("counter", "累计", name, self.names.counters))
        out: list[CounterRow] = []
        last: int | None = -1
        for index, item in enumerate(self.rows(raw.get("rows"), (*loc, "rows"))):
            here = (*loc, "rows", index)
            row = self.mapping(item, here)
            self.only(row, ("upto", "value"), here)
            for key in ("upto", "value"):
                if key not in row and row:
                    self.faults.add(
                        (*here, key), Fault("a required key is missing", "缺少必填项", "this key", "写明该项")
                    )
            if "upto" not in row or "value" not in row:
                continue
            upto = None if is_open(row["upto"]) else _scalar_or_tell(row["upto"], self.faults, (*here, "upto"))
            value = self.read(row["value"], dim, _Held(), (*here, "value"), False)
            edge = None if upto is None else int(upto.value)
            if last is None or (edge is not None and edge <= last):
                self.faults.add((*here, "upto"), Fault("`upto` must ascend, `open` last", "upto 必须递增，open 在最后"))
            last = edge
            if value is not None:
                out.append(CounterRow(upto=upto, value=value))
        return ByCounter(dim=dim, counter=name, rows=tuple(out))


def _scalar_or_tell(raw: Any, faults: Faults, loc: RawPath) -> Const | None:
    if isinstance(raw, str):
        return _scalar(raw, "money", _Held(), faults, loc)
    faults.add(loc, Fault("expected money or `open`", "应为金额或 open", "a scalar", "标量"))
    return None


def parse_figure(
    raw: Any, dim: Dim, names: Names, faults: Faults, loc: RawPath = (), *, counter: bool = False
) -> Figure | None:
    """One figure of dimension `dim`; None after adding to `faults`. `counter`: by_counter may stand here."""
    return _Parser(names, faults).read(raw, dim, _Held(), loc, counter)
