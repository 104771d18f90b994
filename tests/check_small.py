"""A city of three visits and six rules, small enough to check with a pencil."""

from __future__ import annotations

from pathlib import Path

RULES = """\
format: ybcore-rules/1
id: small
version: "2"
name: {zh: 小规则册, en: a small book}
layer: base
region: "*"
from: open
known_since: 2025-01-01
source: nowhere
tables:
  drugs: {key: med_list_codg, rows: [{med_list_codg: a}]}
  nothing: {columns: [code], key: code, rows: []}
rules:
  - {id: LISTED, name: {zh: 名单药品, en: listed drug}, kernel: K01, items: {table: drugs}, check: {attribute: listed}, amount: whole_line, disposition: deny, severity: 1, behaviour: "3", source: a list}
  - {id: OFTEN, name: {zh: 频繁就诊, en: frequent visits}, kernel: K07, check: {subject: person, measure: visits, comparator: more_than, windows: [{kind: calendar, unit: month, thresholds: [{value: 1}]}]}, amount: none, disposition: suspect, severity: 2, source: slides, cite: page 4}
  - {id: EMPTY, name: {zh: 空名单, en: empty}, kernel: K01, items: {table: nothing}, check: {attribute: listed}, amount: whole_line, disposition: deny, severity: 1, source: a list}
  - {id: SAME, name: {zh: 同方重复, en: one drug twice}, kernel: K12, check: {form: same_class, prefix: 3}, amount: whole_line, disposition: suspect, severity: 3, source: slides}
  - {id: OFF, name: {zh: 停用, en: off}, kernel: K06, status: disabled, reason: no value, amount: none, disposition: warn, severity: 3, source: slides}
  - {id: DEAR, name: {zh: 单价, en: dear}, kernel: K06, shadow: true, check: {group: visit, combine: all, measure: amount, cap: 12, comparator: more_than}, amount: excess_qty, disposition: deny, severity: 1, source: slides}
"""

# Cells as CSV has them: texts, money in yuan.
AGREED = {"reason": "agreed", "owner": "me", "expires": "2099-01-01"}
"""What every row of a suppression list answers."""

TABLES = {
    "visits": {
        "setl_id": ["S1", "S2", "S3"],
        "psn_no": ["P1", "P1", "P2"],
        "mdtrt_id": ["M1", "M2", "M3"],
        "fixmedins_code": ["H1", "H2", "H2"],
        "insutype": ["310", "310", "310"],
        "med_type": ["11", "11", "11"],
        "setl_time": ["2025-03-01", "2025-03-08", "2025-03-09"],
    },
    "lines": {
        "setl_id": ["S1", "S1", "S2", "S3"],
        "feedetl_sn": ["1", "2", "1", "1"],
        "med_list_codg": ["a", "b", "a", "c"],
        "cnt": ["1", "1", "2", "1"],
        "det_item_fee_sumamt": ["10.50", "5.00", "20.00", "1.00"],
        "fee_ocur_time": ["2025-03-01", "2025-03-01", "2025-03-08", "2025-03-09"],
    },
    "institutions": {
        "fixmedins_code": ["H1", "H2"],
        "hosp_lv": ["01", "07"],
        "fixmedins_name": ["市一院", "县医院"],
    },
}


def write(folder: Path, encoding: str = "utf-8") -> Path:
    """The tables as CSV, with the rules beside them."""
    data = folder / "data"
    data.mkdir()
    for name, table in TABLES.items():
        rows = [",".join(table), *(",".join(cells) for cells in zip(*table.values(), strict=True))]
        (data / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding=encoding)
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    return data
