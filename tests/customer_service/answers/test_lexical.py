"""What is found by words, by pieces of words and by sounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.customer_service.answers.lexical import ABOUT, LexicalIndex, terms, write_lexical
from common.files import read_json, write_json

TEXTS = (
    "My credit card is lost",
    "How do I change my address?",
    "What does a transfer abroad cost?",
    "The WM-7430 shows error E18",
    "银行卡丢了怎么办",
    "转账到国外要多少钱",
    "怎么修改手机号码",
    "Where is the café?",
)


@pytest.fixture(scope="module", params=["made", "kept"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    if request.param == "made":
        return LexicalIndex(TEXTS)
    kept = tmp_path_factory.mktemp("kept") / "words"
    write_lexical(TEXTS, kept)
    return LexicalIndex([""] * len(TEXTS), kept)


def _first(index: LexicalIndex, text: str) -> str:
    return TEXTS[index.search(text, 10, lambda row: True)[0][0]]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("lost card", TEXTS[0]),
        ("my crdit crad is lsot", TEXTS[0]),
        ("adress chnage", TEXTS[1]),
        ("transfering abroad", TEXTS[2]),
        ("error on my wm7430 e18", TEXTS[3]),
        ("银行咖丢乐", TEXTS[4]),
        ("转帐到果外", TEXTS[5]),
        ("修盖手机号马", TEXTS[6]),
        ("yinhangka diule", TEXTS[4]),
        ("yin hang ka diu le", TEXTS[4]),
        ("yinhangkadiule", TEXTS[4]),
        ("wo xiang xiugai shoujihao", TEXTS[6]),
        ("zuanzang dao guowai", TEXTS[5]),
        ("cafe", TEXTS[7]),
        ("CAFÉ", TEXTS[7]),
    ],
)
def test_what_is_meant_is_found(index: LexicalIndex, asked: str, found: str) -> None:
    assert _first(index, asked) == found


def test_scores_are_between_0_and_1_and_what_is_passed_over_is_not_found(
    index: LexicalIndex,
) -> None:
    hits = index.search("lost card abroad 转账", 10, lambda row: row != 0)
    assert hits
    assert 0 not in {row for row, _ in hits}
    assert all(0 < score < 1 for _, score in hits)


@pytest.mark.parametrize("text", ["", "?!", "😀", '"', "a AND (", "~", "\\", "field:x", "+-"])
def test_nothing_breaks_it(index: LexicalIndex, text: str) -> None:
    index.search(text, 10, lambda row: True)


def test_terms_are_pieces_of_words_and_pairs_and_sounds_of_characters() -> None:
    assert terms("Ab") == ["<ab>", "<ab", "ab>", "<ab>"]
    assert set(terms("银行")) == {"银", "行", "银行", "~yin", "~xin", "~yin~xin"}


def test_a_kept_index_is_left_as_it_is(tmp_path: Path) -> None:
    kept = tmp_path / "words"
    write_lexical(TEXTS, kept)
    before = {path.name: path.read_bytes() for path in kept.iterdir()}
    assert not any(name.startswith(".") for name in before)
    kept.chmod(0o500)
    index = LexicalIndex(TEXTS, kept)
    assert _first(index, "lost card") == TEXTS[0]
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == before
    kept.chmod(0o700)


@pytest.mark.parametrize("fault", ["missing", "of other terms", "of other texts", "damaged"])
def test_where_nothing_fit_is_kept_it_is_made_of_the_texts(tmp_path: Path, fault: str) -> None:
    kept = tmp_path / "words"
    if fault != "missing":
        write_lexical(TEXTS[:2] if fault == "of other texts" else TEXTS, kept)
    if fault == "of other terms":
        write_json(kept / ABOUT, read_json(kept / ABOUT) | {"terms": 0})
    if fault == "damaged":
        (kept / "meta.json").write_text("{")
    assert _first(LexicalIndex(TEXTS, kept), "WM-7430") == TEXTS[3]
