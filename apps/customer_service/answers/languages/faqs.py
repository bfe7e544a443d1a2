"""Which FAQs are in the language of who asks."""

from __future__ import annotations

from collections.abc import Iterable

from apps.customer_service.schema import Faq
from common.records.spoken.language import language_of_both, primary, spoken_language
from common.records.text import language_of


def group_of(faq: Faq) -> str:
    """What FAQs that say the same in several languages have in common."""
    return faq.translation_of or faq.id


def is_in(faq: Faq, language: str) -> bool:
    """Whether an FAQ is in a language, whatever its country or script."""
    return primary(faq.language or "") == primary(language)


def other_language(question: str, faq: Faq) -> str | None:
    """The answer's language, if who asked in words of another may not read it.

    Nothing where that is not sure: a word or two may be of either language, unless the scripts
    differ.
    """
    if faq.language is None or not any(character.isalpha() for character in question):
        return None
    asked = spoken_language(question)
    if asked is None:
        is_same = language_of(question) == language_of(faq.question)
    else:
        # A release's FAQs may be labelled by their script, which calls French English.
        by_script = is_in(faq, language_of(faq.question))
        said = language_of_both(faq.question, faq.answer) if by_script else faq.language
        is_same = is_in(faq, asked) or asked == said
    return None if is_same else faq.language


def other_than_asked(languages: Iterable[str | None]) -> str | None:
    """Of a reply of several parts, what `other_language` says of the first that it says it of."""
    return next((one for one in languages if one), None)
