"""What the lines of events come to, by nature: as a catalogue and the book price them, or as a visit brings it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..catalog import Catalog
from ..columns.convert import NULL_INT
from ..columns.schema import NATURE_BUCKETS, NATURES
from .events import Assigned
from .parts import NO_FIGURE, Parted

__all__ = ["price", "pricing", "wanted_programs"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
BAD_SPLIT = 6


def price(job: Parted, assigned: Assigned, line_output: bool) -> tuple[Int64, dict[str, Any]]:
    """(natures of each event and its tags, what pricing gave). A split that does not come to its total makes the visit one without a plan."""
    if job.catalog is not None and job.lines is not None:
        found = _kernel_price(job, assigned, line_output)
        natures = np.ascontiguousarray(found["natures"])
    else:
        found = {"flags": np.zeros(job.visits.rows, np.uint8)}
        natures = np.zeros((len(job.visit_of_event), _stride(job)), np.int64)
    if not job.priced.all():
        rows = np.flatnonzero(~job.at(job.priced) & (assigned.document >= 0))
        if len(rows):
            natures[rows] = _brought(job, assigned, rows)
    return natures, found


def _stride(job: Parted) -> int:
    """Numbers of an event: its natures and what settles directly, then the natures of each tag."""
    return 5 + 4 * job.most_tags


def _brought(job: Parted, assigned: Assigned, rows: Int64) -> Int64:
    """Natures that visits bring, in the units of their documents; `rows`: their events."""
    policies, document, at = job.compiled.policies, assigned.document[rows], job.visit_of_event[rows]
    cells = np.zeros((len(rows), _stride(job)), np.int64)
    for i, name in enumerate((*NATURES, "direct_amt")):
        cells[:, i] = job._money(name)[at]
    for d, policy in enumerate(policies):
        mine = document == d
        for t, tag in enumerate(policy.model.tags):
            for b, bucket in enumerate(NATURE_BUCKETS):
                cells[mine, 5 + 4 * t + b] = job._money(f"{tag}.{bucket}")[at[mine]]
    if "medfee_sumamt" in job.visits.cells:
        total = job.visits.ints("medfee_sumamt")[at]
        wrong = (total != NULL_INT) & (total != cells.sum(axis=1))
        first_wrong = rows[wrong & np.isin(assigned.reason[rows], (0, NO_FIGURE))]
        assigned.reason[first_wrong] = BAD_SPLIT
        assigned.plan[first_wrong] = -1
    scales = np.array([1_000_000 if policy.model.grid else 1 for policy in policies], np.int64)
    return cells * scales[document][:, None]


def _kernel_price(job: Parted, assigned: Assigned, line_output: bool) -> dict[str, Any]:
    catalog = job.catalog
    assert catalog is not None
    programs, steps, tag_map, treatment, insured, level = pricing(job, catalog)
    program = wanted_programs(job, assigned)
    return _core.price(
        catalog.kernel, programs.reshape(-1), steps.reshape(-1), tag_map.reshape(-1), len(catalog.tags), job.most_tags, job.line_begin,
        job.enddate, job.setl_day, treatment, insured, job.event_begin, program, level, None if job.whole else job.before, job.kernel_lines,
        line_output, job.threads,
    )  # fmt: skip


def pricing(job: Parted, catalog: Catalog) -> tuple[Any, Any, Any, Any, Any, Any]:
    """What the book and the attributes of events say of pricing under a catalogue: programs, steps, tags, places of treatment and insurance, price levels."""
    compiled = job.compiled
    categories = {text: i for i, text in enumerate(catalog.categories)}
    numbers = [categories.get(name, -1) for name in compiled.categories]
    programs = np.array([(*p[:5], numbers[p[5]], *p[6:]) for p in compiled.programs] or [(0,) * 15], np.int64)
    steps = np.array(compiled.steps or [(0,) * 4], np.int32)
    tag_map = np.zeros((len(compiled.policies), len(catalog.tags) + 1), np.uint16)
    for d, policy in enumerate(compiled.policies):
        for t, tag in enumerate(policy.model.tags):
            if tag in catalog.tags:
                tag_map[d, catalog.tags.index(tag) + 1] = t + 1
    level = _places(job, "lmtpric_hosp_lv", catalog.levels)
    treatment, insured = (_places(job, name, catalog.places) for name in ("mdtrtarea_admvs", "insuplc_admdvs"))
    if not job.whole and treatment is not None and insured is not None:
        first = job.event_begin[:-1]
        treatment, insured = treatment[first], insured[first]
    return programs, steps, tag_map, treatment, insured, level


def wanted_programs(job: Parted, assigned: Assigned) -> Int32:
    """The program that prices the lines of each event; -1 where nobody asks what they come to."""
    program = assigned.program
    wanted = job.at(job.priced) & ((assigned.reason == 0) | (assigned.reason == NO_FIGURE))
    # Nobody asks what lines of refused visits come to, and their days may be any.
    if not job.taking_part.all():
        wanted &= job.at(job.taking_part)
    if not wanted.all():
        program = np.where(wanted, program, -1).astype(np.int32)
    return program


def _places(job: Parted, name: str, known: list[str]) -> Int32 | None:
    """Place of each event's code among a catalogue's; None when the catalogue has none."""
    if not known:
        return None
    asked = job.compiled.attributes
    codes, texts = job.facts.text(asked[name] if name in asked else job.compiled._asked(name))
    place = {text: i for i, text in enumerate(known)}
    lut: Int32 = np.array([place.get(text, -1) for text in texts], np.int32)[codes]
    return lut
