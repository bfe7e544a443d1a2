"""What a text must keep to mean what it means: numbers, amounts, placeholders, negations."""

from __future__ import annotations

import re

UNITS = (
    r"(?:\s?(?:%|‰|percent|hundred|thousand|million|billion|trillion|bn|mn|dollars?|euros?|pounds?"
    r"|yuan|rmb|usd|eur|gbp|cny|cents?|hours?|days?|weeks?|months?|years?)(?![a-z])"
    r"|[%‰元块角分万亿千百十个次天日月年号点时秒周岁倍成人笔张]+)"
)
NUMBER_WORDS = (
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty"
    "|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|half|double|twice|dozen"
    "|percent"
)
NEGATIONS = (
    "no|not|never|none|nobody|nothing|nowhere|neither|nor|without|cannot|hardly|barely"
    r"|[a-z]{1,10}n['’]t|(?:do|does|did|ca|wo|is|are|was|were|could|would|should|have|has|had)nt"
)
CHINESE_NEGATION = "[不没沒无無未非别別勿莫否]"
# Not `\b`: a Chinese character before a word is a letter, too.
LEFT, RIGHT = "(?<![a-z])", "(?![a-z])"
PROTECTED = re.compile(
    r"<[^<>\s]{1,40}>|\[[^\[\]]{1,80}\]|\{[^{}\s]{1,40}\}"  # placeholders, marked companies
    r"|https?://[!-~]+|(?<![a-z0-9.+_-])[a-z0-9.+_-]{1,64}@[a-z0-9.-]+|\$[a-z][a-z0-9.]*"
    rf"|[$€£¥￥]?\s?[a-z]{{0,10}}\d[\d.,:/-]*[a-z]{{0,10}}(?:{UNITS})*"
    rf"|[〇零一二两三四五六七八九十百千万亿半几]+(?:{UNITS})*"
    rf"|{LEFT}(?:{NUMBER_WORDS}){RIGHT}(?:{UNITS})*|{LEFT}(?:{NEGATIONS}){RIGHT}"
    rf"|{CHINESE_NEGATION}",
    re.IGNORECASE,
)
NEGATION = re.compile(f"(?:{NEGATIONS})|.*{CHINESE_NEGATION}.*", re.IGNORECASE)


def protected(text: str) -> list[str]:
    """What may not change, in its order; a change that gives another list is none to learn from."""
    return [found.group().strip() for found in PROTECTED.finditer(text)]


def protected_places(text: str) -> set[int]:
    """Numbers of the characters that may not change."""
    return {place for found in PROTECTED.finditer(text) for place in range(*found.span())}
