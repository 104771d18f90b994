"""ybcore.fast: the same results and states as `Engine.settle_one`, in objects that threads share and pickles carry."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from test_embed_strangers import LINES, VISIT, engine, image  # noqa: F401  (fixtures)
from ybcore import InputError, PersonState, StaleStateError
from ybcore.fast import COLUMNS, Desk, Image, Lines, State, Visit

DAY = 19_800  # 2024-03-18


def bill(image: Image, rows: list[dict[str, Any]] = LINES) -> Lines:  # noqa: F811
    return Lines([image.item(r["med_list_codg"]) for r in rows], [r["det_item_fee_sumamt"] for r in rows])


def visit(image: Image, **more: Any) -> Visit:  # noqa: F811
    return Visit(
        image,
        {"med_type": "11", "psn_type": "11", "age": 40},
        **{"setl_day": DAY, "setl_id": "S0", "psn_no": "P1", **more},
    )


def test_a_year_of_one_person_is_that_of_the_engine(engine: Any, image: Path):  # noqa: F811
    opened = Image(image)
    desk, state, one = Desk(opened), State(opened), visit(opened)
    desk.combine(one)
    held = PersonState()
    for i in range(12):
        when = f"2024-{i + 1:02d}-18"
        rows = LINES[: i % 3]
        done = engine.settle_one({**VISIT, "setl_id": f"S{i}", "setl_time": when}, rows, state=held)
        day = DAY + [-60, -29, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275][i]
        asked = desk.settle(state, one.again(f"S{i}", day), bill(opened, rows), pre=True)
        told = desk.settle(state, one, bill(opened, rows))
        assert asked.to_dict() == told.to_dict()
        assert told.to_dict() == {
            name: done.result[name] for name in (*COLUMNS, "outcome", "reason", "flags", "policy_id", "plan_id")
        }
        assert (told.hifp_pay, told.version) == (done.result["hifp_pay"], i + 1)
        assert state.to_bytes() == done.state.to_bytes()
        held = done.state
    back = desk.settle(state, visit(opened, setl_id="R", init_setl_id="S1", reversal=True))
    want = engine.settle_one({"setl_id": "R", "psn_no": "P1", "setl_time": "2024-03-18", "refd_setl_flag": "1", "init_setl_id": "S1"}, state=held)  # fmt: skip
    assert back.to_dict() == {name: want.result[name] for name in back.to_dict()} and back.plan_id == "outpatient"
    assert PersonState.from_bytes(state.to_bytes()) == want.state


def test_refusals_are_errors_of_ybcore(image: Path, tmp_path: Path):  # noqa: F811
    opened = Image(image)
    desk, state = Desk(opened), State(opened)
    first = visit(opened, version=0)
    desk.settle(state, first, bill(opened))
    with pytest.raises(StaleStateError, match="the state is at version 1, the visit asked for version 0") as refused:
        desk.settle(state, first, bill(opened))
    assert "请重新读取状态" in refused.value.render("zh") and state.version == 1
    assert first.version == 0
    first.version = None
    assert desk.settle(state, first, bill(opened)).reason == "duplicate_setl_id"
    with pytest.raises(InputError, match="cannot be opened"):
        Image(tmp_path / "nothing")
    with pytest.raises(InputError, match="no state"):
        State(opened, b"YBSTATE")
    with pytest.raises(KeyError, match="no fact 'med_typ'"):
        Visit(opened, {"med_typ": "11"}, setl_day=DAY)
    with pytest.raises(TypeError, match="no id 'setl'"):
        visit(opened, setl="x")
    with pytest.raises(AttributeError, match="no 'hifp'"):
        _ = desk.settle(state, visit(opened, setl_id="Y"), pre=True).hifp


def test_a_combination_is_good_where_it_was_found(image: Path):  # noqa: F811
    """At another desk, and on the other side of a date, the facts are looked at again; the image need not have met what they come to."""
    opened = Image(image)
    one, other, state, held = Desk(opened), Desk(opened), State(opened), visit(opened)
    one.combine(held)
    assert other.settle(state, held, bill(opened)).outcome == "settled"
    assert one.settle(state, held.again("S9", 20_200), bill(opened)).reason == "no_policy"  # 2025
    ward = Visit(opened, {"med_type": "21"}, setl_day=DAY, setl_id="X", psn_no="P1")
    assert one.settle(state, ward, bill(opened)).outcome == "no_benefit"


def test_objects_are_carried_by_pickles(image: Path):  # noqa: F811
    opened = Image(image)
    desk, state = Desk(opened), State(opened)
    desk.settle(state, visit(opened), bill(opened))
    again = pickle.loads(pickle.dumps(state))
    assert again.to_bytes() == state.to_bytes() and again.image.policy_sha256 == opened.policy_sha256 != ""
    copy = state.copy()
    desk.settle(copy, visit(opened, setl_id="S1"), bill(opened))
    assert (copy.version, state.version) == (2, 1)


def test_a_pickle_of_an_image_that_is_another_now_is_refused(engine: Any, image: Path, tmp_path: Path):  # noqa: F811
    """The same path with other documents would go on with other figures."""
    path = tmp_path / "window.ybimage"
    path.write_bytes(image.read_bytes())
    state = State(Image(path))
    carried = pickle.dumps(state)
    assert pickle.loads(carried).to_bytes() == state.to_bytes()
    type(engine)(engine.book).image(path)  # without the catalogue
    with pytest.raises(InputError, match="other documents"):
        pickle.loads(carried)


def test_numbers_of_another_image_are_refused(image: Path):  # noqa: F811
    """Facts, items and counters are numbered by an image: those of another would be other facts."""
    one, other = Image(image), Image(image)
    for state, asked in ((State(other), visit(one)), (State(one), visit(other))):
        with pytest.raises(ValueError, match="another image"):
            Desk(one).settle(state, asked, bill(one))
        with pytest.raises(ValueError, match="another image"):
            Desk(one).settle_many([state], [asked], [bill(one)])
    with pytest.raises(ValueError, match="another image"):
        Desk(one).combine(visit(other))


def test_what_is_too_much_or_too_little_is_refused(image: Path):  # noqa: F811
    """Amounts without an item were left out, a sixth nature was written over the total."""
    opened = Image(image)
    for natures in ([1, 2, 3], [1, 2, 3, 4, 5, 6]):
        with pytest.raises(ValueError, match="natures"):
            visit(opened, natures=natures)
    for more in ({"amount": [1, 2]}, {"amount": [1], "day": []}, {"amount": [1], "quantity": [1, 2]}, {"amount": []}):
        with pytest.raises(ValueError, match="one of each a line"):
            Lines([0], **more)


def test_a_line_goes_by_the_one_that_it_returns(image: Path):  # noqa: F811
    """Not approved, returned, and the return taken back: full self-pay all of it. A circle is told, and so is a line that is not there."""
    opened = Image(image)
    item = opened.item(LINES[0]["med_list_codg"])
    lines = Lines([item] * 4, [8_000, -8_000, 8_000, 500], approved=[2, None, 1, 1], returns=[None, 0, 1, -1])
    row = Desk(opened).settle(State(opened), visit(opened), lines)
    assert (row.medfee_sumamt, row.fulamt_ownpay_amt) == (8_500, 8_000)
    for returns, what in (([1, 0], "circle"), ([2, None], "not there")):
        with pytest.raises(ValueError, match=what):
            Desk(opened).settle(State(opened), visit(opened), Lines([item] * 2, [8_000, -8_000], returns=returns))


def test_a_child_does_not_wait_for_threads_that_it_does_not_have(engine: Any):  # noqa: F811
    """Another thread is settling a batch when a worker forks: its lock was never given back in the child."""
    held, done = threading.Event(), threading.Event()

    def batch() -> None:
        with engine._lock:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=batch)
    thread.start()
    held.wait(60)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        engine.settle_one({"setl_id": "S1", **VISIT}, LINES)
        engine.settle({"setl_id": ["S1"], **{name: [cell] for name, cell in VISIT.items()}})
        os._exit(0)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_engine_is_carried_by_a_pickle(engine: Any):  # noqa: F811
    """By its documents and tables: the same hashes, and the same money."""
    again = pickle.loads(pickle.dumps(engine))
    assert again.documents() == engine.documents()
    asked = ({"setl_id": "S1", **VISIT}, LINES)
    one, other = engine.settle_one(*asked), again.settle_one(*asked)
    assert one.result == other.result and one.state.to_bytes() == other.state.to_bytes()


def test_threads_settle_different_people(image: Path):  # noqa: F811
    opened = Image(image)
    sums: dict[int, int] = {}

    def people(first: int) -> None:
        desk, total = Desk(opened), 0
        for p in range(first, first + 50):
            state = State(opened)
            for v in range(6):
                total += desk.settle(state, visit(opened, setl_id=f"{p}-{v}", psn_no=f"P{p}"), bill(opened)).hifp_pay
        sums[first] = total

    team = [threading.Thread(target=people, args=(k * 50,)) for k in range(4)]
    for one in team:
        one.start()
    for one in team:
        one.join()
    # A person's year: 4900 of 7000 in 100ths, 5100 more up to the ceiling of 100 yuan.
    assert sums == dict.fromkeys(range(0, 200, 50), 50 * 10_000)


def test_many_at_once_are_what_each_is(image: Path):  # noqa: F811
    """With a stale one and a reversal among them: each as `settle` has it, refusals in their places."""
    opened = Image(image)
    asked = [visit(opened, setl_id=f"S{i}", psn_no=f"P{i % 3}") for i in range(9)]
    asked.append(visit(opened, setl_id="T", version=77))
    asked.append(visit(opened, setl_id="R", psn_no="P1", init_setl_id="S1", reversal=True))
    asked += [visit(opened, setl_id=f"U{i}", psn_no="P1") for i in range(3)]
    bills = [None if one.version or i == 10 else bill(opened) for i, one in enumerate(asked)]
    whose = [i % 3 if i < 9 else 1 for i in range(len(asked))]
    one, many = ([State(opened) for _ in range(3)] for _ in range(2))
    want: list[Any] = []
    for place, each, lines in zip(whose, asked, bills):
        try:
            want.append(Desk(opened).settle(one[place], each, lines).to_dict())
        except StaleStateError as error:
            want.append(str(error))
    desk = Desk(opened)
    found = desk.settle_many([many[place] for place in whose], asked, bills)
    assert isinstance(found[9], StaleStateError) and found[10].plan_id == "outpatient"
    assert [str(each) if isinstance(each, StaleStateError) else each.to_dict() for each in found] == want
    assert [state.to_bytes() for state in many] == [state.to_bytes() for state in one]
    asked_only = desk.settle_many([State(opened)], [visit(opened)], [bill(opened)], pre=True)
    assert asked_only[0].version == 0
    with pytest.raises(ValueError, match="2 visits, 1 states and 2 bills"):
        desk.settle_many([State(opened)], [visit(opened), visit(opened)])


def test_a_desk_in_use_is_told(image: Path):  # noqa: F811
    """One thread settles many with the GIL given up; what another would do with the same desk or state is an error, not a crash."""
    opened = Image(image)
    desk, told = Desk(opened), set()
    asked = [visit(opened, setl_id=f"S{i}") for i in range(4_000)]
    bills, other = [bill(opened)] * len(asked), visit(opened)
    for _ in range(200):  # until the other thread was seen at it
        state = State(opened, room=4096)
        long = threading.Thread(target=desk.settle_many, args=([state] * len(asked), asked, bills))
        long.start()
        while long.is_alive():
            for what in (lambda: desk.combine(other), state.to_bytes):
                try:
                    what()
                except RuntimeError as error:
                    told.add(str(error).partition(":")[2])
        long.join()
        assert state.version == len(asked)
        if len(told) == 2:
            break
    assert told == {" a desk serves one thread at a time", " a state serves one thread at a time"}


def test_a_child_settles_after_threads_have(image: Path):  # noqa: F811
    """A fork after threads have used the image and while one settles: the child's own desk gives the same bytes."""
    opened = Image(image)

    def year(desk: Desk) -> bytes:
        state = State(opened)
        for i in range(20):
            desk.settle(state, visit(opened, setl_id=f"S{i}"), bill(opened))
        return state.to_bytes()

    want = year(Desk(opened))
    used = Desk(opened)
    stop = threading.Event()

    def on() -> None:
        desk = Desk(opened)
        while not stop.is_set():
            year(desk)

    team = [threading.Thread(target=on) for _ in range(2)]
    for one in team:
        one.start()
    year(used)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        same = year(Desk(opened)) == want and year(used) == want
        os.write(write, b"same" if same else b"else")
        os._exit(0)
    stop.set()
    for one in team:
        one.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 and os.read(read, 4) == b"same"
    os.close(read)
    os.close(write)


def test_a_sub_interpreter_is_told_at_once():
    """Not a crash, and no waiting: pyarrow alone would wait for ever there."""
    code = """
try:
    import _interpreters as some
    run = some.exec
except ImportError:
    import _xxsubinterpreters as some
    run = some.run_string
own = some.create()
told = run(own, "try:\\n    import ybcore.fast\\nexcept ImportError as error:\\n    assert 'cannot be imported in a sub-interpreter' in str(error)\\nelse:\\n    assert False")
assert told is None, told
import ybcore.fast
print("told")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "told\n", done.stderr
