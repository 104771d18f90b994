"""What an engine or a state did before: results do not depend on earlier batches, and a counter keeps its scope."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from ybcore import Engine, InputError, load_policy

COUNTER = {"sum": ["basic.paid"], "period": "year"}


def document(scope: str | dict[str, str] = "person", rate: str = "0.8", name: str = "pool") -> dict[str, Any]:
    beside = {"scope": scope} if isinstance(scope, str) else {}
    layer = {
        "id": "basic", "basic": "true", "payer": "hifp_pay", "rate": rate,
        "ceilings": [{"on": "fund", "limit": "2000", "per": "year", "counter": name, **beside}],
    }  # fmt: skip
    clinic = {"id": "clinic_fee", "payer": "hifob_pay", "base": ["copay"], "rate": "0.5"}
    more = {"id": "after", "payer": "hifmi_pay", "base": ["copay"], "rate": "0.1"}
    return {
        "format": "ybcore-policy/1",
        "id": "histories-2024",
        "scheme": {"id": "town", "region": "*", "insutype": ["3"]},
        "effective": {"from": "2020-01-01"},
        "cite": ["a document for tests"],
        "attributes": {"ward": {"table": "visits", "default": ""}},
        "counters": {name: {**COUNTER, "scope": scope}},
        "plans": [
            {"id": "outpatient", "when": {"med_type": ["11"]}, "layers": [layer, clinic]},
            {"id": "chronic", "when": {"med_type": ["14"]}, "layers": [layer]},
            {"id": "inpatient", "when": {"med_type": ["21"]}, "layers": [layer, more]},
        ],
    }


def visits(*kinds: str) -> dict[str, Any]:
    count = len(kinds)
    return {
        "setl_id": [f"v{i}" for i in range(count)], "psn_no": ["p"] * count, "insutype": ["310"] * count, "med_type": list(kinds),
        "setl_time": [f"2024-03-{i + 1:02d}" for i in range(count)], "fixmedins_code": ["h"] * count, "hsld_no": ["house"] * count,
        "ward": ["w"] * count, "inscp_scp_amt": pa.array([100_000] * count, pa.int64()),
    }  # fmt: skip


def words(done: Any) -> dict[str, list[str]]:
    columns = [done.visits["policy_id"], done.visits["plan_id"], done.detail["layer"], done.visits["reason"]]
    return {str(i): column.combine_chunks().dictionary.to_pylist() for i, column in enumerate(columns)}


def test_results_do_not_know_what_their_engine_settled_before():
    engine, fresh = (Engine(load_policy(document()), threads=1) for _ in range(2))
    for kinds in (("21",), ("14", "11"), ("11",)):
        engine.settle(visits(*kinds))
    for kinds in (("11", "21"), ("21", "11"), ("14",)):
        ours, theirs = (one.settle(visits(*kinds), detail=True) for one in (engine, fresh))
        assert ours.visits.equals(theirs.visits) and ours.detail.equals(theirs.detail)
        assert words(ours) == words(theirs)
        assert ours.state.sha256 == theirs.state.sha256
    assert words(ours)["1"] == ["", "chronic"] and words(ours)["2"] == ["basic"]


SCOPES = ["person", "household", "hospital", {"attribute": "ward"}]


@pytest.mark.parametrize("was", SCOPES)
@pytest.mark.parametrize("now", SCOPES)
def test_a_counter_that_comes_back_by_something_else_is_refused(was: Any, now: Any):
    state = Engine(load_policy(document(was)), threads=1).settle(visits("11")).state
    later = Engine(load_policy(document(now, rate="0.7")), threads=1)
    batch = {**visits("11"), "setl_id": ["later"]}
    if was == now:
        assert later.settle(batch, state=state).visits["hifp_pay"].to_pylist() == [70_000]
        return
    with pytest.raises(InputError) as caught:
        later.settle(batch, state=state)
    (problem,) = caught.value.problems
    name = {str(one): one if isinstance(one, str) else "attribute" for one in SCOPES}
    assert f"'pool' of 'town' by {name[str(was)]}, the policies keep it by {name[str(now)]}" in problem.what
    assert "pool" in problem.what_zh
    other = Engine(load_policy(document(now, name="pool_2")), threads=1)
    assert other.settle(batch, state=state).visits["hifp_pay"].to_pylist() == [80_000]
