"""After the last layer: rounding of totals, the account, and the columns of the row."""

from __future__ import annotations

from typing import Any

from .layers import FUNDS, Result, take
from .scene import Scene

GIVE_WAY = ("copay", "in_scope", "over_ceiling", "deductible", "first_pay", "direct", "over_limit", "full_self_pay")
ACCOUNT_BUCKETS = ["in_scope", "deductible", "copay", "over_ceiling", "first_pay", "direct"]


class Ending(Scene):
    """The end of a plan."""

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
        return [
            *GIVE_WAY,
            *(f"{tag}.{n}" for tag in tags for n in ("first_pay", "in_scope", "over_limit", "full_self_pay")),
        ]

    def account_last(self, accounts: dict) -> None:
        names = accounts.get("buckets", ACCOUNT_BUCKETS)
        buckets = [
            b
            for name in names
            for b in (name, *(f"{tag}.{name}" for tag in self.natures.parts if tag))
            if b in self.burden
        ]
        parts = {bucket: self.burden[bucket] for bucket in buckets}
        own, other = self.from_accounts(sum(parts.values()))
        for bucket, amount in take(parts, own + other, False).items():
            self.burden[bucket] -= amount
        self.payers["acct_pay"] = self.payers.get("acct_pay", 0) + own
        self.payers["acct_mulaid_pay"] = self.payers.get("acct_mulaid_pay", 0) + other

    def columns(self) -> dict[str, Any]:
        """The row, in units of money."""
        out: dict[str, Any] = {"medfee_sumamt": self.natures.total}
        for column, nature in (
            ("fulamt_ownpay_amt", "full_self_pay"),
            ("overlmt_selfpay", "over_limit"),
            ("preselfpay_amt", "first_pay"),
        ):
            out[column] = self.natures.sum(nature)
        out["inscp_scp_amt"] = self.natures.in_scope
        ran = list(self.results.values())
        main = next(
            ((la, r) for la, r in ran if la.basic),
            next(((la, r) for la, r in ran if la.standard or la.after), (None, Result())),
        )
        out["dedc_std"], out["crt_dedc"], out["act_pay_dedc"] = main[1].standard, main[1].due, main[1].deductible
        basic = next((r for la, r in ran if la.basic), Result())
        out["pool_prop_selfpay"] = basic.rate
        out.update({payer: self.payers.get(payer, 0) for payer in FUNDS})
        out["fund_pay_sumamt"] = sum(out[payer] for payer in FUNDS)
        out["hosp_part_amt"] = self.payers.get("hosp_part_amt", 0)
        out["psn_part_amt"] = out["medfee_sumamt"] - out["fund_pay_sumamt"] - out["hosp_part_amt"]
        out["acct_pay"], out["acct_mulaid_pay"] = self.payers.get("acct_pay", 0), self.payers.get("acct_mulaid_pay", 0)
        out["psn_cash_pay"] = out["psn_part_amt"] - out["acct_pay"] - out["acct_mulaid_pay"]
        assert sum(self.burden.values()) == out["psn_cash_pay"] and min(self.burden.values()) >= 0, (
            self.visit["setl_id"],
            self.burden,
            out,
        )
        for name in (
            "full_self_pay",
            "over_limit",
            "first_pay",
            "in_scope",
            "direct",
            "deductible",
            "copay",
            "over_ceiling",
        ):
            out[f"burden_{name}"] = sum(
                amount for bucket, amount in self.burden.items() if bucket == name or bucket.endswith(f".{name}")
            )
        out["cut_fund"] = sum(r.cut_fund for _, r in ran)
        out["cut_expense"] = sum(r.cut_expense for _, r in ran)
        return out
