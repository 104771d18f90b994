"""K06: how much may stand in one bucket."""

from __future__ import annotations

from typing import Any

from ..numbers import decimal_to_int
from .job import Found, Hit, Job, Part, gathered, shares
from .tables import Entry
from .values import RuleError, allowance, compares
from .world import Line

PLACES = {"quantity": 4, "amount": 2, "count": 0}


def size(line: Line, measure: str) -> int:
    if measure not in PLACES:
        raise RuleError(f"measure {measure!r}")
    return {"quantity": line.quantity, "amount": line.amount, "count": 1}[measure]


def cap_of(job: Job, line: Line, entry: Any, measure: str) -> int | None:
    """The cap of a bucket is that of its first line."""
    spec = job.check["cap"]
    if isinstance(spec, dict) and "factor" in spec:
        if spec.get("of", "stay_days") != "stay_days":
            raise RuleError(f"rule {job.rule.id!r}: cap of {spec['of']!r}")
        places = PLACES[measure]
        factor, plus = decimal_to_int(spec["factor"], places), decimal_to_int(spec.get("plus", "0"), places)
        return factor * line.visit.stay_days + plus
    return job.number(spec, entry, measure)


def k06(job: Job) -> Found:
    group, subject, buckets = job.check["group"], job.check.get("subject", "visit"), []
    combine = job.check.get("combine", "item")
    for line, entry in job.lines():
        if job.check.get("count_denied") == "false" and line in job.denied:
            continue
        key = job.group(line, group, subject, job.check.get("starts", "01-01"))
        shared = line.item if combine == "item" else "all" if combine == "all" else job.cell(combine, entry)
        if shared is None:
            continue  # a line of no class is in no bucket, whoever it is of
        if key is None:
            job.found.unknown += 1
        else:
            buckets.append(((key, shared), (line, entry)))
    for lines in gathered(buckets).values():
        bucket(job, [x for x, _ in lines], lines[0][1])
    return job.found


def bucket(job: Job, lines: list[Line], entry: Any) -> None:
    measure, comparator = job.check["measure"], job.check.get("comparator")
    cap, total = cap_of(job, lines[0], entry, measure), sum(size(x, measure) for x in lines)
    if cap is None or not compares(comparator, total, cap):
        return
    parts = [Part(x) for x in lines]
    if comparator in ("more_than", "at_least"):
        first = job.check.get("allocate", "first_paid") == "last_paid"
        found = shares(lines, total - allowance(comparator, cap), first, lambda x: size(x, measure))
        parts = [Part(x, None if measure == "count" else part, measure == "amount") for x, part in found]
    if not parts:
        return  # lines of nothing carry no excess
    offending = {p.unit for p in parts}
    rest = [x for x in lines if x not in offending]
    row = entry if isinstance(entry, Entry) else None
    job.found.hits.append(Hit(parts, rest, total, cap, entry=row))
