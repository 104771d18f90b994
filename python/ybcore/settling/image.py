"""A compiled book and catalogue as one file for the C door: docs/embedding.md, "The image"; core/src/image.cpp reads it."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._version import __version__
from ..catalog import Catalog
from ..policy.compile import CompiledBook
from ..policy.compile.draft import Drafts
from ..policy.vocabulary import ATTRIBUTES
from .events import REASONS
from .job import Job
from .order import scopes_used, uses_households, uses_mutual_aid
from .people import LevelMap

if TYPE_CHECKING:
    from ..engine import Engine

__all__ = ["READ", "Parts", "image_of", "written"]

MAGIC = b"YBIMAGE\0"
FORMAT = 3
HEAD = struct.Struct("<8sIIQ")
SUM = struct.Struct("<I4x")  # of the head before it and of all that follows
SECTION = struct.Struct("<16sQQ")
DAYS = {"settlement": 0, "discharge": 1, "admission": 2}
SCOPE_BITS = {"person": 1, "household": 2, "hospital": 4, "disease": 8, "stay": 16}
# Facts that the door reads itself, beside those that the book asks about. It takes every attribute there is, so that who gives one need not know
# which books ask about it.
READ = ("med_type", "hosp_lv", "dedc_hosp_lv", "lmtpric_hosp_lv", "mdtrtarea_admvs", "insuplc_admdvs", "dise_codg")
NO_NUMBER = -(2**31)
BITS = 64
_MASK = (1 << 64) - 1


def image_of(engine: Engine, path: Path, tables: dict[str, Any]) -> Path:
    """See `Engine.image`. The file is written in one step: who opens it sees the old one or the new one."""
    compiled = engine._compiled
    if tables["visits"] is not None:
        job = Job(compiled, engine.catalog, tables, None, engine.threads)
        job.prepare(None)
        job._parts()
        job._assign()
    data = written(Parts(compiled, engine.catalog, engine.book.sha256).all())
    own = path.with_name(f".{path.name}.{os.getpid()}.new")
    own.write_bytes(data)
    own.replace(path)
    return path


def written(parts: dict[str, bytes]) -> bytes:
    """The bytes of an image."""
    at = HEAD.size + SUM.size + SECTION.size * len(parts)
    table, body = [], []
    for name, data in parts.items():
        fill = -at % 64
        body += [bytes(fill), data]
        at += fill
        table.append(SECTION.pack(name.encode(), at, len(data)))
        at += len(data)
    head, rest = HEAD.pack(MAGIC, FORMAT, len(parts), at), b"".join((*table, *body))
    return head + SUM.pack(zlib.crc32(rest, zlib.crc32(head))) + rest


def _rows(rows: Sequence[Any], dtype: Any) -> bytes:
    return np.array(rows, dtype).tobytes()


class Parts:
    """The parts by name. `items`: those of the catalogue, where they were made before (`of_items`)."""

    def __init__(
        self, compiled: CompiledBook, catalog: Catalog | None, policy_sha256: str, items: dict[str, bytes] | None = None
    ) -> None:
        self.catalog, self.sha256, self.combinations = catalog, policy_sha256, compiled.combinations
        self.items = items
        # Drafts name counters and layers that no plan of the engine has needed yet.
        self.compiled = CompiledBook(compiled.book, compiled.shelf.fork(), policies=compiled.policies)
        self.parts: dict[str, bytes] = {}
        self.asked = list(compiled.attributes)
        more = [name for name in (*READ, *compiled.fields, *ATTRIBUTES) if name not in self.asked]
        self.facts = [*self.asked, *dict.fromkeys(more)]
        self.place = {name: i for i, name in enumerate(self.facts)}
        self.drafts = Drafts(self.compiled, self.place)

    def texts(self, name: str, texts: Sequence[str]) -> None:
        held = [text.encode() for text in texts]
        self.parts[name] = b"".join(held)
        self.parts[f"{name}@"] = np.cumsum([0, *map(len, held)]).astype(np.uint32).tobytes()

    def all(self) -> dict[str, bytes]:
        """Every part."""
        c = self.compiled
        for name, rows in c.tables().items():
            self.parts["loose" if name == "values" else name] = np.ascontiguousarray(rows, np.int64).tobytes()
        scope = np.zeros(len(c.counter_names), np.int32)
        for counter, _, kind, _ in c.tables_.rows["keys"]:
            scope[counter] = kind
        for counter, kind in self.drafts.scopes.items():
            scope[counter] = kind
        self.parts["scopes"] = scope.tobytes()
        self.texts("counters", c.counter_names)
        self.texts("layer_names", c.layer_names)
        self.texts("schemes", c.scheme_names)
        self.texts("values", c.value_names)
        self.texts("policies", [policy for policy, _ in c.plan_names])
        self.texts("plan_ids", [plan for _, plan in c.plan_names])
        grades = LevelMap
        self.texts("grades", list(grades))
        self.texts("grade_levels", list(grades.values()))
        self.texts("of", [self.sha256, "" if self.catalog is None else self.catalog.hash, __version__])
        self.of_facts()
        self.of_combinations()
        self.of_drafts()
        self.of_catalog()
        self.of_documents()
        return self.parts

    def of_facts(self) -> None:
        c = self.compiled
        rows: list[Any] = []
        tests: list[Any] = []
        codes: list[str] = []
        edges: list[int] = []
        defaults: list[str] = []
        for name in self.facts:
            if name in c.attributes:
                asked = c.attributes[name]
                kind, default = asked.kind, asked.default
            elif name in c.fields:
                field = c.field(name)
                kind, default = "number", field.default if field else ""
            else:
                kind, default = c.asked(name).kind, c.asked(name).default
            begin, first = len(tests), len(edges)
            if kind == "number" and name in c.attributes:
                edges += c.number_edges(name)
            elif name in c.attributes and name not in c.whole:
                for match, negate, own in c.text_patterns(name):
                    tests.append((match == "prefix", negate, len(codes), len(codes) + len(own)))
                    codes += own
            missing = int(default) if kind == "number" and default else NO_NUMBER
            rows.append((kind == "number", name in c.whole, begin, len(tests), first, len(edges), missing))
            defaults.append("" if kind == "number" else default)
        self.texts("facts", self.facts)
        self.texts("defaults", defaults)
        self.texts("test_codes", codes)
        self.parts["fact_rows"] = _rows(rows, np.int32)
        self.parts["tests"] = _rows(tests, np.int32)
        self.parts["edges"] = _rows(edges, np.int64)
        self.parts["date_edges"] = _rows(c.date_edges(), np.int64)
        known = [self.place[name] for name in READ] + [self.place.get("age", -1), self.place.get("ipt_days", -1)]
        self.parts["known_facts"] = _rows(known, np.int32)
        self.parts["field_facts"] = _rows([self.place[name] for name in c.fields], np.int32)

    def of_combinations(self) -> None:
        digits, rows = [], []
        for key, one in self.combinations.items():
            digits += [key[0], *(self.digit(name, value) for name, value in zip(self.asked, key[1:]))]
            rows.append((one.plan, REASONS.index(one.reason), one.program, one.flags, one.price_flags, one.document))
        self.parts["digits"] = _rows(digits, np.uint64)
        self.parts["instances"] = _rows(rows, np.int32)

    def of_drafts(self) -> None:
        d = self.drafts
        self.parts["drafts"] = _rows(d.nodes, np.int64)
        self.parts["draft_tests"] = _rows(d.tests, np.int32)
        self.texts("draft_codes", d.codes)
        self.parts["draft_ranges"] = _rows(d.ranges, np.int64)
        self.parts["draft_documents"] = _rows(d.documents, np.int64)
        self.texts("draft_policies", [policy for policy, _ in d.names])
        self.texts("draft_plans", [plan for _, plan in d.names])

    def digit(self, name: str, value: Any) -> int:
        """What the door makes of a class: see Desk::digit."""
        if isinstance(value, str):
            return _core.text_hash(value.encode())
        if not isinstance(value, tuple):
            return int(value)
        bits = sum(1 << i for i, hit in enumerate(value) if hit)
        words = [bits >> at & _MASK for at in range(0, max(1, len(value)), BITS)]
        if len(words) == 1:
            return words[0]
        out = 0
        for word in words:
            out = (out ^ word) * 0x9E3779B97F4A7C15 & _MASK
        return out

    def of_catalog(self) -> None:
        c, catalog = self.compiled, self.catalog
        categories = {} if catalog is None else {text: i for i, text in enumerate(catalog.categories)}
        numbers = [categories.get(name, -1) for name in c.categories]
        programs = [(*p[:5], numbers[p[5]], *p[6:]) for p in c.programs]
        self.parts["draft_categories"] = _rows(numbers, np.int32)
        self.parts["programs"], self.parts["steps"] = _rows(programs, np.int64), _rows(c.steps, np.int32)
        tags = [] if catalog is None else catalog.tags
        tag_map = np.zeros((len(c.policies), len(tags) + 1), np.uint16)
        for d, policy in enumerate(c.policies):
            for t, tag in enumerate(policy.model.tags):
                if tag in tags:
                    tag_map[d, tags.index(tag) + 1] = t + 1
        self.parts["tag_map"] = tag_map.tobytes()
        self.texts("levels", [] if catalog is None else catalog.levels)
        self.texts("places", [] if catalog is None else catalog.places)
        self.parts |= self.of_items()

    def of_items(self) -> dict[str, bytes]:
        """The catalogue's own parts, which no combination changes."""
        if self.items is None:
            self.items = {} if self.catalog is None else _items(self.catalog)
        return self.items

    def of_documents(self) -> None:
        c = self.compiled
        models = [policy.model for policy in c.policies]
        self.parts["documents"] = _rows([(DAYS[m.year.of], m.year.cross == "split", *m.year.starts) for m in models], np.int32)  # fmt: skip
        first = models[0]
        moves = any(m.accounts is not None and (m.accounts.topups or m.accounts.renew != "carried") for m in models)
        scopes = sum(SCOPE_BITS.get(name, 0) for name in scopes_used(c))
        tags = 0 if self.catalog is None else len(self.catalog.tags)
        meta = [DAYS[first.dates.policy], first.dates.order == "discharge", *first.year.starts, c.max_tags, tags, moves, uses_households(c),
                uses_mutual_aid(c), scopes, len(self.facts), len(self.asked), self.catalog is None, all(not m.grid for m in models)]  # fmt: skip
        self.parts["meta"] = _rows(meta, np.int64)


def _items(catalog: Catalog) -> dict[str, bytes]:
    out = dict(zip(("heads", "classes", "ratios", "caps"), catalog.kernel.rows()))
    held = [code.encode() for code in catalog.codes.to_pylist()]
    text = b"".join(held)
    begin = np.cumsum([0, *map(len, held)]).astype(np.uint32)
    return out | {"codes": text, "codes@": begin.tobytes(), "code_table": _core.text_table(begin, text).tobytes()}
