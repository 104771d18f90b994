"""One visit through the C door: an image of the engine's plans in memory, and who settles with it.

Everything that the door cannot do, and everything that is not plainly right, is the batch's: `Windows.settle` gives None then.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..columns.schema import LIMITS, NATURE_BUCKETS, NATURES, PAYERS, SCALES, Table
from .given import input_tables
from .image import READ, Parts
from .moves import Moves
from .order import uses_households, uses_mutual_aid
from .person import PersonState
from .personbytes import accounts_in
from .result import NUMBERS

if TYPE_CHECKING:
    from .._fast import Image, Window
    from ..engine import Engine

__all__ = ["Windows"]

TEXT, ID, CODE, EXACT, DATE, FLAG = range(6)
KINDS = {"text": TEXT, "id": ID, "code": CODE, "date": DATE, "time": DATE, "flag": FLAG}
RULES = {"settlement": 0, "discharge": 1, "admission": 2}
NO_COMBINATION = 6
SOME = 8  # of the combinations met: when so many more were met, all of them are put into the image


class Windows:
    """The windows of one engine. Threads may share it: each visit has a window for itself."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        compiled = engine._compiled
        self.moves = Moves(compiled)
        self.layout = _layout(engine)
        self.plain = not self.moves.ruled
        self.image: Image | None = None
        self.free: list[Window] = []
        self.known, self.unmet = 0, 0
        self.parts: dict[str, bytes] | None = None

    def settle(
        self,
        visit: Mapping[str, Any],
        lines: Sequence[Mapping[str, Any]] | None,
        persons: Sequence[Mapping[str, Any]] | None,
        opening: PersonState,
        pre: bool,
        institutions: Sequence[Mapping[str, Any]] | None,
        acct_events: Sequence[Mapping[str, Any]] | None,
    ) -> tuple[dict[str, Any], list[dict[str, Any]], PersonState] | None:
        """(row, rows of lines, state after it), or None: a batch must say."""
        if persons is not None and not len(persons):
            return None
        if self.image is None or self.unmet * SOME >= self.known:
            self._look_again()
        image = self.image
        if image is None:
            return None
        data = opening.to_bytes()
        moves = None
        if acct_events or not self.plain:

            def moves(last: int, people: list[tuple[str, int]]) -> Any:
                back = visit.get("refd_setl_flag") not in (None, "", "0", 0)
                return self.moves.of(persons, acct_events or (), accounts_in(data), last, people, back)

        window = self._window(image)

        def known() -> set[bytes]:
            return {one.psn_no.encode() for one in accounts_in(data)}

        try:
            done = window.settle(data, known, visit, lines, persons, institutions, pre, moves)
        except (TypeError, AttributeError, LookupError, ValueError, struct.error):
            return None  # no rows, or no state: a batch has words for it
        self.unmet += window.code == NO_COMBINATION
        if window.image is self.image:
            self.free.append(window)
        if done is None:
            return None
        row, told, closing = done
        return row, told, opening if closing is None else PersonState.held(closing)

    def _window(self, image: Image) -> Window:
        from .._fast import Window

        while self.free:
            try:
                found = self.free.pop()
            except IndexError:  # another thread took the last one
                break
            if found.image is image:
                return found
        return Window(image, self.layout)

    def _look_again(self) -> None:
        """Put what the engine has met since into the image."""
        engine = self.engine
        with engine._lock:
            known = len(engine._compiled.combinations)
            self.unmet = 0
            if known > self.known:
                self.image, self.known = self._made(), known
                self.free = []

    def _made(self) -> Image:
        from .._fast import Image
        from .image import written

        parts = Parts(self.engine._compiled, self.engine.catalog, self.engine.book.sha256, self.parts)
        data = written(parts.all())
        self.parts = parts.of_items()
        with _unnamed() as file:
            file.write(data)
            file.flush()
            return Image(f"/proc/self/fd/{file.fileno()}")


def _unnamed() -> Any:
    """A file in memory that goes with whoever has it open."""
    try:
        return os.fdopen(os.memfd_create("ybcore-image"), "wb")
    except (AttributeError, OSError):
        return tempfile.TemporaryFile()


def _layout(engine: Engine) -> dict[str, Any]:
    """What ybcore._fast.Window reads rows by."""
    compiled = engine._compiled
    tables = input_tables(compiled)
    facts = []
    more = [name for name in (*READ, *compiled.fields) if name not in compiled.attributes]
    for name in dict.fromkeys((*compiled.attributes, *more)):
        asked = compiled.attributes.get(name) or (
            compiled.field(name) if name in compiled.fields else compiled.asked(name)
        )
        number = name in compiled.fields if asked is None else asked.kind == "number"
        facts.append((name, number, ("visits", "persons") if asked is None else asked.tables))
    tags = dict.fromkeys(tag for policy in compiled.policies for tag in policy.model.tags)
    first = compiled.policies[0].model.dates
    return {
        **{
            name: (_columns(tables[name]), tables[name].find) for name in ("visits", "persons", "institutions", "lines")
        },
        "facts": facts,
        "natures": [*NATURES, "direct_amt"],
        "payers": [f"given_{payer}" for payer in PAYERS],
        "tags": [f"{tag}.{bucket}" for tag in tags for bucket in NATURE_BUCKETS],
        "numbers": list(NUMBERS),
        "shares": (uses_households(compiled), uses_mutual_aid(compiled)),
        "rules": (RULES[first.policy], first.order == "discharge"),
    }


def _columns(table: Table) -> list[tuple[str, int, int, int, int]]:
    """(name, how it is read, decimals, least, most) of each column."""
    out = []
    for column in table.columns:
        most = LIMITS.get(column.kind, 0)
        least = -most if column.negative else 0
        out.append((column.name, KINDS.get(column.kind, EXACT), SCALES.get(column.kind, 0), least, most))
    return out
