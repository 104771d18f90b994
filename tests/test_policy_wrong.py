"""Wrong policy documents: one fault is told once and at its place, many are told at once."""

from __future__ import annotations

import pytest
from policy_texts import GOOD, edited, place_of, wrong
from ybcore.errors import DocumentError
from ybcore.policy import load_policy

WRONG = [
    # old, new, where the mark points (in the edited text), path, a part of what, nearest
    ("payer: hifmi_pay", "payr: hifmi_pay", "payr", "layers.critical.payr", "unknown key 'payr'", "payer"),
    ("rate: 0.5\n", "rate: 1.5\n", "1.5", "plans[1].layers[0].rate", "between 0 and 1, found 1.5; for percent write 1.5%", ""),
    ("rate: 0.5\n", "rate: -0.5\n", "-0.5", "plans[1].layers[0].rate", "between 0 and 1", ""),
    ("800.50", "800.505", "800.505", 'plans[0].layers[0].deductible.amount["2|1"]', "exact to the fen", ""),
    ("[referred]", "[refered]", "refered", "pricing.first_pay[1].when.place[0]", "unknown value of place", "referred"),
    ("tcm_flag", "tcm_flg", "tcm_flg", "plans[0].layers[0].deductible.level[0].when.tcm_flg", "unknown attribute", "tcm_flag"),
    ("by: dedc_hosp_lv", "by: dedc_hosp_level", "dedc_hosp_level", "plans[0].layers[0].deductible.amount.by", "unknown attribute", "dedc_hosp_lv"),
    ("use: critical", "use: crtical", "crtical", "plans[0].layers[1].use", "unknown shared layer", "critical"),
    ("accumulate: burden", "accumulate: burdn", "burdn", "layers.critical.accumulate", "unknown counter", "burden"),
    ("[deductible, copay", "[deductible, copai", "copai", "layers.critical.base[1]", "unknown bucket", "copay"),
    ("payer: hifob_pay", "payer: hifob", "hifob}", "plans[0].layers[0].bands.steps[1].payer", "unknown word", "hifob_pay"),
    ("[payer.hifp_pay]", "[payer.hifp]", "payer.hifp]", "counters.spent.sum[0]", "unknown quantity of payer", "hifp_pay"),
    ("-critical.paid", "-critcal.paid", "-critcal.paid", "counters.burden.sum[1]", "unknown layer", "critical"),
    ("-critical.paid", "-critical.payed", "-critical.payed", "counters.burden.sum[1]", "unknown quantity of a layer", "paid"),
    ("by_counter: spent", "by_counter: spend", "spend,", "plans[1].layers[0].ceilings[0].limit.by_counter", "unknown counter", "spent"),
    ("reference: wage", "reference: wages", "wages", "layers.critical.deductible.amount.compute.of.reference", "unknown reference", "wage"),
    ("settle: delta_F", "settle: delta_f", "delta_f", "layers.critical.settle", "unknown word", "delta_F"),
    ("on: fund, limit: {value", "on: fonds, limit: {value", "fonds", "plans[0].layers[0].ceilings[0].on", "unknown word", "fund"),
    ("unit: wan", "unit: wann", "wann", "plans[0].layers[0].ceilings[0].limit.unit", "unknown unit", "wan"),
    ("source: assumed", "source: asumed", "asumed", "plans[0].layers[0].ceilings[0].limit.source", "unknown source", "assumed"),
    ('age: "60+"', 'age: "60 +"', '"60 +"', "plans[0].layers[0].rate_modifiers.points[0].when.age", "expected a whole number", ""),
    ('"<45"', '"<4 5"', '"<4 5"', 'accounts.topups[0].amount["<4 5"]', "expected a whole number", ""),
    ("when: {med_type: \"11\"}", 'when: {med_type: "@liste"}', '"@liste"', "plans[1].when.med_type", "unknown set", "listed"),
    ("when: {med_type: \"11\"}", 'when: {med_type: "11|12"}', '"11|12"', "plans[1].when.med_type", "write a list", ""),
    ("value: 12000}, {from: 2024-01-01", "value: 12000}, {from: 2022-01-01", "2022-01-01", "references.wage.dated[1].from", "dates must ascend", ""),
    ("to: 2025-01-01", "to: 2024-01-01", "2024-01-01}\nsets", "effective.to", "the effective range is empty", ""),
    ("{to: 50000, rate: 60%}, {to: open", "{to: 50000, rate: 60%}, {to: 50000", "50000, rate: 0.7", "layers.critical.bands.steps[1].to", "the same edge", ""),
    ("{to: 50000, rate: 60%}, {to: open", "{to: 50000, rate: 60%}, {to: 4, rate: 1}, {to: open", "4, rate", "layers.critical.bands.steps[1].to", "must ascend", ""),
    ("{to: 50000, rate: 60%}", "{to: open, rate: 60%}", "open, rate: 0.7", "layers.critical.bands.steps[1].to", "never reached", ""),
    ("  - id: outpatient", "  - id: inpatient ", "inpatient \n", "plans[1].id", "stands twice", ""),
    ("{use: critical}\n", "{use: critical}\n      - {use: critical}\n", "critical}\n  - id: out", "plans[0].layers[2].use", "stands twice in this plan", ""),
    ("{use: critical}\n", "{use: critical}\n      - {id: b2, basic: true, payer: maf_pay, rate: 1}\n", "{id: b2", "plans[0].layers[2]", "a second basic layer", ""),
    ("rate: 0.5\n", "rate: 0.5\n        base: [first_pay]\n", "first_pay]", "plans[1].layers[0].base[0]", "divides in_scope only", ""),
    ("rate: 0.5\n", "rate: 0.5\n        part_rates: {in_scope: 1}\n", "id: clinic", "plans[1].layers[0]", "exactly one of bands, rate, part_rates; found rate, part_rates", ""),
    ("rate: 0.5\n", "part_rates: {special.in_scope: 1, in_scope: 1}\n", "special.in_scope:", 'plans[1].layers[0].part_rates["special.in_scope"]', "unknown base part", "in_scope"),
    ("at: class}", "at: class}\n    - {ratio: 5%}", "{ratio: 5%}", "pricing.first_pay[2]", "a step at lines stands after a step at sums", ""),
    ("burden: {sum: [critical.base, -critical.paid], period: year}", "burden: {sum: [critical.base, -critical.paid], period: visit}", "burden\n", "layers.critical.accumulate", "has period visit", ""),
    ("{to: 50000, rate: 60%}", "{to: 50000, rate: 60%, payer: maf_pay}", "payer: maf_pay", "layers.critical.bands.steps[0].payer", "settled per visit", ""),
    ("settle: delta_F\n    accumulate: burden", "settle: delta_F", "payer: hifmi_pay", "layers.critical.accumulate", "needs `accumulate`", ""),
    ("rate: 0.5\n", "rate: 0.5\n        accumulate: spent\n", "accumulate: spent", "plans[1].layers[0].accumulate", "is for delta_F", ""),
    ("rate: 0.5\n", "rate: 0.5\n        deductible: {amount: 9, period: year}\n", "period: year}\n        ceil", "plans[1].layers[0].deductible.period", "no effect with `repeat: visit`", ""),
    ("rate: 0.5\n", "rate: 0.5\n        deductible: {amount: 9, repeat: cumulative, period: month, counter: spent}\n", "month, counter", "plans[1].layers[0].deductible.period", "has period year, not month", ""),
    ("rate: 0.5\n", "rate: 0.5\n        base: {of: cut_fund, layer: basic, from: [over_ceiling]}\n", "{of: cut_fund", "plans[1].layers[0].base", "no computed base", ""),
    ("{use: critical}\n", "{use: critical}\n      - {id: more, payer: maf_pay, rate: 1, base: {of: cut_fund, layer: critical, from: [over_ceiling]}}\n", "critical, from", "plans[0].layers[2].base.layer", "has no fund ceiling", ""),
    ("{use: critical}\n", "{use: critical}\n      - {id: more, payer: maf_pay, rate: 1, base: {of: cut_expense, layer: clinic, from: [over_ceiling]}}\n", "clinic, from", "plans[0].layers[2].base.layer", "does not stand earlier", ""),
    ("rate: 0.5\n", "rate: 0.5\n        deductible: {amount: 9, position: after_rate}\n        after_rate_deductible: 10\n", "after_rate_deductible", "plans[1].layers[0].after_rate_deductible", "taken after the rate already", ""),
    ("admissions: {when: {med_type: [\"21\"]}}\n", "", "admission: {list", "plans[0].layers[0].deductible.admission", "needs `admissions:`", ""),
    ("-critical.paid], period: year", "-critical.paid], period: year, scope: {attribute: agee}", "agee", "counters.burden.scope.attribute", "unknown attribute", "age"),
    ("deductible: {amount: {compute: {factor: 1.3,", "deductible: {amount: {compute: {factor: 1.3, over: 0,", "0, of", "layers.critical.deductible.amount.compute.over", "at least 1", ""),
    ("{factor: 1.3, of: {reference: wage}", "{factor: 1.3, of: wag", "wag,", "layers.critical.deductible.amount.compute.of", "unknown numeric field", "wage"),
    ("round: {to: yuan}", "round: {to: exact}", "exact}", "layers.critical.deductible.amount.compute.round.to", "unknown rounding 'exact'", ""),
    ("tags: [special]", "tags: [special]\nrounding: {end: exact}", "exact}", "rounding.end", "rounds to the fen at least", ""),
    ("tags: [special]", "tags: [special]\nrounding: {lines: fen}", "lines", "rounding.lines", "unknown key", "line"),
    ("tags: [special]", "tags: [special]\nrounding: {layer: {to: fen, mode: halfup}}", "halfup", "rounding.layer.mode", "unknown rounding", "half_up"),
    ("format: ybcore-policy/1", "format: ybcore-policy/2", "ybcore-policy/2", "format", "unknown word", "ybcore-policy/1"),
    ("basic: true\n        payer: hifp_pay\n        rate", "basic: yes\n        payer: hifp_pay\n        rate", "yes\n", "plans[1].layers[0].basic", "expected true or false, found 'yes'", ""),
    ("region: \"1100\"", "region: beijing", "beijing", "scheme.region", "a prefix of a six-digit admdvs code", ""),
    ("attributes: {designation", "attributes: {age", "age: {table", "attributes.age", "is an attribute already", ""),
    ("every: month, amount", "every: month, when: {med_type: \"11\"}, amount", "med_type: \"11\"}, amount", "accounts.topups[0].when.med_type", "not an attribute of the person", ""),
    ("    layers:\n      - id: clinic", "    feeds: [spent, spent]\n    layers:\n      - id: clinic", "spent]", "plans[1].feeds[1]", "stands twice", ""),
    ("benefit: none}", "benefit: none, layers: [{use: critical}]}", "layers: [{use", "plans[2].layers", "has no layers", ""),
    ("    settle: delta_F\n", "    id: other\n    settle: delta_F\n", "other\n", "layers.critical.id", "is its key 'critical'", ""),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[3] + " " + case[4][:24])
def test_wrong_documents_tell_the_place(case):
    old, new, needle, path, what, nearest = case
    text = edited((old, new))
    hits = [problem for problem in wrong(text) if problem.path == path and what in problem.what]
    assert len(hits) == 1, [str(problem) for problem in wrong(text)]
    (problem,) = hits
    assert (problem.line, problem.column) == place_of(text, needle), str(problem)
    assert problem.nearest == nearest and problem.file == "p.yaml"
    assert problem.what_zh and str(problem).startswith(f"p.yaml:{problem.line}:{problem.column}: {path}: ")


def test_one_problem_and_not_its_echoes():
    """A single wrong word tells one problem, not a train of consequences."""
    for old, new in [
        ("payer: hifmi_pay", "payer: hifmi"),
        ("rate: 0.5\n", "rate: fifty\n"),
        ("period: year}\n  spent", "period: yearly}\n  spent"),
        ("[referred]", "[refered]"),
        ("every: month", "every: moon"),
        ('med_type: ["21", "22"]', 'med_typ: ["21", "22"]'),
        ("amount: {by: dedc_hosp_lv", "amount: {by: dedc"),
    ]:
        assert len(wrong(edited((old, new)))) == 1, (new, [str(p) for p in wrong(edited((old, new)))])


def test_all_problems_at_once():
    text = edited(
        ("[referred]", "[refered]"),
        ("payer: hifmi_pay", "payer: hifmi"),
        ("rate: 0.5\n", "rate: 1.5\n"),
        ("{to: open, rate: 0.9,", "{to: 5000, rate: 0.9,"),  # a rule between parts, beside wrong shapes
        ("to: 2025-01-01", "to: 2023-01-01"),
        ("id: outpatient", "idd: outpatient"),
        ("every: month", "evry: month"),
    )
    found = wrong(text)
    assert [problem.path for problem in found] == [
        "effective.to",
        "pricing.first_pay[1].when.place[0]",
        "accounts.topups[0].every",
        "accounts.topups[0].evry",
        "layers.critical.payer",
        "plans[0].layers[0].bands.steps[1].to",
        "plans[1].id",
        "plans[1].idd",
        "plans[1].layers[0].rate",
    ]
    assert [(p.line, p.column) for p in found] == sorted((p.line, p.column) for p in found)


def test_wrong_items_do_not_make_their_list_short():
    """A document whose only plan is wrong hears of the plan alone; an empty list is still told."""
    text = """format: ybcore-policy/1
id: bad
scheme: {id: bad, region: "*", insutype: ["310"]}
effective: {from: 2024-01-01}
plans:
  - id: a
    layers:
      - {id: basic, basic: true, payer: hifp_pai, rate: 0.8}
"""
    with pytest.raises(DocumentError) as wrong:
        load_policy(text)
    assert [problem.path for problem in wrong.value.problems] == ["plans[0].layers[0].payer"]
    with pytest.raises(DocumentError) as empty:
        load_policy(text[: text.index("plans:")] + "plans: []\n")
    assert [problem.path for problem in empty.value.problems] == ["plans"]


# Counters that live


def test_counters_that_nothing_feeds():
    away = GOOD.replace(
        '    when: {med_type: ["21", "22"]}\n', '    when: {med_type: ["21", "22"]}\n    feeds: [spent]\n'
    )
    problems = wrong(away)
    assert [(p.path, p.what) for p in problems] == [
        ("counters.burden.sum[0]", "no plan that feeds 'burden' has layer 'critical'"),
        ("counters.burden.sum[1]", "no plan that feeds 'burden' has layer 'critical'"),
    ]
    nobody = edited(("      - {use: critical}\n", ""))
    assert {p.path for p in wrong(nobody)} == {"layers.critical", "counters.burden.sum[0]", "counters.burden.sum[1]"}
