"""The C door through ctypes, and rows of tables as it takes them."""

from __future__ import annotations

import ctypes as c
import datetime as dt
from pathlib import Path
from typing import Any

from ybcore import Engine
from ybcore.columns.schema import NATURES

MISSING, NO_DAY, ANY = -(2**63), -(2**31), 2**64 - 1
OUTCOMES = ("settled", "no_benefit", "not_enrolled", "rejected")
CLASSES = ("", "01", "02", "03")


class Text(c.Structure):
    _fields_ = (("at", c.c_char_p), ("size", c.c_size_t))


class Told(c.Structure):
    """The same as the door gives it: no zero byte ends it, so it must not be read as a text of C."""

    _fields_ = (("at", c.c_void_p), ("size", c.c_size_t))


class Fact(c.Structure):
    _fields_ = (("which", c.c_int32), ("text", Text), ("number", c.c_int64))


class Movement(c.Structure):
    _fields_ = (("psn_no", Text), ("day", c.c_int32), ("kind", c.c_int32), ("amount", c.c_int64))


class Earlier(c.Structure):
    _fields_ = (("before", c.c_int32), ("reserved", c.c_int32), ("facts", c.POINTER(Fact)), ("fact_count", c.c_size_t))


IDS = (
    "setl_id",
    "psn_no",
    "mdtrt_id",
    "fixmedins_code",
    "hsld_no",
    "mulaid_psn_no",
    "refl_old_mdtrt_id",
    "init_setl_id",
)


class Visit(c.Structure):
    _fields_ = (("size", c.c_uint32), ("reversal", c.c_int32), ("version", c.c_uint64), *((name, Text) for name in IDS), ("setl_day", c.c_int32), ("begndate", c.c_int32),
                ("enddate", c.c_int32), ("ipt_days", c.c_int32), ("brdy", c.c_int32), ("acct_used", c.c_int32), ("combination", c.c_int32), ("has_natures", c.c_int32),
                ("facts", c.POINTER(Fact)), ("fact_count", c.c_size_t), ("natures", c.c_int64 * 5), ("medfee", c.c_int64), ("given", c.POINTER(c.c_int64)),
                ("balc", c.c_int64), ("mulaid_balc", c.c_int64), ("movements", c.POINTER(Movement)), ("movement_count", c.c_size_t), ("movements_known", c.c_int32),
                ("reserved", c.c_int32), ("earlier", c.POINTER(Earlier)), ("earlier_count", c.c_size_t))  # fmt: skip


class Line(c.Structure):
    _fields_ = (("code", Text), ("item", c.c_int32), ("day", c.c_int32), ("quantity", c.c_int64), ("amount", c.c_int64), ("price", c.c_int64), ("deny", c.c_int32),
                ("approved", c.c_int32), ("returns", c.c_int32), ("reserved", c.c_int32))  # fmt: skip


class Result(c.Structure):
    _fields_ = (("size", c.c_uint32), ("outcome", c.c_int32), ("reason", c.c_int32), ("plan", c.c_int32), ("flags", c.c_int64), ("version", c.c_uint64),
                ("policy_id", Told), ("plan_id", Told), ("columns", c.c_int64 * 34))  # fmt: skip


class LineResult(c.Structure):
    _fields_ = (("fulamt_ownpay_amt", c.c_int64), ("overlmt_amt", c.c_int64), ("preselfpay_amt", c.c_int64), ("inscp_scp_amt", c.c_int64), ("pric_uplmt_amt", c.c_int64),
                ("chrgitm_lv", c.c_int32), ("selfpay_prop", c.c_int32), ("reason", c.c_int32), ("reserved", c.c_int32))  # fmt: skip


def text(value: Any) -> Text:
    if value is None:
        return Text(None, 0)
    data = str(value).encode()
    return Text(data, len(data))


def day(value: Any) -> int:
    if value is None:
        return NO_DAY
    value = value.date() if isinstance(value, dt.datetime) else value
    return (value - dt.date(1970, 1, 1)).days


class CError(Exception):
    pass


class Door:
    """One image, one desk."""

    def __init__(self, library: Path, image: Path) -> None:
        self.lib = c.CDLL(str(library))
        for name in ("yb_column", "yb_reason", "yb_line_reason", "yb_why", "yb_sentence"):
            getattr(self.lib, name).restype = c.c_char_p
        self.lib.yb_image_of.restype = Told
        self.lib.yb_state_version.restype = c.c_uint64
        self.image, self.desk = c.c_void_p(), c.c_void_p()
        self.ok(self.lib.yb_image_open(str(image).encode(), c.byref(self.image)))
        self.ok(self.lib.yb_desk_new(self.image, c.byref(self.desk)))
        self.columns = [self.lib.yb_column(i).decode() for i in range(34)]

    def close(self) -> None:
        self.lib.yb_desk_free(self.desk)
        self.lib.yb_image_close(self.image)

    def ok(self, code: int) -> None:
        if code:
            why = self.lib.yb_why(self.desk).decode() if self.desk else ""
            raise CError(f"{code}: {self.lib.yb_sentence(code, 0).decode()} {why}")

    def state(self, data: bytes | None = None) -> c.c_void_p:
        out = c.c_void_p()
        self.ok(self.lib.yb_state_new(self.image, c.byref(out)))
        if data is not None:
            self.ok(self.lib.yb_state_read(out, data, c.c_size_t(len(data))))
        return out

    def bytes_of(self, state: c.c_void_p) -> bytes:
        size = c.c_size_t(0)
        self.lib.yb_state_write(state, None, c.byref(size))
        out = c.create_string_buffer(size.value)
        self.ok(self.lib.yb_state_write(state, out, c.byref(size)))
        return out.raw[: size.value]

    def visit(
        self, engine: Engine, row: dict[str, Any], rows: dict[str, dict[str, Any]], moves: Any, **more: Any
    ) -> Visit:
        """`rows`: the person's and the institution's row that hold."""
        held = {"visits": row, **rows}
        facts = []
        compiled = engine._compiled
        names = [*compiled.attributes, *(n for n in ("hosp_lv", "dedc_hosp_lv", "lmtpric_hosp_lv", "mdtrtarea_admvs", "insuplc_admdvs", "dise_codg", *compiled.fields) if n not in compiled.attributes)]  # fmt: skip
        for name in names:
            which = self.lib.yb_image_fact(self.image, text(name))
            known = compiled.attributes.get(name) or compiled.field(name)
            tables = (
                known.tables
                if known
                else compiled.asked(name).tables
                if name not in compiled.fields
                else ("visits", "persons")
            )
            value = next((held[t][name] for t in tables if held.get(t) and held[t].get(name) is not None), None)
            if value is None or which < 0:
                continue
            number = int(value) if isinstance(value, int) and not isinstance(value, bool) else MISSING
            facts.append(
                Fact(which, text(None if number != MISSING and known and known.kind == "number" else value), number)
            )
        person = rows.get("persons") or {}
        out = Visit(c.sizeof(Visit), int(row.get("refd_setl_flag") == "1" or row.get("refd_setl_flag") == 1), ANY)
        for name in IDS:
            own = row.get(name)
            setattr(out, name, text(person.get(name) if own is None and name in ("hsld_no", "mulaid_psn_no") else own))
        out.setl_day, out.begndate, out.enddate = (day(row.get(n)) for n in ("setl_time", "begndate", "enddate"))
        out.ipt_days = row["ipt_days"] if row.get("ipt_days") is not None else -1
        out.brdy = day(row.get("brdy") or person.get("brdy"))
        out.acct_used = int(str(row.get("acct_used_flag", "1")) != "0")
        out.combination = -1
        natures = [*NATURES, "direct_amt"]
        out.has_natures = int(any(row.get(n) is not None for n in (*natures, "medfee_sumamt")))
        out.natures = (c.c_int64 * 5)(*(row.get(n) or 0 for n in natures))
        out.medfee = row["medfee_sumamt"] if row.get("medfee_sumamt") is not None else MISSING
        out.balc = person["balc"] if person.get("balc") is not None else MISSING
        out.mulaid_balc = MISSING
        out.facts, out.fact_count = (Fact * max(1, len(facts)))(*facts), len(facts)
        held_moves = [Movement(text(who), when, kind, amount) for who, when, kind, amount in moves]
        out.movements, out.movement_count, out.movements_known = (
            (Movement * max(1, len(moves)))(*held_moves),
            len(moves),
            1,
        )
        for name, value in more.items():
            setattr(out, name, value)
        return out

    def lines(self, rows: list[dict[str, Any]]) -> Any:
        place = {row.get("feedetl_sn"): i for i, row in enumerate(rows)}
        made = [Line(text(r.get("med_list_codg")), -1, day(r.get("fee_ocur_time")), r["cnt"] if r.get("cnt") is not None else MISSING,
                     r["det_item_fee_sumamt"] if r.get("det_item_fee_sumamt") is not None else MISSING, r["pric"] if r.get("pric") is not None else MISSING,
                     int(str(r.get("deny_flag", 0)) == "1"), int(r.get("hosp_appr_flag") or 0),
                     place.get(r["init_feedetl_sn"], -1) if r.get("init_feedetl_sn") is not None else -1) for r in rows]  # fmt: skip
        return (Line * max(1, len(made)))(*made)

    def settle(self, opening: c.c_void_p, visit: Visit, rows: list[dict[str, Any]], closing: c.c_void_p | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:  # fmt: skip
        result = Result(c.sizeof(Result))
        told = (LineResult * max(1, len(rows)))()
        self.ok(self.lib.yb_settle(self.desk, opening, c.byref(visit), self.lines(rows), c.c_size_t(len(rows)), c.byref(result), told, closing))  # fmt: skip
        out = dict(zip(self.columns, result.columns))
        out |= {
            "outcome": OUTCOMES[result.outcome],
            "reason": self.lib.yb_reason(result.reason).decode(),
            "flags": result.flags,
            "version": result.version,
        }
        out |= {
            name: c.string_at(getattr(result, name).at, getattr(result, name).size).decode()
            for name in ("policy_id", "plan_id")
        }
        names = ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt", "selfpay_prop")
        lines = [{n: getattr(t, n) for n in names} | {"chrgitm_lv": CLASSES[t.chrgitm_lv], "reason": self.lib.yb_line_reason(t.reason).decode(),
                  "pric_uplmt_amt": None if t.pric_uplmt_amt == MISSING else t.pric_uplmt_amt} for t in told[: len(rows)]]  # fmt: skip
        return out, lines
