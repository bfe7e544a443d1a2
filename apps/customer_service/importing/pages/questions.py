"""Which headings ask something."""

from __future__ import annotations

import re

ASKS = re.compile(
    r"""[?？]\s*$
    | ^(?:how|what|why|when|where|who|which|whose|can|could|do|does|did|is|are|will|would|may
        |should|must|am|i\s(?:can(?:'t|not)?|have|need|want|lost|forgot)
        |my\s\w+\s(?:is|has|was|does|do|won))\b
    | 如何|怎么|怎样|为什么|为何|什么|能否|能不能|可否|可以.*吗|是否|是不是|有没有|哪里|哪些|哪个
    | 多少|多久|多长|几天|吗\s*$""",
    re.VERBOSE | re.IGNORECASE,
)
# "Q3: …", "问：…", "12. …" before a question; "A: …", "答：…" before what answers it.
NUMBER = re.compile(
    r"^\s*(?:(?:q|question|问|问题)\s*\d*\s*[.:：、)）]|\d{1,3}\s*[.、)）])\s*", re.IGNORECASE
)
ANSWER = re.compile(r"^\s*(?:a|answer|答|回答)\s*\d*\s*[:：]\s*", re.IGNORECASE)
LONGEST = 200


def is_question(heading: str) -> bool:
    """Whether it reads like something a customer asks."""
    return len(heading) <= LONGEST and bool(ASKS.search(unnumbered(heading)))


def unnumbered(heading: str) -> str:
    """A heading without its number and without `Q:`."""
    return NUMBER.sub("", heading).strip()
