"""Cash benefits: `benefit(claims, documents)` (docs/clearing.md section 5)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ..columns.checks import tell_cells
from ..columns.convert import NULL_INT
from ..columns.read import Frame, Problems, read
from ..columns.schema import Column
from ..errors import DocumentError, InputError, Problem
from ..policy.document import Document, load_each, parsed_from
from ..policy.names import Names, names_of
from ..policy.reader import Parsed
from ..policy.vocabulary import ATTRIBUTES
from ..policy.vocabulary import Attribute as Declared
from ..settling.clearing import pay_benefits, taken
from .attributes import Attribute, Numbers, codes_of
from .book import build, overlaps
from .cashmodels import BenefitModel, Rule, check
from .cells import tell_apart
from .figures import NoFigureError, attributes_used, edges_of, holds, number
from .salvage import BENEFITS
from .tables import CLAIMS

__all__ = ["Benefit", "benefit", "load_benefits"]

_UNIT = {"fen": 1, "jiao": 10, "yuan": 100}
_MODE = {"half_up": 0, "half_even": 1, "down": 2, "up": 3}
_OUTCOMES = ["paid", "no_document", "no_benefit"]


class Benefit(Document[BenefitModel]):
    """One document of cash benefits (fen, 1/10000 days and months)."""

    def _build(self, parsed: Parsed) -> BenefitModel:
        names = names_of(parsed.doc)
        own = {name: ATTRIBUTES[name] for name in ("insutype",)}
        own |= {name: Declared(name, "exact", ("visits",)) for name in ("difficult", "matn_type")}
        own["births"] = Declared("births", "number", ("visits",))
        declared = {name: held for name, held in names.attributes.items() if held.declared}
        return build(parsed, BenefitModel, Names(sets=names.sets, attributes={**own, **declared}), check, BENEFITS)


def load_benefits(source: Any) -> tuple[Benefit, ...]:
    """Documents from a path, a folder, a text, a raw document, a Benefit, or a list of these; sorted, without overlaps.

    Raises DocumentError with every problem of all of them, OSError.
    """
    out, problems = load_each(source, _load)
    if not out and not problems:
        problems.append(Problem(what="no documents of benefits", what_zh="没有津贴文件"))
    out.sort(key=lambda document: document.id)
    problems.extend(overlaps(out))
    if problems:
        raise DocumentError(problems)
    return tuple(out)


def _load(source: Any) -> Benefit:
    return source if isinstance(source, Benefit) else Benefit(parsed_from(source))


def benefit(claims: Any, documents: Any) -> pa.Table:
    """What each claim is paid, in the order of the claims.

    Columns: claim_id, document, benefit, outcome, count (days or months, 1/10000), allowance, lump, pay (fen; null where nothing is due).
    Raises DocumentError and InputError, each with everything that is wrong.
    """
    book = load_benefits(documents)
    declared = {name: told for document in book for name, told in document.model.attributes.items()}
    table = CLAIMS.with_columns(
        [Column(name, "count" if told.match == "number" else "code") for name, told in declared.items()]
    )
    problems = Problems()
    frame = read(claims, table, problems)
    tell_cells(problems, frame)
    if problems.found:
        raise InputError(problems.found)
    return _paid(frame, book, {name: told.default for name, told in declared.items()})


def _attributes(frame: Frame, book: tuple[Benefit, ...], defaults: dict[str, str]) -> dict[str, Attribute]:
    out: dict[str, Attribute] = {}
    for name in sorted({"insutype", "insuplc_admdvs"} | {n for held in book for n in attributes_used(held.model)}):
        spec = frame.table.find(name)
        if spec is not None and spec.kind == "count":
            values = frame.ints(name)
            own = np.where(values == NULL_INT, 1, values) if name == "births" else np.ascontiguousarray(values)
            out[name] = Numbers(own, [edge for held in book for edge in edges_of(held.model, name)])
        else:
            default = defaults.get(name, "0" if name == "difficult" else "")
            out[name] = codes_of(frame.rows, [(None, frame.code(name))], default)
    return out


def _paid(frame: Frame, book: tuple[Benefit, ...], defaults: dict[str, str]) -> pa.Table:
    models = [held.model for held in book]
    told = tell_apart(book, models, _attributes(frame, book, defaults), frame.days("event_date"), {}, 1)
    of, rows = told.every.of, told.every.first.tolist()
    document = taken(np.array([*told.document, -1], np.int32), of, 1)
    rules: list[list[int]] = []
    steps: list[int] = []
    names: list[tuple[str, int]] = []
    problems: list[Problem] = []
    for row, number_of, day, values in zip(rows, told.document, told.day, told.values):
        names.append(("", -1))
        rules.append([0, -1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
        if number_of < 0:
            continue
        held = book[number_of]
        rule = next((one for one in held.model.benefits if holds(one.when, values)), None)
        if rule is None:
            continue
        names[-1] = (rule.id, held.model.benefits.index(rule))
        try:
            rules[-1] = _numbers(rule, values, day, steps)
        except NoFigureError as error:
            what, zh = f"benefit {rule.id} has no figure by {error}", f"待遇 {rule.id} 没有适用的数值（按 {error}）"
            problems.append(Problem(file=held.file, what=what, what_zh=zh, path="claims", row=row + 1))
    if problems:
        raise InputError(problems)
    paid = np.array([at >= 0 for _, at in names] + [False])[of] if frame.rows else np.zeros(0, bool)
    own = {unit: np.where(frame.ints(unit) == NULL_INT, 0, frame.ints(unit)) for unit in ("days", "months")}
    months = np.array([rule[2] for rule in rules] + [0])[of] == 1 if frame.rows else np.zeros(0, bool)
    births = frame.ints("births")
    out = pay_benefits(
        {"rules": np.array(rules, np.int64).reshape(-1), "steps": np.array(steps, np.int64)},
        {
            "rule": np.where(paid, of, -1).astype(np.int32),
            "base": np.ascontiguousarray(frame.ints("monthly_base")),
            "count": np.where(months, own["months"], own["days"]),
            "births": np.where(births == NULL_INT, 1, births),
        },
    )
    outcome = np.where(document < 0, 1, np.where(paid, 0, 2)).astype(np.int32)
    columns = {name: pa.array(out[name], mask=~paid) for name in ("count", "allowance", "lump", "pay")}
    return pa.table(
        {
            "claim_id": frame.ids["claim_id"],
            "document": pa.array([book[at].id if at >= 0 else None for at in document.tolist()], pa.string()),
            "benefit": pa.array([names[at][0] or None for at in of.tolist()], pa.string()),
            "outcome": pa.DictionaryArray.from_arrays(pa.array(outcome), pa.array(_OUTCOMES)),
            **columns,
        }
    )


def _numbers(rule: Rule, values: dict[str, Any], day: int, steps: list[int]) -> list[int]:
    """The fields of `BenefitRule` in core/include/ybcore/benefit.hpp."""
    begin, start = len(steps) // 2, rule.count.start or 0
    for plus in rule.count.plus:
        if not holds(plus.when, values):
            continue
        if plus.each is None:
            start += plus.adds
        else:
            steps += [plus.beyond, plus.adds]
    least, most = rule.base.least, rule.base.most
    return [
        0 if least is None else number(least, values, day), -1 if most is None else number(most, values, day),
        int(rule.unit == "months"), int(rule.count.column is not None), start, begin, len(steps) // 2,
        0 if rule.lump is None else number(rule.lump, values, day),
        _UNIT[rule.round.to], _MODE[rule.round.mode], int(rule.round.at == "total"), 0,
    ]  # fmt: skip
