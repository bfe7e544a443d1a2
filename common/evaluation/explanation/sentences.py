"""A decision in a sentence: for whom it concerns, and for who checks it, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.evaluation.explanation.explanation import Explanation
from common.files import read_toml

EVIDENCE = Path(__file__).with_name("sentences.toml")
LANGUAGES = ("en", "zh")
MOST_WORDS = 5

Sentences = dict[str, dict[str, str]]


def sentences(
    templates: Path, decision: str, found: Explanation, values: Mapping[str, Any]
) -> Sentences:
    """What an application says of a decision.

    Args:
        templates: TOML, language → `customer` and `auditor` → decision → a sentence with places
            to fill in; and language → `names` → what a value is called there.
        values: for the places; `release`: the one that decided.

    Returns:
        `customer` and `auditor` → language → text; the auditor's ends in the evidence.
    """
    own, evidence = read_toml(templates), read_toml(EVIDENCE)
    made: Sentences = {"customer": {}, "auditor": {}}
    for language in LANGUAGES:
        names = own[language].get("names", {})
        filled = {
            key: names.get(value, value) if isinstance(value, str) else value
            for key, value in values.items()
        }
        for reader, by_language in made.items():
            by_language[language] = own[language][reader][decision].format_map(filled)
        made["auditor"][language] += _evidence(found, evidence[language], str(values["release"]))
    return made


def _evidence(found: Explanation, words: Mapping[str, str], release: str) -> str:
    said = ""
    if found.attributions:
        strongest = sorted(found.attributions[0].words, key=lambda word: -word.weight)
        counted = [f"“{word.text}”" for word in strongest[:MOST_WORDS] if word.weight > 0]
        said += words["words"].format(words=words["between"].join(counted)) if counted else ""
    if found.neighbours:
        nearest = found.neighbours[0]
        said += words["nearest"].format(
            text=nearest.text, label=nearest.label or "–", cosine=nearest.cosine
        )
    if said and found.release_id != release:
        said += words["later"].format(release=found.release_id)
    return said
