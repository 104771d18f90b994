"""A right policy document, and what is told of one with a fault: shared by the tests of policy documents."""

from __future__ import annotations

import pytest
from ybcore.errors import DocumentError, Problem
from ybcore.policy import Policy, parse_text

GOOD = """\
format: ybcore-policy/1
id: city-2024
name: {zh: 某市, en: A city}
scheme: {id: city, region: "1100", insutype: ["310"]}
effective: {from: 2024-01-01, to: 2025-01-01}
sets: {listed: ["M01", "M02"], later: []}
attributes: {designation: {table: institutions, default: city}}
references: {wage: {dated: [{from: 2023-01-01, value: 12000}, {from: 2024-01-01, value: 12500}]}}
tags: [special]
pricing:
  ratio_category: {by: psn_type, "12": R, else: ""}
  first_pay:
    - {ratio: catalog}
    - {ratio: 10%, when: {place: [referred]}, at: class}
counters:
  burden: {sum: [critical.base, -critical.paid], period: year}
  spent: {sum: [payer.hifp_pay], period: year}
admissions: {when: {med_type: ["21"]}}
accounts: {topups: [{every: month, amount: {by: age, "<45": 100, else: 120}}]}
layers:
  critical:
    payer: hifmi_pay
    base: [deductible, copay, {bucket: over_ceiling, part: 0.5}]
    settle: delta_F
    accumulate: burden
    deductible: {amount: {compute: {factor: 1.3, of: {reference: wage}, round: {to: yuan}}}}
    bands: {steps: [{to: 50000, rate: 60%}, {to: open, rate: 0.7}]}
plans:
  - id: inpatient
    when: {med_type: ["21", "22"]}
    layers:
      - id: basic
        basic: true
        payer: hifp_pay
        deductible:
          amount: {by: dedc_hosp_lv, "3": 1300, "2|1": 800.50, else: 500}
          admission: {list: [1300, 650]}
          level: [{when: {tcm_flag: "1"}, minus: 200}]
        bands:
          steps:
            - {to: 10000, rate: {from_age: {start: 0.75, per_year: 0.002, min: 0.8}}}
            - {to: open, rate: 0.9, payer: hifob_pay}
        rate_modifiers:
          points: [{when: {age: "60+"}, add: 0.05}]
        ceilings:
          - {on: fund, limit: {value: 6.5, unit: wan, source: assumed, cite: art. 3}, per: year}
      - {use: critical}
  - id: outpatient
    when: {med_type: "11"}
    layers:
      - id: clinic
        basic: true
        payer: hifp_pay
        rate: 0.5
        ceilings: [{on: fund, limit: {by_counter: spent, rows: [{upto: 100, value: 30}, {upto: open, value: 20}]}, per: day}]
  - {id: away, when: {place: [unregistered]}, benefit: none}
"""


def wrong(text: str, file: str = "p.yaml") -> tuple[Problem, ...]:
    """The problems of a wrong document."""
    with pytest.raises(DocumentError) as caught:
        Policy(parse_text(text, file))
    return caught.value.problems


def edited(*pairs: tuple[str, str]) -> str:
    """GOOD with each `old` (it must be there once) replaced."""
    text = GOOD
    for old, new in pairs:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    return text


def place_of(text: str, needle: str) -> tuple[int, int]:
    """Line and column where `needle` begins."""
    before = text[: text.index(needle)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
