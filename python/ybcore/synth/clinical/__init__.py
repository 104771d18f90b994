"""The clinical side of a synthetic city: what rule checks look at. See docs/synth.md."""

from __future__ import annotations

from .city import ClinicalCity

__all__ = ["ClinicalCity"]
