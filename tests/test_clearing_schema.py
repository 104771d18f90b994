"""The published JSON Schemas of clearing and benefit documents are those of the models, and say yes and no as the reader does."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
from clearing_cases import FOLDERS, HERE, documents, load
from ybcore.clearing import load_benefits, load_clearing
from ybcore.clearing.schema import Kind, json_schema
from ybcore.errors import DocumentError

ROOT = HERE.parent.parent
TOWN = sorted((ROOT / "data" / "clearing").glob("*.yaml"))
BENEFIT = HERE.parent / "golden_benefit/births-and-bounds/document.yaml"


def validator(kind: Kind) -> jsonschema.Draft202012Validator:
    schema = json_schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_takes_what_the_reader_takes():
    held = validator("clearing")
    every = [doc for folder in FOLDERS for doc in documents(folder)] + [load(path) for path in TOWN]
    assert len(every) > 14
    for doc in every:
        load_clearing(copy.deepcopy(doc))
        assert [error.message for error in held.iter_errors(doc)] == []
    assert [error.message for error in validator("benefit").iter_errors(load(BENEFIT))] == []


COMPUTE = {"compute": {"base": "5"}}


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["methods"][0].update(pay="points"),
        lambda d: d["methods"][0].update(pays="point"),
        lambda d: d["methods"][0].update(ungrouped={"by_costs": {}}),
        lambda d: d["methods"][0].update(incomplete="reviews"),
        lambda d: d["methods"][0].update(base={"amount": COMPUTE}),
        lambda d: d["methods"][0].update(base={"amount": {"by": "hosp_lv", "03": COMPUTE}}),
        lambda d: d["methods"][0]["fund"].update(rate="cases"),
        lambda d: d["pools"]["all"].update(reserve={"value": "0.05"}),
        lambda d: d["methods"][0]["deposit"]["release"][0].pop("from"),
        lambda d: d.update(methods=[]),
        lambda d: d.pop("scheme"),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(change: Any):
    doc = documents(HERE / "09-points-share-a-budget")[0]
    change(doc)
    assert list(validator("clearing").iter_errors(doc))
    with pytest.raises(DocumentError):
        load_clearing(doc)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["benefits"][0].update(lump=COMPUTE),
        lambda d: d["benefits"][0].update(unit="weeks"),
        lambda d: d["benefits"][0]["base"].update(column="base"),
        lambda d: d.update(benefits=[]),
    ],
)
def test_the_schema_of_benefits_refuses_what_the_reader_refuses(change: Any):
    doc = load(BENEFIT)
    change(doc)
    assert list(validator("benefit").iter_errors(doc))
    with pytest.raises(DocumentError):
        load_benefits(doc)
