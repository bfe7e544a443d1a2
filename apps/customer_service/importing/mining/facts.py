"""The amounts an answer names, by which two answers are seen to disagree."""

from __future__ import annotations

import re
from collections.abc import Mapping

from common.records.text import normalise

HOURS = {
    **dict.fromkeys(("minute", "minutes", "min", "mins", "分钟"), 1 / 60),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h", "小时", "个小时", "钟头"), 1),
    **dict.fromkeys(("day", "days", "天", "日", "工作日", "个工作日", "自然日", "个自然日"), 24),
    **dict.fromkeys(("week", "weeks", "周", "星期", "个星期", "礼拜"), 7 * 24),
    **dict.fromkeys(("month", "months", "个月", "月"), 30 * 24),
    **dict.fromkeys(("year", "years", "年"), 365 * 24),
}
WORDS = {
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    **{"nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fourteen": 14, "fifteen": 15},
    **{"twenty": 20, "twenty-one": 21, "twenty-four": 24, "thirty": 30, "forty-five": 45},
    **{"forty-eight": 48, "sixty": 60, "ninety": 90, "hundred": 100, "a": 1, "an": 1},
}
DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2}
SPELLED = "|".join(sorted(WORDS, key=len, reverse=True))
NUMBER = rf"\d+(?:[.,]\d+)*|\b(?:{SPELLED})\b|[零一二两三四五六七八九十百半]+"
BETWEEN = r"\s*(?:-|–|—|~|to|and|or|到|至|或)\s*"
UNITS = "|".join(sorted(HOURS, key=len, reverse=True))
# 3 to 5 working days, 七天, 15个工作日内
TIME = re.compile(
    rf"(?:(?P<low>{NUMBER}){BETWEEN})?(?P<high>{NUMBER})[\s-]*"
    rf"(?:(?:working|business|calendar|full|whole|consecutive)[\s-])?(?P<unit>{UNITS})(?![a-z])",
    re.IGNORECASE,
)
MONEY = re.compile(
    r"(?:(?:us|hk|a|c)?[$€£¥]|rmb|usd|eur|gbp|cny)\s?(?P<before>\d+(?:[.,]\d+)*)"
    r"|(?P<after>\d+(?:[.,]\d+)*)\s?(?:元|块|圆|人民币|美元|欧元|yuan|rmb|dollars?|euros?|pounds?|usd|eur|gbp|cny|[$€£¥])",
    re.IGNORECASE,
)
SHARE = re.compile(r"(\d+(?:[.,]\d+)?)\s?(?:%|percent|per cent|折)", re.IGNORECASE)
CLOCK = re.compile(
    r"\b(\d{1,2})(?::(\d{2}))?\s?([ap])\.?m\b"
    # Not \b: a Chinese character before it is a letter, too.
    r"|(?P<later>下午|傍晚|晚上)?\s?(?<![\d:])(?P<hour>\d{1,2})"
    r"(?::(?P<minute>\d{2})(?![\d:])|点(?P<half>半)?)",
    re.IGNORECASE,
)
MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATE = re.compile(
    r"\d{4}[-/.年]\d{1,2}(?:[-/.月]\d{1,2})?|\d{1,2}月\d{1,2}[日号]|(?<![$€£¥])\b20\d{2}\b"
    rf"|\b(?:\d{{1,2}}(?:st|nd|rd|th)?\s)?{MONTH}\.?\s\d{{1,2}}\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{MONTH}",
    re.IGNORECASE,
)
FREE = re.compile(
    r"\bfree(?: of charge)?\b|\bno (?:charge|fee|cost)\b|免费|包邮|不收费|无需付费|不用钱",
    re.IGNORECASE,
)

Facts = Mapping[str, frozenset[str]]


def facts_of(text: str) -> Facts:
    """The amounts in a text, by kind: time in hours, money, shares, clock times, dates.

    Days and working days are one kind: people do not keep them apart.
    """
    text = normalise(text).lower()
    dates = DATE.findall(text)
    text = DATE.sub(" ", text)
    found = {
        "date": {re.sub(r"\W+", " ", date).strip() for date in dates},
        "money": {_plain(m["before"] or m["after"]) for m in MONEY.finditer(text)},
        "share": {_plain(share) for share in SHARE.findall(text)},
        "clock": {_clock(match) for match in CLOCK.finditer(text)},
        "time": {value for match in TIME.finditer(text) for value in _hours(match)},
    }
    if not found["money"] and FREE.search(text):
        found["money"] = {"0"}
    return {kind: frozenset(values) for kind, values in found.items() if values}


def disagree(one: Facts, other: Facts) -> set[str]:
    """The kinds of amounts that both name, and none of them alike."""
    return {kind for kind in one.keys() & other.keys() if not one[kind] & other[kind]}


def _hours(match: re.Match[str]) -> list[str]:
    numbers = [value for part in ("low", "high") if (value := _number(match[part]))]
    return [f"{value * HOURS[match['unit'].lower()]:g}" for value in numbers]


def _number(text: str | None) -> float:
    if not text:
        return 0.0
    if text in WORDS:
        return WORDS[text]
    if text[0].isdigit():
        return float(_plain(text))
    if text == "半":
        return 0.5
    hundreds, hundred, below = text.rpartition("百")
    whole = 100 * DIGITS.get(hundreds, 1) if hundred else 0
    tens, ten, ones = below.lstrip("零").partition("十")
    if not ten:
        return whole + DIGITS.get(tens, 0)
    return whole + 10 * DIGITS.get(tens, 1) + DIGITS.get(ones, 0)


def _plain(number: str) -> str:
    """A number without separators: 1,000 and 1000 are the same, 9.90 and 9.9 too."""
    number = re.sub(r",(?=\d{3}(?:\D|$))", "", number).replace(",", ".")
    try:
        return f"{float(number):g}"
    except ValueError:
        return number


def _clock(match: re.Match[str]) -> str:
    hour = int(match[1] or match["hour"])
    is_later = match[3] in {"p", "P"} or match["later"]
    if is_later and hour < 12:
        hour += 12
    elif match[3] in {"a", "A"} and hour == 12:
        hour = 0
    return f"{hour}:{match[2] or match['minute'] or ('30' if match['half'] else '00')}"
