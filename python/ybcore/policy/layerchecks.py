"""Rules inside one layer that a schema cannot say."""

from __future__ import annotations

from .faults import Fault, Faults, unknown
from .figures import Const, Figure, Table
from .layers import Ceiling, Deductible, Layer, ShareLayer, UseLayer
from .models import PolicyModel
from .paths import RawPath
from .vocabulary import PAYERS

__all__ = ["check_layer", "tell_duplicates"]


def tell_duplicates(items: tuple[str, ...], path: RawPath, what: str, faults: Faults) -> None:
    """A fault for every item that stands twice."""
    for index, item in enumerate(items):
        if item in items[:index]:
            faults.add((*path, index), Fault(f"{what} {item!r} stands twice", f"{what} {item!r} 重复"))


def _in_scope_like(bucket: str) -> bool:
    return bucket == "in_scope" or bucket.endswith(".in_scope")


def check_layer(model: PolicyModel, path: RawPath, layer: Layer, faults: Faults) -> None:
    """All rules of one layer."""
    if not layer.id or "." in layer.id or layer.id in ("visit", "end", "payer"):
        faults.add((*path, "id"), Fault(f"{layer.id!r} cannot be a layer id", f"{layer.id!r} 不能用作层 id"))
    if isinstance(layer.base, tuple):
        buckets = tuple(part.bucket for part in layer.base)
        tell_duplicates(buckets, (*path, "base"), "bucket", faults)
        bad = next((i for i, b in enumerate(buckets) if layer.basic and not _in_scope_like(b)), None)
        if bad is not None:
            en = f"a basic layer divides in_scope only; {buckets[bad]!r} cannot be in its base"
            faults.add((*path, "base", bad), Fault(en, f"basic 层只划分 in_scope，基数不能含 {buckets[bad]!r}"))
    elif layer.basic:
        faults.add((*path, "base"), Fault("a basic layer has no computed base", "basic 层不能用计算基数"))
    for index, ceiling in enumerate(layer.ceilings):
        _ceiling(model, (*path, "ceilings", index), layer, ceiling, faults)
    if isinstance(layer, ShareLayer):
        _share(model, path, layer, faults)
    elif layer.kind == "floor":
        _floor(path, layer, faults)


def _floor(path: RawPath, layer: Layer, faults: Faults) -> None:
    assert layer.kind == "floor"
    if (layer.amount is None) == (layer.share is None):
        faults.add(path, Fault("exactly one of `amount` and `share`", "amount 与 share 必须恰有一个"))
    if (layer.share is None) != (layer.of is None):
        faults.add(path, Fault("`share` and `of` go together", "share 与 of 必须同时出现"))
    if not layer.counts:
        faults.add(
            (*path, "counts"),
            Fault("`counts` names the payers that count", "counts 列出计入的支付方", "a list", "列表"),
        )
    tell_duplicates(layer.counts, (*path, "counts"), "payer", faults)


def _ceiling(model: PolicyModel, path: RawPath, layer: Layer, ceiling: Ceiling, faults: Faults) -> None:
    names: tuple[str, ...] = ()
    if ceiling.on == "payers":
        names = PAYERS
    elif ceiling.on == "layers":
        every = [other.id for plan in model.plans for other in plan.layers if not isinstance(other, UseLayer)]
        names = tuple(dict.fromkeys((*model.layers, *every)))
    if names:
        if not ceiling.of:
            faults.add((*path, "of"), Fault(f"`on: {ceiling.on}` needs `of`", f"on: {ceiling.on} 需要 of", "a list", "列表"))  # fmt: skip
        for index, name in enumerate(ceiling.of):
            if name not in names:
                faults.add(
                    (*path, "of", index), unknown("payer" if ceiling.on == "payers" else "layer", "名称", name, names)
                )
        tell_duplicates(ceiling.of, (*path, "of"), "name", faults)
    elif ceiling.of:
        faults.add((*path, "of"), Fault(f"`of` has no meaning with `on: {ceiling.on}`", "此处 of 无意义", key=True))
    expense = ceiling.on in ("expense", "above_deductible")
    if expense and ceiling.cut_as is not None:
        faults.add((*path, "cut_as"), Fault("`cut_as` is for fund ceilings", "cut_as 只用于基金限额", key=True))
    if expense and layer.kind != "share":
        faults.add((*path, "on"), Fault(f"kind {layer.kind} has fund ceilings only", f"{layer.kind} 层只能有基金限额"))
    if ceiling.counter is not None:
        _same_period(model, (*path, "per"), ceiling.counter, ceiling.per, faults)
        _same_scope(model, path, ceiling.counter, ceiling.scope, faults)


def _same_period(model: PolicyModel, path: RawPath, counter: str, period: str | None, faults: Faults) -> None:
    own = model.counters[counter].period if counter in model.counters else period
    if period is not None and own != period:
        en = f"counter {counter!r} has period {own}, not {period}"
        faults.add(path, Fault(en, f"累计 {counter!r} 的周期为 {own}，不是 {period}", own or ""))


def _same_scope(model: PolicyModel, path: RawPath, counter: str, scope: str | None, faults: Faults) -> None:
    own = model.counters[counter].scope if counter in model.counters else scope
    if scope is not None and own != scope and not own.startswith("attribute:"):  # type: ignore[union-attr]
        en = f"counter {counter!r} has scope {own}, not {scope}"
        faults.add((*path, "scope"), Fault(en, f"累计 {counter!r} 的范围为 {own}，不是 {scope}", own or ""))


def _share(model: PolicyModel, path: RawPath, layer: ShareLayer, faults: Faults) -> None:
    forms = [name for name in ("bands", "rate", "part_rates") if getattr(layer, name) is not None]
    if len(forms) != 1:
        found = ", ".join(forms) or "none"
        en = f"exactly one of bands, rate, part_rates; found {found}"
        faults.add(path, Fault(en, f"bands、rate、part_rates 必须恰有一个；实有 {found}"))
    if layer.bands is not None:
        _bands(path, layer, faults)
    if layer.part_rates is not None:
        _part_rates(path, layer, faults)
    if layer.deductible is not None and layer.deductible.position == "after_rate" and layer.after_rate_deductible:
        en = "`after_rate_deductible` beside a deductible that is taken after the rate already"
        faults.add(
            (*path, "after_rate_deductible"), Fault(en, "起付线已在比例之后，不能再有 after_rate_deductible", key=True)
        )
    if layer.deductible is not None:
        _deductible(model, (*path, "deductible"), layer, layer.deductible, faults)
    delta = layer.settle != "per_visit"
    if delta and layer.accumulate is None:
        faults.add(
            (*path, "accumulate"),
            Fault(f"`settle: {layer.settle}` needs `accumulate`", f"settle: {layer.settle} 需要 accumulate"),
        )
    if not delta and layer.accumulate is not None:
        faults.add(
            (*path, "accumulate"),
            Fault(
                "`accumulate` is for delta_F and F_minus_paid", "accumulate 只用于 delta_F 与 F_minus_paid", key=True
            ),
        )
    if not delta and layer.carry is not None:
        faults.add(
            (*path, "carry"),
            Fault("`carry` is for delta_F and F_minus_paid", "carry 只用于 delta_F 与 F_minus_paid", key=True),
        )
    if delta:
        _delta(model, path, layer, faults)


def _delta(model: PolicyModel, path: RawPath, layer: ShareLayer, faults: Faults) -> None:
    counter = model.counters.get(layer.accumulate or "")
    if counter is not None and counter.period == "visit":
        en = f"{layer.settle} reads what earlier visits accumulated; counter {layer.accumulate!r} has period visit"
        zh = f"{layer.settle} 读取以往就诊的累计；累计 {layer.accumulate!r} 的周期为 visit"
        faults.add((*path, "accumulate"), Fault(en, zh, "a counter of a longer period", "周期更长的累计"))
    for index, step in enumerate(layer.steps):
        if step.payer is not None:
            en = f"a band with its own payer is settled per visit, not by {layer.settle}"
            faults.add(
                (*path, "bands", "steps", index, "payer"),
                Fault(en, f"有自己支付方的分段只能 per_visit，不能 {layer.settle}", key=True),
            )
    if layer.bands is not None and layer.bands.position != "visit":
        en = f"with {layer.settle} the position is `accumulate`; leave it out"
        faults.add(
            (*path, "bands", "position"), Fault(en, f"{layer.settle} 的位置即 accumulate，请删去 position", key=True)
        )
    if layer.part_rates is not None:
        faults.add(
            (*path, "part_rates"),
            Fault(f"part_rates cannot be settled by {layer.settle}", f"part_rates 不能用 {layer.settle}", key=True),
        )
    if layer.deductible is not None:
        own = layer.deductible
        if own.position == "after_rate":
            faults.add(
                (*path, "deductible", "position"),
                Fault(f"{layer.settle} takes its deductible before the rate", f"{layer.settle} 的起付线在比例之前"),
            )
        if own.repeat not in ("visit", "cumulative"):
            en = f"{layer.settle} owes one standard in the period of `accumulate`; `repeat: {own.repeat}` has no effect"
            faults.add(
                (*path, "deductible", "repeat"),
                Fault(en, f"{layer.settle} 在累计周期内只有一个起付标准，repeat: {own.repeat} 无效"),
            )


def _bands(path: RawPath, layer: ShareLayer, faults: Faults) -> None:
    bands = layer.bands
    assert bands is not None
    if bands.total is not None and bands.form != "by_total":
        faults.add(
            (*path, "bands", "total"), Fault("`total` is for `form: by_total`", "total 只用于 form: by_total", key=True)
        )
    open_at: int | None = None
    for index, step in enumerate(bands.steps):
        here = (*path, "bands", "steps", index, "to")
        if open_at is not None:
            faults.add(here, Fault("a band after the open one is never reached", "open 之后的分段永远到不了"))
            continue
        if step.to is None:
            open_at = index
        elif index and (before := bands.steps[index - 1].to) is not None:
            _ascending(before, step.to, here, faults)


def _ascending(before: Figure, after: Figure, path: RawPath, faults: Faults) -> None:
    """Edges must ascend: compared where both are constants, or tables with the same keys cell by cell."""
    if isinstance(before, Const) and isinstance(after, Const):
        if int(after.value) <= int(before.value):
            same = after.value == before.value
            en = (
                "the same edge as the band before"
                if same
                else "band edges must ascend; this one is below the one before"
            )
            faults.add(path, Fault(en, "与上一段的上限相同" if same else "分段上限必须递增，此处小于上一段"))
    elif isinstance(before, Table) and isinstance(after, Table) and before.by == after.by:
        cells = {row.key: row.value for row in before.rows}
        for row in after.rows:
            if row.key in cells:
                _ascending(cells[row.key], row.value, (*path, row.key), faults)
        if before.otherwise is not None and after.otherwise is not None:
            _ascending(before.otherwise, after.otherwise, (*path, "else"), faults)
    elif isinstance(before, Const) and isinstance(after, Table):
        for row in after.rows:
            _ascending(before, row.value, (*path, row.key), faults)
    elif isinstance(before, Table) and isinstance(after, Const):
        for row in before.rows:
            _ascending(row.value, after, path, faults)


def _part_rates(path: RawPath, layer: ShareLayer, faults: Faults) -> None:
    assert layer.part_rates is not None
    if not isinstance(layer.base, tuple):
        faults.add(
            (*path, "part_rates"), Fault("part_rates needs a base of buckets", "part_rates 需要负担桶基数", key=True)
        )
        return
    buckets = [part.bucket for part in layer.base]
    for name in layer.part_rates:
        if name not in buckets:
            faults.add((*path, "part_rates", name), unknown("base part", "基数部分", name, buckets, key=True))
    for name in buckets:
        if name not in layer.part_rates:
            faults.add(
                (*path, "part_rates"),
                Fault(f"no rate for the base part {name!r}", f"基数部分 {name!r} 没有比例", key=True),
            )


def _deductible(model: PolicyModel, path: RawPath, layer: ShareLayer, own: Deductible, faults: Faults) -> None:
    periodic = own.repeat in ("cumulative", "first_only", "highest")
    for name in ("period", "scope"):
        if getattr(own, name) is not None and not periodic:
            en = f"`{name}` has no effect with `repeat: {own.repeat}`"
            zh = f"repeat: {own.repeat} 时 {name} 无效"
            faults.add((*path, name), Fault(en, zh, "repeat: cumulative, first_only or highest", "repeat: cumulative、first_only 或 highest", key=True))  # fmt: skip
    if own.period == "visit":
        faults.add(
            (*path, "period"),
            Fault(
                "period visit is `repeat: visit`",
                "period visit 即 repeat: visit",
                "day, month, quarter, year or life",
                "day、month、quarter、year 或 life",
            ),
        )
    if own.counter is not None:
        if own.repeat != "cumulative":
            faults.add(
                (*path, "counter"),
                Fault("`counter` is for `repeat: cumulative`", "counter 只用于 repeat: cumulative", key=True),
            )
        _same_period(model, (*path, "period"), own.counter, own.period, faults)
        _same_scope(model, path, own.counter, own.scope, faults)
    if own.less is not None and own.repeat != "highest":
        faults.add((*path, "less"), Fault("`less` is for `repeat: highest`", "less 只用于 repeat: highest", key=True))
    if own.admission is not None and model.admissions is None:
        faults.add(
            (*path, "admission"),
            Fault("an admission rule needs `admissions:` at the top", "使用住院次数须在顶层写 admissions:", key=True),
        )
    if own.taken_from == "in_catalogue" and not layer.basic:
        faults.add(
            (*path, "from"),
            Fault("`from: in_catalogue` is for the basic layer", "from: in_catalogue 只用于 basic 层", key=True),
        )
    transfer = own.transfer
    if transfer is not None and ("days" in transfer.link) != (transfer.within_days is not None):
        faults.add(
            (*path, "transfer"),
            Fault("`link: days` and `within_days` go together", "link: days 与 within_days 必须同时出现", key=True),
        )
