"""What a schema cannot say: rules between the parts of one document. Every finding at once, each at its place."""

from __future__ import annotations

from collections.abc import Iterator

from .faults import Fault, Faults, unknown
from .layerchecks import check_layer, tell_duplicates
from .layers import BaseComputed, Layer, UseLayer
from .models import Plan, PolicyModel
from .paths import RawPath
from .vocabulary import ATTRIBUTES

__all__ = ["check", "placed_layers"]


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


def check(model: PolicyModel, faults: Faults, *, whole: bool = True) -> None:
    """All rules of one document. `model` is as validated: `use` not yet followed, `feeds` as written.

    `whole` False: parts were left out, so only what stands can be judged, not what is missing.
    """
    _top(model, faults)
    _pricing(model, faults)
    for path, layer, users in placed_layers(model):
        check_layer(model, path, layer, faults)
        if not users and whole:
            faults.add(path, Fault("no plan uses this shared layer", "没有方案使用此共享层", key=True))
    for index, plan in enumerate(model.plans):
        _plan(model, index, plan, faults)
    if whole:
        _counters(model, faults)


def _top(model: PolicyModel, faults: Faults) -> None:
    start, end = model.effective.start, model.effective.end
    if end is not None and end <= start:
        faults.add(("effective", "to"), Fault("the effective range is empty", "有效期为空", "a date after `from`", "晚于 from 的日期"))  # fmt: skip
    region = model.scheme.region
    if region != "*" and not (region.isascii() and region.isdigit() and len(region) <= 6):
        en = f'region is a prefix of a six-digit admdvs code or "*", found {region!r}'
        faults.add(("scheme", "region"), Fault(en, f'region 应为六位区划代码的前缀或 "*"，实为 {region!r}'))
    tell_duplicates(model.scheme.insutype, ("scheme", "insutype"), "insutype", faults)
    tell_duplicates(model.tags, ("tags",), "tag", faults)
    for index, tag in enumerate(model.tags):
        if not tag or "." in tag:
            faults.add(("tags", index), Fault("a tag is a name without a dot", "标签名不得为空或含点"))
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
    tell_duplicates(accounts.buckets, ("accounts", "buckets"), "bucket", faults)
    for index, row in enumerate(accounts.topups):
        for test in row.when.tests:
            declared = model.attributes.get(test.attribute)
            tables = (declared.table,) if declared is not None else ATTRIBUTES[test.attribute].tables
            if "persons" not in tables:
                en = f"a top-up has no visit: {test.attribute} is not an attribute of the person"
                zh = f"划入时没有就诊：{test.attribute} 不是人员属性"
                faults.add(("accounts", "topups", index, "when", test.attribute), Fault(en, zh, key=True))


def _pricing(model: PolicyModel, faults: Faults) -> None:
    sums = False
    for index, step in enumerate(model.pricing.first_pay):
        if step.at != "line":
            sums = True
        elif sums:
            en = "a step at lines stands after a step at sums"
            faults.add(("pricing", "first_pay", index), Fault(en, "按行的步骤不能排在按合计的步骤之后"))
        tell_duplicates(step.class_, ("pricing", "first_pay", index, "class"), "class", faults)


def _plan(model: PolicyModel, number: int, plan: Plan, faults: Faults) -> None:
    path: RawPath = ("plans", number)
    earlier = [p.id for p in model.plans[:number]]
    if plan.id in earlier:
        faults.add((*path, "id"), Fault(f"plan id {plan.id!r} stands twice", f"方案 id {plan.id!r} 重复"))
    if plan.benefit == "none" and plan.layers:
        faults.add((*path, "layers"), Fault("`benefit: none` has no layers", "benefit: none 不得有层", key=True))
    if plan.benefit is None and not plan.layers:
        en = "a plan needs layers, or `benefit: none`"
        faults.add(path, Fault(en, "方案须有 layers 或 benefit: none"))
    if plan.feeds is not None:
        tell_duplicates(plan.feeds, (*path, "feeds"), "counter", faults)
    seen: dict[str, Layer] = {}
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
        if name in seen:
            faults.add(at, Fault(f"layer id {name!r} stands twice in this plan", f"本方案中层 id {name!r} 重复"))
        _earlier(layer, here if not isinstance(item, UseLayer) else ("layers", name), seen, faults)
        seen[name] = layer
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


def _earlier(layer: Layer, path: RawPath, seen: dict[str, Layer], faults: Faults) -> None:
    """A computed base reads a layer that stands earlier in the plan and can cut what is read."""
    base = layer.base
    if not isinstance(base, BaseComputed):
        return
    if base.layer not in seen:
        en = f"layer {base.layer!r} does not stand earlier in this plan"
        fault = Fault(en, f"层 {base.layer!r} 不在本方案的前面", f"one of: {', '.join(seen) or 'none'}", f"以下之一：{', '.join(seen) or '无'}")  # fmt: skip
        faults.add((*path, "base", "layer"), fault)
    elif base.of == "cut_fund" and not any(c.on in ("fund", "payers", "layers") for c in seen[base.layer].ceilings):
        en = f"layer {base.layer!r} has no fund ceiling, so it never cuts fund money"
        faults.add((*path, "base", "layer"), Fault(en, f"层 {base.layer!r} 没有基金限额，不会有超限基金"))


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
