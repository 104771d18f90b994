"""What each kind of layer pays, and what is due of a deductible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .layers import Layer, Result
from .numbers import GRID, PPM, round_div
from .scene import Scene
from .share import Share


class Kinds(Scene):
    """One method for each kind of layer."""

    def kind_share(self, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        share = Share(self, layer, result, parts)
        share.run()

    def kind_fixed(self, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        wanted = self.amount(layer.amounts["amount"])
        once = layer.doc.get("once")
        if once and self.read(
            self.own_key((f"{layer.id}.times",), once.get("period", "year"), once.get("scope", "person"))
        ):
            wanted = 0
        self.pay_plain(layer, result, min(wanted, result.base))

    def kind_per_day(self, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        self.pay_plain(
            layer, result, min(self.amount(layer.amounts["amount"]) * max(1, self.visit["ipt_days"]), result.base)
        )

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
            own = (
                min(bill, self.rd.at("layer", ratio * price, PPM))
                if fund_keeps
                else self.rd.at("layer", ratio * bill, PPM)
            )
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
            allowed, used = self.amount(limit), self.read(self.ceiling_key(layer, ceiling))
            room = max(0, allowed - used)
            result.room = room if result.room is None else min(result.room, room)
            cut = max(0, pay - room)
            result.rooms.append((ceiling, allowed, used, pay, pay - cut))
            pay -= cut
            result.cut_fund += cut
            if cut and ceiling.get("cut_as", "fund") == "expense" and layer.kind == "share":
                reached = min(inside, inverse(pay))
                result.cut_expense += inside - reached
                inside = reached
            else:
                result.cut_fund_moves += cut
        return pay

    def shift_first_pay(self, layer: Layer, result: Result) -> None:
        """Deductible off the whole in-catalogue amount first: first-pay is taken anew on what remains."""
        first, scope = self.burden["first_pay"], self.burden["in_scope"]
        whole = first + scope
        due, _ = self.due(layer, result)
        if whole:
            moved = min(first, self.rd.at("class", first * min(due, whole), whole))
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
            key = (
                self.declared(rule["counter"])
                if "counter" in rule
                else self.own_key((f"{layer.id}.deductible",), period, scope)
            )
            due = max(0, value - self.read(key))
        elif repeat == "first_only":
            due = 0 if self.read(self.own_key((f"{layer.id}.ran",), period, scope)) else value
        elif repeat == "admission":
            used = sum(
                r.stay_used.get(layer.id, 0)
                for r in self.ledger.standing
                if r.mdtrt_id == self.visit["mdtrt_id"] and r.psn_no == self.visit["psn_no"] and r.scheme == self.scheme
            )
            due = max(0, value - round_div(used * self.rd.scale, GRID))
        elif repeat == "highest":
            key = self.key(("highest", layer.id, period, str(scope)), period, scope)
            high = max(value, round_div(self.ledger.highest(key) * self.rd.scale, GRID))
            term = "deductible" if rule.get("less", "used") == "used" else "due"
            due = max(0, high - self.read(self.own_key((f"{layer.id}.{term}",), period, scope)))
            self.record.standards = [s for s in self.record.standards if s[0] != key] + [
                (key, value * GRID // self.rd.scale)
            ]
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
