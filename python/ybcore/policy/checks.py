"""What a schema cannot say: rules between the parts of one document. Every finding at once, each at its place."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from .faults import Fault, Faults, unknown
from .figures import Const, Figure, Round, Table
from .layers import BaseComputed, Ceiling, Deductible, Layer, ShareLayer, UseLayer
from .models import Plan, PolicyModel
from .paths import RawPath
from .vocabulary import PAYERS

__all__ = ["check", "has_exact", "placed_layers"]


def has_exact(model: PolicyModel) -> bool:
    """Whether any place but `rounding.band` is exact (then the document settles in millionths of a fen)."""
    places = model.rounding
    own = (places.line, places.class_, places.deductible, places.layer)
    return any(place.to == "exact" for place in own) or any(_exact_in(model))


def _exact_in(model: PolicyModel) -> Iterator[bool]:
    def walk(node: object) -> Iterator[bool]:
        if isinstance(node, Round) or type(node).__name__ == "RoundPlace":
            yield node.to == "exact"  # type: ignore[attr-defined]
        elif isinstance(node, BaseModel):
            for name in type(node).model_fields:
                yield from walk(getattr(node, name))
        elif isinstance(node, (tuple, list)):
            for item in node:
                yield from walk(item)
        elif isinstance(node, dict):
            for item in node.values():
                yield from walk(item)

    for part in (model.references, model.pricing, model.accounts, model.layers, model.plans):
        yield from walk(part)


def placed_layers(model: PolicyModel) -> Iterator[tuple[RawPath, Layer, list[Plan]]]:
    """Every layer once, with its path and the plans that have it (none: a shared layer nobody uses)."""
    for name, shared in model.layers.items():
        users = [plan for plan in model.plans if any(_uses(layer, name) for layer in plan.layers)]
        yield ("layers", name), shared, users
    for p, plan in enumerate(model.plans):
        for index, layer in enumerate(plan.layers):
            if not isinstance(layer, UseLayer):
                yield ("plans", p, "layers", index), layer, [plan]


def _uses(layer: object, name: str) -> bool:
    return isinstance(layer, UseLayer) and layer.use == name


def check(model: PolicyModel, faults: Faults) -> None:
    """All rules of one document. `model` is as validated: `use` not yet followed, `feeds` as written."""
    _top(model, faults)
    _pricing(model, faults)
    for path, layer, users in placed_layers(model):
        _layer(model, path, layer, faults)
        if not users:
            faults.add(path, Fault("no plan uses this shared layer", "没有方案使用此共享层", key=True))
    for index, plan in enumerate(model.plans):
        _plan(model, ("plans", index), plan, faults)
    _counters(model, faults)


def _top(model: PolicyModel, faults: Faults) -> None:
    start, end = model.effective.start, model.effective.end
    if end is not None and end <= start:
        faults.add(("effective", "to"), Fault("the effective range is empty", "有效期为空", "a date after `from`"))
    region = model.scheme.region
    if region != "*" and not (region.isascii() and region.isdigit() and len(region) <= 6):
        en = f'region is a prefix of a six-digit admdvs code or "*", found {region!r}'
        faults.add(("scheme", "region"), Fault(en, f'region 应为六位区划代码的前缀或 "*"，实为 {region!r}'))
    _duplicates(model.scheme.insutype, ("scheme", "insutype"), "insutype", faults)
    _duplicates(model.tags, ("tags",), "tag", faults)
    for index, tag in enumerate(model.tags):
        if not tag or "." in tag:
            faults.add(("tags", index), Fault("a tag is a name without a dot", "标签名不得为空或含点"))
    from .vocabulary import ATTRIBUTES

    for name in model.attributes:
        if name in ATTRIBUTES:
            en = f"{name!r} is an attribute already; declare another name"
            faults.add(("attributes", name), Fault(en, f"{name!r} 已是内置属性，请另取名", key=True))
    for name in (*model.counters, *model.layers):
        where = "counters" if name in model.counters else "layers"
        if name in ("visit", "end", "payer") or "." in name or not name:
            faults.add((where, name), Fault(f"{name!r} cannot be a name here", f"{name!r} 不能用作名称", key=True))
    if model.accounts is not None:
        _accounts(model, faults)


def _accounts(model: PolicyModel, faults: Faults) -> None:
    accounts = model.accounts
    assert accounts is not None
    _duplicates(accounts.buckets, ("accounts", "buckets"), "bucket", faults)
    for index, row in enumerate(accounts.topups):
        for test in row.when.tests:
            if test.attribute in model.attributes:
                table = model.attributes[test.attribute].table
            else:
                from .vocabulary import ATTRIBUTES

                table = ATTRIBUTES[test.attribute].tables[-1]
            if table != "persons":
                en = f"a top-up has no visit: {test.attribute} is not an attribute of the person"
                zh = f"划入时没有就诊：{test.attribute} 不是人员属性"
                faults.add(("accounts", "topups", index, "when", test.attribute), Fault(en, zh, key=True))


def _duplicates(items: tuple[str, ...], path: RawPath, what: str, faults: Faults) -> None:
    for index, item in enumerate(items):
        if item in items[:index]:
            faults.add((*path, index), Fault(f"{what} {item!r} stands twice", f"{what} {item!r} 重复"))


def _pricing(model: PolicyModel, faults: Faults) -> None:
    sums = False
    for index, step in enumerate(model.pricing.first_pay):
        if step.at != "line":
            sums = True
        elif sums:
            en = "a step at lines stands after a step at sums"
            faults.add(("pricing", "first_pay", index), Fault(en, "按行的步骤不能排在按合计的步骤之后"))
        _duplicates(step.class_, ("pricing", "first_pay", index, "class"), "class", faults)


def _plan(model: PolicyModel, path: RawPath, plan: Plan, faults: Faults) -> None:
    earlier = [p.id for p in model.plans[: path[1]]]  # type: ignore[misc]
    if plan.id in earlier:
        faults.add((*path, "id"), Fault(f"plan id {plan.id!r} stands twice", f"方案 id {plan.id!r} 重复"))
    if plan.benefit == "none" and plan.layers:
        faults.add((*path, "layers"), Fault("`benefit: none` has no layers", "benefit: none 不得有层", key=True))
    if plan.benefit is None and not plan.layers:
        en = "a plan needs layers, or `benefit: none`"
        faults.add(path, Fault(en, "方案须有 layers 或 benefit: none"))
    if plan.feeds is not None:
        _duplicates(plan.feeds, (*path, "feeds"), "counter", faults)
    ids: list[str] = []
    basics: list[str] = []
    for index, item in enumerate(plan.layers):
        here = (*path, "layers", index)
        if isinstance(item, UseLayer):
            if item.use not in model.layers:
                faults.add((*here, "use"), unknown("shared layer", "共享层", item.use, model.layers))
                continue
            layer: Layer = model.layers[item.use]
            name, at = item.use, (*here, "use")
        else:
            layer, name, at = item, item.id, (*here, "id")
        if name in ids:
            faults.add(at, Fault(f"layer id {name!r} stands twice in this plan", f"本方案中层 id {name!r} 重复"))
        _earlier(layer, here if not isinstance(item, UseLayer) else ("layers", name), ids, faults)
        ids.append(name)
        if layer.basic:
            if basics:
                en = f"a second basic layer; {basics[0]!r} is basic already"
                faults.add(here, Fault(en, f"第二个 basic 层；{basics[0]!r} 已是 basic"))
            basics.append(name)
    accounts = model.accounts
    has_acct = any(_resolved(model, layer).kind == "acct" for layer in plan.layers if _known(model, layer))
    if has_acct and accounts is None:
        faults.add(path, Fault("an `acct` layer, but no `accounts:`", "有 acct 层，但没有 accounts:"))


def _known(model: PolicyModel, layer: object) -> bool:
    return not isinstance(layer, UseLayer) or layer.use in model.layers


def _resolved(model: PolicyModel, layer: Layer | UseLayer) -> Layer:
    return model.layers[layer.use] if isinstance(layer, UseLayer) else layer


def _earlier(layer: Layer, path: RawPath, ids: list[str], faults: Faults) -> None:
    """A computed base reads a layer that stands earlier in the plan."""
    if isinstance(layer.base, BaseComputed) and layer.base.layer not in ids:
        en = f"layer {layer.base.layer!r} does not stand earlier in this plan"
        faults.add((*path, "base", "layer"), Fault(en, f"层 {layer.base.layer!r} 不在本方案的前面", f"one of: {ids}"))


def _in_scope_like(bucket: str) -> bool:
    return bucket == "in_scope" or bucket.endswith(".in_scope")


def _layer(model: PolicyModel, path: RawPath, layer: Layer, faults: Faults) -> None:
    if not layer.id or "." in layer.id or layer.id in ("visit", "end", "payer"):
        faults.add((*path, "id"), Fault(f"{layer.id!r} cannot be a layer id", f"{layer.id!r} 不能用作层 id"))
    if isinstance(layer.base, tuple):
        buckets = tuple(part.bucket for part in layer.base)
        _duplicates(buckets, (*path, "base"), "bucket", faults)
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
            (*path, "counts"), Fault("`counts` names the payers that count", "counts 列出计入的支付方", "a list")
        )
    _duplicates(layer.counts, (*path, "counts"), "payer", faults)


def _ceiling(model: PolicyModel, path: RawPath, layer: Layer, ceiling: Ceiling, faults: Faults) -> None:
    names: tuple[str, ...] = ()
    if ceiling.on == "payers":
        names = PAYERS
    elif ceiling.on == "layers":
        every = [other.id for plan in model.plans for other in plan.layers if not isinstance(other, UseLayer)]
        names = tuple(dict.fromkeys((*model.layers, *every)))
    if names:
        if not ceiling.of:
            faults.add((*path, "of"), Fault(f"`on: {ceiling.on}` needs `of`", f"on: {ceiling.on} 需要 of", "a list"))
        for index, name in enumerate(ceiling.of):
            if name not in names:
                faults.add(
                    (*path, "of", index), unknown("payer" if ceiling.on == "payers" else "layer", "名称", name, names)
                )
        _duplicates(ceiling.of, (*path, "of"), "name", faults)
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
        faults.add((*path, "accumulate"), Fault(en, zh, "a counter of a longer period"))
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
            faults.add((*path, name), Fault(en, zh, "repeat: cumulative, first_only or highest", key=True))
    if own.period == "visit":
        faults.add(
            (*path, "period"),
            Fault(
                "period visit is `repeat: visit`", "period visit 即 repeat: visit", "day, month, quarter, year or life"
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


def _counters(model: PolicyModel, faults: Faults) -> None:
    in_plans: dict[str, list[Plan]] = {}
    for _, layer, users in placed_layers(model):
        in_plans.setdefault(layer.id, []).extend(users)
    for name, counter in model.counters.items():
        feeding = [plan for plan in model.plans if _feeds(plan, name)]
        path = ("counters", name)
        if not feeding:
            faults.add(path, Fault(f"no plan feeds counter {name!r}", f"没有方案计入累计 {name!r}", key=True))
        alive = False
        seen: set[tuple[str, str, str]] = set()
        for index, term in enumerate(counter.sum):
            key = (term.kind, term.name, term.quantity)
            if key in seen:
                faults.add((*path, "sum", index), Fault("this term stands twice", "该项重复"))
            seen.add(key)
            users = in_plans.get(term.name, []) if term.kind == "layer" else list(model.plans)
            if not users:
                faults.add(
                    (*path, "sum", index), Fault(f"no plan has layer {term.name!r}", f"没有方案含层 {term.name!r}")
                )
            elif any(plan is user for plan in feeding for user in users):
                alive = True
            elif feeding:
                en = f"no plan that feeds {name!r} has layer {term.name!r}"
                faults.add((*path, "sum", index), Fault(en, f"计入 {name!r} 的方案都不含层 {term.name!r}"))
        if feeding and not alive and not faults:
            faults.add(path, Fault(f"counter {name!r} is never fed", f"累计 {name!r} 从不计入", key=True))


def _feeds(plan: Plan, name: str) -> bool:
    if plan.feeds is None:
        return plan.benefit is None
    return name in plan.feeds
