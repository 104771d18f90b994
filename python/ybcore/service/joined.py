"""Mutual aid: two states as one while a visit is settled that another's account pays for, and two again after it; and what moved on accounts."""

from __future__ import annotations

from ..settling.person import PersonState, in_order
from ..settling.personbytes import accounts_in

__all__ = ["joined", "moved_on_accounts", "parted"]


def joined(own: PersonState, other: PersonState) -> PersonState:
    """Both states as one, of the version of the first. They have nobody in common."""
    return PersonState(
        own.version,
        in_order(own.counters + other.counters),
        tuple(sorted(own.accounts + other.accounts)),
        own.settlements + other.settlements,
        tuple(sorted(own.others + other.others)),
    )


def parted(after: PersonState, other: PersonState) -> tuple[PersonState, PersonState]:
    """(the first state, the other) after a visit of the first's: of the other only accounts have moved, and its version."""
    keys = {one.key for one in other.counters}
    names = {one.psn_no for one in other.accounts}
    ids = {one.setl_id for one in other.settlements} | {one.setl_id for one in other.others}
    mine = PersonState(
        after.version,
        tuple(one for one in after.counters if one.key not in keys),
        tuple(one for one in after.accounts if one.psn_no not in names),
        tuple(one for one in after.settlements if one.setl_id not in ids),
        tuple(one for one in after.others if one.setl_id not in ids),
    )
    accounts = tuple(one for one in after.accounts if one.psn_no in names)
    return mine, PersonState(other.version + 1, other.counters, accounts, other.settlements, other.others)


def moved_on_accounts(before: PersonState, after: PersonState) -> list[tuple[str, str, int, int]]:
    """(psn_no, kind, amount, balance) of what a visit moved: `opening` of an account that was not known, `visit` for money out or back."""
    known = {one.psn_no: one.balance for one in accounts_in(before.to_bytes())}
    out = []
    for one in accounts_in(after.to_bytes()):
        if one.psn_no not in known:
            out.append((one.psn_no, "opening", one.opening, one.opening))
        amount = one.balance - known.get(one.psn_no, one.opening)
        if amount:
            out.append((one.psn_no, "visit", amount, one.balance))
    return out
