"""A choice among what was shown: "the second one", 第二个, "2", or the words of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.customer_service.conversation.patterns import AROUND, Patterns
from apps.customer_service.schema import Faq
from common.records.text import fold, words

# Who chooses by the place says little else.
LONGEST_CHOICE = 60
# Of the words that name one of those shown, so many must be in it, and more than in the others.
NAMED_SHARE = 0.6


def chosen(
    message: str, shown: Sequence[str], faqs: Mapping[str, Faq], patterns: Patterns
) -> str | None:
    """The FAQ that a message chooses among those shown, in their order; None: it does not.

    Args:
        faqs: those of the release; one that is gone cannot be chosen, and keeps its place.
    """
    titles = {faq_id: faqs[faq_id].question for faq_id in shown if faq_id in faqs}
    found = _quoted(message, titles) or _placed(message, shown, patterns)
    if found is None and (match := patterns.named.search(message)):
        named = next(group for group in match.groups() if group is not None)
        found = _named(named, titles)
    return found if found in titles else None


def _quoted(message: str, titles: Mapping[str, str]) -> str | None:
    said = fold(message)
    return next((faq_id for faq_id, title in titles.items() if fold(title) == said), None)


def _placed(message: str, shown: Sequence[str], patterns: Patterns) -> str | None:
    if len(message) > LONGEST_CHOICE:
        return None
    for place, pattern in patterns.places.items():
        if pattern.fullmatch(message.strip(AROUND)):
            number = place - 1 if place > 0 else len(shown) + place
            return shown[number] if 0 <= number < len(shown) else None
    return None


def _named(named: str, titles: Mapping[str, str]) -> str | None:
    said = set(words(named))
    shares = {
        faq_id: len(said & set(words(title))) / max(len(said), 1)
        for faq_id, title in titles.items()
    }
    best = max(shares, key=lambda faq_id: shares[faq_id], default=None)
    if best is None or shares[best] < NAMED_SHARE:
        return None
    return best if list(shares.values()).count(shares[best]) == 1 else None
