"""Follow-ups and corrections: what a message means after what was said before."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.retrieval import Candidate
from apps.customer_service.conversation.context import Reader, Reading
from apps.customer_service.conversation.message import Message
from apps.customer_service.conversation.patterns import Patterns

# How much a message counts beside what it is joined with, in the confidence of what is found.
ALONE = 0.4
# What a follow-up means is a choice among FAQs (conditional logit; McFadden 1974): by their scores
# for the message alone and joined with what it may go on from, each standardised over the FAQs,
# which makes them comparable from one encoder to the next; by whether an FAQ was given or offered
# last; and by the log-odds that what the message finds alone is right. "Any penalty" alone finds
# what is about penalties, so each weight is mixed of two, by how probably the message is worded as
# a part of something; "and abroad?" turns to something else, and names it. Of 327 written
# follow-ups and 106 questions after one about something else, 89 % each found their FAQ on the
# fifths left out; without the second weights 86 and 89 %.
STANDING = np.array([1.4, 1.7, 1.0, 0.5])
GOING_ON = np.array([0.85, 2.65, 1.1, 0.2])
# From this probability on a message is worded as a part of what was said before.
FRAGMENT = 0.5
# So many of each ranking are chosen from.
CHOSEN_FROM = 20
# Whether a message goes on from anything is told (logistic regression) by the log-odds that it says
# nothing or is about what no business answers, by those of what is found for it alone and joined,
# by whether its words ask for context, and by whether they are few. Below the first probability it
# goes on from nothing, below the second it is asked back. Cross-validated over 397 written
# follow-ups and 272 questions about anything after them, 6 follow-ups are lost and 30 questions go
# on; by the probability of the intent that is out of scope 7 were, and 45 did.
ASIDE, FOUND_ALONE, FOUND_JOINED, ASKS_FOR_CONTEXT, IS_BRIEF = -0.7, 0.7, 0.95, 1.9, 1.1
BEFORE_ANYTHING_IS_READ = -3.1
LEAST_LIKELY, LIKELY = 0.2, 0.5
# A message whose words do not ask for context gets one only from an FAQ that is among so many of
# the first without it, and is answered from it only among so many.
NEAR = 10
AGREEING = 5
# The confidence from which a follow-up is asked back rather than handed over; and where the
# message alone finds the same FAQ first.
WORTH_ASKING = 0.08
AGREED = 0.05
# How much what was meant counts beside what it corrects.
MEANT = 0.65


def follow_up(
    reader: Reader, message: Message, alone: Reading, patterns: Patterns
) -> Reading | None:
    """The message as a part of what was said before; None: it stands by itself.

    What is found only together, or against what the message finds alone, is asked back.

    Args:
        alone: the message by itself.
    """
    if message.before is None or not message.joined or reader.is_known(message.question):
        return None
    goes_on = patterns.goes_on(message.question)
    is_brief = patterns.is_brief(message.question)
    joined = going_on(reader, message)
    likely = _likely(reader, message, alone, joined, patterns)
    if joined.first is None or likely < LEAST_LIKELY:
        return None
    asks_for_context = goes_on or is_brief or reader.fragment >= FRAGMENT
    if joined.first == alone.first and not goes_on:
        if alone.is_answered or alone.answer.confidence >= joined.answer.confidence:
            return None
    elif not asks_for_context and joined.first not in _near(alone, NEAR):
        return None
    is_far = not asks_for_context and joined.first not in _near(alone, AGREEING)
    is_against = alone.is_answered and joined.first != alone.first
    is_doubtful = joined.is_answered and (is_against or is_far or likely < LIKELY)
    is_asked = is_doubtful or _is_worth_asking(joined, alone)
    return reader.asked_back(joined) if is_asked else joined


def going_on(reader: Reader, message: Message) -> Reading:
    """The message read with what it goes on from: the FAQ that is chosen comes first.

    Where it is not the first of the joined ranking, it is asked back.
    """
    whole = _joined(reader, message, ALONE, ())
    chosen = _chosen(reader, message)
    if chosen is None or chosen == whole.first:
        return whole
    found = reader.put_first(whole, chosen)
    return reader.asked_back(found) if found.is_answered else found


def _chosen(reader: Reader, message: Message) -> str | None:
    alone = reader.read(message.question)
    rankings = [reader.read(text).candidates for text in message.joined]
    last = message.before.on_the_table[:1] if message.before else []
    first = [ranking[:CHOSEN_FROM] for ranking in (alone.candidates, *rankings)]
    faq_ids = list(dict.fromkeys(one.faq_id for ranking in first for one in ranking))
    if not faq_ids:
        return None
    mixed = STANDING + (GOING_ON - STANDING) * reader.fragment
    score_alone, score_joined, was_last, sure_alone = mixed.tolist()
    logits = score_alone * _standardised(alone.candidates, faq_ids)
    for ranking in rankings:
        logits += score_joined / len(rankings) * _standardised(ranking, faq_ids)
    logits += [was_last * (faq_id in last) for faq_id in faq_ids]
    if alone.first is not None:
        logits[faq_ids.index(alone.first)] += sure_alone * _log_odds(alone.answer.confidence)
    return faq_ids[int(logits.argmax())]


def _standardised(ranking: Sequence[Candidate], faq_ids: Sequence[str]) -> NDArray[np.float64]:
    """[FAQs], the scores of a ranking less their mean, by their deviation.

    What a ranking lacks is as far as the last of the others.
    """
    found = {one.faq_id: one.score for one in ranking}
    lowest = min((found[faq_id] for faq_id in faq_ids if faq_id in found), default=0.0)
    scores = np.array([found.get(faq_id, lowest) for faq_id in faq_ids])
    return np.asarray((scores - scores.mean()) / max(float(scores.std()), 1e-6))


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1e-3), 1 - 1e-3)
    return math.log(bounded / (1 - bounded))


def _likely(
    reader: Reader, message: Message, alone: Reading, joined: Reading, patterns: Patterns
) -> float:
    """The probability that the message goes on from what was said."""
    logit = (
        BEFORE_ANYTHING_IS_READ
        + ASIDE * _log_odds(reader.aside)
        + FOUND_ALONE * _log_odds(alone.answer.confidence)
        + FOUND_JOINED * _log_odds(joined.answer.confidence)
        + ASKS_FOR_CONTEXT * patterns.goes_on(message.question)
        + IS_BRIEF * patterns.is_brief(message.question)
    )
    return 1 / (1 + math.exp(-logit))


def is_agreed(reader: Reader, message: Message, alone: Reading, patterns: Patterns) -> bool:
    """Whether it finds among the first by itself what it finds as a part of what was said."""
    if message.before is None or not message.joined:
        return False
    joined = going_on(reader, message)
    if _likely(reader, message, alone, joined, patterns) < LEAST_LIKELY:
        return False
    return joined.first in _near(alone, AGREEING)


def _near(alone: Reading, number: int) -> list[str]:
    return [one.faq_id for one in alone.candidates[:number]]


def _is_worth_asking(joined: Reading, alone: Reading) -> bool:
    """Whether to ask back: a person knows no better what it goes on from."""
    least = AGREED if joined.first == alone.first else WORTH_ASKING
    return joined.answer.decision == "handoff" and joined.answer.confidence >= least


def correction(reader: Reader, message: Message, alone: Reading) -> Reading:
    """What was meant instead: what was answered before is left out."""
    but = message.not_meant[:1]
    meant = reader.read(alone.text, but=but)
    if message.before and message.question == message.before.topic:
        # Only that it was wrong is known: what came next is shown, and not taken for right.
        return reader.asked_back(meant) if meant.is_answered else meant
    if meant.is_answered or not message.joined:
        return meant
    return _joined(reader, message, MEANT, but)


def _joined(reader: Reader, message: Message, alone: float, but: Sequence[str]) -> Reading:
    """The message, which has the weight `alone`, and what it goes on from, in one ranking."""
    share = (1 - alone) / len(message.joined)
    weights = {message.question: alone, **dict.fromkeys(message.joined, share)}
    return reader.blend(message.joined[0], weights, but=but)
