"""What the city adds to the shipped documents: its tables and lists where theirs are empty, its codes, and bounds that its plants are made for.

It is the city's own rule document without the rules for which nobody has published codes, so that every shipped rule runs and no other.
"""

from __future__ import annotations

from typing import Any

from .town import Town


def own_layer(town: Town) -> dict[str, Any]:
    """A raw document of the layer `city`."""
    from ybcore.synth.clinical.ruledocument import rule_document

    tables = {path.stem.removeprefix("rules_"): town.table(path.stem) for path in town.folder.glob("rules_*.arrow")}
    herbs = sorted({code for code in town.table("items")["med_list_codg"].to_pylist() if code[0] == "T"})
    document = rule_document(tables, herbs)
    rules = [rule for rule in document["rules"] if rule.get("override") == "true"]
    named = {rule["items"]["list"] for rule in rules if "list" in rule["items"]}
    return document | {
        "rules": rules,
        "lists": {name: codes for name, codes in document["lists"].items() if "extends" in codes or name in named},
        "tables": {name: table for name, table in document["tables"].items() if "extends" in table},
    }
