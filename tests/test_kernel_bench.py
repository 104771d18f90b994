"""The kernel's bench without Python, and the two gates that stand on it: the same bytes everywhere, and no more instructions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.kernel import builds, instructions, portable  # noqa: E402

STAGES = ["price", "sums", "order", "combine", "texts", "batch", "settle", "detail", "resume", "checks"]
SCALE = "5"


@pytest.fixture(scope="module")
def bench(need_program) -> str:
    need_program(builds.PLAIN.compilers[0])
    return builds.make(builds.PLAIN)[0]


def told(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


# ------------------------------------------------------------------ the bench


def test_a_line_a_stage(bench: str):
    lines = told(bench, "all", SCALE)
    assert [line.split()[0] for line in lines] == STAGES == told(bench, "stages")
    assert all(re.fullmatch(r"\w+ [0-9a-f]{16}( \w+=\d+)+", line) for line in lines)
    assert told(bench, "settle", SCALE) == [lines[STAGES.index("settle")]]


def test_threads_and_rounds_change_no_digest(bench: str):
    once = told(bench, "all", SCALE)
    assert told(bench, "all", SCALE, "2") == told(bench, "all", SCALE, "5", "2") == once


def test_the_digest_sees_the_input_and_the_kernel(bench: str):
    """Another size is another digest, and so is a kernel that does nothing."""
    digests = {
        told(bench, *told_so)[0].split()[1] for told_so in (("settle", "5"), ("settle", "6"), ("settle", "5", "1", "0"))
    }
    assert len(digests) == 3


def test_everything_happens(bench: str):
    """A workload in which nothing is refused, reversed or paid would prove little."""
    for line in told(bench, "all"):
        counts = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}
        assert all(counts.values()), line
        if line.startswith("settle"):
            assert (
                counts["visits"] >= 20_000 and counts["settled"] > 0.9 * counts["visits"] and counts["reversed"] > 100
            )


@pytest.mark.parametrize(
    "wrong", [[], ["no_such_stage"], ["all", "x"], ["all", "0"], ["all", "1", "0"], ["all", "1", "1", "-1"]]
)
def test_wrong_usage_is_told(bench: str, wrong: list[str]):
    done = subprocess.run([bench, *wrong], capture_output=True, text=True)
    assert done.returncode == 2 and "usage:" in done.stderr and done.stdout == ""


# ------------------------------------------------------------------ the same bytes


def test_one_other_digest_is_named():
    lines = ["price 01 lines=3", "settle 02 visits=1"]
    assert portable.differences(lines, lines) == []
    (one,) = portable.differences(lines, [lines[0], "settle 03 visits=1"])
    assert "settle 02" in one and "settle 03" in one
    assert portable.differences(lines, lines[:1]) != []


@pytest.mark.parametrize("required", ["0", "1"])
def test_a_missing_program_is_named_and_an_error_in_ci(required: str, bench: str, monkeypatch, capsys):
    absent = builds.Build(
        "other", ("no-such-compiler",), "g++-other", emulators=("no-such-emulator",), emulator_package="emulators"
    )
    monkeypatch.setattr(portable, "OTHERS", (absent,))
    monkeypatch.setenv("YBCORE_REQUIRE_SYSTEM", required)
    assert portable.main(["--scale", SCALE]) == int(required)
    out = capsys.readouterr().out
    assert "NOT COMPARED other: missing no-such-compiler (Debian: g++-other)" in out
    assert "missing no-such-emulator (Debian: emulators)" in out
    assert "g++: built" in out


def test_another_digest_fails(bench: str, monkeypatch, capsys):
    """A build that gives other bytes: the bench at another scale stands for it."""
    other = builds.Build("other", builds.PLAIN.compilers, "g++")
    real = portable.digests
    monkeypatch.setattr(portable, "OTHERS", (other,))
    monkeypatch.setattr(portable, "make", lambda build: [bench])
    assert portable.main(["--scale", SCALE]) == 0
    calls = iter([0, 0, 0, 1])
    monkeypatch.setattr(
        portable, "digests", lambda command, scale, threads: real(command, scale + next(calls), threads)
    )
    assert portable.main(["--scale", SCALE]) == 1
    assert f"2 threads DIFFERS in {len(STAGES)}" in capsys.readouterr().out


def test_packages_of_all_builds_are_in_the_list_of_ci():
    listed = (ROOT / ".ci/debian-packages.txt").read_text().splitlines()
    wanted = {build.package for build in (builds.PLAIN, *builds.OTHERS)} | {"valgrind", "qemu-user-static"}
    assert wanted <= set(listed)


# ------------------------------------------------------------------ instructions


def test_the_limit():
    assert instructions.judge({"price": 1_029_000}, {"price": 1_000_000}) == []
    assert instructions.judge({"price": 900_000}, {"price": 1_000_000}) == []
    (one,) = instructions.judge({"price": 1_031_000}, {"price": 1_000_000})
    assert one == "price: +3.10% instructions, allowed +3.0%"
    assert instructions.judge({"price": 1}, {}) == ["price: no baseline"]
    assert instructions.judge({}, {"price": 1}) == ["price: in the baseline, not in the bench"]


def test_a_slower_bench_is_caught(bench: str, need_program, tmp_path: Path, capsys):
    """A twentieth more work in every stage: the real gate on real counts."""
    need_program("valgrind")
    baseline = ["--baseline", str(tmp_path / "baseline.json"), "--scale", "20"]
    assert instructions.main([*baseline, "--bench", bench, "--write"]) == 0
    assert instructions.main([*baseline, "--bench", bench]) == 0
    capsys.readouterr()
    assert instructions.main([*baseline, "--bench", f"{bench}_needless"]) == 1
    out = capsys.readouterr().out
    for stage in STAGES:
        assert re.search(rf"  {stage}: \+\d\.\d\d% instructions, allowed \+3\.0%", out), out


@pytest.fixture
def counted(monkeypatch) -> dict[str, int]:
    """Counts without cachegrind, where only what is made of them is asked."""
    counts = {stage: 1_000_000 + k for k, stage in enumerate(STAGES)}
    monkeypatch.setattr(instructions, "measure", lambda bench, scale: counts)
    return counts


def test_an_unknown_pair_is_reported_and_not_gated(bench: str, counted: dict[str, int], tmp_path: Path, capsys):
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({"scale": 1, "kernel": {"gcc 0.1, glibc 0.1, x86-64": {"price": 1}}}))
    assert instructions.main(["--baseline", str(path), "--scale", "1", "--bench", bench]) == 0
    out = capsys.readouterr().out
    assert "NOT GATED" in out and "make instructions-baseline" in out and told(bench, "about")[0] in out
    assert all(f"{count:,}" in out for count in counted.values())


def test_writing_keeps_the_other_pairs(bench: str, counted: dict[str, int], tmp_path: Path):
    path = tmp_path / "baseline.json"
    other = {"price": 1}
    path.write_text(json.dumps({"scale": 1, "kernel": {"gcc 0.1": other}}))
    assert instructions.main(["--baseline", str(path), "--scale", "1", "--bench", bench, "--write"]) == 0
    kept = json.loads(path.read_text())["kernel"]
    assert kept == {"gcc 0.1": other, told(bench, "about")[0]: counted}


def test_another_scale_is_not_compared(bench: str, counted: dict[str, int], capsys):
    assert instructions.main(["--scale", "3", "--bench", bench]) == 1
    assert "scale" in capsys.readouterr().out


def test_the_committed_baseline_is_whole():
    kept = json.loads(instructions.BASELINE.read_text())
    assert kept["scale"] == instructions.SCALE and kept["kernel"]
    for counts in kept["kernel"].values():
        assert list(counts) == STAGES and min(counts.values()) > 1_000_000


def test_without_valgrind_its_name_is_told(bench: str, monkeypatch, capsys):
    monkeypatch.setattr(instructions, "first", lambda programs: None)
    assert instructions.main(["--bench", bench]) == 1
    assert "missing: valgrind (Debian: valgrind)" in capsys.readouterr().out
