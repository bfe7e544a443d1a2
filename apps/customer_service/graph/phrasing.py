"""The questions that a vocabulary knows, as patterns over texts with things in slots."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from common.errors import UserError
from common.records.graph.vocabulary import Phrases, Side, Vocabulary
from common.records.text import CHINESE

# Characters of private use, which no prepared text has, stand for things.
FIRST_SLOT = 0xE000
SLOT = "[\ue000-\uf8ff]"
ARTICLE = r"(?:(?:the|a|an|my|your|our|this|that|any) )?"
POINTING = "(?:这款|这个|这台|这本|那款|我的|我家的?|你们的|你们家的)?"
# A question that is a thing in a slot and nothing else.
FRAME_EN = re.compile(
    r"(?:(?:hi|hello|hey|please|ok|so|and|sorry|well)[,!. ]+"
    r"|(?:could|can|would|will) you (?:please )?(?:tell me|say) |do(?:es)? (?:you|anyone) know "
    r"|tell me |i(?:['’]d| would) like to know |i (?:want|need) to know |i wonder )*"
    r"(?:(?:what|which|who|whose)(?:['’]s| is| are| was| were| would be| will be)? "
    r"|is there |are there |do you (?:have|sell|stock) )?"
    rf"{ARTICLE}(?P<s>{SLOT})"
    r"(?: (?:called|then|please|now|today|is|are|exactly|by the way|thanks))*[ ?.!,]*",
    re.IGNORECASE,
)
FRAME_ZH = re.compile(
    # Single characters, for words that overlap would be tried in every combination.
    "[请问你您好我想要知道了解一下麻烦告诉能帮查看那们,、:!]*"
    f"{POINTING}(?P<s>{SLOT})"
    "(?:都|分别|到底)?(?:是|有|叫|为|要|得)?(?:什么|哪个|哪些|哪款|哪一款|哪种|哪家|哪本|谁|多少|多久|多长时间|几年|啥)?"
    "(?:型号|产品|东西|公司|书|名字|钱)?(?:呢|呀|啊|吗|嘛|么|吧|谢谢|了|[,?。.!~])*"
)
# In a sentence: a thing told is another one that is named.
TELLS = re.compile(
    rf"(?P<s>{SLOT})(?: is| are| will be|是|为|:)(?: called| now|现在)? ?{ARTICLE}(?P<y>{SLOT})"
    rf"|(?P<y2>{SLOT})(?: is| are| will be|是)(?: now)? ?{ARTICLE}(?P<s2>{SLOT})",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Pattern:
    """One way to ask for one side of a relation."""

    regex: re.Pattern[str]
    relation: str
    side: Side
    phrases: Phrases


def telling(vocabulary: Vocabulary) -> list[Pattern]:
    """All ways in which a text says a value.

    Raises:
        UserError: one is no regular expression.
    """
    return [
        Pattern(_compile(text, relation), relation, "objects", wording.objects)
        for relation, wording in vocabulary.wording.items()
        if wording.objects is not None
        for text in wording.objects.tells
    ]


def patterns(vocabulary: Vocabulary, relations: frozenset[str]) -> list[Pattern]:
    """All ways to ask for these relations.

    Raises:
        UserError: one is no regular expression.
    """
    return [
        Pattern(_compile(text, relation), relation, side, phrases)
        for relation in sorted(relations)
        for side, phrases in _sides(vocabulary, relation)
        for text in [*phrases.en, *phrases.zh, *_by_name(vocabulary, relation, side)]
    ]


def _sides(vocabulary: Vocabulary, relation: str) -> Iterator[tuple[Side, Phrases]]:
    wording = vocabulary.wording.get(relation)
    if wording is None or wording.objects is not None:
        yield "objects", (wording and wording.objects) or Phrases()
    if wording is not None and wording.subjects is not None:
        yield "subjects", wording.subjects


def _by_name(vocabulary: Vocabulary, relation: str, side: Side) -> Iterator[str]:
    """A value is asked for by the relation's own name, too: "the warranty of {x}"."""
    if side == "subjects" or relation in vocabulary.between_things:
        return
    for name in (relation, *vocabulary.names.get(relation, [])):
        word = re.escape(name)
        if CHINESE.search(name):
            yield rf"{{x}}的?{word}"
        else:
            yield rf"{word} (?:of|for|on) {{x}}"
            yield rf"{{x}}['’]s {word}"


def _compile(text: str, relation: str) -> re.Pattern[str]:
    is_chinese = bool(CHINESE.search(text))
    before = POINTING if is_chinese else ARTICLE
    for group in "xky":
        # The second mention of a group within alternatives would clash.
        text = text.replace(f"{{{group}}}", f"{before}(?P<{group}>{SLOT})", 1)
    try:
        found = re.compile(text if is_chinese else rf"(?<!\w){text}(?!\w)", re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise UserError(
            f"wording of {relation!r}: {text!r} is no regular expression: {error}"
        ) from None
    if "x" not in found.groupindex:
        raise UserError(f"wording of {relation!r}: {text!r} has no {{x}}")
    return found
