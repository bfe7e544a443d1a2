from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from common.records.splits import Splits, deal, split
from common.records.text import fold

Pair = tuple[str, str]
RECORDS = st.lists(
    st.tuples(
        st.sampled_from(["ab", "AB!", "cd", "ef", "gh", "ij"]) | st.text(), st.sampled_from("xyz")
    )
)


def _split(records: list[Pair], seed: int = 0, share: float = 0.2) -> Splits[Pair]:
    return split(
        records, label=lambda r: r[1], text=lambda r: r[0], validation=share, test=share, seed=seed
    )


@settings(max_examples=60)
@given(RECORDS)
def test_nothing_is_lost_and_no_text_stands_on_two_sides(records: list[Pair]) -> None:
    sides = _split(records)
    assert Counter(sides.train + sides.validation + sides.test) == Counter(records)
    folded = [
        {fold(text) for text, _ in side} for side in (sides.train, sides.validation, sides.test)
    ]
    assert not folded[0] & folded[1]
    assert not folded[0] & folded[2]
    assert not folded[1] & folded[2]


@settings(max_examples=30)
@given(RECORDS, st.randoms())
def test_the_files_order_does_not_matter(records: list[Pair], random: object) -> None:
    shuffled = list(records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = _split(records), _split(shuffled)
    assert Counter(one.train) == Counter(other.train)
    assert Counter(one.test) == Counter(other.test)


def test_every_label_keeps_its_share() -> None:
    records = [(f"text {n}", "common" if n % 10 else "rare") for n in range(1000)]
    sides = _split(records)
    for name, count in (("common", 900), ("rare", 100)):
        held = sum(label == name for _, label in sides.validation)
        assert abs(held - 0.2 * count) <= 2


def test_a_label_with_few_texts_is_learned_first() -> None:
    sides = _split([("only", "a"), *((f"b {n}", "b") for n in range(50))], share=0.4)
    assert ("only", "a") in sides.train


def test_another_seed_draws_another_split() -> None:
    records = [(f"text {n}", "a") for n in range(100)]
    assert set(_split(records, 1).test) != set(_split(records, 2).test)


@settings(max_examples=30)
@given(RECORDS, st.randoms(), st.integers(1, 4))
def test_each_record_is_dealt_once_and_labels_evenly(
    records: list[Pair], random: object, count: int
) -> None:
    def dealt(some: list[Pair]) -> list[list[Pair]]:
        return deal(some, label=lambda r: r[1], text=lambda r: r[0], count=count, seed=1)

    parts = dealt(records)
    assert len(parts) == count
    assert Counter(one for part in parts for one in part) == Counter(records)
    folded = [fold(text) for part in parts for text in {fold(text) for text, _ in part}]
    assert len(folded) == len(set(folded))
    shuffled = sorted(records, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert [Counter(part) for part in dealt(shuffled)] == [Counter(part) for part in parts]
    apart = [(f"{number} of {name}", name) for name in "xyz" for number in range(7)]
    for name in "xyz":
        sizes = [sum(label == name for _, label in part) for part in dealt(apart)]
        assert max(sizes) - min(sizes) <= 1
