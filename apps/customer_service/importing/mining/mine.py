"""Dialogues → pairs of question and answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apps.customer_service.importing.mining.answers import Chosen, choose_answer
from apps.customer_service.importing.mining.clusters import cluster
from apps.customer_service.importing.mining.evidence import asked_again, weights
from apps.customer_service.importing.mining.exchanges import find_exchanges
from apps.customer_service.importing.mining.generality import Generality
from apps.customer_service.importing.schema import Dialogue, Exchange, Pair, Rejected
from apps.customer_service.importing.wording import Mark, mark
from common.console import progress
from common.records.text import fold, language_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The least cosine of an exchange and its cluster. Chosen on `benchmarks/dialogue_topics.json` and
# the banking questions of `data_samples`: 0.40 joins topics there, and 0.52 splits most of them.
ALIKE = 0.46
# Of one dialogue of which nothing is known the score is 0.5.
LEAST_SCORE = 0.4
# How probable it must be that a reply is so for anybody, where one dialogue alone says it. Of two
# dialogues each need be half as sure, of three a third. On the development dialogues .65 puts one
# pair in a hundred more right, and finds three topics in a hundred fewer.
LEAST_GENERAL = 0.5
SUSPICIOUS, MASKED, ONE_DIALOGUE = "suspicious", "masked", "one-dialogue"
MOST_WORDINGS = 200
LONGEST_TYPICAL = 120
ONE_CASE = "about one customer's own case"
WEAK = "too little speaks for the reply"


def mine(
    dialogues: Sequence[Dialogue],
    work: Path,
    backbone: str = "auto",
    device: str = "auto",
    min_dialogues: int = 1,
) -> tuple[list[Pair], list[Rejected]]:
    """The pairs that dialogues hold, the most frequent first, and all that was not taken.

    The outcome depends on the dialogues, and not on their order.

    Args:
        work: where vectors are kept, so that after an interruption none is computed again.
        min_dialogues: in which a pair must have come up.
    """
    exchanges: list[Exchange] = []
    rejected: list[Rejected] = []
    for one in find_exchanges(dialogues):
        if isinstance(one, Exchange):
            exchanges.append(one)
        else:
            rejected.append(one)
    exchanges.sort(key=_in_order)
    pairs: list[Pair] = []
    for language, group, vectors, general in _by_language(exchanges, work, backbone, device):
        labels = cluster(vectors, np.ones(len(group), np.float32), ALIKE)
        members = np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[:-1])
        with progress(f"Choosing answers ({language})", len(members)) as advance:
            for places in members:
                chosen = [group[n] for n in places]
                made = _pair(chosen, vectors[places], general[places], min_dialogues)
                if isinstance(made, Pair):
                    pairs.append(made)
                else:
                    rejected += made
                advance()
    pairs.sort(key=lambda pair: (-len(pair.dialogue_ids), -pair.score, pair.question))
    return pairs, rejected


def _in_order(one: Exchange) -> tuple[str, str, str]:
    return one.request, one.reply, one.dialogue_id


def _by_language(
    exchanges: Sequence[Exchange], work: Path, backbone: str, device: str
) -> Iterator[tuple[str, list[Exchange], NDArray[np.float32], NDArray[np.float32]]]:
    """The exchanges of each language, their joint vectors, and how probably each is general."""
    from apps.customer_service.importing.mining.parting import parted
    from apps.customer_service.importing.mining.vectors import Reader, joint_vectors
    from common.models.sources.bundled import locate
    from common.models.sources.catalog import for_languages

    groups: dict[str, list[Exchange]] = defaultdict(list)
    for one in exchanges:
        groups[language_of(one.request + one.reply)].append(one)
    if not groups:
        return
    name = for_languages(groups.keys()) if backbone == "auto" else backbone
    reader = Reader(locate(name), work / "vectors", device)
    generality = Generality(reader)
    for language, found in sorted(groups.items()):
        group = sorted(parted(found, reader, language), key=_in_order)
        requests, replies = [one.request for one in group], [one.reply for one in group]
        vectors = joint_vectors(reader, requests, replies, language)
        yield language, group, vectors, generality.of(requests, replies)


def _pair(
    members: Sequence[Exchange],
    vectors: NDArray[np.float32],
    general: NDArray[np.float32],
    min_dialogues: int,
) -> Pair | list[Rejected]:
    """A cluster as a pair; or, where too little speaks for it, why not."""
    dialogues = len({one.dialogue_id for one in members})
    if dialogues < min_dialogues:
        return _rejected(members, f"came up in fewer than {min_dialogues} dialogues")
    if float(general.mean()) * dialogues < LEAST_GENERAL:
        return _rejected(members, ONE_CASE)
    width = vectors.shape[1] // 2
    # The halves of a joint vector, each of length 1 again.
    requests, replies = vectors[:, :width] * np.sqrt(2), vectors[:, width:] * np.sqrt(2)
    known = weights(members, (requests * replies).sum(axis=1).tolist())
    chosen = choose_answer(members, known, replies)
    if chosen.score < LEAST_SCORE:
        return _rejected(members, WEAK)
    question = _typical(members, requests)
    counts = Counter(one.request for one in members if fold(one.request) != fold(question))
    wordings: dict[str, str] = {}
    for text, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        wordings.setdefault(fold(text), text)
    answer = members[chosen.place].reply
    again = asked_again(members)

    def agreeing(fits: Callable[[int], bool]) -> int:
        return len({members[place].dialogue_id for place in chosen.agreeing if fits(place)})

    return Pair(
        question=question,
        answer=answer,
        wordings=list(wordings.values())[:MOST_WORDINGS],
        dialogue_ids=sorted({one.dialogue_id for one in members}),
        agents=sorted({one.agent for one in members if one.agent}),
        score=round(chosen.score, 3),
        agreeing=agreeing(lambda _place: True),
        thanked=agreeing(lambda place: members[place].is_thanked),
        doubted=agreeing(lambda place: members[place].is_doubted),
        asked_again=agreeing(lambda place: place in again),
        flags=_flags(members, chosen, question + answer),
        other_answers=chosen.others,
    )


def _rejected(members: Sequence[Exchange], reason: str) -> list[Rejected]:
    return [Rejected(one.place, reason, one.request, one.dialogue_id) for one in members]


def _typical(members: Sequence[Exchange], vectors: NDArray[np.float32]) -> str:
    """The request that is nearest to all of them; one that asks and is short before others."""
    marks = mark(one.request for one in members)
    nearness = vectors @ vectors.mean(axis=0)

    def rank(place: int) -> tuple[bool, bool, float, int]:
        text = members[place].request
        is_fit = len(text) <= LONGEST_TYPICAL and "<" not in text
        asks = bool(marks[text] & Mark.question)
        return is_fit, asks, round(float(nearness[place]), 4), -len(text)

    return members[max(range(len(members)), key=rank)].request


def _flags(members: Sequence[Exchange], chosen: Chosen, text: str) -> list[str]:
    """What a person should look at before the pair is published."""
    flags = list(chosen.flags)
    if any(one.is_suspicious for one in members):
        flags.append(SUSPICIOUS)
    if "<" in text:
        flags.append(MASKED)
    if len({one.dialogue_id for one in members}) == 1:
        flags.append(ONE_DIALOGUE)
    return flags
