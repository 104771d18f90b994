"""Random valid policy documents and books, as the reader gives them: nested dict, list and text.

`document(seed)` and `book(seed)` are pure functions of their seed, so Hypothesis can draw and shrink a seed and a size.
"""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ybcore.errors import DocumentError
from ybcore.policy import load_book, load_policy

from .draw import DECLARED, PERSON_ONLY, SETS, TAGS, Draw
from .figures import Figures
from .layers import PERIODS, REST, SCOPES, Layers

LAYER_TERMS = ["base", "eligible", "above", "deductible", "due", "paid", "target", "cut_fund", "cut_expense"]
VISIT_TERMS = ["total", "full_self_pay", "over_limit", "first_pay", "in_scope", "count", "days"]
END_TERMS = [*REST, "cash", "acct"]


class Shape:
    """What all documents of a book agree on."""

    def __init__(self, draw: Draw) -> None:
        self.dates = {"policy": draw.pick(["settlement", "discharge", "discharge", "admission"])}
        self.dates["order"] = draw.pick(["settlement", "settlement", "discharge"])
        self.starts = draw.pick(["01-01", "01-01", "07-01", "04-15"])
        self.declared = draw.some(list(DECLARED), 0)
        self.counters: dict[str, tuple[str, Any]] = {}
        for i in range(draw.whole(0, 4)):
            scope: Any = draw.pick(["person", "person", *SCOPES])
            if draw.chance(0.15):
                scope = {"attribute": draw.pick(["psn_type", "med_type", "dise_codg", *self.declared[:1]])}
                scope = {"attribute": "psn_type"} if scope["attribute"] == "score" else scope
            self.counters[f"c{i}"] = (draw.pick(["visit", "year", "year", *PERIODS]), scope)


def document(seed: int, shape: Shape | None = None, scheme: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """A valid document; tries numbers derived from the seed until the checks of the language pass."""
    for attempt in range(60):
        draw = Draw(seed * 1009 + attempt)
        doc = _Maker(draw, shape or Shape(draw), scheme).document(f"p{seed}")
        doc.update(top)
        try:
            load_policy(doc)
        except DocumentError:
            continue
        return doc
    raise AssertionError(f"no valid document from seed {seed}")


def book(seed: int) -> list[dict[str, Any]]:
    """One document, or several: a change in the middle of a year, and perhaps another scheme."""
    draw = Draw(seed)
    kind = draw.rng.random()
    if kind < 0.5:
        return [document(seed)]
    for attempt in range(20):
        shape = Shape(draw)
        one = {"id": "s1", "region": draw.pick(["*", "11"]), "insutype": ["310"]}
        cut = draw.pick(["2024-07-01", "2024-01-01", "2024-05-20"])
        documents = [
            document(seed + 1_000_000 * (attempt + 1), shape, one, id="a", effective={"from": "2020-01-01", "to": cut})
        ]
        documents.append(document(seed + 7_000_000 * (attempt + 1), shape, one, id="b", effective={"from": cut}))
        if kind > 0.8:
            other = Shape(draw)
            other.dates, other.starts, other.declared = shape.dates, shape.starts, shape.declared
            other.counters = {k: v for k, v in other.counters.items() if not isinstance(v[1], dict)}
            two = {"id": "s2", "region": "11", "insutype": ["390"]}
            documents.append(document(seed + 3_000_000, other, two, id="c", effective={"from": "2020-01-01"}))
        try:
            load_book([load_policy(doc) for doc in documents])
        except DocumentError:
            continue
        return documents
    raise AssertionError(f"no valid book from seed {seed}")


class _Maker:
    def __init__(self, draw: Draw, shape: Shape, scheme: dict[str, Any] | None) -> None:
        self.d, self.shape = draw, shape
        self.scheme = scheme or {
            "id": "s1",
            "region": draw.pick(["*", "11", "1101"]),
            "insutype": draw.pick([["310"], ["310", "390"], ["3"]]),
        }
        self.references = draw.some(["average_wage", "poverty_line"], 0)
        rich = draw.pick([0.05, 0.15, 0.3])
        counters = list(shape.counters)
        self.f = Figures(draw, shape.declared, counters, self.references, rich)
        self.tags = draw.some(TAGS, 0) if draw.chance(0.4) else []
        self.admissions = draw.chance(0.6)
        self.accounts = draw.chance(0.5)
        self.layers = Layers(draw, self.f, shape.counters, self.tags, self.admissions)

    def document(self, name: str) -> dict[str, Any]:
        d = self.d
        doc: dict[str, Any] = {
            "format": "ybcore-policy/1",
            "id": name,
            "scheme": self.scheme,
            "effective": {"from": "2020-01-01"},
        }
        d.maybe(doc, "name", 0.1, {"zh": "随机", "en": "random"})
        d.maybe(doc, "cite", 0.1, ["drawn at random"])
        if d.chance(0.15):
            doc["not_modelled"] = ["something", {"what": "gender", "when": self.f.when(most=1)}]
        doc["sets"] = {k: list(v) for k, v in SETS.items()}
        if self.shape.declared:
            doc["attributes"] = {k: dict(DECLARED[k]) for k in self.shape.declared}
        if self.references:
            doc["references"] = {k: self.f.money(1000, 8000, plain=True) for k in self.references}
        doc["dates"] = dict(self.shape.dates)
        for what in ("class", "ratio", "cap"):
            d.maybe(doc["dates"], what, 0.3, lambda: d.pick(["fee", "discharge", "settlement"]))
        doc["year"] = {"starts": self.shape.starts}
        d.maybe(doc["year"], "of", 0.5, lambda: d.pick(["discharge", "settlement", "admission"]))
        if d.chance(0.35):
            doc["year"]["cross"] = d.pick(["split", "split", "discharge"])
            d.maybe(doc["year"], "deductible", 0.6, lambda: d.pick(["first", "each"]))
        if d.chance(0.6):
            doc["rounding"] = self.rounding()
        if self.tags:
            doc["tags"] = list(self.tags)
        if d.chance(0.6):
            doc["pricing"] = self.pricing()
        if self.admissions:
            doc["admissions"] = self.admission_rule()
        if self.accounts:
            doc["accounts"] = self.account_rule()
        self.plans(doc)
        return doc

    def rounding(self) -> dict[str, Any]:
        d = self.d
        out: dict[str, Any] = {}
        d.maybe(out, "mode", 0.5, self.f.mode)
        exact = d.chance(0.3)
        for place in ("line", "class", "deductible", "band", "layer", "end"):
            if d.chance(0.4):
                units = ["fen", "fen", "jiao", "yuan"] + (
                    ["exact"] * 4 if (exact or place == "band") and place != "end" else []
                )
                to = d.pick(units)
                out[place] = {"to": to, "mode": self.f.mode()} if d.chance(0.4) else to
        return out

    def pricing(self) -> dict[str, Any]:
        d = self.d
        out: dict[str, Any] = {}
        if d.chance(0.5):
            out["place"] = {what: d.pick(["treatment", "insured"]) for what in d.some(["class", "ratio", "cap"], 1)}
        if d.chance(0.5):
            cell = lambda: d.pick(["R", "S"])  # noqa: E731
            out["ratio_category"] = {"by": "psn_type", "12": cell(), "else": ""} if d.chance(0.7) else cell()
        if d.chance(0.7) or not out:
            steps = [self.step("line") for _ in range(d.whole(0, 2))]
            steps += [self.step(d.pick(["class", "visit"])) for _ in range(d.whole(0 if steps else 1, 1))]
            out["first_pay"] = steps
        return out

    def step(self, at: str) -> dict[str, Any]:
        d = self.d
        out: dict[str, Any] = {"ratio": "catalog" if d.chance(0.6) else self.f.rate(0, 40)}
        d.maybe(out, "when", 0.25, lambda: self.f.when(most=1))
        d.maybe(out, "on", 0.4, lambda: d.pick(["rest", "gross"]))
        if at != "line" or d.chance(0.3):
            out["at"] = at
        d.maybe(out, "class", 0.3, lambda: d.some(["01", "02"], 1))
        return out

    def admission_rule(self) -> dict[str, Any]:
        d = self.d
        out: dict[str, Any] = {}
        d.maybe(out, "when", 0.8, {"med_type": ["21", "22"]})
        d.maybe(out, "period", 0.5, lambda: d.pick(PERIODS))
        d.maybe(out, "scope", 0.4, lambda: d.pick(SCOPES))
        d.maybe(out, "one_per", 0.5, lambda: d.pick(["stay", "settlement"]))
        return out

    def account_rule(self) -> dict[str, Any]:
        d = self.d
        out: dict[str, Any] = {}
        d.maybe(out, "pay", 0.5, lambda: d.pick(["last", "layers"]))
        d.maybe(out, "buckets", 0.3, lambda: d.shuffled(d.some(REST, 1)))
        d.maybe(out, "renew", 0.6, lambda: d.pick(["carried", "zero", "opening"]))
        if d.chance(0.5):
            person = [n for n in PERSON_ONLY if n != "job"]
            out["topups"] = []
            for _ in range(d.whole(1, 2)):
                row: dict[str, Any] = {"every": d.pick(["month", "year"]), "amount": self.f.money(1, 120, plain=True)}
                d.maybe(row, "when", 0.4, lambda: self.f.when(person, 1))
                out["topups"].append(row)
        d.maybe(out, "mutual_aid", 0.5, lambda: d.pick(["true", "true", "false"]))
        return out

    def plans(self, doc: dict[str, Any]) -> None:
        d = self.d
        conditions: list[tuple[str, dict[str, Any] | None]] = []
        if d.chance(0.3):
            conditions.append(("special", self.f.when(most=2)))
        if d.chance(0.8):
            conditions.append(("outpatient", {"med_type": d.pick([["11", "14"], "1", ["14", "41"]])}))
        if d.chance(0.85):
            conditions.append(("inpatient", {"med_type": d.pick([["21", "22"], "2", ["21"]])}))
        if d.chance(0.6) or not conditions:
            conditions.append(("rest", None))
        shared_names = d.some(["critical", "aid"], 0)
        names = ["basic", "large", "civil", "extra", "lump"]
        sizes = {name: d.whole(1, len(names)) for name, _ in conditions}
        barred = d.pick([name for name, _ in conditions]) if len(conditions) > 1 and d.chance(0.3) else ""
        own = names[: max(size for name, size in sizes.items() if name != barred)]
        ids = [*own, *shared_names]
        shared = {}
        for name in shared_names:
            layer = self.layers.layer(name, [], False, self.accounts, ids)
            layer.pop("id")
            layer.pop("ceilings", None) if d.chance(0.3) else None
            shared[name] = layer
        plans = []
        for name, when in conditions:
            plan: dict[str, Any] = {"id": name}
            if when is not None:
                plan["when"] = when
            if name == barred:
                plan["benefit"] = "none"
            else:
                plan["layers"] = self.layers_of_plan(own[: sizes[name]], shared_names, ids)
            d.maybe(plan, "cite", 0.1, "article 3")
            d.maybe(plan, "note", 0.05, "row of the table")
            plans.append(plan)
        if shared:
            doc["layers"] = shared
        doc["plans"] = plans
        self.counters(doc, plans)

    def layers_of_plan(self, own: list[str], shared: list[str], ids: list[str]) -> list[dict[str, Any]]:
        d = self.d
        layers: list[dict[str, Any]] = []
        basic_at = 0 if d.chance(0.85) else d.whole(0, 1)
        with_basic = d.chance(0.92)
        for i, name in enumerate(own):
            layers.append(self.layers.layer(name, layers, with_basic and i == basic_at, self.accounts, ids))
        layers += [{"use": name} for name in shared if d.chance(0.8)]
        return layers

    def counters(self, doc: dict[str, Any], plans: list[dict[str, Any]]) -> None:
        """Terms that are never negative in sum; names must exist in some plan that feeds."""
        d = self.d
        if not self.shape.counters:
            return
        held = list(dict.fromkeys(la.get("id", la.get("use")) for p in plans for la in p.get("layers", [])))
        out: dict[str, Any] = {}
        for name, (period, scope) in self.shape.counters.items():
            choices = [f"{la}.{t}" for la in held for t in LAYER_TERMS]
            choices += [f"payer.{p}" for p in ("hifp_pay", "hifmi_pay", "hosp_part_amt")]
            choices += [f"visit.{t}" for t in VISIT_TERMS] + [f"end.{t}" for t in END_TERMS]
            choices += [f"end.{tag}.in_scope" for tag in self.tags]
            if d.chance(0.5):
                terms = [f"{d.pick(held)}.base"]
                if d.chance(0.5):
                    terms.append(f"-{terms[0].split('.')[0]}.paid")
            else:
                terms = d.some(choices, 1, 3)
            out[name] = {"sum": terms, "period": period}
            if scope != "person" or d.chance(0.3):
                out[name]["scope"] = scope
        doc["counters"] = out
        for plan in plans[1:]:
            if d.chance(0.3):
                plan["feeds"] = d.some(list(out), 0)


def yaml_text(doc: dict[str, Any]) -> str:
    """The document as a file: every scalar is written so that it reads back as the same text."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.allow_unicode = True
    yaml.width = 140
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = io.StringIO()
    yaml.dump(doc, out)
    return out.getvalue()
