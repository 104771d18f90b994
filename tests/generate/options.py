"""Which options of the language a document uses, and the list of all there are (docs/policy.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: Keys whose word is an option of its own.
CHOICES: dict[str, list[str]] = {
    "dates.policy": ["settlement", "discharge", "admission"],
    "dates.order": ["settlement", "discharge"],
    "dates.class": ["fee", "discharge", "settlement"],
    "dates.ratio": ["fee", "discharge", "settlement"],
    "dates.cap": ["fee", "discharge", "settlement"],
    "year.of": ["settlement", "discharge", "admission"],
    "year.cross": ["discharge", "split"],
    "year.deductible": ["first", "each"],
    "rounding.mode": ["half_up", "half_even", "down", "up"],
    **{f"rounding.{p}": ["fen", "jiao", "yuan", "exact"] for p in ("line", "class", "deductible", "band", "layer")},
    "rounding.end": ["fen", "jiao", "yuan"],
    **{
        f"rounding.{p}.mode": ["half_up", "half_even", "down", "up"]
        for p in ("line", "class", "deductible", "band", "layer", "end")
    },
    **{f"pricing.place.{w}": ["treatment", "insured"] for w in ("class", "ratio", "cap")},
    "first_pay.ratio": ["catalog", "figure"],
    "first_pay.on": ["rest", "gross"],
    "first_pay.at": ["line", "class", "visit"],
    "layer.kind": ["share", "fixed", "per_day", "package", "floor", "given", "acct"],
    "layer.take": ["ordered", "pro_rata"],
    "layer.settle": ["per_visit", "delta_F", "F_minus_paid"],
    "layer.carry": ["true", "false"],
    "layer.moves": ["true"],
    "layer.basic": ["true"],
    "layer.per": ["visit", "day"],
    "layer.self_on": ["price", "actual"],
    "layer.below": ["shared", "fund"],
    "layer.excess": ["person", "hospital"],
    "layer.of": ["total", "in_scope"],
    "layer.payer": [
        *("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay"),
        "hosp_part_amt",
    ],
    "base.of": ["cut_fund", "cut_expense"],
    "deductible.repeat": ["visit", "cumulative", "first_only", "admission", "highest"],
    "deductible.period": ["day", "month", "quarter", "year", "life"],
    "deductible.scope": ["person", "household", "hospital", "disease", "stay"],
    "deductible.less": ["used", "charged"],
    "deductible.position": ["before_rate", "after_rate"],
    "deductible.from": ["base", "in_catalogue"],
    "transfer.against": ["standard", "used"],
    "bands.origin": ["including", "excess"],
    "bands.form": ["progressive", "by_total"],
    "bands.total": ["base", "after_deductible"],
    "ceiling.on": ["fund", "payers", "layers", "expense", "above_deductible"],
    "ceiling.per": ["visit", "day", "month", "quarter", "year", "life"],
    "ceiling.scope": ["person", "household", "hospital", "disease", "stay"],
    "ceiling.cut_as": ["fund", "expense"],
    "once.period": ["day", "month", "quarter", "year", "life"],
    "once.scope": ["person", "household", "hospital", "disease", "stay"],
    "counter.period": ["visit", "day", "month", "quarter", "year", "life"],
    "counter.scope": ["person", "household", "hospital", "disease", "stay", "attribute"],
    "admissions.period": ["day", "month", "quarter", "year", "life"],
    "admissions.scope": ["person", "household", "hospital", "disease", "stay"],
    "admissions.one_per": ["stay", "settlement"],
    "accounts.pay": ["last", "layers"],
    "accounts.renew": ["carried", "zero", "opening"],
    "accounts.mutual_aid": ["true", "false"],
    "topup.every": ["month", "year"],
    "compute.of": ["field", "reference", "amount"],
    "term": [
        *(
            f"layer.{q}"
            for q in ("base", "eligible", "above", "deductible", "due", "paid", "target", "cut_fund", "cut_expense")
        ),
        *(f"visit.{q}" for q in ("total", "full_self_pay", "over_limit", "first_pay", "in_scope", "count", "days")),
        *(
            f"end.{q}"
            for q in (
                "full_self_pay",
                "over_limit",
                "first_pay",
                "in_scope",
                "direct",
                "deductible",
                "copay",
                "over_ceiling",
            )
        ),
        *("end.cash", "end.acct", "end.tag", "payer", "minus"),
    ],
}
#: Everything else that a document can have, named by where it stands.
PRESENT = [
    *(
        "name",
        "cite",
        "not_modelled.text",
        "not_modelled.when",
        "sets",
        "attributes",
        "references",
        "tags",
        "several documents",
    ),
    *(
        "scheme.region=*",
        "scheme.region=prefix",
        "plan.benefit=none",
        "plan.feeds",
        "plan.when",
        "plan without when",
        "plan.cite",
    ),
    *(
        "plan.note",
        "layer.use",
        "layers",
        "layer.when",
        "layer.cite",
        "layer.note",
        "layer.ceilings",
        "layer.at_least",
        "layer.rate",
    ),
    *(
        "layer.part_rates",
        "layer.bands",
        "layer.deductible",
        "layer.after_rate_deductible",
        "after_rate_deductible.amount",
    ),
    *("layer.accumulate", "layer.once", "layer.limit", "layer.counts", "layer.share", "layer.amount", "layer.price"),
    *(
        "base.bucket",
        "base.part",
        "base.tag bucket",
        "base.computed",
        "rate_modifiers.points",
        "rate_modifiers.self_ratio",
    ),
    *(
        "rate_modifiers.factor",
        "ceiling.counter",
        "deductible.counter",
        "deductible.floor",
        "deductible.round",
        "deductible.waive",
    ),
    *(f"deductible.{n}" for n in ("replace", "group", "level", "place", "transfer", "admission")),
    *(f"edit.{n}" for n in ("set", "times", "plus", "minus")),
    *(f"admission.{n}" for n in ("list", "factors", "less_share", "times", "less")),
    *("transfer.link=id", "transfer.link=days", "bands.position=counter", "step.payer", "step.open", "step.last edge"),
    *(
        "pricing.ratio_category",
        "first_pay.when",
        "first_pay.class",
        "topup.when",
        "accounts.buckets",
        "admissions.when",
    ),
    *(
        "figure.long",
        "figure.unit=fen",
        "figure.unit=jiao",
        "figure.unit=wan",
        "figure.unit=yuan",
        "figure.source",
        "figure.cite",
    ),
    *(
        "figure.note",
        "figure.by",
        "figure.else",
        "figure.nested by",
        "figure.dated",
        "figure.from_age",
        "figure.compute",
    ),
    *(
        "figure.by_counter",
        "compute.base",
        "compute.factor",
        "compute.over",
        "compute.plus",
        "compute.beyond",
        "compute.min",
    ),
    *("compute.max", "compute.round", "from_age.from", "from_age.every", "from_age.min", "from_age.max"),
    *("test.scalar", "test.list", "test.not", "test.set", "test.range", "test.from", "test.below"),
]


def all_options() -> list[str]:
    return [*PRESENT, *(f"{key}={word}" for key, words in CHOICES.items() for word in words)]


def options_of(documents: list[dict[str, Any]]) -> set[str]:
    """Names of all options that the documents of a book use."""
    found = {"several documents"} if len(documents) > 1 else set()
    for doc in documents:
        found |= set(_document(doc))
    return found


def _word(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield f"{key}={value}"


def _document(doc: dict[str, Any]) -> Iterator[str]:
    for key in ("name", "cite", "sets", "attributes", "references", "tags", "layers"):
        if doc.get(key):
            yield key
    for row in doc.get("not_modelled", []):
        yield "not_modelled.text" if isinstance(row, str) else "not_modelled.when"
    yield "scheme.region=*" if doc["scheme"]["region"] == "*" else "scheme.region=prefix"
    for section in ("dates", "year"):
        for key, value in doc.get(section, {}).items():
            yield from _word(f"{section}.{key}", value)
    for key, value in doc.get("rounding", {}).items():
        if isinstance(value, dict):
            yield f"rounding.{key}={value['to']}"
            yield f"rounding.{key}.mode={value['mode']}"
        else:
            yield f"rounding.{key}={value}"
    yield from _pricing(doc.get("pricing", {}))
    yield from _counters(doc)
    for key, value in doc.get("admissions", {}).items():
        yield "admissions.when" if key == "when" else f"admissions.{key}={value}"
    accounts = doc.get("accounts", {})
    for key in ("pay", "renew", "mutual_aid"):
        yield from _word(f"accounts.{key}", accounts.get(key))
    if "buckets" in accounts:
        yield "accounts.buckets"
    for row in accounts.get("topups", []):
        yield f"topup.every={row['every']}"
        if "when" in row:
            yield "topup.when"
    for plan in doc["plans"]:
        yield "plan.when" if "when" in plan else "plan without when"
        for key in ("feeds", "cite", "note"):
            if key in plan:
                yield f"plan.{key}"
        yield from _word("plan.benefit", plan.get("benefit"))
    for layer in [*doc.get("layers", {}).values(), *(la for p in doc["plans"] for la in p.get("layers", []))]:
        yield from _layer(layer)
    yield from _anywhere(doc)


def _pricing(pricing: dict[str, Any]) -> Iterator[str]:
    for what, place in pricing.get("place", {}).items():
        yield f"pricing.place.{what}={place}"
    if "ratio_category" in pricing:
        yield "pricing.ratio_category"
    for step in pricing.get("first_pay", []):
        yield "first_pay.ratio=" + ("catalog" if step["ratio"] == "catalog" else "figure")
        for key in ("on", "at"):
            yield from _word(f"first_pay.{key}", step.get(key))
        for key in ("when", "class"):
            if key in step:
                yield f"first_pay.{key}"


def _counters(doc: dict[str, Any]) -> Iterator[str]:
    for counter in doc.get("counters", {}).values():
        yield f"counter.period={counter['period']}"
        if "scope" in counter:
            yield "counter.scope=" + (counter["scope"] if isinstance(counter["scope"], str) else "attribute")
        for term in counter["sum"]:
            if term.startswith("-"):
                yield "term=minus"
            head, _, tail = term.lstrip("-").rpartition(".")
            if head in ("visit", "end"):
                yield f"term={head}.{tail}"
            elif head.startswith("end."):
                yield "term=end.tag"
            else:
                yield "term=payer" if head == "payer" else f"term=layer.{tail}"


def _layer(layer: dict[str, Any]) -> Iterator[str]:
    if "use" in layer:
        yield "layer.use"
        return
    for key, value in layer.items():
        if f"layer.{key}" in CHOICES:
            yield from _word(f"layer.{key}", value)
        else:
            yield f"layer.{key}"
    base = layer.get("base", [])
    if isinstance(base, dict):
        yield "base.computed"
        yield f"base.of={base['of']}"
    else:
        for part in base:
            yield "base.bucket"
            if isinstance(part, dict) and "part" in part:
                yield "base.part"
            if "." in (part if isinstance(part, str) else part["bucket"]):
                yield "base.tag bucket"
    after = layer.get("after_rate_deductible")
    if isinstance(after, dict) and "amount" in after:
        yield "after_rate_deductible.amount"
    for key in layer.get("rate_modifiers", {}):
        yield f"rate_modifiers.{key}"
    for key, value in layer.get("once", {}).items():
        yield f"once.{key}={value}"
    for ceiling in layer.get("ceilings", []):
        for key in ("on", "per", "scope", "cut_as"):
            yield from _word(f"ceiling.{key}", ceiling.get(key))
        if "counter" in ceiling:
            yield "ceiling.counter"
    if "bands" in layer:
        yield from _bands(layer["bands"])
    if "deductible" in layer:
        yield from _deductible(layer["deductible"])


def _bands(bands: dict[str, Any]) -> Iterator[str]:
    for key in ("origin", "form", "total"):
        yield from _word(f"bands.{key}", bands.get(key))
    if bands.get("position", "visit") != "visit":
        yield "bands.position=counter"
    if any("payer" in step for step in bands["steps"]):
        yield "step.payer"
    yield "step.open" if bands["steps"][-1]["to"] == "open" else "step.last edge"


def _deductible(rule: dict[str, Any]) -> Iterator[str]:
    for key in rule:
        yield f"deductible.{key}"
        yield from _word(f"deductible.{key}", rule[key])
    for name in ("replace", "group", "level", "place"):
        for edit in rule.get(name, []):
            yield from (f"edit.{key}" for key in edit)
    for key in rule.get("admission", {}):
        yield f"admission.{key}"
    transfer = rule.get("transfer", {})
    for word in transfer.get("link", []):
        yield f"transfer.link={word}"
    yield from _word("transfer.against", transfer.get("against"))


def _anywhere(node: Any) -> Iterator[str]:
    """Figures and tests, wherever they stand."""
    if isinstance(node, list):
        for item in node:
            yield from _anywhere(item)
    if not isinstance(node, dict):
        return
    if "value" in node:
        if "from" not in node:
            yield "figure.long"
        yield from _word("figure.unit", node.get("unit"))
        yield from (f"figure.{key}" for key in ("source", "cite", "note") if key in node)
    if "by" in node:
        yield "figure.by"
        yield from (["figure.else"] if "else" in node else [])
        yield from (["figure.nested by"] if any(isinstance(v, dict) and "by" in v for v in node.values()) else [])
    yield from (f"figure.{key}" for key in ("dated", "from_age", "compute", "by_counter") if key in node)
    if "compute" in node:
        rule = node["compute"]
        yield from (f"compute.{key}" for key in rule if key != "of")
        if "of" in rule:
            yield "compute.of=" + ("field" if isinstance(rule["of"], str) else next(iter(rule["of"])))
        if "beyond" in rule.get("plus", {}):
            yield "compute.beyond"
    if "from_age" in node:
        yield from (f"from_age.{key}" for key in node["from_age"])
    for test in node.get("when", {}).values() if isinstance(node.get("when"), dict) else []:
        yield from _test(test)
    for value in node.values():
        yield from _anywhere(value)


def _test(test: Any) -> Iterator[str]:
    if isinstance(test, list):
        yield "test.list"
        for one in test:
            yield from _test(one)
    elif isinstance(test, dict):
        yield from (f"test.{key}" for key in test)
    elif test.startswith("@"):
        yield "test.set"
    else:
        yield "test.range" if test.endswith("+") or test.startswith("<") else "test.scalar"
