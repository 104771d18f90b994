"""Changes of rules from a day on: what held until then ends, and what is changed begins (docs/simulation.md section 1)."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..policy.faults import Fault
from .places import NoPlaceError

__all__ = ["Cut", "effective", "holds_on"]

Doc = dict[str, Any]
_PARTS = {"parameters": "parameter", "lists": "list", "tables": "table"}
_TOLD = ("name", "version", "source", "cite", "assumed")  # what no finding depends on
_LAST = "~"  # sorts after every date


def span(held: Doc, doc: Doc) -> tuple[str, str]:
    """(first day, day after the last) of a row or a rule, of its document where it says nothing; open ends sort as such."""
    begin, end = held.get("from") or doc.get("from", "open"), held.get("to") or doc.get("to", "open")
    return "" if begin == "open" else begin, _LAST if end == "open" else end


def rule_span(rule: Doc, doc: Doc) -> tuple[str, str]:
    """The same of a rule; the rows of its table have days of their own."""
    items = rule.get("items")
    has_table = isinstance(items, dict) and "table" in items
    own, whole = span(rule, {}), ("", _LAST) if has_table else span({}, doc)
    return max(own[0], whole[0]), min(own[1], whole[1])


def effective(docs: list[Doc]) -> dict[str, tuple[Doc, Doc, str | None]]:
    """By id: the rule that holds after layering, its document, and why it is off (None: it is on)."""
    out: dict[str, tuple[Doc, Doc, str | None]] = {}
    layers = ("base", "province", "city")
    for doc in sorted(docs, key=lambda doc: layers.index(doc.get("layer", "base"))):
        for rule in doc.get("rules", ()):
            if "disable" in rule:
                if rule["id"] in out:
                    out[rule["id"]] = (*out[rule["id"]][:2], str(rule["disable"]))
            else:
                off = rule.get("reason", "disabled") if rule.get("status") == "disabled" else None
                out[rule["id"]] = (rule, doc, off)
    return out


def holds_on(rule: Doc, doc: Doc, day: str) -> bool:
    """Whether a rule holds on a day or later."""
    return rule_span(rule, doc)[1] > day


def named(node: Any) -> Iterator[tuple[Doc, str, str]]:
    """Every place below a rule that names a parameter, a list or a table: (its mapping, the word, the name)."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in _PARTS.values() and isinstance(value, str):
                yield node, key, value
            elif key != "examples":
                yield from named(value)
    elif isinstance(node, list):
        for item in node:
            yield from named(item)


class Cut:
    """Documents of which `after` holds from a day on and `before` until then. `docs`: the documents that say both; `ids`: of the rules that
    were cut, the id of the part from the day on."""

    def __init__(self, before: list[Doc], after: list[Doc], reform: str, day: str) -> None:
        self.docs, self.ids = copy.deepcopy(before), dict[str, str]()
        self._after, self._end, self._day = copy.deepcopy(after), f"+{reform}", day
        self._own = effective(self.docs)
        self._new = effective(self._after)
        self._fresh: set[tuple[str, str]] = set()  # names that rules have under another name from the day on
        self._heads()
        for part in _PARTS:
            self._part(part)
        self._rules()
        self._related()

    def _heads(self) -> None:
        for doc, later in zip(self.docs, self._after):
            for key in dict.fromkeys([*doc, *later]):
                if key in (*_PARTS, "rules") or doc.get(key) == later.get(key):
                    continue
                if key not in _TOLD:
                    what = f"`{key}` holds for a whole document: it cannot change on a day"
                    raise NoPlaceError(
                        Fault(
                            what, f"{key} 属于整个文件，不能自某日起变更", "a reform without `from`", "不写 from 的改革"
                        )
                    )
                if key in later:
                    doc[key] = later[key]
                else:
                    del doc[key]

    # ------------------------------------------------------------------ what rules name

    def _part(self, part: str) -> None:
        """Parameters, lists or tables: rows of tables have days; of what else differs a second one is made, for the rules from the day on."""
        changed = {
            self._target(later[part].get(name, doc.get(part, {}).get(name)), name)
            for doc, later in zip(self.docs, self._after)
            if part in later
            for name, held in doc.get(part, {}).items()
            if self._differs(part, doc, later, name, held)
        }
        if part == "tables":
            changed |= self._naming_lists()
        for doc, later in zip(self.docs, self._after):
            for name, held in later.get(part, {}).items():
                if name not in doc.get(part, {}):
                    doc.setdefault(part, {})[name] = copy.deepcopy(held)
        for name in changed:
            self._another(part, name)

    @staticmethod
    def _target(held: Any, name: str) -> str:
        return str(held.get("extends") or held.get("replaces") or name) if isinstance(held, dict) else name

    def _differs(self, part: str, doc: Doc, later: Doc, name: str, held: Any) -> bool:
        """Whether something of a name must be made anew; rows of tables that differ are dated on the way."""
        other = later[part].get(name)
        if other is None or other == held:
            return False
        if part != "tables" or any(held.get(k) != other.get(k) for k in {*held, *other} - {"rows", "columns"}):
            return True
        self._dated(held, other, doc)
        return False

    def _dated(self, table: Doc, later: Doc, doc: Doc) -> None:
        """Rows that are no longer there end on the day, rows that were not there begin."""
        stay = Counter(_key(row) for row in later["rows"])
        stay &= Counter(_key(row) for row in table["rows"])
        fresh, out = stay.copy(), []
        for row in table["rows"]:
            begin, end = span(row, doc)
            if stay[_key(row)]:
                stay[_key(row)] -= 1
                out.append(row)
            elif end <= self._day:
                out.append(row)
            elif begin < self._day:
                out.append({**row, "to": self._day})
        for row in later["rows"]:
            begin, end = span(row, doc)
            if fresh[_key(row)]:
                fresh[_key(row)] -= 1
            elif end > self._day:
                out.append(row if begin >= self._day else {**row, "from": self._day})
        table["rows"] = out
        if "columns" in table:
            table["columns"] = list(dict.fromkeys([*later["columns"], *(name for row in out for name in row)]))

    def _naming_lists(self) -> set[str]:
        """Tables of which a cell names a list that is another one from the day on."""
        lists = {name for word, name in self._fresh if word == "list"}
        tables = [(self._target(held, name), held) for doc in self.docs for name, held in doc.get("tables", {}).items()]
        return {name for name, held in tables if any(cell in lists for row in held["rows"] for cell in row.values())}

    def _another(self, part: str, name: str) -> None:
        word = _PARTS[part]
        using = [(rule, doc) for rule, doc, _ in self._own.values() if self._uses(rule, word, name)]
        spans = [rule_span(*each) for each in using]
        if spans and all(end <= self._day for _, end in spans):
            return
        same = all(begin >= self._day for begin, _ in spans)
        for doc, later in zip(self.docs, self._after):
            for own, held in list(later.get(part, {}).items()):
                if self._target(held, own) != name:
                    continue
                made = copy.deepcopy(held)
                if part == "tables":
                    made["rows"] = [{c: self._of("list", cell) for c, cell in row.items()} for row in made["rows"]]
                if not same and isinstance(made, dict):
                    made |= {how: name + self._end for how in ("extends", "replaces") if how in made}
                doc[part][own if same else own + self._end] = made
        if not same:
            self._fresh.add((word, name))

    def _uses(self, rule: Doc, word: str, name: str) -> bool:
        """Whether a rule names it; a list also in a cell of a table that the rule names."""
        names = {each[1:] for each in named(rule)}
        if (word, name) in names or word != "list":
            return (word, name) in names
        tables = [(self._target(held, own), held) for doc in self.docs for own, held in doc.get("tables", {}).items()]
        return any(("table", own) in names and name in row.values() for own, held in tables for row in held["rows"])

    def _of(self, word: str, name: str) -> str:
        return name + self._end if (word, name) in self._fresh else name

    # ------------------------------------------------------------------ rules

    def _rules(self) -> None:
        for name, (rule, doc, off) in list(self._own.items()):
            begin, end = rule_span(rule, doc)
            if end <= self._day:
                continue
            later, place, gone = self._new.get(name, (None, doc, "gone"))
            if gone is not None and off is None:
                self._ended(rule, doc, begin)
            elif later is not None and off is not None:
                self._put(rule, later, doc, gone is None)
            elif later is not None and (later != rule or any((w, n) in self._fresh for _, w, n in named(later))):
                if begin >= self._day:
                    self._put(rule, later, doc, False)
                else:
                    self._cut(rule, later, doc, self.docs[_place(self._after, place)])
        for name, (rule, place, _) in self._new.items():
            if name not in self._own:
                self.docs[_place(self._after, place)].setdefault("rules", []).append(self._begun(rule))
        self._switches()

    def _ended(self, rule: Doc, doc: Doc, begin: str) -> None:
        if begin < self._day:
            rule["to"] = self._day
        else:
            doc["rules"].remove(rule)

    def _begun(self, rule: Doc) -> Doc:
        """A rule from the day on."""
        made = copy.deepcopy(rule)
        for held, word, name in list(named(made)):
            held[word] = self._of(word, name)
        if span(made, {})[0] < self._day:
            made["from"] = self._day
        return made

    def _put(self, rule: Doc, later: Doc, doc: Doc, begins: bool) -> None:
        """A rule that did not hold before the day, or is off on both sides of it, as it is after."""
        made = self._begun(later) if begins or rule_span(rule, doc)[0] >= self._day else copy.deepcopy(later)
        rule.clear()
        rule.update(made)

    def _cut(self, rule: Doc, later: Doc, doc: Doc, place: Doc) -> None:
        made = self._begun(later)
        made["id"] = self.ids[rule["id"]] = rule["id"] + self._end
        made.pop("examples", None)
        made.pop("override", None)
        if made.get("kernel") == "user":
            made["check"].setdefault("function", rule["id"])
        at = next((i for i, held in enumerate(place["rules"]) if held is rule), len(place["rules"]) - 1)
        place["rules"].insert(at + 1, made)
        rule["to"] = self._day

    def _switches(self) -> None:
        """What switches rules off is as it is after, but for rules that end on the day."""
        for doc, later in zip(self.docs, self._after):
            wanted = [held for held in later.get("rules", ()) if "disable" in held]
            ended = {name for name, (_, _, off) in self._own.items() if off is None}
            kept = [held for held in doc.get("rules", ()) if "disable" not in held]
            if kept or wanted:
                doc["rules"] = kept + [held for held in wanted if held["id"] not in ended]

    def _related(self) -> None:
        for doc in self.docs:
            for rule in doc.get("rules", ()):
                for ids in rule.get("relations", {}).values():
                    ids += [self.ids[name] for name in list(ids) if name in self.ids and self.ids[name] not in ids]


def _key(row: Doc) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, cell) for name, cell in row.items() if cell != ""))


def _place(docs: list[Doc], doc: Doc) -> int:
    return next(i for i, held in enumerate(docs) if held is doc)
