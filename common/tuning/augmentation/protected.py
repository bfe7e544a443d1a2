"""What a text must keep to mean what it means: numbers, amounts, placeholders, negations."""

from __future__ import annotations

import re

from common.records.text import CHINESE

UNITS = (
    r"(?:\s?(?:%|‰|percent|hundred|thousand|million|billion|trillion|bn|mn|dollars?|euros?|pounds?"
    r"|yuan|rmb|usd|eur|gbp|cny|cents?|hours?|days?|weeks?|months?|years?)(?![a-z])"
    r"|[%‰元块角分万亿千百十个次天日月年号点时秒周岁倍成人笔张]+)"
)
NUMBER_WORDS = (
    r"\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty"
    r"|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|half|double|twice|dozen"
    r"|percent)\b"
)
NEGATED_VERBS = (
    r"(?:do|does|did|ca|wo|is|are|was|were|could|would|should|have|has|had|must|need|ai)nt"
)
PROTECTED = re.compile(
    r"<[^<>\s]+>|\[[^\[\]]+\]|\{[^{}\s]+\}"  # placeholders, and a company that is marked
    r"|https?://[!-~]+|[\w.+-]+@[\w-]+\.[\w.-]+|\$[A-Za-z][\w.]*"
    rf"|[$€£¥￥]?\s?[A-Za-z]*\d[\d.,:/-]*[A-Za-z]*(?:{UNITS})*"
    rf"|[〇零一二两三四五六七八九十百千万亿半几]+(?:{UNITS})*|{NUMBER_WORDS}"
    r"|\b(?:no|not|never|none|nobody|nothing|nowhere|neither|nor|without|cannot|hardly|barely)\b"
    rf"|\b[a-z]+n['’]t\b|\b{NEGATED_VERBS}\b|[不没沒无無未非别別勿莫否]",
    re.IGNORECASE,
)
NEGATION = re.compile(
    r"(?:no|not|never|none|neither|nor|without|cannot|hardly|barely|.+n['’]?t)|.*[不没沒无無未非别別勿莫否]",
    re.IGNORECASE,
)
CHINESE_RUN = re.compile(f"{CHINESE.pattern}+")


def protected(text: str) -> list[str]:
    """What may not change, in its order; a change that gives another list is none to learn from."""
    return [found.group().strip() for found in PROTECTED.finditer(text)]


def protected_places(text: str) -> set[int]:
    """Numbers of the characters that may not change."""
    return {place for found in PROTECTED.finditer(text) for place in range(*found.span())}
