"""The quantities that a text names: each number with its unit, however it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass

from common.records.text import normalise

# What stands behind a number → its unit and what it measures.
UNITS = {
    **dict.fromkeys(("seconds", "second", "秒"), ("second", "time")),
    **dict.fromkeys(("minutes", "minute", "mins", "min", "分钟"), ("minute", "time")),
    **dict.fromkeys(("hours", "hour", "个小时", "小时"), ("hour", "time")),
    **dict.fromkeys(
        ("working days", "working day", "business days", "business day", "个工作日", "工作日"),
        ("working day", "time"),
    ),
    **dict.fromkeys(("days", "day", "个自然日", "天", "日"), ("day", "time")),
    **dict.fromkeys(("weeks", "week", "个星期", "星期", "周"), ("week", "time")),
    **dict.fromkeys(("months", "month", "个月", "月"), ("month", "time")),
    **dict.fromkeys(("years", "year", "年"), ("year", "time")),
    **dict.fromkeys(("am", "a.m", "点"), ("am", "clock")),
    **dict.fromkeys(("pm", "p.m"), ("pm", "clock")),
    **dict.fromkeys(("pounds", "pound"), ("£", "money")),
    **dict.fromkeys(("euros", "euro", "欧元"), ("€", "money")),
    **dict.fromkeys(("dollars", "dollar", "美元"), ("$", "money")),
    **dict.fromkeys(("yuan", "元", "块"), ("元", "money")),
    **dict.fromkeys(("%", "percent", "per cent"), ("%", "share")),
    **{one: (one, "count") for one in ("岁", "次", "张", "笔", "把", "家", "位", "条", "页", "期")},
    **{one: (one, "count") for one in ("种", "个", "类", "倍", "公里", "times")},
}
SIGNS = {"£": "£", "€": "€", "$": "$", "¥": "元"}
# A tenth of a yuan.
TENTHS = frozenset({"毛", "角"})
SPELLED = {
    **{"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9},
    **{"one": 1, "ten": 10, "eleven": 11, "twelve": 12, "fourteen": 14, "fifteen": 15},
    **{"twenty": 20, "thirty": 30, "forty-five": 45, "sixty": 60, "ninety": 90},
}
DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2}
POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
PHONE = re.compile(r"\+?\d[\d\- ]{6,}\d")
LEAST_PHONE_DIGITS = 8
CLOCK = re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?!\d)")
FRACTION = re.compile(r"([百千万])分之([零一二两三四五六七八九十百\d.]+)")
RATE = re.compile(
    r"\b(?:a|an|per|every|each)\s(?P<en>second|minute|hour|day|week|month|year)\b"
    r"|\b(?P<ly>dai|week|month|year)ly\b|每(?P<zh>日|天|周|月|年)"
)
RATE_UNITS = {"dai": "day", "日": "day", "天": "day", "周": "week", "月": "month", "年": "year"}
# What costs nothing.
FREE = re.compile(r"\bfree\b|免(?!密|息|责|疫)")
_unit = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_spelled = "|".join(sorted(SPELLED, key=len, reverse=True))
_digits = r"\d+(?:,\d{3})*(?:\.\d+)?"
_chinese = "[零一二两三四五六七八九十百千万亿半]+"
NUMBER = re.compile(
    rf"(?P<sign>[£€$¥])?\s?(?P<number>{_digits}|\b(?:{_spelled})\b|{_chinese})"
    rf"(?P<power>[千万亿])?(?:[\s-]?(?P<unit>(?:{_unit})(?![a-z])|毛|角))?"
)
RANGE = re.compile(
    rf"\s?(?:-|–|—|~|to|or|and|至|到)\s?(?={NUMBER.pattern.replace('?P<', '?P<next_')})"
)


@dataclass(frozen=True)
class Quantity:
    """A number in a text.

    Attributes:
        value: canonical: `1,000` and `1000` are alike, and so are `3` and `三`.
        unit: canonical, empty where none is named.
        kind: what it measures: time, clock, money, share, count, phone, or rate (as in `a month`).
        start: its place in the normalised text, in lower case.
    """

    value: str
    unit: str
    kind: str
    start: int

    def is_said_by(self, other: Quantity) -> bool:
        """Whether another text's quantity is this one; a unit that is left out may be any."""
        is_unit = self.unit == other.unit or not self.unit
        return self.value == other.value and (is_unit or (not other.unit and self.kind != "money"))


def quantities(text: str) -> list[Quantity]:
    """Those of a text, in their order."""
    text = normalise(text).lower()
    found: list[Quantity] = []

    def take(match: re.Match[str], value: str, unit: str, kind: str) -> str:
        found.append(Quantity(value, unit, kind, match.start()))
        return " " * len(match[0])

    def phone(match: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", match[0])
        return take(match, digits, "", "phone") if len(digits) >= LEAST_PHONE_DIGITS else match[0]

    text = PHONE.sub(phone, text)
    text = CLOCK.sub(lambda m: take(m, f"{int(m[1])}:{m[2]}", "", "clock"), text)
    text = FRACTION.sub(lambda m: take(m, f"{_value(m[2]) / POWERS[m[1]]:g}", "%", "share"), text)
    for match in RATE.finditer(text):
        unit = match["en"] or match["ly"] or match["zh"]
        found.append(Quantity("per", RATE_UNITS.get(unit, unit), "rate", match.start()))
    found += [Quantity("0", "", "money", match.start()) for match in FREE.finditer(text)]
    for match in NUMBER.finditer(text):
        if quantity := _read(match, text):
            found.append(quantity)
    return sorted(found, key=lambda one: one.start)


def _read(match: re.Match[str], text: str) -> Quantity | None:
    number, unit, sign = match["number"], match["unit"], match["sign"]
    if unit is None and not sign and (following := RANGE.match(text, match.end())):
        unit = following["next_unit"]
        sign = following["next_sign"] if not unit else None
    is_word = not number[0].isdigit()
    # 一般 and 任一 name no number, and "the old one" none either.
    if is_word and unit is None and number not in SPELLED.keys() - {"one"}:
        return None
    if number == "一" and unit in {"个", "类", "次", "种", "家", "条", "位"}:
        return None
    value = _value(number) * POWERS.get(match["power"] or "", 1)
    if unit in TENTHS:
        value, unit = value / 10, "元"
    name, kind = ("", "count") if unit is None else UNITS[unit]
    if sign:
        name, kind = SIGNS[sign], "money"
    if kind == "share":
        value /= 100
    return Quantity(f"{value:.10g}", name, kind, match.start())


def _value(number: str) -> float:
    if number in SPELLED:
        return SPELLED[number]
    if number[0].isdigit():
        return float(number.replace(",", ""))
    if number == "半":
        return 0.5
    total = section = digit = 0
    for character in number:
        power = POWERS.get(character)
        if power is None:
            digit = DIGITS.get(character, 0)
        elif power >= 10_000:
            total, section, digit = (total + section + digit) * power, 0, 0
        else:
            section, digit = section + (digit or 1) * power, 0
    return total + section + digit
