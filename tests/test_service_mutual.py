"""The service where another's account pays: two states in one transaction, what moved on accounts, and a batch that gives the same."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("sqlalchemy")

from services import POLICY, RULES, same_as_a_batch, visit
from ybcore import Catalog, Checker, Engine, InputError, load_book, load_rules
from ybcore.service.desk import Desk
from ybcore.service.replies import Refusal
from ybcore.service.schema import ABOUT, MOVEMENTS
from ybcore.service.store import Lost, Moved, Store

ITEMS = {"med_list_codg": ["A1"], "chrgitm_lv": ["01"], "selfpay_prop": ["0"]}
AID = POLICY.replace("accounts: {pay: last}", "accounts: {pay: last, mutual_aid: true}")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_book(AID), Catalog(ITEMS), threads=1)


@pytest.fixture(scope="module")
def checker(engine: Engine) -> Checker:
    return Checker(load_rules(RULES), engine.catalog, stage="before")


@pytest.fixture
def desk(engine: Engine, checker: Checker, database: str) -> Iterator[Desk]:
    made = Desk(engine, Store(database), checker)
    yield made
    made.store.close()


def aided(person: int, number: int, by: int, **more: Any) -> dict[str, Any]:
    """A visit that the account of another pays for too."""
    return visit(person, number) | {"mulaid_psn_no": f"P{by:03d}", **more}


def refused(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Refusal as refusal:
        return refusal


def movements(desk: Desk, person: int) -> list[tuple[Any, ...]]:
    told = desk.account(f"P{person:03d}")
    return [(one["version"], one["kind"], one["setl_id"], one["amount"], one["balance"]) for one in told["movements"]]


def sound(desk: Desk) -> None:
    """Movements add up: each leads from the balance before to the one after it, and the last is that of the state."""
    for name in {row["psn_no"] for row in desk.store.movements()}:
        told = desk.account(name)
        balance = 0
        for one in told["movements"]:
            balance += one["amount"]
            assert one["balance"] == balance
        assert balance == told["balance"]
        versions = [(one["version"], one["kind"]) for one in told["movements"]]
        assert versions == sorted(set(versions))


def test_another_account_pays_and_both_states_move(desk: Desk, engine: Engine):
    with pytest.raises(Refusal) as nobody:
        desk.settle(aided(1, 1, 2), [], "k0")
    assert (nobody.value.status, nobody.value.code) == (422, "unknown_account")
    desk.settle(visit(2, 1, 100_000) | {"balc": 90_000_00}, [], "k1")
    asked = desk.pre_settle(aided(1, 2, 2), [])
    reply, _ = desk.settle(aided(1, 2, 2), [], "k2")
    assert asked["result"] == reply["result"] and desk.settle(aided(1, 2, 2), [], "k2") == (reply, True)
    own, others, cash = (reply["result"][name] for name in ("acct_pay", "acct_mulaid_pay", "psn_cash_pay"))
    assert own == 500_00 and others > 0 and cash == 0
    first = desk.known("V002-0001").reply["result"]["acct_pay"]
    assert movements(desk, 1) == [(1, "opening", "V001-0002", 500_00, 500_00), (1, "visit", "V001-0002", -own, 0)]
    assert movements(desk, 2) == [
        (1, "opening", "V002-0001", 90_000_00, 90_000_00), (1, "visit", "V002-0001", -first, 90_000_00 - first),
        (2, "visit", "V001-0002", -others, 90_000_00 - first - others),
    ]  # fmt: skip
    assert desk.person("P002")["version"] == 2 and desk.person("P001")["version"] == 1
    assert [one["psn_no"] for one in desk.person("P001")["accounts"]] == ["P001"]
    with pytest.raises(Refusal, match="later settlement"):  # before the visit that their account paid for
        desk.settle(visit(2, 2) | {"setl_time": "2024-01-02 09:00:00", "setl_id": "late"}, [], "late")
    desk.settle(visit(2, 4), [], "k4")
    back, _ = desk.reverse("V001-0002", {"setl_id": "R", "setl_time": "2024-02-01"}, "r")
    assert back["result"]["acct_mulaid_pay"] == -others
    assert movements(desk, 2)[-1][1:4] == ("reversal", "R", others) and movements(desk, 1)[-1][1:4] == ("reversal", "R", own)  # fmt: skip
    assert same_as_a_batch(desk, engine) == 4
    sound(desk)
    for name in ("V001-0002", "V002-0004", "R"):
        told = desk.explain(name)
        assert told.compared > 30 and not told.differences


def test_two_states_are_written_together_or_not_at_all(desk: Desk):
    """The other's state has moved on since: nothing of the settlement is there, not even the part that nobody else touched."""
    desk.settle(visit(1, 1), [], "k1")
    desk.settle(visit(2, 1), [], "k2")
    one, other = desk.store.owner("p:P001"), desk.store.owner("p:P002")
    desk.settle(visit(2, 2), [], "k3")
    record = desk.known("V001-0001")
    fresh = type(record)("new", record.owner, 2, "P001", record.policy_sha256, record.asked, record.answered)
    with pytest.raises(Lost):
        desk.store.write([Moved(one, one.state, []), Moved(other, other.state, [])], [], fresh, "k", "d")
    assert desk.store.owner("p:P001") == one and desk.store.settlement("new") is None


def test_a_database_of_before_goes_on(engine: Engine, checker: Checker, database: str):
    """Of the format without movements: the table is made and begins with the next settlement; a later format is refused."""
    desk = Desk(engine, Store(database), checker)
    desk.settle(visit(1, 1), [], "k1")
    with desk.store.engine.begin() as link:
        MOVEMENTS.drop(link)
        link.execute(ABOUT.update().values(value="ybcore-service/1"))
    desk.store.close()
    desk.store = Store(database)
    desk.settle(visit(1, 2, 100), [], "k2")
    assert same_as_a_batch(desk, engine) == 2 and desk.account("P001")["movements"] == []
    with desk.store.engine.begin() as link:
        link.execute(ABOUT.update().values(value="ybcore-service/9"))
    desk.store.close()
    with pytest.raises(InputError, match="ybcore-service/9"):
        Store(database)


@pytest.mark.parametrize("rival", ["the same account", "its own visit", "each other"])
def test_of_two_who_need_one_account_the_second_comes_again(desk: Desk, engine: Engine, rival: str, monkeypatch: pytest.MonkeyPatch):  # fmt: skip
    """Both have settled from the same states before either writes: one is paid, the other settles again from what is left."""
    for person in (1, 2, 3):
        desk.settle(visit(person, 1, 100_000) | {"balc": 9_000_00 if person == 2 else 0}, [], f"k{person}")
    second = {"the same account": aided(3, 3, 2), "its own visit": visit(2, 3), "each other": aided(2, 3, 1)}[rival]
    calls = [lambda: desk.settle(aided(1, 2, 2), [], "a"), lambda: desk.settle(second, [], "b")]
    barrier, write = threading.Barrier(2), desk.store.write

    def waits(*given: Any) -> None:
        barrier.wait(20)
        write(*given)

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "write", waits)
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(refused, calls))
    lost = [one for one in done if isinstance(one, Refusal)]
    assert [(one.status, one.code) for one in lost] == [(409, "stale_version")]
    again = refused(calls[0] if isinstance(done[0], Refusal) else calls[1])
    if isinstance(again, Refusal):  # the later visit was written first
        assert again.code == "out_of_order"
    assert same_as_a_batch(desk, engine) == (4 if isinstance(again, Refusal) else 5)
    sound(desk)


def test_a_crowd_over_few_accounts_is_a_batch(desk: Desk, engine: Engine):
    """Many writers over four accounts, each trying again as it is told: every fen is paid once, and one bulk run gives every row."""
    for person in range(1, 5):
        desk.settle(visit(person, 1, 100_000) | {"balc": 20_000_00}, [], f"k{person}")
    clock, lock = iter(range(2, 200)), threading.Lock()

    def work(seed: int) -> int:
        rng, done = random.Random(seed), 0
        for n in range(4):
            person, by = rng.sample(range(1, 5), 2)
            for _ in range(40):
                with lock:
                    row = aided(person, next(clock), by) if n else visit(person, next(clock))
                told = refused(lambda row=row, n=n: desk.settle(row, [], f"{seed}-{n}-{row['setl_id']}"))
                if not isinstance(told, Refusal):
                    done += 1
                    break
                assert told.code in ("stale_version", "out_of_order"), told.en
        return done

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [4] * 4
    assert same_as_a_batch(desk, engine) == 20
    sound(desk)
