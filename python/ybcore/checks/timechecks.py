"""The `check` blocks of the kernels that look along time: K07 to K10 (docs/checks.md 3)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema, model_validator

from ..policy.faults import Fault, Faults, fail, unknown
from ..policy.fields import Flag, MonthDay, Node, Positive, SomeWords, Word
from .fields import EMPTY, Beyond, ColumnRef, Comparator, Edge, ScopeField, Severity, holds_something, read_scope
from .figures import QuantityCell, Whole, WholeCell, default_figure
from .groupchecks import MEASURES, Threshold, read_thresholds

__all__ = [
    "AfterDeath",
    "AroundOperation",
    "BeforeAdmission",
    "Course",
    "DailyDose",
    "Exempt",
    "Gap",
    "Idle",
    "LineInStay",
    "OverlapStays",
    "PrescriptionDays",
    "SupplyOverlap",
    "Unsettled",
    "Window",
    "Windows",
    "Zone",
]

_ZERO = default_figure("0")


# --- K07 -------------------------------------------------------------------------------------------------------------


_OF_WINDOW = {
    "unit": (
        "one of: day, month, quarter, year, insurance_year",
        "以下之一：day, month, quarter, year, insurance_year",
    ),
    "days": ("a whole number", "整数"),
    "edge": ("one of: through, within", "以下之一：through, within"),
}


class Window(Node):
    """One window: `calendar` with unit and n, or `rolling` with days and edge."""

    kind: Annotated[Literal["calendar", "rolling"], Word("窗口类型")]
    unit: Annotated[Literal["day", "month", "quarter", "year", "insurance_year"], Word("日历单位")] | None = None
    n: Positive = 1
    starts: MonthDay | None = None
    days: Whole | None = None
    edge: Edge | None = None
    thresholds: tuple[Threshold, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _parts(self) -> Window:
        faults = Faults()
        needed = {"calendar": ("unit",), "rolling": ("days", "edge")}[self.kind]
        barred = {"calendar": ("days", "edge"), "rolling": ("unit", "starts")}[self.kind]
        for name in needed:
            if getattr(self, name) is None:
                faults.add(
                    (name,),
                    Fault(
                        f"a {self.kind} window needs `{name}`; there is no default",
                        f"{self.kind} 窗口须给出 `{name}`，没有默认值",
                        *_OF_WINDOW[name],
                    ),
                )
        for name in barred:
            if getattr(self, name) is not None:
                faults.add(
                    (name,),
                    Fault(
                        f"`{name}` does not belong to a {self.kind} window",
                        f"`{name}` 不用于 {self.kind} 窗口",
                        key=True,
                    ),
                )
        holds_something(self, "days", faults)
        if self.kind == "calendar" and (self.unit == "insurance_year") != (self.starts is not None) and self.unit:
            faults.add(
                ("starts",),
                Fault("`starts` goes with an insurance year, and only with it", "starts 用于且仅用于医保年度"),
            )
        if self.unit == "month" and 12 % self.n:
            faults.add(
                ("n",),
                Fault(
                    "a window of n months must divide the year",
                    "n 个月的窗口须整除一年",
                    "1, 2, 3, 4, 6 or 12",
                    "1、2、3、4、6 或 12",
                ),
            )
        faults.raise_if_any()
        return self


class Windows(Node):
    """K07: an aggregate in windows."""

    subject: Annotated[
        Literal["person", "person_item", "person_diagnosis", "person_institution", "doctor", "institution"],
        Word("主体"),
    ]
    measure: Annotated[Literal["visits", "quantity", "amount", "count", "days", "institutions", "items"], Word("度量")]
    comparator: Comparator
    tie: Annotated[Literal["order", "peers"], Word("同日次序")] | None = None
    windows: tuple[Window, ...] = Field(min_length=1)

    @property
    def across(self) -> bool:
        return self.subject in ("doctor", "institution")

    @model_validator(mode="after")
    def _parts(self) -> Windows:
        rolling = any(window.kind == "rolling" for window in self.windows)
        if rolling and self.tie is None:
            fail(
                Fault(
                    "a rolling window needs `tie`; there is no default",
                    "滚动窗口须给出 tie，没有默认值",
                    "one of: order, peers",
                    "以下之一：order, peers",
                ),
                "tie",
            )
        if self.tie is not None and not rolling:
            fail(Fault("`tie` belongs to rolling windows", "tie 只用于滚动窗口", key=True), "tie")
        kind = MEASURES.get(self.measure, "whole")
        faults = Faults()
        for place, window in enumerate(self.windows):
            read_thresholds(window, kind, faults, ("windows", place))
        faults.raise_if_any()
        return self


# --- K08 -------------------------------------------------------------------------------------------------------------


class MainDiagnosis(Node):
    """Main diagnoses alike in their first characters."""

    main_diagnosis: Positive


def _same(raw: Any, info: ValidationInfo) -> Any:
    if isinstance(raw, dict):
        return MainDiagnosis.model_validate(raw, context=info.context)
    if raw != "institution":
        fail(unknown("word", "取值", str(raw), ("institution", "{main_diagnosis: length}")))
    return "institution"


class Zone(Node):
    """A bound of the gap and how grave it is."""

    value: Whole
    severity: Severity


class Exempt(Node):
    """Later stays that are no hit."""

    scope: ScopeField = EMPTY
    planned: Flag = False
    transfer: Flag = False


def _exempt(raw: Any, info: ValidationInfo) -> Exempt:
    if not isinstance(raw, dict):
        fail(
            Fault(
                "expected a mapping",
                "应为键值映射",
                "scope conditions, planned, transfer",
                "适用范围的条件、planned、transfer",
            )
        )
    own = {key: value for key, value in raw.items() if key in ("planned", "transfer", "scope")}
    rest = {key: value for key, value in raw.items() if key not in own}
    if "scope" in own and rest:
        fail(
            Fault(
                "conditions stand beside `planned`, or under `scope`",
                "条件可与 planned 并列，或写在 scope 下，不可兼用",
                key=True,
            ),
            "scope",
        )
    if rest:
        own["scope"] = rest
        read_scope(rest)
    return Exempt.model_validate(own, context=info.context)


class Gap(Node):
    """K08: the days between two stays."""

    same: tuple[Annotated[Any, PlainValidator(_same), WithJsonSchema({"x-ref": "same"})], ...] = ()
    comparator: Comparator
    zones: tuple[Zone, ...] = Field(min_length=1)
    exempt: Annotated[Exempt, PlainValidator(_exempt), WithJsonSchema({"x-ref": "exempt"})] = Exempt()
    overlap: Annotated[Literal["hit", "pass"], Word("重叠")] = "pass"


# --- K09 -------------------------------------------------------------------------------------------------------------


class LineInStay(Node):
    """K09: lines outside the stay."""

    form: Literal["line_in_stay"]
    grace_before: Whole = _ZERO
    grace_after: Whole = _ZERO


class OverlapStays(Node):
    """K09: two stays of one person at once."""

    form: Literal["overlap"]
    grace: Whole = _ZERO
    kinds: SomeWords | None = None


class AroundOperation(Node):
    """K09: lines far from every operation."""

    form: Literal["around_operation"]
    before_hours: Whole
    after_hours: Whole


class AfterDeath(Node):
    """K09: lines and visits after death."""

    form: Literal["after_death"]
    grace: Whole = _ZERO


class Idle(Node):
    """K09: days of a stay without a service."""

    form: Literal["idle"]
    value: Whole


class BeforeAdmission(Node):
    """K09: emergency observation that belongs to the stay."""

    form: Literal["before_admission"]
    days: Whole


class Unsettled(Node):
    """K09: settled long after discharge."""

    form: Literal["unsettled"]
    days: Whole


# --- K10 -------------------------------------------------------------------------------------------------------------


class _Supply(Node):
    max: WholeCell
    comparator: Beyond
    rounding: Annotated[Literal["exact", "pack"], Word("取整")] = "exact"


class PrescriptionDays(_Supply):
    """K10: days that a prescription lasts."""

    form: Literal["prescription_days"]


def _by(raw: Any, info: ValidationInfo) -> Any:
    return "item" if raw == "item" else ColumnRef.model_validate(raw, context=info.context)


class Course(_Supply):
    """K10: days of treatment of a person."""

    form: Literal["course"]
    mode: Annotated[Literal["distinct_days", "span"], Word("计法")]
    reset_days: Whole | None = None
    by: Annotated[Any, PlainValidator(_by), WithJsonSchema({"x-ref": "combine"})] = "item"


class SupplyOverlap(Node):
    """K10: earlier supply left when dispensed again."""

    form: Literal["overlap"]
    allowance: Whole = _ZERO
    rounding: Annotated[Literal["exact", "pack"], Word("取整")] = "exact"


class DailyDose(Node):
    """K10: units a day."""

    form: Literal["daily_dose"]
    max: QuantityCell
    comparator: Comparator
    rounding: Annotated[Literal["exact", "pack"], Word("取整")] = "exact"
