"""Rules as they are written: what they match, and what is said of a mistake."""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from apps.customer_service.rules.schema import AnswerRules
from common.errors import UserError
from common.rules.conditions import When, spell
from common.rules.live import LiveRules, RuleMetrics
from common.rules.reading import read, read_rules

KNOWN = {"faq_id": ["card-lost", "fees"], "intent": ["card", "fee"], "label": ["card", "fee"]}


def holds(text: str, intent: str | None = None, **when: object) -> bool:
    return When.model_validate(when).holds(spell(text), {"language": "en", "intent": intent})


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [
        ("Is this FRAUD?", "fraud", True),
        ("Is this fraudulent?", "fraud", False),
        ("my cards", "card", False),
        ("a postcard", "card", False),
        ("card.", "card", True),
        ("我的卡被盗刷了", "盗刷", True),
        ("我的卡被盜刷了", "盗刷", True),
        ("我的APP登录不了", "app", True),
        ("a profit  warning today", "profit warning", True),
        ("I can’t pay", "can't pay", True),
        ("a café's menu", "caf", False),
        ("c++ and more", "c++", True),
    ],
)
def test_words_are_whole_where_there_are_spaces(text: str, word: str, found: bool) -> None:
    assert holds(text, any=[word]) is found


def test_all_that_is_given_must_hold() -> None:
    assert holds("lost card", any=["card"], regex=r"lost|stolen", language="en")
    assert not holds("lost card", any=["card"], none=["lost"])
    assert not holds("lost card", any=["card"], regex="stolen")
    assert not holds("lost card", any=["card"], language="zh")
    assert holds("Play a card game with my card", any=["card"], never=["card game"])
    assert not holds("Play a card game", any=["card"], never=["card game"])


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        ("I am a VIP", "ＶＩＰ", True),
        ("尾号ＡＢ１２３４的卡", r"[Ａ-Ｚ]{2}[０-９]{4}", True),
        ("怎么办？", "怎么办？", True),
        ("怎么", "怎么办？", False),
        ("（急）退款", "（急）", True),
        ("我的卡遗失了", "遺?失", True),
        ("我的卡丢失了", "[遺丟]失", True),
        ("100％", r"\d+％", True),
        ("Café", "cafe\u0301", True),
        ("x y", "x\u3000y", True),
        ("xy", "x\u200by", True),
        ("don’t", "n’t", True),
        ("中国", "^[一-龥]+$", True),
        ("(株)(株)", "^㈱+$", True),
        ("a]b", "[]Ａ]b", True),
        ("遗", r"\\遗", False),
    ],
)
def test_a_pattern_says_what_customers_write(text: str, pattern: str, found: bool) -> None:
    assert holds(text, regex=pattern) is found


RULE = '[[rule]]\nname = "a"\n'
FORCED = RULE + 'when = {any = ["card"]}\naction = "force"\nfaq_id = "card-lost"\n'
SECOND = FORCED.replace('"a"', '"b"')


@pytest.mark.parametrize(
    ("written", "line", "message"),
    [
        (FORCED.replace("card-lost", "card-lots"), 5, "Did you mean card-lost?"),
        (FORCED.replace("any", "anny"), 3, "Did you mean any?"),
        (FORCED.replace("faq_id", "faqid"), 5, "Did you mean faq_id?"),
        (FORCED.replace("force", "farce"), 4, "Did you mean force?"),
        (FORCED.replace('["card"]', '["card"], intent = "crad"'), 3, "Did you mean card?"),
        (FORCED.replace('any = ["card"]', 'regex = "("'), 3, "not a regular expression"),
        (FORCED.replace('any = ["card"]', 'regex = "a{9999999999}"'), 3, "number is too large"),
        (FORCED.replace('any = ["card"]', 'none = ["x"]'), 3, "every text would meet"),
        (FORCED.replace('"card"]', '"card", "\\u200b"]'), 3, "characters that are not seen"),
        (FORCED + "\n[[rules]]", 7, "Did you mean rule?"),
        (FORCED + FORCED, 7, "two rules are called 'a'"),
        (RULE + 'action = "force"\nfaq_id = "fees"', 1, "force takes when"),
        (FORCED + 'to = "desk"', 1, "to does not go with force"),
        (FORCED + 'intent = "fee"', 1, "force takes faq_id or intent"),
        (RULE + 'action = "route"\nwhen = {any = ["x"]}', 1, "route takes to"),
        (RULE + 'action = "rename"\nlabel = "card"', 1, "rename takes label and to"),
        (RULE + 'action = "rename"\nlabel = "crad"\nto = "Cards"', 4, "Did you mean card?"),
        (RULE + "action = \n", 3, "broken TOML"),
        ('[[rule]]\naction = "route"', 1, "name is missing"),
        (FORCED + SECOND.replace("force", "forbid"), 6, "'b' contradicts 'a'"),
        (FORCED + SECOND.replace("card-lost", "fees"), 6, "'b' contradicts 'a'"),
        ('glossary = "none.toml"', None, "no such file"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(
    tmp_path: Path, written: str, line: int | None, message: str
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_rules(path, AnswerRules, KNOWN)
    assert message in str(error.value)
    assert line is None or str(error.value).startswith(f"{path}:{line}:"), str(error.value)


def test_an_exception_is_no_contradiction(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    forbid = SECOND.replace("force", "forbid")
    path.write_text(FORCED + forbid.replace('any = ["card"]', 'language = "en"'), encoding="utf-8")
    assert len(read_rules(path, AnswerRules, KNOWN).rule) == 2


@pytest.mark.parametrize(
    "further", ['none = ["lost"]', 'never = ["card game"]', 'regex = "fee"', 'language = "en"']
)
def test_what_the_earlier_rule_leaves_the_later_one_decides(tmp_path: Path, further: str) -> None:
    path = tmp_path / "rules.toml"
    forced = FORCED.replace('any = ["card"]', f'any = ["card"], {further}')
    forbid = SECOND.replace("force", "forbid")
    path.write_text(forced + forbid, encoding="utf-8")
    rules = read_rules(path, AnswerRules, KNOWN)
    left = rules.applying("a card game, or a lost card", {"language": "zh", "intent": None})
    assert "b" in [rule.name for rule in left]
    path.write_text(forbid + forced, encoding="utf-8")
    with pytest.raises(UserError, match="'a' contradicts 'b'"):
        read_rules(path, AnswerRules, KNOWN)


def with_glossary(folder: Path, glossary: str, word: str = "fraud") -> Path:
    (folder / "glossary.toml").write_text(glossary, encoding="utf-8")
    path = folder / "rules.toml"
    rules = 'glossary = "glossary.toml"\n' + FORCED.replace('"card"', f'"{word}"')
    path.write_text(rules, encoding="utf-8")
    return path


def test_a_glossary_expands_the_words_of_rules(tmp_path: Path) -> None:
    written = '[fraud]\nsynonyms = ["scam", "盗刷"]\nnever = ["fraud week"]'
    rules = read_rules(with_glossary(tmp_path, written, "SCAM"), AnswerRules)
    said = {
        "fraud!": 1,
        "a scam": 1,
        "被盗刷": 1,
        "our fraud week": 0,
        "fraud week scam": 1,
        "x": 0,
    }
    for text, count in said.items():
        assert len(rules.applying(text, {"language": "en", "intent": None})) == count, text


@pytest.mark.parametrize(
    ("glossary", "message"),
    [
        ('a = ["x"]\nb = ["X"]', "glossary.toml:2: 'X' belongs to two terms: 'a' and 'b'"),
        ("a = 3", "glossary.toml:1: term 'a'"),
        ("[a]\nsynonym = []", "Did you mean synonyms?"),
        ("a = ]\n", "glossary.toml:1: broken TOML"),
    ],
)
def test_a_mistake_in_the_glossary_is_told(tmp_path: Path, glossary: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        read_rules(with_glossary(tmp_path, glossary), AnswerRules)
    assert message in str(error.value)


def _rewrite(path: Path, text: str, live: LiveRules[AnswerRules]) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(time.time_ns(), time.time_ns()))
    live.refresh()


def test_rules_are_live_and_a_broken_version_is_refused(tmp_path: Path) -> None:
    path = with_glossary(tmp_path, 'fraud = ["scam"]')
    live = LiveRules(path, AnswerRules)
    first = live.current
    _rewrite(path, "[[rule]]\n", live)
    assert live.refused is not None
    assert "name is missing" in live.refused
    assert live.current is first
    _rewrite(path, FORCED, live)
    assert live.refused is None
    assert live.current.applying("card", {"language": "en", "intent": None})
    path.unlink()
    live.refresh()
    assert "no such file" in (live.refused or "")
    assert live.current.rule


def test_a_change_of_the_glossary_is_seen(tmp_path: Path) -> None:
    path = with_glossary(tmp_path, 'fraud = ["scam"]')
    live = LiveRules(path, AnswerRules)
    _rewrite(tmp_path / "glossary.toml", 'fraud = ["swindle"]', live)
    assert live.current.applying("a swindle", {"language": "en", "intent": None})


def test_whoever_asks_what_is_wrong_waits_for_no_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = with_glossary(tmp_path, 'fraud = ["scam"]')
    live = LiveRules(path, AnswerRules)
    path.write_text("[[rule]]\n", encoding="utf-8")
    monkeypatch.setattr("common.rules.live.POLL_SECONDS", 0.0)
    assert live.refused is None
    live.refresh()
    assert "name is missing" in (live.refused or "")


def test_a_decision_is_counted_while_the_file_is_read(tmp_path: Path) -> None:
    waits: list[bool] = []

    def known() -> dict[str, list[str]]:
        """It is asked for whenever the file is read."""
        for live in lives:
            counting = Thread(target=live.count, args=(["a"],))
            counting.start()
            counting.join(10)
            waits.append(counting.is_alive())
        return KNOWN

    lives: list[LiveRules[AnswerRules]] = []
    lives.append(LiveRules(with_glossary(tmp_path, ""), AnswerRules, known))
    _rewrite(lives[0].path, FORCED, lives[0])
    assert (waits, lives[0].fired) == ([False], {"a": 1})


def test_what_fired_is_counted(tmp_path: Path) -> None:
    live = LiveRules(with_glossary(tmp_path, ""), AnswerRules)
    live.count(["a", "a"])
    fired, refused = RuleMetrics(live).collect()
    assert [(s.name, s.labels, s.value) for s in fired.samples] == [
        ("bizlm_rules_fired_total", {"rule": "a"}, 2.0)
    ]
    assert refused.samples[0].value == 0


def test_what_is_written_while_the_file_is_read_is_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = with_glossary(tmp_path, "")
    changes = ["", FORCED, "", FORCED]

    def read_beside_an_editor(*given: Any) -> Any:
        found = read(*given)
        path.write_text(changes.pop(), encoding="utf-8")
        return found

    monkeypatch.setattr("common.rules.live.read", read_beside_an_editor)
    live = LiveRules(path, AnswerRules)
    live.refresh()
    assert live.current.rule[0].name == "a"
    live.refresh()
    assert not live.current.rule


def test_new_rules_are_read_when_what_they_are_checked_against_is_there_again(
    tmp_path: Path,
) -> None:
    outages = [OSError("no connection")]

    def known() -> dict[str, list[str]]:
        if live and outages:
            raise outages.pop()
        return KNOWN

    live: list[LiveRules[AnswerRules]] = []
    live.append(LiveRules(with_glossary(tmp_path, ""), AnswerRules, known))
    with pytest.raises(OSError, match="no connection"):
        _rewrite(live[0].path, SECOND, live[0])
    live[0].refresh()
    assert [rule.name for rule in live[0].current.rule] == ["b"]
