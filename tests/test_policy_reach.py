"""Plans and keys that no visit can come to are told, and no others."""

from __future__ import annotations

import itertools
import random

import pytest
from policy_texts import edited, wrong
from ybcore.policy import load_policy


def plans(*rows: str, extra: str = "") -> str:
    """A document with these plans; each row is `when` and an optional rate."""
    head = 'format: ybcore-policy/1\nid: d\nscheme: {id: s, region: "*", insutype: ["310", "34"]}\neffective: {from: 2024-01-01}\n'
    body = "".join(
        f"  - {{id: p{i}, {row}, layers: [{{id: basic, basic: true, payer: hifp_pay, rate: 0.5}}]}}\n"
        for i, row in enumerate(rows)
    )
    return head + extra + "plans:\n" + body


UNREACHABLE = [
    (('when: {med_type: "1"}', 'when: {med_type: ["11", "14"]}'), {1}),
    (('when: {med_type: "11"}', 'when: {med_type: "1"}'), set()),
    (('when: {place: {not: local}}', "when: {place: local}", 'when: {med_type: "11"}'), {2}),
    (('when: {age: "<18"}', 'when: {age: "18-59"}', 'when: {age: "60+"}', "when: {}"), set()),  # a missing age
    (('when: {age: "<18"}', 'when: {age: "18+"}', 'when: {age: "60+"}'), {2}),
    (('when: {age: "<18", place: local}', 'when: {age: "18+", place: local}', 'when: {age: "0+", place: local}'), {2}),
    (('when: {insutype: "390"}', "when: {}"), {0}),  # not of this scheme
    (('when: {insutype: "310"}', 'when: {insutype: "34"}', "when: {}"), {2}),
    (('when: {cvlserv_flag: "1"}', 'when: {cvlserv_flag: "0"}', 'when: {gend: "1"}'), {2}),
    (('when: {hosp_lv: ["01"]}', 'when: {hosp_lv: {not: "01"}, gend: "1"}', 'when: {gend: "1"}', "when: {}"), {2}),
    (("when: {}", "when: {}"), {1}),
    (('when: {dise_codg: ""}', 'when: {dise_codg: {not: ""}}', "when: {}"), {2}),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "dead"), UNREACHABLE)
def test_unreachable_plans(rows: tuple[str, ...], dead: set[int]):
    text = plans(*rows)
    if not dead:
        load_policy(text)
        return
    problems = wrong(text)
    assert {problem.path for problem in problems} == {f"plans[{index}]" for index in dead}
    assert all("never reached" in problem.what for problem in problems)


def test_the_covering_plan_is_named():
    (problem,) = wrong(plans('when: {med_type: "1"}', 'when: {med_type: "11", gend: "1"}'))
    assert "plan 'p0' matches first wherever it holds" in problem.what
    (problem,) = wrong(plans("when: {place: {not: local}}", "when: {place: local}", "when: {}"))
    assert "the plans before it together" in problem.what


def test_reachability_agrees_with_brute_force():
    """Random small decision tables: decided classes against trying every combination of many values."""
    from ybcore.policy.conditions import Test
    from ybcore.policy.models import PolicyModel
    from ybcore.policy.names import Names
    from ybcore.policy.reach import _Space, first_match

    model: PolicyModel = load_policy(plans("when: {}")).model
    space = _Space(model, Names())
    rng = random.Random(7)
    codes = ["1", "11", "12", "2", "21", "111"]
    values = {
        "med_type": ["", "1", "11", "110", "111", "12", "13", "2", "21", "22", "3"],
        "gend": ["", "1", "2", "9"],
        "age": [None, *range(12)],
    }

    def one(name: str) -> Test:
        negate = rng.random() < 0.3
        if name == "age":
            low = rng.randrange(0, 8)
            ends = {"low": rng.choice([None, low]), "below": rng.choice([None, low + rng.randrange(1, 4)])}
            return Test(attribute=name, match="number", negate=negate, ranges=(ends,))
        match = "prefix" if name == "med_type" else "exact"
        pool = codes if name == "med_type" else ["1", "2"]
        return Test(attribute=name, match=match, negate=negate, codes=tuple(rng.sample(pool, rng.randrange(1, 3))))

    for _ in range(300):
        rows = [[one(name) for name in values if rng.random() < 0.6] for _ in range(rng.randrange(2, 6))]
        expected = set()
        for combination in itertools.product(*values.values()):
            visit = dict(zip(values, combination))
            hit = next((i for i, row in enumerate(rows) if all(t.holds(visit[t.attribute]) for t in row)), None)
            if hit is not None:
                expected.add(hit)
        assert first_match(rows, [], space).first == expected


@pytest.mark.parametrize(
    ("old", "new", "path", "what"),
    [
        ('"3": 1300, "2|1"', '"3": 1300, "3|2|1"', None, ""),  # still reached by 2 and 1
        ('"3": 1300, "2|1"', '"3|2": 1300, "2"', 'plans[0].layers[0].deductible.amount["2"]', "never reached"),
        ('by: dedc_hosp_lv, "3": 1300, "2|1"', 'by: med_type, "3": 1300, "21"', 'plans[0].layers[0].deductible.amount["3"]', "no visit that comes here"),
        ('{tcm_flag: "1"}', '{med_type: "11"}', "plans[0].layers[0].deductible.level[0].when", "never holds here"),
        (
            'level: [{when: {tcm_flag: "1"}, minus: 200}]',
            'level: [{when: {}, minus: 200}, {when: {tcm_flag: "1"}, minus: 300}]',
            "plans[0].layers[0].deductible.level[1]",
            "always match first",
        ),
        ('"<45": 100, else: 120', '"<45": 100, "0-9": 5, else: 120', 'accounts.topups[0].amount["0-9"]', "never reached"),
        ("rate: 0.5\n", 'rate: {by: tcm_flag, "0": 0.5, "1": 0.6, else: 1}\n', "plans[1].layers[0].rate.else", "match everything"),
        ("rate: 0.5\n", 'rate: {by: age, "<60": {by: age, "60+": 1, else: 0.5}, else: 1}\n', 'plans[1].layers[0].rate["<60"]["60+"]', "no visit"),
        ("rate: 0.5\n", 'rate: {by: dise_codg, "@later": 1, "@listed": 0.8, else: 0.5}\n', None, ""),  # to be filled
        ("rate: 0.5\n", 'rate: {by: age, "<60": 1, "60+": 0.5, else: 0.7}\n', None, ""),  # a missing age
    ],
)  # fmt: skip
def test_unreachable_keys(old: str, new: str, path: str | None, what: str):
    text = edited((old, new))
    if path is None:
        load_policy(text)
        return
    assert [(problem.path, what in problem.what) for problem in wrong(text)] == [(path, True)]


def test_a_shared_layer_is_judged_by_all_its_plans():
    """A key that only the second plan can reach is reached."""
    text = edited(
        ("rate: 60%", 'rate: {by: med_type, "11": 0.5, else: 0.6}'),
        ("per: day}]\n", "per: day}]\n      - {use: critical}\n"),
    )
    load_policy(text)
    alone = edited(("rate: 60%", 'rate: {by: med_type, "11": 0.5, else: 0.6}'))
    assert [problem.path for problem in wrong(alone)] == ['layers.critical.bands.steps[0].rate["11"]']
