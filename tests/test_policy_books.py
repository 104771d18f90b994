"""Books of policies: which document holds when and for whom, and documents that cannot stand together."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from policy_texts import GOOD
from ybcore.errors import DocumentError
from ybcore.policy import Policy, load_book, load_policy, parse_text
from ybcore.policy.numbers import days


def document(
    name: str, scheme: str, start: str, end: str | None, *more: str, region: str = '"11"', types: str = '["310"]'
) -> Policy:
    until = f", to: {end}" if end else ""
    text = (
        f"format: ybcore-policy/1\nid: {name}\nscheme: {{id: {scheme}, region: {region}, insutype: {types}}}\n"
        f"effective: {{from: {start}{until}}}\n" + "".join(f"{line}\n" for line in more)
        + "plans: [{id: p, layers: [{id: basic, basic: true, payer: hifp_pay, rate: 0.5}]}]\n"
    )  # fmt: skip
    return Policy(parse_text(text, f"{name}.yaml"))


def book_problems(*policies: Policy) -> list[tuple[str, str, str]]:
    with pytest.raises(DocumentError) as caught:
        load_book(policies)
    return [(str(p.file), p.path, p.what) for p in caught.value.problems]


def test_a_book_in_order():
    a = document("a", "s", "2023-01-01", "2024-01-01")
    b = document("b", "s", "2024-01-01", None)
    c = document("c", "t", "2023-06-01", None, types='["390"]')
    book = load_book([b, c, a])
    assert [policy.id for policy in book] == ["a", "b", "c"] and len(book) == 3
    assert load_book([a, b, c]) == book and hash(load_book([c, b, a])) == hash(book)
    assert load_book([a, b]) != book and load_book(book) is book and pickle.loads(pickle.dumps(book)) == book
    assert book.find("310", "110101", days("2023-12-31")) == a
    assert book.find("310", "110101", days("2024-01-01")) == b
    assert book.find("310", "120101", days("2024-01-01")) is None
    assert book.find("390", "110101", days("2023-01-01")) is None
    assert book["c"] is c and {name: len(rows) for name, rows in book.schemes().items()} == {"s": 2, "t": 1}
    with pytest.raises(KeyError):
        book["z"]


def test_gaps_overlaps_and_disagreements():
    a = document("a", "s", "2023-01-01", "2024-01-01", "counters: {paid: {sum: [basic.paid], period: year}}")
    gap = document("g", "s", "2024-02-01", None)
    over = document("o", "s", "2023-12-01", None)
    assert book_problems(a, gap) == [("g.yaml", "effective.from", "a gap from 2024-01-01 to 2024-02-01 after 'a'")]
    assert book_problems(a, over) == [
        ("o.yaml", "effective.from", "overlaps 'a', which holds to 2024-01-01; this one begins 2023-12-01")
    ]
    after = document(
        "b", "s", "2024-01-01", None, "counters: {paid: {sum: [basic.paid], period: month, scope: household}}"
    )
    assert [(path, what[:40]) for _, path, what in book_problems(a, after)] == [
        ("counters.paid.period", "counter 'paid' has period month; 'a' say"),
        ("counters.paid.scope", "counter 'paid' has scope household; 'a' "),
    ]
    moved = document("b", "s", "2024-01-01", None, region='"12"', types='["310", "390"]')
    assert [path for _, path, _ in book_problems(a, moved)] == ["scheme.region", "scheme.insutype"]
    other = document("b", "s", "2024-01-01", None, "dates: {policy: settlement, order: discharge}")
    assert [path for _, path, _ in book_problems(a, other)] == ["dates.policy", "dates.order"]
    twin = document("a", "t", "2023-01-01", None, types='["390"]')
    assert [(path, what) for _, path, what in book_problems(a, twin)] == [("id", "id 'a' is also that of a.yaml")]


@pytest.mark.parametrize(
    ("region", "types", "start", "clash"),
    [
        ('"1101"', '["310"]', "2023-06-01", True),
        ('"*"', '["31"]', "2023-06-01", True),
        ('"12"', '["310"]', "2023-06-01", False),
        ('"11"', '["390"]', "2023-06-01", False),
        ('"11"', '["310"]', "2024-01-01", False),
    ],
)
def test_two_schemes_never_cover_one_person(region: str, types: str, start: str, clash: bool):
    a = document("a", "s", "2023-01-01", "2024-01-01")
    b = document("b", "t", start, None, region=region, types=types)
    if clash:
        ((file, path, what),) = book_problems(a, b)
        assert (file, path) == ("b.yaml", "scheme") and "both cover insutype" in what
    else:
        load_book([a, b])


def test_books_from_folders_and_texts(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "two.yml").write_text(
        GOOD.replace("city-2024", "town").replace("id: city,", "id: town,").replace('"310"', '"390"'), encoding="utf-8"
    )
    (tmp_path / "notes.txt").write_text("not a policy", encoding="utf-8")
    book = load_book(tmp_path)
    assert {policy.id for policy in book} == {"city-2024", "town"}
    assert load_book([tmp_path / "deep", str(tmp_path / "two.yml")]) == book
    assert load_book(GOOD) == load_book([load_policy(tmp_path / "deep" / "one.yaml")])

    (tmp_path / "three.yaml").write_text("format: x\n", encoding="utf-8")
    (tmp_path / "four.yaml").write_text("a: 1\na: 2\n", encoding="utf-8")
    with pytest.raises(DocumentError) as caught:
        load_book(tmp_path)
    assert {Path(str(problem.file)).name for problem in caught.value.problems} == {"three.yaml", "four.yaml"}
    (tmp_path / "empty").mkdir()
    with pytest.raises(DocumentError, match=r"no \*.yaml"):
        load_book(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        load_policy(tmp_path / "none.yaml")
