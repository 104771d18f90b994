"""Programs of somebody else's over what pip installed: a C program by CMake, and a compiled Python package that cimports ybcore.fast."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ybcore import Catalog, Engine, PersonState, embed

HERE = Path(__file__).parent / "embed"
POLICY = """
format: ybcore-policy/1
id: window-2024
name: {zh: 窗口, en: Window}
scheme: {id: window, region: "*", insutype: [""]}
effective: {from: 2024-01-01, to: 2025-01-01}
cite: ["for tests"]
counters:
  paid: {sum: [basic.paid], period: year}
plans:
  - id: outpatient
    when: {med_type: ["11"]}
    layers:
      - id: basic
        payer: hifp_pay
        basic: true
        deductible: {amount: 100, repeat: cumulative}
        rate: 0.7
        ceilings: [{on: fund, limit: 100, per: year}]
"""
VISIT = {"psn_no": "P1", "med_type": "11", "setl_time": "2024-03-18"}
LINES = [
    {"med_list_codg": "XA", "det_item_fee_sumamt": 8_000},
    {"med_list_codg": "XB", "det_item_fee_sumamt": 10_000},
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    path = tmp_path_factory.mktemp("policy") / "window.yaml"
    path.write_text(POLICY, encoding="utf-8")
    items = {"med_list_codg": ["XA", "XB"], "chrgitm_lv": ["01", "02"], "selfpay_prop": [None, 100_000]}
    return Engine(path, Catalog(items), threads=1)


@pytest.fixture(scope="module")
def image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    engine.settle_one({"setl_id": "X", **VISIT}, LINES)
    return engine.image(tmp_path_factory.mktemp("image") / "window.ybimage")


def run(*words: Any, cwd: Path) -> str:
    quick = {**os.environ, "CFLAGS": "-O0"}
    done = subprocess.run([str(w) for w in words], cwd=cwd, capture_output=True, text=True, env=quick)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def told(engine: Engine) -> list[str]:
    """What main.c prints, from the engine."""
    one = engine.settle_one({"setl_id": "S1", **VISIT}, LINES)
    again = engine.settle_one({"setl_id": "S1", **VISIT}, LINES, state=one.state)
    second = engine.settle_one({"setl_id": "S2", **VISIT}, LINES[:1], state=one.state)
    back = {"setl_id": "R1", "psn_no": "P1", "setl_time": "2024-03-18", "refd_setl_flag": "1", "init_setl_id": "S1"}
    reversed_ = engine.settle_one(back, state=second.state)

    def say(what: str, row: dict[str, Any], version: int) -> str:
        outcome = "settled" if row["outcome"] == "settled" else row["reason"]
        return f"{what} {outcome} {row['hifp_pay']} {row['psn_cash_pay']} {version}"

    return [
        say("asked", one.result, 0),
        say("paid", one.result, 1),
        f"lines {one.lines[0]['inscp_scp_amt']} {one.lines[1]['preselfpay_amt']}",
        say("again", again.result, 2),
        say("second", second.result, 2),
        "stale the state is at version 2, the visit asked for version 1",
        say("back", reversed_.result, 3),
    ]


def test_the_header_is_plain_c_and_plain_cpp(need_program: Callable[[str], str], tmp_path: Path):
    """As a stranger's compiler reads it, with every warning an error; so is the sample program."""
    include, strict = HERE.parent.parent / "core/include", ["-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only"]
    words = "#include <ybcore/ybcore.h>\nint main(void) { return yb_abi() == YB_ABI ? 0 : 1; }\n"
    for compiler, standards, name in (("gcc", ("c99", "c11"), "a.c"), ("g++", ("c++98", "c++20"), "a.cpp")):
        (tmp_path / name).write_text(words, encoding="utf-8")
        for standard in standards:
            long = ["-Wno-long-long"] if standard == "c++98" else []
            run(need_program(compiler), f"-std={standard}", *strict, *long, f"-I{include}", name, cwd=tmp_path)
    run(need_program("gcc"), "-std=c99", *strict, f"-I{include}", HERE / "c" / "main.c", cwd=tmp_path)


def test_a_c_program(engine: Engine, image: Path, need_program: Callable[[str], str], tmp_path: Path):
    need_program("gcc")
    cmake = need_program("cmake")
    shutil.copytree(HERE / "c", tmp_path / "c")
    run(cmake, "-S", ".", "-B", "build", f"-Dybcore_DIR={embed.cmake_dir()}", cwd=tmp_path / "c")
    run(cmake, "--build", "build", cwd=tmp_path / "c")
    want = told(engine)
    assert want[1] == "paid settled 4900 13100 1"
    for kind in ("ybcore", "static"):
        assert run(f"build/window_{kind}", image, cwd=tmp_path / "c").splitlines() == want


def test_a_compiled_python_package(engine: Engine, image: Path, need_program: Callable[[str], str], tmp_path: Path):
    need_program("gcc")
    shutil.copytree(HERE / "cython", tmp_path / "package")
    run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=tmp_path / "package")
    code = f"""
import window
w = window.Window({str(image).encode()!r}, b"P1", b"11")
first = w.settle(b"S1", 19800, [(b"XA", 8000), (b"XB", 10000)])
second = w.settle(b"S2", 19800, [(b"XA", 8000)])
print(first["hifp_pay"], second["hifp_pay"], w.state_bytes().hex())
"""
    out = run(sys.executable, "-c", code, cwd=tmp_path / "package").split()
    one = engine.settle_one({"setl_id": "S1", **VISIT}, LINES)
    two = engine.settle_one({"setl_id": "S2", **VISIT}, LINES[:1], state=one.state)
    assert [int(x) for x in out[:2]] == [one.result["hifp_pay"], two.result["hifp_pay"]]
    assert PersonState.from_bytes(bytes.fromhex(out[2])) == two.state


def test_a_second_worker_shares_the_image(tmp_path: Path):
    """With 200,000 items a worker that maps the image has few pages of its own."""
    n = 200_000
    items = {"med_list_codg": [f"X{i:08d}" for i in range(n)], "chrgitm_lv": ["02"] * n, "selfpay_prop": [100_000] * n}
    policy = tmp_path / "window.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    engine = Engine(policy, Catalog(items), threads=1)
    engine.settle_one({"setl_id": "X", **VISIT}, None)
    image = engine.image(tmp_path / "large.ybimage")
    assert image.stat().st_size > 10_000_000
    code = f"""
import ctypes, sys
def own():
    with open("/proc/self/smaps_rollup") as about:
        return sum(int(line.split()[1]) for line in about if line.startswith("Private_"))
lib = ctypes.CDLL({str(embed.library())!r})
before = own()
image, desk = ctypes.c_void_p(), ctypes.c_void_p()
assert lib.yb_image_open({str(image).encode()!r}, ctypes.byref(image)) == 0
assert lib.yb_desk_new(image, ctypes.byref(desk)) == 0
class Text(ctypes.Structure):
    _fields_ = (("at", ctypes.c_char_p), ("size", ctypes.c_size_t))
found = sum(lib.yb_image_item(image, Text(b"X%08d" % i, 9)) == i for i in range(0, {n}, 7))
print(found, own() - before, flush=True)
sys.stdin.readline()
"""
    team = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ})
        for _ in range(2)
    ]  # fmt: skip
    answers = [[int(x) for x in one.stdout.readline().split()] for one in team if one.stdout]
    for one in team:
        one.communicate("\n")
    assert [found for found, _ in answers] == [len(range(0, n, 7))] * 2
    # The first has the pages as its own while no other maps them; the second never has.
    assert answers[1][1] < 20 * 1024
