"""The kernel and its bench, built by several compilers for several machines."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
# What a processor must tell of itself to run code for x86-64-v3.
V3 = {"avx2", "bmi1", "bmi2", "fma", "f16c", "movbe", "abm"}


class FaultError(Exception):
    """Something failed that was there to be used; the text says what."""


@dataclass(frozen=True)
class Build:
    """One way to build: which programs it needs (the first that is there of each list) and what CMake is told."""

    name: str
    compilers: tuple[str, ...]
    package: str
    flags: str = ""
    tests: bool = False
    cmake: tuple[str, ...] = ()
    emulators: tuple[str, ...] = ()
    emulator_package: str = ""
    features: frozenset[str] = field(default_factory=frozenset)
    folder: str = ""

    @property
    def where(self) -> Path:
        return BUILD / (self.folder or f"kernel/{self.name}")

    def missing(self) -> list[str]:
        """What this machine lacks, by name."""
        out = []
        for programs, package in ((self.compilers, self.package), (self.emulators, self.emulator_package)):
            if programs and first(programs) is None:
                out.append(f"{programs[0]} (Debian: {package})")
        if absent := sorted(self.features - processor_features()):
            out.append(f"a processor with {', '.join(absent)}")
        return out


def first(programs: tuple[str, ...]) -> str | None:
    return next((path for path in map(shutil.which, programs) if path), None)


def processor_features() -> set[str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return set(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())


# The first is what the others are compared with. It shares its folder with `make cpp-test`, which has built it by then.
PLAIN = Build("g++", (os.environ.get("CXX", "g++"),), "g++", tests=True, folder="core")
OTHERS = (
    Build("g++-v3", (os.environ.get("CXX", "g++"),), "g++", flags="-march=x86-64-v3", features=frozenset(V3)),
    Build("clang++", ("clang++-19", "clang++"), "clang-19", tests=True, cmake=("-DYB_TEST_SHARE=4",)),
    # Linked statically, so that the emulator needs no libraries of that machine.
    Build(
        "aarch64", ("aarch64-linux-gnu-g++",), "g++-aarch64-linux-gnu", tests=True,
        cmake=("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64", "-DCMAKE_EXE_LINKER_FLAGS=-static", "-DYB_TEST_SHARE=8"),
        emulators=("qemu-aarch64-static", "qemu-aarch64"), emulator_package="qemu-user-static",
    ),
)  # fmt: skip


def run(command: list[str], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command whose failure is told with all that it wrote."""
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"  # cmake and ninja of the virtual environment
    told = {**os.environ, "PATH": path, **(env or {})}
    done = subprocess.run(command, capture_output=True, text=True, env=told)
    if done.returncode != 0:
        raise FaultError(
            f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
    return done


def make(build: Build) -> list[str]:
    """Builds what is not up to date; the command that runs the bench."""
    if lacking := build.missing():
        raise FaultError(f"missing: {', '.join(lacking)}")
    emulator = first(build.emulators) if build.emulators else None
    told = [*build.cmake, f"-DCMAKE_CXX_COMPILER={first(build.compilers)}", "-DYB_BENCH=ON"]
    told.append(f"-DYB_TESTS={'ON' if build.tests else 'OFF'}")
    if build.flags:
        told.append(f"-DCMAKE_CXX_FLAGS={build.flags}")
    if emulator:
        told.append(f"-DCMAKE_CROSSCOMPILING_EMULATOR={emulator}")
    build.where.mkdir(parents=True, exist_ok=True)
    with open(build.where.parent / f"{build.where.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests ask from several processes
        run(["cmake", "-S", str(ROOT / "core"), "-B", str(build.where), "-G", "Ninja", *told])
        # The tests of the plain build are the business of `make cpp-test`.
        targets = [] if build is not PLAIN else ["--target", "kernel_bench", "kernel_bench_needless"]
        run(["cmake", "--build", str(build.where), *targets])
    return [*([emulator] if emulator else []), str(build.where / "kernel_bench")]


def unit_tests(build: Build) -> str:
    """Runs the C++ tests of a build; the line that sums them up."""
    done = run(["ctest", "--test-dir", str(build.where), "-j2", "--no-tests=error", "--output-on-failure"])
    return next(line for line in done.stdout.splitlines() if "tests passed" in line)
