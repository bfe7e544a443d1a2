"""Written conversations played against a release: the share that is handled right, by kind.

python -m benchmarks.conversations --store DIR [--release ID] [--conversations FILE] [--show]
    [--split development|test]

Beside it, what becomes of off-topic messages after a question: nothing said there is about them.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from apps.customer_service.conversation.dialogue import Dialogue
from apps.customer_service.conversation.session import Session, open_dialogue
from apps.customer_service.conversation.turns import CHAT
from apps.customer_service.demo.samples import SAMPLES
from apps.customer_service.release import load_release
from apps.customer_service.schema import Answer
from benchmarks.harness import report
from common.releases.registry import Registry

WRITTEN = SAMPLES / "conversations.jsonl"
OFF_TOPIC = SAMPLES / "off_topic.jsonl"
ALWAYS_HANDED_OVER = "wants_person"
# The split of what does not name one, in the development file.
DEVELOPMENT = "development"


@dataclass(frozen=True)
class Judged:
    """One turn, or a whole conversation.

    Attributes:
        right: answered, asked back with the right FAQ first, chatted or handed over as expected.
        answered: right, and nothing was asked back.
    """

    right: bool
    answered: bool


def main() -> None:
    """Play, judge, report."""
    chosen = _arguments()
    registry = Registry(chosen.store, "customer_service")
    release = registry.open(chosen.release)
    dialogue = open_dialogue(load_release(release), release, registry.root)
    written = _read(chosen.conversations)
    written = [one for one in written if chosen.split in {None, one.get("split", DEVELOPMENT)}]
    if not written:
        raise SystemExit(f"{chosen.conversations}: no conversation of the split {chosen.split}")
    judged: dict[str, list[Judged]] = defaultdict(list)
    for one in written:
        session = Session(dialogue)
        answers = [session.say(turn["text"]) for turn in one["turns"]]
        turns = [
            judge(turn["expect"], answer, before)
            for turn, answer, before in zip(one["turns"], answers, [None, *answers], strict=False)
        ]
        whole = Judged(all(t.right for t in turns), all(t.answered for t in turns))
        for group in ("all", one["kind"], one["language"]):
            judged[group].append(whole)
        for turn, found in zip(one["turns"], turns, strict=True):
            judged["every turn"].append(found)
            judged[f"turns of {turn['expect']['kind']}"].append(found)
        if chosen.show and not whole.right:
            _show(one, answers, turns)
    figures = _figures(judged) | _after_a_question(dialogue, written, _read(OFF_TOPIC))
    report(chosen.conversations.stem, {"release": release.release_id} | figures)


def judge(expect: dict[str, Any], answer: Answer, before: Answer | None) -> Judged:
    """Whether a turn was handled as the conversation's author expects."""
    kind = expect["kind"]
    is_handed_over = answer.handoff is not None
    if kind in CHAT:
        chatted = answer.decision == "chat" and not answer.citations and not is_handed_over
        return Judged(chatted, chatted)
    if is_handed_over != expect.get("handoff", kind == ALWAYS_HANDED_OVER):
        return Judged(False, False)
    if is_handed_over:
        return Judged(True, True)
    right = _right_faqs(expect, answer, before)
    return Judged(right, right and answer.decision == "answer")


def _right_faqs(expect: dict[str, Any], answer: Answer, before: Answer | None) -> bool:
    first = [part.citations[0].faq_id for part in answer.parts]
    first = first or [one.faq_id for one in answer.citations[:1]]
    also = set(expect.get("also", ()))
    if position := expect.get("position"):
        shown = [one.faq_id for one in before.suggestions] if before else []
        return answer.decision == "answer" and first == shown[position - 1 : position]
    wanted = expect.get("faq_ids", [])
    if expect["kind"] == "two_in_one":
        missing = [faq_id for faq_id in wanted if faq_id not in first]
        spare = [faq_id for faq_id in first if faq_id not in wanted and faq_id in also]
        return len(first) > 1 and len(missing) <= len(spare)
    if not wanted and not also:
        return True
    return bool(first) and first[0] in {*wanted, *also}


def _figures(judged: dict[str, list[Judged]]) -> dict[str, float | int]:
    figures: dict[str, float | int] = {}
    for group, turns in judged.items():
        figures[f"{group}: number"] = len(turns)
        figures[f"{group}: handled right"] = _share([one.right for one in turns])
        figures[f"{group}: and nothing asked back"] = _share([one.answered for one in turns])
    return figures


def _after_a_question(
    dialogue: Dialogue, written: Sequence[dict[str, Any]], messages: Sequence[dict[str, Any]]
) -> dict[str, float | int]:
    """Each message after the first one of a conversation in its language, if that is a question."""
    decided: list[str] = []
    for language in sorted({one["language"] for one in messages}):
        firsts = [one["turns"][0] for one in written if one["language"] == language]
        asked = [turn["text"] for turn in firsts if turn["expect"]["kind"] == "question"]
        own = [one["text"] for one in messages if one["language"] == language]
        for question, message in zip(cycle(asked), own, strict=False):
            session = Session(dialogue)
            session.say(question)
            decided.append(session.say(message).decision)
    return {
        "off topic after a question: number": len(decided),
        "off topic after a question: answered": _share([one == "answer" for one in decided]),
        "off topic after a question: asked back": _share([one == "clarify" for one in decided]),
    }


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.open(encoding="utf-8")]


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)


def _show(one: dict[str, Any], answers: Sequence[Answer], turns: Sequence[Judged]) -> None:
    print(f"\n{one['id']} ({one['kind']})")
    for turn, answer, found in zip(one["turns"], answers, turns, strict=True):
        faqs = [citation.faq_id for citation in answer.citations]
        said = f"{answer.kind} {answer.decision} {faqs}"
        print(f"  {'right' if found.right else 'WRONG'}  {turn['text']}")
        print(f"         wanted {turn['expect']}\n         found  {said}")


def _arguments() -> argparse.Namespace:
    made = argparse.ArgumentParser(description="conversations handled right, by kind")
    made.add_argument("--store", type=Path, required=True)
    made.add_argument("--release", default=None)
    made.add_argument("--conversations", type=Path, default=WRITTEN)
    made.add_argument("--split", choices=(DEVELOPMENT, "test"), default=None)
    made.add_argument("--show", action="store_true", help="each conversation that went wrong")
    return made.parse_args()


if __name__ == "__main__":
    main()
