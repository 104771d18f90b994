"""Which interpreter of the process this is."""

from __future__ import annotations

__all__ = ["main_only"]


def main_only() -> None:
    """Raises ImportError in a sub-interpreter: pyarrow and the compiled modules would wait there for ever instead of saying so."""
    try:
        import _interpreters as interpreters  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        try:
            import _xxsubinterpreters as interpreters  # type: ignore[import-not-found,unused-ignore,no-redef]
        except ImportError:
            return
    if interpreters.get_current() != interpreters.get_main():
        what = "ybcore cannot be imported in a sub-interpreter: use threads, or processes that share an image"
        raise ImportError(f"{what}；子解释器中无法导入 ybcore：请使用线程，或共享镜像的多进程")
