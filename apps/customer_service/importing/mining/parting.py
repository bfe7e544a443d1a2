"""Several questions in one request, where the reply answers each by itself: an exchange of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.importing.mining.exchanges import ADDING
from apps.customer_service.importing.mining.messages import joined
from apps.customer_service.importing.schema import Exchange
from apps.customer_service.importing.wording import Mark, mark, sentences
from common.records.text import CHINESE

if TYPE_CHECKING:
    from apps.customer_service.importing.mining.vectors import Reader

# "…, and how long …", "还有…": where another question may begin.
JOINT = re.compile(
    r"(?i),?\s+(?:and|also|plus)\s+(?=(?:how|what|when|where|who|which|why|can|could|do|does|is|are"
    r"|will)\b)|[,;]\s+(?=(?:how|what|when|where|can|do|does|is|are)\b)"
    r"|[，,；;、\s]+(?:还有|另外|以及)?(?=.*[\u4e00-\u9fff])"
)
# "1) … 2) …"
NUMBERED = re.compile(
    r"(?:^|(?<=\s)|(?<=[\u4e00-\u9fff，,；;]))\(?[1-5](?:[).、:）]\s*|(?=[^\W\d]))"
)
# "Two things: …"
COUNTED = re.compile(
    r"(?i)^(?:i have )?(?:\d|two|three|a (?:few|couple of))? ?(?:quick )?(?:things|questions)\W*"
    r"|^(?:我?想?[问有])?[几两三四2-4](?:个|件|点)(?:事情?|问题)[哈啊呀]?\W*"
)
EDGES = " ,，;；、:：-–—"
MOST_PARTS = 4
# A reply that is longer tells more than was asked.
MOST_SENTENCES = 12
SHORTEST_QUESTION = {True: 4, False: 10}
SHORTEST_ANSWER = {True: 6, False: 15}
UNFIT = Mark.leaning | Mark.follow_up
# By how much an answer must be nearer to its own question than to any other, as a cosine.
CLEARER = 0.02


def parted(exchanges: Sequence[Exchange], reader: Reader, language: str) -> list[Exchange]:
    """The exchanges, one of each question where a reply answers them one after the other.

    Each question must stand by itself. The sentences of the reply are dealt out to the questions
    in their order, so that the cosines of what belongs together are greatest; an exchange stays
    whole where an answer is not nearest to its own question.
    """
    from apps.customer_service.importing.mining.vectors import centred

    asked = _questions([one.request for one in exchanges])
    told = {one.reply: _answers(one.reply) for one in exchanges if one.request in asked}
    several = {
        (one.request, one.reply)
        for one in exchanges
        if one.request in asked
        and len(asked[one.request]) <= len(told[one.reply]) <= MOST_SENTENCES
    }
    if not several:
        return list(exchanges)
    questions = sorted({part for request, _ in several for part in asked[request]})
    answers = sorted({part for _, reply in several for part in told[reply]})
    near = (
        dict(zip(questions, centred(reader, questions, "requests", language), strict=True)),
        dict(zip(answers, centred(reader, answers, "replies", language), strict=True)),
    )
    dealt = {pair: _dealt(asked[pair[0]], told[pair[1]], *near) for pair in several}
    return [
        replace(one, request=question, reply=answer)
        for one in exchanges
        for question, answer in dealt.get((one.request, one.reply)) or [(one.request, one.reply)]
    ]


def _questions(requests: Sequence[str]) -> dict[str, list[str]]:
    """The questions of each request that has several, each of which stands by itself."""
    pieces = {text: found for text in {*requests} if len(found := _pieces(text)) > 1}
    marks = mark(piece for found in pieces.values() for piece in found)
    parts = {text: _asking(found, marks) for text, found in pieces.items()}
    return {text: found for text, found in parts.items() if 1 < len(found) <= MOST_PARTS}


def _pieces(text: str) -> list[str]:
    numbered = [part for part in NUMBERED.split(text) if part.strip(EDGES)]
    whole = numbered if len(NUMBERED.findall(text)) > 1 else sentences(text)
    pieces = (part.strip(EDGES) for one in whole for part in JOINT.split(one))
    stripped = (COUNTED.sub("", ADDING.sub("", f"{part} ")).strip() for part in pieces)
    return [part for part in stripped if part]


def _asking(pieces: Sequence[str], marks: Mapping[str, Mark]) -> list[str]:
    """The pieces that ask, each with what was told before it; none where one does not stand."""
    found: list[str] = []
    before: list[str] = []
    for piece in pieces:
        before.append(piece)
        if not marks[piece] & Mark.question:
            continue
        text = _joined_clauses(before)
        is_short = len(piece) < SHORTEST_QUESTION[bool(CHINESE.search(piece))]
        if is_short or (found and marks[piece] & UNFIT):
            return []
        found.append(text[:1].upper() + text[1:])
        before = []
    return [] if before else found


def _joined_clauses(parts: Sequence[str]) -> str:
    text = parts[0]
    for part in parts[1:]:
        is_ended = text[-1] in "?!.？！。"
        mark_between = "" if is_ended else "，" if CHINESE.search(text) else ","
        text = joined([text + mark_between, part])
    return text


def _answers(reply: str) -> list[str]:
    """The sentences of a reply; one that says too little goes with the next."""
    found: list[str] = []
    before = ""
    for sentence in sentences(reply):
        text = joined([before, sentence]) if before else sentence
        is_short = len(text) < SHORTEST_ANSWER[bool(CHINESE.search(text))]
        before = text if is_short else ""
        if not is_short:
            found.append(text)
    if before and found:
        found[-1] = joined([found[-1], before])
    return found


def _dealt(
    questions: Sequence[str],
    answers: Sequence[str],
    asked: Mapping[str, NDArray[np.float32]],
    told: Mapping[str, NDArray[np.float32]],
) -> list[tuple[str, str]]:
    """Each question with its sentences; none where they do not go together."""
    count = len(questions)
    near = np.stack([asked[one] for one in questions]) @ np.stack([told[one] for one in answers]).T
    ways = [
        [*zip((0, *cuts), (*cuts, len(answers)), strict=True)]
        for cuts in combinations(range(1, len(answers)), count - 1)
    ]
    best = max(ways, key=lambda spans: sum(near[n, a:b].sum() for n, (a, b) in enumerate(spans)))
    for number, (start, end) in enumerate(best):
        means = near[:, start:end].mean(axis=1)
        if means[number] < np.delete(means, number).max() + CLEARER:
            return []
    return [
        (question, joined(answers[start:end]))
        for question, (start, end) in zip(questions, best, strict=True)
    ]
