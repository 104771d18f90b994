"""Which model reads the `check` block of which kernel, and what a kernel's findings may be worth."""

from __future__ import annotations

from typing import Any

from ..policy.faults import Fault, fail, unknown
from ..policy.fields import Node
from . import groupchecks as group
from . import linechecks as line
from . import sumchecks as sums
from . import timechecks as time

__all__ = ["AMOUNTS", "FORMS", "KERNEL_MODELS", "check_model"]

KERNEL_MODELS: dict[str, type[Node]] = {
    "K01": line.Attribute,
    "K02": line.DiagnosisSet,
    "K03": line.PriceCeiling,
    "K04": group.Pair,
    "K05": line.Couple,
    "K06": group.BucketCap,
    "K07": time.Windows,
    "K08": time.Gap,
    "K11": group.Tier,
    "K13": sums.Ratio,
    "user": sums.UserCheck,
}
"""Kernels with one form."""

FORMS: dict[str, dict[str, type[Node]]] = {
    "K09": {
        "line_in_stay": time.LineInStay,
        "overlap": time.OverlapStays,
        "around_operation": time.AroundOperation,
        "after_death": time.AfterDeath,
        "idle": time.Idle,
        "before_admission": time.BeforeAdmission,
        "unsettled": time.Unsettled,
    },
    "K10": {
        "prescription_days": time.PrescriptionDays,
        "course": time.Course,
        "overlap": time.SupplyOverlap,
        "daily_dose": time.DailyDose,
    },
    "K12": {"distinct": group.Distinct, "all_in": group.AllIn, "single": group.Single, "same_class": group.SameClass},
    "K14": {"stock": sums.Stock, "trace": sums.Trace},
    "K15": {
        "required": sums.Required,
        "one_of": sums.OneOf,
        "sum": sums.SumOfLines,
        "product": sums.Product,
        "order": sums.Ordered,
        "delay": sums.Delay,
        "unique": sums.Unique,
        "in_catalogue": sums.InCatalogue,
        "code_in": sums.CodeIn,
    },
}
"""Kernel → `form` → model."""

_PLAIN = ("whole_line", "visit_total", "none")
_COUNTED = (*_PLAIN, "excess_qty", "whole_day")
AMOUNTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("K01", "K02", "K04", "K05", "K06", "K07", "K09", "K10", "K12", "user"), _COUNTED),
    "K03": (*_PLAIN, "price_diff", "whole_day"),
    "K11": (*_PLAIN, "price_diff", "whole_day"),
    "K08": ("visit_total", "none"),
    "K13": ("none",),
    "K14": (*_PLAIN, "excess_qty"),
    "K15": _PLAIN,
}
"""Kernel → the amounts that its findings can be worth."""


def check_model(kernel: str, raw: Any, context: Any) -> Node:
    """The `check` block of a kernel. Raises ValidationError at places relative to the block."""
    model = KERNEL_MODELS.get(kernel)
    if model is None:
        forms = FORMS[kernel]
        if not isinstance(raw, dict) or "form" not in raw:
            fail(Fault(f"{kernel} needs `form`", f"{kernel} 须给出 form", f"one of: {', '.join(forms)}", f"以下之一：{', '.join(forms)}"))  # fmt: skip
        if str(raw["form"]) not in forms:
            fail(unknown("form", "形式", str(raw["form"]), forms), "form")
        model = forms[str(raw["form"])]
    return model.model_validate(raw, context=context)
