"""A small study with every part that a study may have, as files."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from ybcore.synth import city

ROOT = Path(__file__).resolve().parent.parent
CITY = {"seed": 5, "persons": 300, "visits": 2_400, "lines_per_visit": 3, "catalog_items": 500}
LAYER = "plans[inpatient_city_l3].layers[basic]"
EVIL = "</style><script>alert(1)</script><b onclick=x>"

REFORM = f"""format: ybcore-reform/1
id: deductible
name: {{zh: 起付线提高三百元, en: Deductible up by 300}}
changes:
  - {{scheme: luoyang-resident, path: "{LAYER}.deductible.amount", add: 300}}
"""
FUND = """format: ybcore-fund/1
id: town
name: {zh: 某县, en: A town}
source: made up
year: 2024
years: 4
growth: {cost: 6%}
schemes:
  - {id: resident, kind: resident, visits: {insutype: ["390"]}, balance: 100000, premium: 400, subsidy: 670, members: [{count: 300}]}
scenarios:
  - {id: dear, name: {zh: 费用较快, en: Dear}, growth: {cost: 9%}}
"""
STUDY = f"""format: ybcore-study/1
id: small
name: {{zh: 小测算, en: A small study}}
about: {{zh: 只为检验, en: For tests}}
policy: [{ROOT}/data/policies/luoyang-resident]
inputs:
  synth: {{seed: {CITY["seed"]}, persons: {CITY["persons"]}, visits: {CITY["visits"]}, lines_per_visit: {CITY["lines_per_visit"]}, catalog_items: {CITY["catalog_items"]}, insutypes: {{"390": 1}}}}
people: {{table: people.parquet, income: income, weight: weight}}
reforms:
  - file: reform.yaml
  - id: township
    name: {{zh: 基层提高, en: Better near home}}
    source: clause 4
    changes:
      - {{scheme: luoyang-resident, path: "plans[inpatient_community].layers[basic].rate", points: 5}}
alternatives:
  - {{id: one, name: {{zh: 只提高起付线, en: Deductible only}}, reforms: deductible}}
attribution: {{method: shapley, measures: [{{total: fund_pay_sumamt}}, {{ratio: [fund_pay_sumamt, inscp_scp_amt]}}]}}
measures:
  - {{id: by-level, kind: spending, by: [dedc_hosp_lv]}}
  - {{id: cash, kind: burden, above: [0, 500, 5000]}}
  - {{kind: catastrophic, share: "0.10"}}
  - {{kind: winners, by: income_decile}}
  - {{kind: inequality}}
sweeps:
  - id: line
    on: package
    knobs: [{{id: deductible, name: {{zh: 起付线, en: Deductible}}, scheme: luoyang-resident, path: "{LAYER}.deductible.amount", span: [600, 1800, 300]}}]
    measures: [{{total: fund_pay_sumamt}}, {{mean: psn_cash_pay}}]
  - id: drawn
    knobs:
      - {{id: deductible, scheme: luoyang-resident, path: "{LAYER}.deductible.amount", span: [600, 1800]}}
      - {{id: rate, scheme: luoyang-resident, path: "{LAYER}.bands.steps[0].rate", span: ["0.50", "0.60"]}}
    sample: {{kind: latin, points: 4, seed: 3}}
    measures: [{{ratio: [fund_pay_sumamt, inscp_scp_amt]}}]
targets:
  - id: neutral
    name: {{zh: 基金不变, en: Nothing changes for the fund}}
    on: package
    knob: {{id: deductible, scheme: luoyang-resident, path: "{LAYER}.deductible.amount", span: [600, 3000, 25]}}
    measure: {{total: fund_pay_sumamt}}
    target: base
    coarse: 3
  - id: reserve
    knob: {{id: deductible, scheme: luoyang-resident, path: "{LAYER}.deductible.amount", span: [600, 3000, 200]}}
    measure: {{reserve: resident, year: 2025}}
    target: "@reserve@"
    coarse: 3
fund: {{plan: fund.yaml, scenarios: [base, dear]}}
outputs: {{pictures: [svg, png, pdf]}}
"""


@cache
def people() -> pa.Table:
    """Everybody of the city, with an income and a weight."""
    town = city(**CITY, insutypes={"390": 1})
    named = [*town.persons["psn_no"].to_pylist(), *(who for who in town.visits().visits["psn_no"].to_pylist() if who)]
    ids, lots = list(dict.fromkeys(named)), random.Random(2)
    income = [lots.randrange(500_00, 90_000_00) for _ in ids]
    weight = [float(1 + i % 3) for i in range(len(ids))]
    return pa.table({"psn_no": ids, "income": pa.array(income, pa.int64()), "weight": weight})


def write(folder: Path, text: str = STUDY, reserve: str = "0") -> Path:
    """The study and its files in a folder; gives the study's path."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(people(), folder / "people.parquet")
    (folder / "reform.yaml").write_text(REFORM, encoding="utf-8")
    (folder / "fund.yaml").write_text(FUND, encoding="utf-8")
    path = folder / "study.yaml"
    path.write_text(text.replace("@reserve@", reserve), encoding="utf-8")
    return path
