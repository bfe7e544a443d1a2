"""Files of approved replies, and what is said of a reply that was written."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from apps.customer_service.generation.rewriting import Rewriting, sentences_of
from apps.customer_service.generation.schema import Sentence, SentenceSource
from apps.customer_service.generation.support import Floats, Gate, open_gate
from apps.customer_service.replies.measuring import judge, rouge_l
from apps.customer_service.replies.pairs import PairReader
from apps.customer_service.replies.reading import Files, read_replies, sources_of
from apps.customer_service.replies.schema import Exchange
from apps.customer_service.schema import Answer, Faq
from common.errors import UserError
from common.models.generator import Message
from common.records.text import words

RENT = Faq(id="rent", question="What is the rent?", answer="The rent is £145 a year. Pay by card.")
HOURS = Faq(id="hours", question="When are you open?", answer="We open at 9am.")
ANSWERER: Any = SimpleNamespace(faqs={"rent": RENT, "hours": HOURS}, documents=None)
KNOWN = sources_of(ANSWERER)
GOOD = "The rent is £145 a year. We open at 9am."
EXCHANGE = Exchange("rent and hours?", (KNOWN["rent"], KNOWN["hours"]), GOOD, "en")
WIDTH = 256


def _read(texts: Sequence[str]) -> Floats:
    """Words thrown into buckets."""
    found = np.full((len(texts), WIDTH), 1e-3, np.float32)
    for row, text in enumerate(texts):
        for word in words(text):
            found[row, int(hashlib.md5(word.encode()).hexdigest(), 16) % WIDTH] += 1
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


@pytest.fixture(scope="module")
def gate() -> Gate:
    return open_gate(_read, _read(["something else"]))


@pytest.mark.parametrize(
    ("text", "passed", "is_sent"),
    [
        (GOOD, 1.0, True),
        ("The rent is £145 a year.", 1.0, False),
        (f"{GOOD} Boxes are free.", 2 / 3, True),
        ("Boxes are free.", 0.0, False),
        ("", 0.0, False),
    ],
)
def test_a_reply_is_judged_by_its_own_sources(
    gate: Gate, text: str, passed: float, is_sent: bool
) -> None:
    found = judge(gate, text, EXCHANGE)
    assert (found.passed, found.is_sent) == (pytest.approx(passed), is_sent)


def test_overlap_is_the_longest_common_subsequence() -> None:
    # Lin 2004: "police kill the gunman" beside "police killed the gunman": 3 of 4 words.
    assert (
        rouge_l(["police", "kill", "the", "gunman"], ["police", "killed", "the", "gunman"]) == 0.75
    )
    assert (
        rouge_l(["the", "gunman", "kill", "police"], ["police", "killed", "the", "gunman"]) == 0.5
    )
    assert rouge_l([], ["a"]) == 0.0


def test_sentences_come_bare_and_once() -> None:
    assert sentences_of("[1] It is so.\n- It is so.\nIt is **not** so. 我们9点开门。") == [
        "It is so.",
        "It is not so.",
        "我们9点开门。",
    ]


class _Recorder:
    """A writer that writes nothing, and keeps what it was asked."""

    name = "recorder"

    def __init__(self) -> None:
        self.asked: list[Message] = []

    async def write(self, messages: Sequence[Message]) -> AsyncGenerator[str]:
        self.asked = list(messages)
        yield ""


def test_what_is_learned_from_is_what_a_server_asks(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rewriting, "_gate", lambda _: gate)
    said = [
        Sentence(
            text=faq.answer_sentences[0],
            source=SentenceSource(kind="faq", id=faq.id, title=faq.question),
        )
        for faq in (RENT, HOURS)
    ]
    composed = Answer(
        id="1",
        release_id="r",
        decision="answer",
        answer=GOOD,
        sentences=said,
        composed_by="compose",
        confidence=0.9,
        intent=None,
        citations=[],
        suggestions=[],
        handoff=None,
        timings_ms={},
    )
    writer = _Recorder()
    rewriting = Rewriting(lambda _: writer, lambda: ANSWERER)
    assert rewriting.at_once(composed, EXCHANGE.question) == composed
    assert writer.asked == EXCHANGE.prompt == EXCHANGE.lesson[:-1]
    assert Rewriting(lambda _: None, lambda: ANSWERER).begin(composed, "?") is None
    assert rewriting.begin(composed.model_copy(update={"composed_by": None}), "?") is None


def _no_pairs() -> PairReader:
    raise AssertionError


def _file(tmp_path: Path, rows: Sequence[str]) -> Files:
    path = tmp_path / "replies.csv"
    path.write_text("\n".join(["frage,sources,reply", *rows]), encoding="utf-8")
    return Files([path], mapping={"question": "frage"})


def test_sources_are_ids_or_texts_and_a_question_is_on_one_side(tmp_path: Path) -> None:
    rows = [f"rent {n % 15}?,rent|We are here.,The rent is £145 a year." for n in range(30)]
    found = read_replies(_file(tmp_path, rows), KNOWN, _no_pairs).splits
    sides = [{one.question for one in side} for side in vars(found).values()]
    assert sum(map(len, sides)) == 15
    assert all(sides)
    assert found.train[0].sources == (KNOWN["rent"], ("", "We are here."))


def test_a_source_that_is_unknown_is_told_with_its_place(tmp_path: Path) -> None:
    rows = ["rent?,rent,The rent is £145 a year."] * 20 + ["rent?,rant,It is £145."]
    with pytest.raises(UserError, match=r"replies\.csv:22: sources: .*no FAQ or passage 'rant'"):
        read_replies(_file(tmp_path, rows), KNOWN, _no_pairs)


def test_columns_of_an_import_are_not_named(tmp_path: Path) -> None:
    mined = tmp_path / "pairs.jsonl"
    mined.write_text('{"question": "rent?", "answer": "It is £145.", "dialogue_ids": ["1"]}')
    with pytest.raises(UserError, match=r"pairs\.jsonl: --map has nothing to name"):
        read_replies(Files([mined], mapping={"question": "frage"}), KNOWN, _no_pairs)


def test_too_few_are_refused_and_so_are_too_few_in_a_known_language(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="3 approved replies are too few"):
        read_replies(_file(tmp_path, ["rent?,rent,It is £145."] * 3), KNOWN, _no_pairs)
    rows = ["rent?,rent,It is £145."] * 15 + ["房租呢？,rent,每年145英镑。"] * 10
    found = read_replies(_file(tmp_path, rows), KNOWN, _no_pairs)
    assert found.languages == {"en", "zh"}
    with pytest.raises(UserError, match="15 approved replies are too few"):
        found.only_in(["en"])
