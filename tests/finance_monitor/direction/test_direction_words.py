"""The words that say which way a text points: how they are found, and a user's own."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from apps.finance_monitor.direction.entries import CONTRARY, bundled, read_words
from apps.finance_monitor.direction.lexicon import ROLES, STOPS, Lexicon, Role, forms, tokens
from apps.finance_monitor.direction.reading import read
from common.errors import UserError


def test_every_entry_that_comes_with_the_application_lies_within_one_clause() -> None:
    entries = bundled().entries
    assert set(entries) == set(ROLES)
    for role, words in entries.items():
        assert [one for one, times in Counter(words).items() if times > 1] == [], role
        assert [
            one for one in words if not STOPS.isdisjoint(token.text for token in tokens(one))
        ] == [], role


@pytest.mark.parametrize(
    ("some", "others"),
    [
        *CONTRARY,
        ({"reverses", "untrue"}, {"good", "bad", "welcome", "up", "down", "starts", "ends"}),
    ],
)
def test_no_entry_contradicts_itself(some: set[Role], others: set[Role]) -> None:
    roles: dict[tuple[str, ...], set[Role]] = defaultdict(set)
    for role, words in bundled().entries.items():
        for word in words:
            roles[tuple(token.text for token in tokens(word))].add(role)
    assert [word for word, found in roles.items() if found & some and found & others] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Orion's costs aren't 1,200.5 high", ["orion", "costs", "are", "not", "1,200.5", "high"]),
        ("It can't; it cannot", ["it", "ca", "not", ";", "it", "can", "not"]),
        ("利润增长12%，PMI回升", ["利", "润", "增", "长", "12%", "，", "pmi", "回", "升"]),
        ("a write-down", ["a", "write-down"]),
    ],
)
def test_a_text_is_parted_into_words_and_characters(text: str, found: list[str]) -> None:
    assert [token.text for token in tokens(text)] == found


@pytest.mark.parametrize(
    ("word", "base"),
    [
        ("losses", "loss"),
        ("eases", "ease"),
        ("cutting", "cut"),
        ("easing", "ease"),
        ("denied", "deny"),
        ("subsidies", "subsidy"),
        ("narrowed", "narrow"),
    ],
)
def test_a_form_is_found_by_its_word(word: str, base: str) -> None:
    assert base in forms(word)


def test_the_longest_entry_counts_and_marks_part_clauses() -> None:
    lexicon = Lexicon({"good": ["rate"], "bad": ["interest rate"], "other": ["interest rate desk"]})
    clauses = list(lexicon.matches("Interest rates rose, and the rate of the interest rate desk"))
    assert [[one.words for one in clause] for clause in clauses] == [
        ["Interest rates"],
        ["rate", "interest rate desk"],
    ]
    assert clauses[0][0].roles == {"bad"}


def test_a_word_may_be_what_goes_together(tmp_path: Path) -> None:
    own = tmp_path / "words.toml"
    own.write_text('bad = ["stall"]\nunwelcome = ["stall"]\ndown = ["stall"]\n', encoding="utf-8")
    assert read("Stall", read_words([own], Lexicon({}))).score == -1


def test_a_single_character_counts_where_it_is_no_part_of_a_longer_word() -> None:
    lexicon = Lexicon(
        {"bad": ["库存"], "up": ["加", "高"], "reverses": ["未"], "welcome": ["复产"]}
    )
    words = [
        one.words for clause in lexicon.matches("加拿大库存高，高度未获，加") for one in clause
    ]
    assert words == ["库存", "高", "未", "加"]
    # The 产后 that the dictionary knows is none where 复产 stands.
    after = Lexicon({"welcome": ["复产"], "then": ["后"]})
    assert [one.words for clause in after.matches("复产后") for one in clause] == ["复产", "后"]


def test_ones_own_words_take_the_place_of_those_that_come_with_it(tmp_path: Path) -> None:
    own = tmp_path / "words.toml"
    own.write_text('bad = ["Yeast Price", "酵母价"]\nother = ["loss"]\n', encoding="utf-8")
    lexicon = read_words([own], bundled())
    assert read("Yeast prices rise", lexicon).score < 0 < read("Yeast prices fall", lexicon).score
    assert read("酵母价上涨", lexicon).score < 0
    own.write_text('bad = ["酵母庫存", "ｙｅａｓｔ"]\n', encoding="utf-8")
    prepared = read_words([own], Lexicon({"up": ["上升", "rises"]}))
    assert read("酵母库存上升", prepared).score == read("yeast rises", prepared).score == -1
    assert read("The loss", bundled()).score < 0
    assert read("The loss", lexicon).said == ()
    assert "loss" in bundled().entries["bad"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no words"),
        ("bad = []\n", "no words"),
        (
            'good = ["a"]\nbadd = ["b"]\n',
            "words.toml:2: words are never 'badd'\n  Did you mean bad?",
        ),
        ('bad = "churn"\n', "words.toml:1: bad is no list of words"),
        ("bad = [1]\n", "bad is no list of words"),
        ('bad = ["churn, again"]\n', "'churn, again' is no word or phrase within one clause"),
        ('bad = [" "]\n', "' ' is no word"),
        ("bad = [", "broken TOML"),
        (
            'bad = ["a"]\nup = ["Yeast price"]\ngood = ["b", "A"]\n',
            "words.toml:3: 'A' is among bad and among good\n  Leave it in one of them.",
        ),
        ('up = ["a"]\ndown = ["a"]\n', "'a' is among up and among down"),
        ('other = ["a"]\nbad = ["a"]\n', "'a' is among other and among bad"),
    ],
)
def test_a_file_that_says_nothing_is_told_where(content: str, message: str, tmp_path: Path) -> None:
    own = tmp_path / "words.toml"
    own.write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as told:
        read_words([own], bundled())
    assert message in str(told.value)
