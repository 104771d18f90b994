"""The recipes of docs/cookbook.md (and the worked policy of docs/policy.zh-CN.md): the figures on the page are those of reference and engine."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from cases import by_kernel, by_reference
from ruamel.yaml import YAML
from ybcore.policy import load_policy

DOCS = Path(__file__).resolve().parent.parent / "docs"
BLOCK = re.compile(r"^```yaml ?(\w*)\n(.*?)^```$", re.M | re.S)
ROOM = {"format": "ybcore-policy/1", "id": "cookbook", "scheme": {"id": "cookbook", "region": "*", "insutype": ["310"]}, "effective": {"from": "2024-01-01"}}  # fmt: skip
VISIT = {"psn_no": "p1", "insutype": "310", "med_type": "21", "setl_time": "2024-06-01"}


def recipes(page: str) -> list[tuple[str, dict, dict]]:
    """(heading, policy document, case) of every recipe of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    out = []
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        heading = section.partition("\n")[0]
        held: dict = {}
        for kind, body in BLOCK.findall(section):
            parsed = YAML(typ="base", pure=True).load(body)
            if kind == "case":
                out.append((heading, held, parsed))
            elif kind == "policy":
                held = parsed
            else:
                held = {**ROOM, **{k: v for k, v in parsed.items() if k != "layers"}}
                held["plans"] = [{"id": "plan", "layers": parsed["layers"]}]
    return out


ALL = [(page, *recipe) for page in ("cookbook.md", "policy.zh-CN.md") for recipe in recipes(page)]


@pytest.mark.parametrize(("page", "heading", "document", "case"), ALL, ids=[f"{a[0]}: {a[1]}" for a in ALL])
def test_recipe(page: str, heading: str, document: dict, case: dict):
    load_policy(document)
    visits = [{**VISIT, **visit} for visit in case["visits"]]
    whole = {**case, "policy": document, "visits": visits}
    assert case["expect"]
    for answer in (by_reference(whole), by_kernel(whole)):
        for expression, printed in case["expect"].items():
            assert answer.figure(expression) == Fraction(printed), expression


def test_there_are_recipes():
    assert len(recipes("cookbook.md")) >= 20
