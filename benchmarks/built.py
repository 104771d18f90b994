"""Contenders that are compiled here: sources into shared objects, once for each content and compiler."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sysconfig
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / "build/benchmarks"
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC", "-pthread")


def compiler() -> str:
    return os.environ.get("CXX", "g++")


@cache
def compiler_version() -> str:
    return subprocess.run([compiler(), "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def shared(source: Path, suffix: str, *flags: str, beside: tuple[Path, ...] = ()) -> Path:
    """The shared object of one source file; `beside` are the headers it reads."""
    asked = (compiler(), *FLAGS, *flags)
    content = b"".join(path.read_bytes() for path in (source, *beside))
    # Code made for this machine must not be taken for another's.
    here = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "")
    digest = hashlib.sha256(content + " ".join((*asked, compiler_version(), here)).encode()).hexdigest()[:16]
    target = CACHE / digest / f"{source.stem}{suffix}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        made = target.with_name(f"{os.getpid()}-{target.name}")
        subprocess.run([*asked, str(source), "-o", str(made)], check=True)
        made.replace(target)
    return target


def extension(source: Path) -> Path:
    """A Cython module."""
    from Cython.Compiler.Main import CompilationOptions, compile_single

    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    generated = CACHE / digest / f"{source.stem}.c"
    if not generated.exists():
        generated.parent.mkdir(parents=True, exist_ok=True)
        made = generated.with_name(f"{os.getpid()}-{generated.name}")
        compile_single(str(source), CompilationOptions(output_file=str(made)), full_module_name=source.stem)
        made.replace(generated)
    include = sysconfig.get_path("include")
    return shared(generated, sysconfig.get_config_var("EXT_SUFFIX"), "-xc", "-w", f"-I{include}")
