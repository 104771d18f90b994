"""The service does what its OpenAPI document says, asked rightly and wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import SkipTest

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("sqlalchemy")

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from services import desks, visit
from ybcore.service.app import guarded

TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with desks() as make:
        desk = make(f"sqlite:///{tmp_path_factory.mktemp('doc') / 'x.db'}")
        for n in (1, 2):
            desk.settle(visit(1, n), [], f"k{n}")
        yield schemathesis.openapi.from_asgi("/openapi.json", guarded(desk, tokens=[TOKEN]))


# What a schema cannot say is refused with 422: a binary float that is whole (30.0), a visit that no document is for.
UNFIT = [positive_data_acceptance]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_it_does_what_its_document_says(document: Any, mode: GenerationMode):
    """Requests made from the document, right ones and wrong ones: every status, header and body is one that it tells of."""
    looked = set()
    for found in document.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy(mode))
        def obeys(case: Any) -> None:
            case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, excluded_checks=UNFIT)

        try:
            obeys()
        except (SkipTest, Unsatisfiable):  # nothing of this operation can be wrong
            assert mode == GenerationMode.NEGATIVE and operation.path in ("/health", "/metrics")
        looked.add(operation.path)
    assert {"/settle", "/pre-settle", "/check", "/explain/{setl_id}", "/settlements/{setl_id}/reverse"} <= looked
