"""One visit (or one part of a split stay) through its plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .figures import Amount, Facts, Figures
from .layers import FUNDS, Layer, Result, take
from .ledger import Key, Ledger, Record, period_key
from .numbers import GRID, PPM, Rounding, round_div
from .pricing import Natures
from .share import Share, ceiling_terms, own_of

GIVE_WAY = ("copay", "in_scope", "over_ceiling", "deductible", "first_pay", "direct", "over_limit", "full_self_pay")
ACCOUNT_BUCKETS = ["in_scope", "deductible", "copay", "over_ceiling", "first_pay", "direct"]
Trace = Callable[[dict], None] | None


class Settling:
    """Settles one event: ``natures`` in, columns and contributions out. Everything is in units of money of the document."""

    def __init__(self, doc: dict, facts: Facts, figures: Figures, natures: Natures, visit: dict, ledger: Ledger, world: Any, later_part: bool, trace: Trace) -> None:  # fmt: skip
        self.doc, self.facts, self.figures, self.natures, self.visit = doc, facts, figures, natures, visit
        self.ledger, self.world, self.later_part, self.trace = ledger, world, later_part, trace
        self.rd = Rounding(doc.get("rounding"))
        self.scheme, self.starts = doc["scheme"]["id"], doc.get("year", {}).get("starts", "01-01")
        self.burden = natures.buckets()
        self.payers: dict[str, int] = {}
        self.results: dict[str, tuple[Layer, Result]] = {}
        self.fed: dict[Key, int] = {}
        self.detail: list[dict] = []
        self.record = Record(visit["setl_id"], visit["psn_no"], visit["mdtrt_id"], self.scheme, "settled", visit["enddate"], {})
        self.mulaid = 0

    # ------------------------------------------------------------------ plans and counters

    def plan(self) -> dict | None:
        return next((p for p in self.doc["plans"] if self.facts.holds(p.get("when"))), None)

    def layers_of(self, plan: dict) -> list[dict]:
        shared = self.doc.get("layers", {})
        return [{"id": raw["use"], **shared[raw["use"]], **{k: v for k, v in raw.items() if k != "use"}} if "use" in raw else raw for raw in plan.get("layers", [])]

    def scope_key(self, scope: Any) -> Key:
        psn = self.visit["psn_no"]
        if isinstance(scope, dict):
            return (psn, scope["attribute"], str(self.facts.values.get(scope["attribute"]) or ""))
        if scope == "household":
            household = self.facts.values.get("hsld_no")
            return ("household", household) if household else (psn,)
        own = {"hospital": self.visit.get("fixmedins_code"), "disease": self.facts.values.get("dise_codg"), "stay": self.visit["mdtrt_id"]}
        return (psn,) if scope == "person" else (psn, scope, own[scope] or "")

    def key(self, name: Any, period: str, scope: Any) -> Key:
        period_of = ("visit", self.visit["setl_id"]) if period == "visit" else period_key(period, self.visit["period_date"], self.starts)
        return (self.scheme, name, self.scope_key(scope), period_of)

    def declared(self, name: str) -> Key:
        counter = self.doc["counters"][name]
        return self.key(name, counter["period"], counter.get("scope", "person"))

    def read(self, key: Key) -> int:
        """Stored value and what earlier steps of this visit fed, in units of money."""
        return self.ledger.read(key, self.rd.scale) + self.fed.get(key, 0)

    def counter_in_fen(self, name: str) -> int:
        return round_div(self.read(self.declared(name)), self.rd.scale)

    def amount(self, figure: Amount) -> int:
        return (figure if isinstance(figure, int) else figure(self.counter_in_fen)) * self.rd.scale

    def feed(self, terms: list[str], key: Key, values: dict[str, int]) -> None:
        """Add the terms that have a value now to a counter."""
        for term in terms:
            name = term.lstrip("-")
            if values.get(name):
                self.fed[key] = self.fed.get(key, 0) + (-values[name] if term.startswith("-") else values[name])

    def feed_all(self, values: dict[str, int]) -> None:
        for terms, key in self.feeds:
            self.feed(terms, key, values)

    def prepare_feeds(self, plan: dict, layers: list[dict]) -> None:
        """Declared counters the plan feeds, and the own counters of its layers."""
        counters = self.doc.get("counters", {})
        names = plan.get("feeds", [] if plan.get("benefit") == "none" else list(counters))
        self.feeds: list[tuple[list[str], Key]] = [(counters[name]["sum"], self.declared(name)) for name in names]
        for terms, period, scope in self.own_counters(layers):
            feed = (list(terms), self.own_key(terms, period, scope))
            if feed not in self.feeds:
                self.feeds.append(feed)

    def own_key(self, terms: tuple[str, ...], period: str, scope: Any) -> Key:
        return self.key(("own", terms, period, str(scope)), period, scope)

    def own_counters(self, layers: list[dict]) -> list[tuple[tuple[str, ...], str, Any]]:
        """(terms, period, scope) of every counter that this document's rules keep for layers of the plan."""
        ids = {layer["id"] for layer in layers}
        every = [layer for p in self.doc["plans"] for layer in self.layers_of(p)]
        out = []
        for layer in every:
            if layer["id"] in ids:
                out += own_of(layer, self.doc.get("counters", {}))
        return out

    # ------------------------------------------------------------------ the plan

    def run(self) -> dict[str, Any]:
        """Settle; returns the columns of the row in units of money."""
        plan = self.plan()
        layers = self.layers_of(plan) if plan and plan.get("benefit") != "none" else []
        ready = [Layer(raw, self.figures) for raw in layers if self.facts.holds(raw.get("when"))]
        self.plan_id = plan["id"] if plan else ""
        self.outcome = "settled" if plan and plan.get("benefit") != "none" else "no_benefit"
        self.record.outcome = self.outcome
        self.number = self.admission_number()
        self.prepare_feeds(plan or {"benefit": "none"}, layers)
        for layer in ready:
            self.layer(layer)
        self.round_end()
        at_end = {f"end.{bucket}": amount for bucket, amount in self.burden.items()}
        accounts = self.doc.get("accounts")
        if accounts is not None and accounts.get("pay", "last") == "last" and not any(layer.kind == "acct" for layer in ready):
            self.account_last(accounts)
        columns = self.columns()
        one = 0 if self.later_part else 100 * self.rd.scale
        values = {"visit.total": self.natures.total, "visit.in_scope": self.natures.in_scope, "visit.count": one, "visit.days": self.visit["ipt_days"] * 100 * self.rd.scale}
        values.update({f"visit.{n}": self.natures.sum(n) for n in ("full_self_pay", "over_limit", "first_pay")})
        values.update(at_end)
        values.update({"end.cash": columns["psn_cash_pay"], "end.acct": columns["acct_pay"] + columns["acct_mulaid_pay"]})
        self.feed_all(values)
        self.record.contributions = [(k, v * GRID // self.rd.scale) for k, v in self.fed.items() if v and not (isinstance(k[3], tuple))]
        return columns

    def admission_number(self) -> int:
        rule = self.doc.get("admissions")
        if rule is None or not self.facts.holds(rule.get("when")):
            return 1
        key = self.key(("admission",), rule.get("period", "year"), rule.get("scope", "person"))
        if self.later_part:
            return self.world.first_part_number
        one_per_stay = rule.get("one_per", "stay") == "stay"
        number, _ = self.ledger.admission(key, self.visit["mdtrt_id"], one_per_stay)
        self.record.admissions.append((key, self.visit["mdtrt_id"] if one_per_stay else str(self.visit["setl_id"]), number))
        return number

    def tell(self, **step: Any) -> None:
        if self.trace is not None:
            self.trace(step)

    def layer(self, layer: Layer) -> None:
        """Run one layer: measure, take, divide, feed."""
        raw = layer.doc
        in_catalogue = layer.standard is not None and layer.standard.rule.get("from") == "in_catalogue"
        result = Result()
        if in_catalogue:
            self.shift_first_pay(layer, result)
        parts = {bucket: self.burden[bucket] * part // PPM for bucket, part in layer.base}
        result.base = sum(parts.values())
        if layer.computed is not None:
            source = self.results.get(layer.computed["layer"], (None, Result()))[1]
            result.base = min(result.base, getattr(source, layer.computed["of"]))
        before = {key: self.read(key) for _, key in self.feeds} if self.trace else {}
        getattr(self, f"kind_{layer.kind}")(layer, result, parts)
        if "at_least" in raw:
            assert layer.at_least is not None
            more = min(self.amount(layer.at_least), result.base) - result.paid
            if more > 0:
                result.pays.append((layer.payer, more))
        self.move(layer, result, parts)
        for payer, amount in result.pays:
            self.payers[payer] = self.payers.get(payer, 0) + amount
        self.results[layer.id] = (layer, result)
        values = {f"{layer.id}.{term}": getattr(result, term) for term in ("base", "eligible", "above", "deductible", "due", "target", "carry", "cut_fund", "cut_expense")}
        values |= {f"{layer.id}.paid": result.paid, f"{layer.id}.ran": self.rd.scale, f"{layer.id}.times": self.rd.scale * (result.paid > 0)}
        for payer, amount in result.pays:
            values[f"payer.{payer}"] = values.get(f"payer.{payer}", 0) + amount
        if result.hospital:
            self.payers["hosp_part_amt"] = self.payers.get("hosp_part_amt", 0) + result.hospital
            values["payer.hosp_part_amt"] = values.get("payer.hosp_part_amt", 0) + result.hospital
        self.feed_all(values)
        self.tell(step="layer", layer=layer.id, kind=layer.kind, result=result, cite=raw.get("cite"), doc=raw, bands=layer.bands, burden=dict(self.burden),
                  counters={key: (old, self.read(key)) for key, old in before.items()})  # fmt: skip
        self.detail.append({"setl_id": self.visit["setl_id"], "layer": layer.id, "payer": layer.payer, "base": result.base, "eligible": result.eligible,
                            "dedc_std": result.standard, "due": result.due, "deductible": result.deductible, "pay": result.paid, "cut_fund": result.cut_fund,
                            "cut_expense": result.cut_expense, "room": result.room})  # fmt: skip

    def move(self, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        """Payments leave the base's buckets; a basic layer divides what is left among deductible, copay and over_ceiling."""
        for bucket, amount in take(parts, result.paid + result.hospital, layer.doc.get("take") == "pro_rata").items():
            self.burden[bucket] -= amount
            parts[bucket] -= amount
        if not layer.moves:
            return
        left = sum(parts.values())
        for bucket, amount in parts.items():
            self.burden[bucket] -= amount
        over = min(left, result.cut_expense + result.cut_fund_moves + result.excess_to_person)
        deductible = min(left, result.deductible)
        if over + deductible > left:
            over = left - deductible
        self.burden["deductible"] += deductible
        self.burden["over_ceiling"] += over
        self.burden["copay"] += left - over - deductible

    # ------------------------------------------------------------------ kinds of layer

    def kind_share(self, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        share = Share(self, layer, result, parts)
        share.run()

    def kind_fixed(self, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        wanted = self.amount(layer.amounts["amount"])
        once = layer.doc.get("once")
        if once and self.read(self.own_key((f"{layer.id}.times",), once.get("period", "year"), once.get("scope", "person"))):
            wanted = 0
        self.pay_plain(layer, result, min(wanted, result.base))

    def kind_per_day(self, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        self.pay_plain(layer, result, min(self.amount(layer.amounts["amount"]) * max(1, self.visit["ipt_days"]), result.base))

    def kind_given(self, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        self.pay_plain(layer, result, min((self.visit.get(f"given_{layer.payer}") or 0) * self.rd.scale, result.base))

    def kind_floor(self, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        if "share" in layer.doc:
            of = self.natures.total if layer.doc.get("of", "total") == "total" else self.natures.in_scope
            target = self.rd.at("layer", layer.shares["share"] * of, PPM)
        else:
            target = self.amount(layer.amounts["amount"])
        counted = sum(self.payers.get(payer, 0) for payer in layer.doc["counts"])
        self.pay_plain(layer, result, min(max(0, target - counted), result.base))

    def kind_package(self, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        raw, bill, ratio = layer.doc, result.base, layer.shares["self_rate"]
        price = self.amount(layer.amounts["price"]) * (max(1, self.visit["ipt_days"]) if raw.get("per") == "day" else 1)
        on_price = raw.get("self_on", "price") == "price"
        if bill >= price:
            own = self.rd.at("layer", ratio * (price if on_price else bill), PPM)
        else:
            fund_keeps = on_price and raw.get("below", "shared") == "fund"
            own = min(bill, self.rd.at("layer", ratio * price, PPM)) if fund_keeps else self.rd.at("layer", ratio * bill, PPM)
        excess = max(0, bill - price)
        if raw.get("excess", "person") == "hospital":
            result.hospital = excess
        else:
            result.excess_to_person = excess
        self.pay_plain(layer, result, max(0, min(bill, price) - own))

    def kind_acct(self, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        limit = min(result.base, self.amount(layer.amounts["limit"])) if "limit" in layer.amounts else result.base
        result.eligible = result.above = result.target = result.base
        limit = self.fund_ceilings(layer, result, limit, lambda pay: (0, 0), result.base)
        own, other = self.from_accounts(limit)
        result.pays = [("acct_pay", own), ("acct_mulaid_pay", other)]

    def pay_plain(self, layer: Layer, result: Result, pay: int) -> None:
        result.eligible = result.above = result.base
        result.target = pay
        pay = self.fund_ceilings(layer, result, pay, lambda x: (x, x), result.base)
        result.pays = [(layer.payer, pay)]

    def fund_ceilings(self, layer: Layer, result: Result, pay: int, inverse: Callable[[int], Any], inside: int) -> int:
        """Cut a payment to the room of each fund ceiling in order."""
        for ceiling, limit in layer.ceilings:
            if ceiling["on"] in ("expense", "above_deductible"):
                continue
            room = max(0, self.amount(limit) - self.read(self.ceiling_key(layer, ceiling)))
            result.room = room if result.room is None else min(result.room, room)
            cut = max(0, pay - room)
            pay -= cut
            result.cut_fund += cut
            if cut and ceiling.get("cut_as", "fund") == "expense" and layer.kind == "share":
                reached = min(inside, inverse(pay))
                result.cut_expense += inside - reached
                inside = reached
            else:
                result.cut_fund_moves += cut
        return pay

    def ceiling_key(self, layer: Layer, ceiling: dict) -> Key:
        if "counter" in ceiling:
            return self.declared(ceiling["counter"])
        return self.own_key(ceiling_terms(layer.id, ceiling), ceiling.get("per", "year"), ceiling.get("scope", "person"))

    def shift_first_pay(self, layer: Layer, result: Result) -> None:
        """Deductible off the whole in-catalogue amount first: first-pay is taken anew on what remains."""
        first, scope = self.burden["first_pay"], self.burden["in_scope"]
        whole = first + scope
        due, _ = self.due(layer, result)
        if whole:
            moved = self.rd.at("class", first * min(due, whole), whole)
            for where in (self.burden, self.natures.parts[""]):
                where["first_pay"] -= moved
                where["in_scope"] += moved

    def due(self, layer: Layer, result: Result) -> tuple[int, int]:
        """(due, standard) of a layer's deductible for this visit."""
        standard = layer.standard
        if standard is None:
            return 0, 0
        rule = standard.rule
        value = standard.value(self.number, self.counter_in_fen, self.rd)
        period, scope = rule.get("period", "year"), rule.get("scope", "person")
        repeat = rule.get("repeat", "visit")
        due = value
        if repeat == "cumulative":
            key = self.declared(rule["counter"]) if "counter" in rule else self.own_key((f"{layer.id}.deductible",), period, scope)
            due = max(0, value - self.read(key))
        elif repeat == "first_only":
            due = 0 if self.read(self.own_key((f"{layer.id}.ran",), period, scope)) else value
        elif repeat == "admission":
            used = sum(r.stay_used.get(layer.id, 0) for r in self.ledger.standing if r.mdtrt_id == self.visit["mdtrt_id"] and r.psn_no == self.visit["psn_no"] and r.scheme == self.scheme)
            due = max(0, value - round_div(used * self.rd.scale, GRID))
        elif repeat == "highest":
            key = self.key(("highest", layer.id, period, str(scope)), period, scope)
            high = max(value, round_div(self.ledger.highest(key) * self.rd.scale, GRID))
            term = "deductible" if rule.get("less", "used") == "used" else "due"
            due = max(0, high - self.read(self.own_key((f"{layer.id}.{term}",), period, scope)))
            self.record.standards = [s for s in self.record.standards if s[0] != key] + [(key, value * GRID // self.rd.scale)]
        if "transfer" in rule:
            due = self.transferred(layer, value, due, rule["transfer"])
        if self.later_part and self.doc.get("year", {}).get("deductible", "first") == "first":
            due = 0
        return due, value

    def transferred(self, layer: Layer, value: int, due: int, rule: dict) -> int:
        earlier = self.ledger.linked(layer.id, self.scheme, self.visit["psn_no"], self.visit, rule)
        if earlier is None:
            return due
        against = earlier.chain[layer.id][0 if rule.get("against", "standard") == "standard" else 1]
        self.chained = earlier.chain[layer.id]
        return max(0, value - round_div(against * self.rd.scale, GRID))

    # ------------------------------------------------------------------ the end

    def round_end(self) -> None:
        """Each fund's total to the end place; the difference goes to or comes from the person."""
        for payer in FUNDS:
            total = self.payers.get(payer, 0)
            wanted = max(0, self.end_rounded(total))
            if wanted < total:
                self.burden["copay"] += total - wanted
            more = wanted - total
            for bucket in self.give_way():
                if more <= 0:
                    break
                given = min(more, self.burden[bucket])
                self.burden[bucket] -= given
                more -= given
            if total or wanted:
                self.payers[payer] = wanted - max(0, more)
        for payer in ("hosp_part_amt", "acct_pay", "acct_mulaid_pay"):
            rest = self.payers.get(payer, 0) % self.rd.scale
            if rest:
                self.payers[payer] -= rest
                self.burden["copay"] += rest

    def end_rounded(self, total: int) -> int:
        to, mode = self.rd.places["end"]
        return self.rd.to("fen" if to == "exact" else to, mode, total)

    def give_way(self) -> list[str]:
        tags = [tag for tag in self.natures.parts if tag]
        return [*GIVE_WAY, *(f"{tag}.{n}" for tag in tags for n in ("first_pay", "in_scope", "over_limit", "full_self_pay"))]

    def account_last(self, accounts: dict) -> None:
        names = accounts.get("buckets", ACCOUNT_BUCKETS)
        buckets = [b for name in names for b in (name, *(f"{tag}.{name}" for tag in self.natures.parts if tag)) if b in self.burden]
        parts = {bucket: self.burden[bucket] for bucket in buckets}
        own, other = self.from_accounts(sum(parts.values()))
        for bucket, amount in take(parts, own + other, False).items():
            self.burden[bucket] -= amount
        self.payers["acct_pay"] = self.payers.get("acct_pay", 0) + own
        self.payers["acct_mulaid_pay"] = self.payers.get("acct_mulaid_pay", 0) + other

    def from_accounts(self, wanted: int) -> tuple[int, int]:
        """(own account, mutual-aid account): whole fen, and never more than the balance."""
        if str(self.visit.get("acct_used_flag") or "1") == "0":
            return 0, 0
        paid = []
        donor = self.facts.values.get("mulaid_psn_no") if self.doc.get("accounts", {}).get("mutual_aid") == "true" else None
        rest = wanted // self.rd.scale
        for psn_no in (self.visit["psn_no"], donor):
            account = self.world.account(self.ledger, psn_no, self.visit) if psn_no else None
            amount = min(rest, max(0, account.balance)) if account else 0
            if account and amount:
                account.balance -= amount
                self.record.account.append((str(psn_no), amount))
            rest -= amount
            paid.append(amount * self.rd.scale)
        return paid[0], paid[1]

    def columns(self) -> dict[str, Any]:
        """The row, in units of money."""
        out: dict[str, Any] = {"medfee_sumamt": self.natures.total}
        for column, nature in (("fulamt_ownpay_amt", "full_self_pay"), ("overlmt_selfpay", "over_limit"), ("preselfpay_amt", "first_pay")):
            out[column] = self.natures.sum(nature)
        out["inscp_scp_amt"] = self.natures.in_scope
        ran = list(self.results.values())
        main = next(((la, r) for la, r in ran if la.basic), next(((la, r) for la, r in ran if la.standard or la.after), (None, Result())))
        out["dedc_std"], out["crt_dedc"], out["act_pay_dedc"] = main[1].standard, main[1].due, main[1].deductible
        basic = next((r for la, r in ran if la.basic), Result())
        out["pool_prop_selfpay"] = basic.rate
        out.update({payer: self.payers.get(payer, 0) for payer in FUNDS})
        out["fund_pay_sumamt"] = sum(out[payer] for payer in FUNDS)
        out["hosp_part_amt"] = self.payers.get("hosp_part_amt", 0)
        out["psn_part_amt"] = out["medfee_sumamt"] - out["fund_pay_sumamt"] - out["hosp_part_amt"]
        out["acct_pay"], out["acct_mulaid_pay"] = self.payers.get("acct_pay", 0), self.payers.get("acct_mulaid_pay", 0)
        out["psn_cash_pay"] = out["psn_part_amt"] - out["acct_pay"] - out["acct_mulaid_pay"]
        assert sum(self.burden.values()) == out["psn_cash_pay"] and min(self.burden.values()) >= 0, (self.visit["setl_id"], self.burden, out)
        for name in ("full_self_pay", "over_limit", "first_pay", "in_scope", "direct", "deductible", "copay", "over_ceiling"):
            out[f"burden_{name}"] = sum(amount for bucket, amount in self.burden.items() if bucket == name or bucket.endswith(f".{name}"))
        out["cut_fund"] = sum(r.cut_fund for _, r in ran)
        out["cut_expense"] = sum(r.cut_expense for _, r in ran)
        return out
