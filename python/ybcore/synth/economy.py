"""What households have and spend, what is paid in for persons, and survey weights. Every figure with its source is in docs/synth.md."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from ..columns.schema import Column, Table
from . import draw
from .draw import Draw, Ints
from .people import IDENTITIES, TYPES, People, psn_no
from .plan import PERSON_BLOCK, Plan

POOR = tuple(i for i, code in enumerate(IDENTITIES) if code in ("2301", "2302", "2303", "2304", "2305", "2306"))
AVERAGE_WAGE = 9_600_000
FLOOR, CAP = AVERAGE_WAGE * 60 // 100, AVERAGE_WAGE * 3
EMPLOYER, PERSON = 8, 2  # percent of the base
PREMIUM, HIGHER_PREMIUM, SUBSIDY = 40_000, 60_000, 67_000
_WAGE_SIGMA, _OWN_SIGMA = 0.30, 0.316  # of an employee household's income: with the head's wage, and its own
_NEIGHBOURS = 10  # households of a cluster


@dataclass(frozen=True, slots=True)
class _Kind:
    """Households of a kind of scheme, money a head and year in fen: income, and what of it is spent, and of that on food."""

    income: int
    sigma: float
    standard: int  # of assistance to the poor
    spends: tuple[int, int]  # a sum, and percent of income
    eats: tuple[int, int]  # a sum, and percent of what is spent
    weight: int  # persons that one stands for, in hundredths


_EMPLOYEE = _Kind(4_712_200, _OWN_SIGMA, 943_100, (1_000_000, 44), (260_000, 21), 2_000)
_RURAL = _Kind(1_874_800, 0.54, 745_500, (650_000, 54), (190_000, 22), 3_000)
_RESIDENT = _Kind(2_400_000, 0.54, 745_500, (650_000, 54), (190_000, 22), 3_000)

HOUSEHOLDS = Table(
    "households",
    "家庭",
    "households",
    (
        Column("hsld_no", "id", True, zh="家庭编号", en="household"),
        Column("insutype", "code", True, zh="险种类型", en="scheme type"),
        Column("members", "count", True, zh="家庭人数", en="members"),
        Column("poor", "flag", True, zh="困难家庭", en="1 = has a member with an identity of poverty"),
        Column("income", "money", True, zh="可支配收入", en="disposable income, a year"),
        Column("consumption", "money", True, zh="消费支出", en="expenditure, a year"),
        Column("food", "money", True, zh="食品支出", en="of it food"),
        Column("capacity", "money", True, zh="支付能力", en="capacity to pay: expenditure without food"),
        Column("weight", "text", True, zh="抽样权重", en="how many households it stands for"),
        Column("stratum", "code", True, zh="层", en="stratum of the survey"),
        Column("cluster", "id", True, zh="群", en="cluster of the survey"),
    ),
)
EARNINGS = Table(
    "earnings",
    "缴费",
    "wages and contributions",
    (
        Column("psn_no", "id", True, zh="人员编号", en="person"),
        Column("hsld_no", "id", True, zh="家庭编号", en="household"),
        Column("insutype", "code", True, zh="险种类型", en="scheme type"),
        Column("psn_type", "code", True, zh="人员类别", en="person category"),
        Column("psn_idet_type", "code", zh="人员身份类别", en="special identity"),
        Column("gend", "code", True, zh="性别", en="gender"),
        Column("age", "count", True, zh="年龄", en="age on 1 January"),
        Column("wage", "money", True, zh="工资或养老金", en="wage or pension, a year"),
        Column("base", "money", True, zh="缴费基数", en="contribution base, a year"),
        Column("employer_part", "money", True, zh="单位缴费", en="the employer's contribution"),
        Column("person_part", "money", True, zh="个人缴费", en="the person's contribution"),
        Column("assistance_part", "money", True, zh="资助缴费", en="the person's part that assistance pays"),
        Column("subsidy_part", "money", True, zh="财政补助", en="subsidy"),
    ),
)


@dataclass(frozen=True, slots=True)
class _Tables:
    own: dict[float, Ints]
    wages: Ints
    pensions: Ints
    by_wage: Ints


@lru_cache(1)
def _tables() -> _Tables:
    return _Tables(
        own={sigma: draw.lognormal(1_000_000, sigma) for sigma in (_OWN_SIGMA, _RURAL.sigma)},
        wages=draw.lognormal(9_600_000, 0.55, 3_000_000, 500_000_000),
        pensions=draw.lognormal(4_200_000, 0.35, 1_500_000, 100_000_000),
        by_wage=draw.lognormal(1_000_000, _WAGE_SIGMA),
    )


def _kind(plan: Plan, scheme: int) -> _Kind:
    held = plan.schemes[scheme]
    return _EMPLOYEE if held.employee else _RURAL if held.insutype.startswith("38") else _RESIDENT


def household_rows(plan: Plan, who: People) -> pa.Table:
    """Rows of the table ``households`` of one block."""
    block = int(who.number[0]) // PERSON_BLOCK
    d, t = Draw(plan.seed, draw.ECONOMY, block), _tables()
    numbers, head, members = np.unique(who.household, return_index=True, return_counts=True)
    n = len(numbers)
    own, spread, poverty, answers = (d.bits(PERSON_BLOCK)[:n] for _ in range(4))
    scheme = who.scheme[head]
    poor = np.isin(numbers, who.household[np.isin(who.identity, POOR)])
    # the rank of the head's wage among wages, of the pension among pensions
    retired, wage = who.kind[head] >= 3, who.wage[head]
    rank = np.where(retired, *(np.searchsorted(table, wage) for table in (t.pensions, t.wages)))
    by_wage = t.by_wage[np.minimum(rank, draw.SIZE - 1)]
    income, spent, food, weight = (np.zeros(n, np.int64) for _ in range(4))
    for i in range(len(plan.schemes)):
        kind, mine = _kind(plan, i), np.flatnonzero(scheme == i)
        a_head = kind.income * t.own[kind.sigma][own[mine] >> np.uint32(20)] // 1_000_000
        if plan.schemes[i].employee:
            a_head = a_head * by_wage[mine] // 1_000_000
        income[mine] = np.where(poor[mine], kind.standard * (700 + draw.scaled(poverty[mine], 701)) // 1000, a_head)
        spends = kind.spends[0] + income[mine] * kind.spends[1] // 100
        spent[mine] = spends * (850 + draw.scaled(spread[mine], 301)) // 1000
        food[mine] = kind.eats[0] + spent[mine] * kind.eats[1] // 100
        weight[mine] = kind.weight
    cluster = numbers // _NEIGHBOURS
    # who lives side by side answers alike
    first = np.searchsorted(cluster, cluster)
    weight = weight * (800 + draw.scaled(answers[first], 451)) // 1000
    whole = {
        name: a_head // 100 * 100 * members
        for name, a_head in (("income", income), ("consumption", spent), ("food", food))
    }
    return pa.table(
        {
            "hsld_no": _hsld_no(plan, scheme, numbers),
            "insutype": draw.coded(scheme, [s.insutype for s in plan.schemes]),
            "members": pa.array(members.astype(np.int64)),
            "poor": draw.coded(poor.astype(np.int8), ("0", "1")),
            **{name: pa.array(money) for name, money in whole.items()},
            "capacity": pa.array(whole["consumption"] - whole["food"]),
            "weight": pa.array(weight / 100),
            "stratum": draw.coded(scheme, [s.insutype for s in plan.schemes]),
            "cluster": pa.array(cluster),
        }
    )


def earning_rows(plan: Plan, who: People) -> pa.Table:
    """Rows of the table ``earnings`` of one block: persons as they are on 1 January, contributions of a whole year."""
    employee = np.array([s.employee for s in plan.schemes])[who.scheme]
    working = employee & (who.kind < 3)
    base = np.where(working, np.clip(who.wage, FLOOR, CAP), 0)
    premium = np.where(employee, 0, np.where(who.grade == 1, HIGHER_PREMIUM, PREMIUM))
    helped = np.isin(who.identity, POOR)
    return pa.table(
        {
            "psn_no": psn_no(plan, who.number, who.scheme),
            "hsld_no": _hsld_no(plan, who.scheme, who.household),
            "insutype": draw.coded(who.scheme, [s.insutype for s in plan.schemes]),
            "psn_type": draw.coded(who.kind, TYPES),
            "psn_idet_type": draw.coded(who.identity, IDENTITIES),
            "gend": draw.coded(who.gend - 1, ("1", "2")),
            "age": pa.array(who.age.astype(np.int64)),
            "wage": pa.array(who.wage),
            "base": pa.array(base),
            "employer_part": pa.array(base * EMPLOYER // 100),
            "person_part": pa.array(base * PERSON // 100 + np.where(helped, 0, premium)),
            "assistance_part": pa.array(np.where(helped, premium, 0)),
            "subsidy_part": pa.array(np.where(employee, 0, SUBSIDY)),
        }
    )


def _hsld_no(plan: Plan, scheme: Ints, number: Ints) -> pa.Array:
    """As ``persons`` has them."""
    return draw.text(draw.prefixes([s.admdvs for s in plan.schemes])[scheme], draw.digits(number, 12))


def people_rows(households: pa.Table, earnings: pa.Table) -> pa.Table:
    """Persons with what their household has, for measures: a row a person."""
    rows = pa.compute.index_in(earnings["hsld_no"].combine_chunks(), households["hsld_no"].combine_chunks())
    out = earnings
    for name in ("income", "consumption", "food", "capacity", "weight", "stratum", "cluster"):
        out = out.append_column(name, households[name].take(rows))
    return out
