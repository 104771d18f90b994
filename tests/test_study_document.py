"""Study documents: what they hold, what is told of wrong ones, their published schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML
from simulate_small import RULES
from study_small import REFORM, ROOT, STUDY, write
from ybcore import DocumentError
from ybcore.cli import main
from ybcore.simulate import load_study
from ybcore.simulate.studymodel import json_schema
from ybcore.simulate.studyrun import check_study, run_study

SHIPPED = ROOT / "data" / "studies" / "luoyang-2025.yaml"


def problems(folder: Path, text: str, reform: str = REFORM) -> dict[str, tuple[int | None, str, str]]:
    """Of a wrong document: path → (line, what, nearest), of loading or, where it can be loaded, of checking."""
    path = write(folder, text)
    (folder / "reform.yaml").write_text(reform, encoding="utf-8")
    with pytest.raises(DocumentError) as caught:
        check_study(load_study(path))
    assert all(p.file and p.line and p.column and p.what_zh for p in caught.value.problems)
    return {p.path: (p.line, p.what, p.nearest) for p in caught.value.problems}


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def changed(*pairs: tuple[str, str]) -> str:
    text = STUDY
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_study_says_what_is_written(tmp_path: Path):
    study = load_study(write(tmp_path))
    assert [reform.id for reform in study.reforms] == ["deductible", "township"]
    assert {name: [r.id for r in held] for name, held in study.alternatives.items()} == {"one": ["deductible"], "package": ["deductible", "township"]}  # fmt: skip
    assert study.model.measures[1].above == (0, 500_00, 5_000_00)
    assert study.model.targets[0].target is None and study.model.sweeps[0].knobs[0].knob().span == ("600", "1800", "300")  # fmt: skip
    assert [node.id for node in study.model.attribution.measures] == ["total fund_pay_sumamt", "ratio fund_pay_sumamt/inscp_scp_amt"]  # fmt: skip
    book, policies, fund = check_study(study)
    assert policies["package"].before is book and fund.scenarios == ("base", "dear")


def test_every_problem_of_the_shape_is_told_at_once(tmp_path: Path):
    text = changed(
        ("catastrophic, share", "catastrofic, share"),
        ("kind: winners, by: income_decile", "kind: winners, bye: income_decile"),
        ("{total: fund_pay_sumamt}, {ratio", "{total: fund_pay_sumamnt}, {ratio"),
        ("above: [0, 500, 5000]", "above: [0, 5000, 500]"),
        ("points: 5}", "poins: 5}"),
        ("span: [600, 1800, 300]", "span: [600, 500, 300]"),
        ("target: base", "target: bas"),
        ("pictures: [svg, png, pdf]", "pictures: [svg, gif]"),
        ("seed: 5,", "seeds: 5,"),
        ('inpatient: "-0.3"', 'inpatents: "-0.3"'),
    )  # fmt: skip
    found = problems(tmp_path, text, REFORM.replace("add: 300", "ad: 300"))
    assert {path: nearest for path, (_, _, nearest) in found.items()} == {
        "changes[0].ad": "add",
        "changes[0]": "",
        "inputs.synth.seeds": "seed",
        "reforms[1].changes[0].poins": "points",
        "reforms[1].changes[0]": "",
        "attribution.measures[0].total": "fund_pay_sumamt",
        "measures[1].above[2]": "",
        "measures[2].kind": "catastrophic",
        "measures[3].bye": "by",
        "sweeps[0].knobs[0]": "",
        "targets[0].target": "",
        "behaviour": "inpatient",
        "outputs.pictures[1]": "",
    }
    for path, part in (("measures[2].kind", "catastrofic"), ("reforms[1].changes[0].poins", "poins"), ("sweeps[0].knobs[0]", "span: [600, 500")):  # fmt: skip
        assert found[path][0] == line_of(text, part)


def test_names_of_other_parts_are_checked_at_once(tmp_path: Path):
    text = changed(
        ("reforms: deductible}", "reforms: [deductable]}"),
        ("  - id: line\n    on: package", "  - id: line\n    on: pakage"),
        ("{id: by-level, kind", "{id: overview, kind"),
        ("- id: drawn", "- id: line"),
        ("people.parquet", "peple.parquet"),
        ("fund: {plan: fund.yaml, scenarios: [base, dear]}", ""),
    )
    found = problems(tmp_path, text)
    assert {path: nearest for path, (_, _, nearest) in found.items()} == {
        "people.table": "",
        "alternatives[0].reforms[0]": "deductible",
        "measures[0].id": "",
        "sweeps[0].on": "package",
        "sweeps[1].id": "",
        "targets[1].measure.reserve": "",
    }
    assert "peple.parquet is not there" in found["people.table"][1]


def test_measures_of_people_need_people(tmp_path: Path):
    found = problems(tmp_path, changed(("people: {table: people.parquet, income: income, weight: weight}", "")))
    assert set(found) == {f"measures[{i}].kind" for i in (1, 2, 3, 4)} | {"sweeps[0].measures[1].mean"}


def test_places_that_no_document_has_are_told_with_the_nearest(tmp_path: Path):
    text = changed(
        (
            'path: "plans[inpatient_community].layers[basic].rate"',
            'path: "plans[inpatient_comunity].layers[basic].rate"',
        )
    )
    found = problems(tmp_path, text)
    assert [(line, nearest) for line, _, nearest in found.values()] == [(line_of(text, "inpatient_comunity"), "plans[inpatient_community].layers[basic].rate")]  # fmt: skip
    knob = changed(("bands.steps[0].rate", "bands.steps[0].rat"), ("scenarios: [base, dear]", "scenarios: [base, deer]"), ("reserve: resident", "reserve: residents"))  # fmt: skip
    found = problems(tmp_path, knob)
    assert set(found) == {"sweeps[1].knobs[1].path", "targets[1].measure.reserve", "fund.scenarios[1]"}
    assert found["fund.scenarios[1]"][2] == "dear" and found["targets[1].measure.reserve"][2] == "resident"
    assert found["sweeps[1].knobs[1].path"][0] == line_of(knob, "steps[0].rat")


def test_columns_that_people_and_visits_do_not_have(tmp_path: Path):
    text = changed(("by: income_decile", "by: incom_decile"), ("by: [dedc_hosp_lv]", "by: [dedc_hosp_l]"), ("{mean: psn_cash_pay}", "{mean: psn_cash_pay, where: {insutyp: '390'}}"))  # fmt: skip
    with pytest.raises(DocumentError) as caught:
        run_study(load_study(write(tmp_path, text)))
    assert {p.path: p.nearest for p in caught.value.problems} == {
        "measures[0].by[0]": "dedc_hosp_lv",
        "measures[3].by": "income_decile",
        "sweeps[0].measures[1].where.insutyp": "insutype",
    }


def test_a_change_that_nobody_reads_is_an_error_at_its_line(tmp_path: Path):
    from ybcore import InputError

    text = changed(('path: "plans[inpatient_community].layers[basic].rate", points: 5', 'path: "plans[inpatient_outside_province].layers[provincial_l3].when", set: {dedc_hosp_lv: "7"}'))  # fmt: skip
    with pytest.raises((InputError, DocumentError)) as caught:
        run_study(load_study(write(tmp_path, text)))
    assert caught.value.problems[0].line == line_of(text, "inpatient_outside_province")


def test_reforms_of_the_catalogue_are_checked_against_it(tmp_path: Path):
    text = changed(('{scheme: luoyang-resident, path: "plans[inpatient_community].layers[basic].rate", points: 5}', '{item: nothing, path: chrgitm_lv, set: "03"}'))  # fmt: skip
    found = problems(tmp_path, text)
    assert [line for line, _, _ in found.values()] == [line_of(text, "{item: nothing")]


def test_knobs_of_a_study_move_items_and_rules(tmp_path: Path):
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    line = 'knobs: [{id: deductible, name: {zh: 起付线, en: Deductible}, scheme: luoyang-resident, path: "plans[inpatient_city_l3].layers[basic].deductible.amount", span: [600, 1800, 300]}]'
    ruled = ("inputs:", "rules: rules.yaml\ninputs:")
    turned = '{id: most, rules: few, path: parameters.most, values: [1, 2]}, {id: b, items: {chrgitm_lv: "02"}, path: selfpay_prop, way: add, span: ["0.01", "0.02"]}'  # fmt: skip
    study = load_study(write(tmp_path, changed(ruled, (line, f"knobs: [{turned}]"))))
    check_study(study)
    knobs = [node.knob() for node in study.model.sweeps[0].knobs]
    assert [knob.rules for knob in knobs] == ["few", None] and knobs[1].items == {"chrgitm_lv": ("02",)}
    for wrong, said in (
        ('{id: most, rule: MANI, path: check.cap, values: [1]}', "unknown rule 'MANI'"),
        ('{id: b, items: [nothing], path: selfpay_prop, values: [1]}', "unknown item 'nothing'"),
        ('{id: b, items: [x], scheme: luoyang-resident, path: selfpay_prop, values: [1]}', "a knob names whose place it is"),
    ):  # fmt: skip
        found = problems(tmp_path, changed(ruled, (line, f"knobs: [{wrong}]")))
        assert any(said in what for _, what, _ in found.values()), found


def test_rules_are_given_where_they_are_changed_or_looked_at(tmp_path: Path):
    community = '{scheme: luoyang-resident, path: "plans[inpatient_community].layers[basic].rate", points: 5}'
    text = changed((community, "{rule: MANY, path: status, set: disabled}"))
    assert problems(tmp_path, text)["changes[0]"][:2] == (line_of(text, "{rule: MANY"), "rules are changed, and the study has none")  # fmt: skip
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    ruled = ("inputs:", "rules: rules.yaml\ninputs:")
    check_study(load_study(write(tmp_path, changed(ruled))))
    still = ('behaviour: {elasticity: {inpatient: "-0.3"}, seed: 3}\n', "")
    check_study(load_study(write(tmp_path, changed(ruled, still))))
    text = changed(ruled, still, (community, "{rule: MANI, path: status, set: disabled}"))
    assert problems(tmp_path, text)["changes[0]"][::2] == (line_of(text, "{rule: MANI"), "MANY")
    assert set(problems(tmp_path, changed(("inputs:", "rules: rule.yaml\ninputs:"), still))) == {"rules"}
    (tmp_path / "labs.csv").write_text("setl_id\n1\n", encoding="utf-8")
    files = "inputs: {visits: people.parquet, labs: labs.csv}\n"
    text = STUDY[: STUDY.index("inputs:")] + files + STUDY[STUDY.index("people:") :]
    assert problems(tmp_path, text)["inputs.labs"][:2] == (line_of(text, "labs:"), "labs is read by rules only")


def test_another_document_is_told_alone(tmp_path: Path):
    path = tmp_path / "x.yaml"
    path.write_text("format: ybcore-reform/1\nid: x\n", encoding="utf-8")
    with pytest.raises(DocumentError, match="not a study document") as caught:
        load_study(path)
    assert [(p.line, p.path) for p in caught.value.problems] == [(1, "format")]


def test_a_city_that_cannot_be_made_is_told_at_its_place(tmp_path: Path):
    with pytest.raises(DocumentError) as caught:
        run_study(load_study(write(tmp_path, changed(("catalog_items: 500", "catalog_items: 5")))))
    assert [p.path for p in caught.value.problems] == ["inputs.synth"]


def test_the_schema_takes_what_the_reader_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["study", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()
    judge = jsonschema.Draft202012Validator(json_schema())
    for path in (SHIPPED, write(tmp_path)):
        document = json.loads(json.dumps(YAML(typ="safe").load(path), default=str))
        assert list(judge.iter_errors(document)) == []
        assert list(judge.iter_errors({**document, "measures": [{"kind": "catastrofic"}]}))
        assert list(judge.iter_errors({**document, "more": 1}))


def test_the_command_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--lang", "en", "study", "check", str(SHIPPED)]) == 0
    assert capsys.readouterr().out == "ok: luoyang-2025\n"
    path = write(tmp_path, changed(("target: base", "target: bas"), ("on: package", "on: pakage")))
    assert main(["--lang", "zh", "study", "check", str(path)]) == 1
    told = capsys.readouterr().err
    assert f"study.yaml:{line_of(path.read_text(encoding='utf-8'), 'target: bas')}" in told and "不是目标" in told


def test_knobs_that_nobody_reads_are_told_together(tmp_path: Path):
    text = changed(
        ("span: [600, 1800, 300]}]", "span: [600, 1800, 300], from: 2031-01-01}]"),
        ("span: [600, 3000, 25]}", "span: [600, 3000, 25], from: 2031-01-01}"),
    )
    with pytest.raises(DocumentError) as caught:
        run_study(load_study(write(tmp_path, text)))
    assert [(p.path, p.what) for p in caught.value.problems] == [
        ("sweeps[0].knobs[0].path", "no visit reads what this turns"),
        ("targets[0].knob.path", "no visit reads what this turns"),
    ]
    assert all(p.line and p.what_zh for p in caught.value.problems)
