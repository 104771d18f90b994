"""A seeded drawer, and the words that documents and populations share so that they meet."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

PSN_TYPES = ["11", "12", "1101", "21", "31"]
MED_TYPES = ["11", "14", "21", "22", "41", "52"]
IDET = ["", "A", "B1", "B2"]
DISEASES = ["", "M01", "M02", "N1"]
INSURED = ["110100", "110200", "110101"]
TREATED = ["110100", "110200", "120000"]
HOSP_LV = ["01", "03", "05", "09", "11", "12", "13", "14"]
LEVELS = ["3", "2", "1", "0"]
PLACES = ["local", "registered", "referred", "unregistered", "emergency", "other_province"]
GRADES = ["1", "2"]
DESIGNATIONS = ["city", "county", "village"]
JOBS = ["10", "11", "20"]
CATEGORIES = ["", "R", "S"]
FUNDS = ["hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay"]
TAGS = ["special_drug", "implant"]

#: Codes that tests of documents name, by attribute: among them prefixes of what populations hold.
CODES: dict[str, list[str]] = {
    "psn_type": ["11", "12", "1", "2", "31", "1101"],
    "med_type": ["11", "14", "1", "21", "22", "41", "52"],
    "psn_idet_type": ["A", "B", "B1", ""],
    "dise_codg": ["M01", "M", "N1", ""],
    "insuplc_admdvs": ["1101", "110200", "110101"],
    "mdtrtarea_admvs": ["1101", "12", "110200"],
    "hosp_lv": ["01", "05", "09", "11"],
    "dedc_hosp_lv": LEVELS,
    "lmtpric_hosp_lv": LEVELS,
    "fixmedins_type": ["1", "2"],
    "place": PLACES,
    "rloc_type": ["1", "2", "3"],
    "cvlserv_flag": ["0", "1"],
    "cvlserv_lv": GRADES,
    "clct_grde": GRADES,
    "gend": ["1", "2"],
    "tcm_flag": ["0", "1"],
    "day_surgery": ["0", "1"],
    "designation": DESIGNATIONS,
    "job": ["1", "10", "20"],
}
NUMBERS: dict[str, list[int]] = {"age": [18, 45, 60], "cum_clct_mons": [12, 120], "ipt_days": [3, 10], "score": [5, 50]}
PERSON_ONLY = [
    "psn_type",
    "psn_idet_type",
    "cvlserv_flag",
    "cvlserv_lv",
    "clct_grde",
    "gend",
    "age",
    "cum_clct_mons",
    "job",
]
DECLARED = {
    "designation": {"table": "institutions", "default": "city"},
    "job": {"table": "persons", "match": "prefix"},
    "score": {"table": "visits", "match": "number"},
}
SETS = {"chronic": ["M01", "M02"], "levels": ["01", "05"], "young": ["<18"], "unfilled": []}


class Draw:
    """`random.Random` with the few verbs the generators need."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def pick(self, items: Sequence[T]) -> T:
        return self.rng.choice(items)

    def some(self, items: Sequence[T], least: int = 1, most: int | None = None) -> list[T]:
        """A few of the items in their own order."""
        count = self.rng.randint(least, min(len(items), most if most is not None else len(items)))
        chosen = set(self.rng.sample(range(len(items)), count))
        return [item for index, item in enumerate(items) if index in chosen]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        out = list(items)
        self.rng.shuffle(out)
        return out

    def whole(self, low: int, high: int) -> int:
        return self.rng.randint(low, high)

    def fen(self, low: int, high: int) -> int:
        """An amount in fen; often a round one."""
        value = self.rng.randint(low, high)
        for unit in (10_000, 5_000, 100):
            if self.chance(0.45) and value >= unit:
                return max(low, value // unit * unit)
        return value

    def yuan(self, low: int, high: int) -> str:
        """Text in yuan of an amount between `low` and `high` yuan."""
        return yuan_text(self.fen(low * 100, high * 100))

    def maybe(self, holder: dict[str, Any], key: str, p: float, value: Any) -> None:
        """Sets a key with probability p; `value` may be callable."""
        if self.chance(p):
            holder[key] = value() if callable(value) else value


def yuan_text(fen: int) -> str:
    """Fen as a document writes them."""
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // 100}" + (f".{fen % 100:02d}" if fen % 100 else "")
