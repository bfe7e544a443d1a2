"""Personal data masked, before anything is stored, logged, searched or learned from.

The mask says what stood there (`<card>`), so that a model can go by it. What counts, and what is
kept, stands in `personal.toml`; numbers with a check digit are masked only where it is right.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from common.errors import UserError
from common.files import read_toml
from common.records.text import normalise

RULES = Path(__file__).with_name("personal.toml")
# Characters before a number in which it is said what it is.
CONTEXT = 24
# The first two digits of a Chinese ID (GB/T 2260), with those of residence permits.
PROVINCES = (
    *(11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46),
    *(50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83),
)
FEWEST_DIGITS = re.compile(r"\d(?:\D{0,3}\d){6}")


@dataclass(frozen=True)
class Names:
    """Chinese surnames of one and two characters; words that are no name, or within one."""

    surnames: frozenset[str]
    long_surnames: frozenset[str]
    never: frozenset[str]
    particles: frozenset[str]


@dataclass(frozen=True)
class _Pattern:
    kind: str
    expression: re.Pattern[str]
    group: str | int
    check: Callable[[str, Names], str] | None


@dataclass(frozen=True)
class Masking:
    """The rules of one file, ready to be applied."""

    patterns: tuple[_Pattern, ...]
    countries: tuple[str, ...]
    keep_before: re.Pattern[str]
    keep_numbers: tuple[re.Pattern[str], ...]
    names: Names

    def __call__(self, text: str) -> str:
        """A normalised text with masks instead of what is personal."""
        for pattern in self.patterns:
            text = _replace(text, pattern.kind, self._matches(pattern, text))
        if FEWEST_DIGITS.search(text):
            text = _replace(text, "phone", self._phones(text))
        return text

    def _matches(self, pattern: _Pattern, text: str) -> Iterator[tuple[int, int]]:
        for match in pattern.expression.finditer(text):
            start, end = match.span(pattern.group)
            # A check may find that less of it is personal than the pattern took.
            personal = match[pattern.group]
            if pattern.check is not None:
                personal = pattern.check(personal, self.names)
            if personal and not self._is_kept(text, start):
                yield start, min(end, start + len(personal))

    def _phones(self, text: str) -> Iterator[tuple[int, int]]:
        from phonenumbers import Leniency, PhoneNumberMatcher

        kept = [match.span() for one in self.keep_numbers for match in one.finditer(text)]
        found: set[tuple[int, int]] = set()
        for country in self.countries:
            matcher = PhoneNumberMatcher(text, country, leniency=Leniency.VALID)
            found |= {(match.start, match.end) for match in matcher}
        last = -1
        for start, end in sorted(found, key=lambda span: (span[0], -span[1])):
            is_line = any(start < stop and begin < end for begin, stop in kept)
            if start >= last and not is_line and not self._is_kept(text, start):
                yield start, end
                last = end

    def _is_kept(self, text: str, start: int) -> bool:
        return bool(self.keep_before.search(text[max(0, start - CONTEXT) : start]))


def mask(text: str) -> str:
    """A normalised text with personal data masked, by the bundled rules."""
    return load_masking(RULES)(text)


def prepare(text: str) -> str:
    """The spelling that is stored, searched and read by models: normalised and masked."""
    return mask(normalise(text))


@cache
def load_masking(path: Path) -> Masking:
    """Read rules of the form of `personal.toml`.

    Raises:
        UserError: not TOML, or a rule that cannot be read.
    """
    rules = read_toml(path)
    try:
        return Masking(
            patterns=tuple(
                _Pattern(
                    rule["kind"],
                    re.compile(rule["pattern"], re.VERBOSE),
                    rule.get("group", 0),
                    CHECKS[rule["check"]] if "check" in rule else None,
                )
                for rule in rules["pattern"]
            ),
            countries=tuple(rules["phone"]["countries"]),
            keep_before=re.compile(rules["keep"]["before"], re.VERBOSE),
            keep_numbers=tuple(re.compile(one) for one in rules["keep"]["numbers"]),
            names=Names(**{name: frozenset(words) for name, words in rules["names"].items()}),
        )
    except (KeyError, TypeError) as error:
        raise UserError(f"a rule lacks or mistakes {error}", where=str(path)) from None
    except (re.error, OverflowError, RecursionError) as error:
        raise UserError(f"not a regular expression: {error}", where=str(path)) from None


def _replace(text: str, kind: str, spans: Iterator[tuple[int, int]]) -> str:
    parts, last = [], 0
    for start, end in spans:
        parts += [text[last:start], f"<{kind}>"]
        last = end
    return "".join([*parts, text[last:]])


def _card(text: str, _: Names) -> str:
    from stdnum import luhn

    digits = re.sub(r"\D", "", text)
    issued = digits[0] in "3456" or "2221" <= digits[:4] <= "2720"
    return text if issued and len(set(digits)) > 1 and luhn.is_valid(digits) else ""


def _chinese_id(text: str, _: Names) -> str:
    """Province, date of birth and check digit (GB 11643).

    Not the district: whoever was born before it was made may bear its number all the same.
    """
    from stdnum.cn import ric
    from stdnum.exceptions import ValidationError

    number = text.upper()
    with suppress(ValidationError):
        ric.get_birth_date(number)
        if int(number[:2]) in PROVINCES and ric.calc_check_digit(number) == number[-1]:
            return text
    return ""


def _iban(text: str, _: Names) -> str:
    from stdnum import iban

    # The pattern may have taken the next word along.
    parts = text.split(" ")
    for count in range(len(parts), 0, -1):
        if iban.is_valid("".join(parts[:count])):
            return " ".join(parts[:count])
    return ""


def _ip(text: str, _: Names) -> str:
    with suppress(ValueError):
        return text if ipaddress.ip_address(text) else ""
    return ""


def _mixed(text: str, _: Names) -> str:
    return text if re.search(r"\d", text) and re.search(r"[A-Z]", text) else ""


def _chinese_name(text: str, names: Names) -> str:
    if text[:2] in names.long_surnames:
        return text[:4]
    return text[:3] if text[0] in names.surnames else ""


def _english_name(text: str, names: Names) -> str:
    """Up to three words of a name, and the particles between them.

    After a capitalised name only capitalised words go on with it; all in lower case, two do.
    """
    words = text.split()
    is_capitalised = words[0][0].isupper()
    taken = end = 0
    for place, word in enumerate(words):
        if taken and word in names.particles:
            continue
        if word.lower() in names.never or (is_capitalised and word[0].islower()):
            break
        taken, end = taken + 1, place + 1
        if taken == (3 if is_capitalised else 2):
            break
    return " ".join(words[:end])


CHECKS: dict[str, Callable[[str, Names], str]] = {
    "card": _card,
    "chinese_id": _chinese_id,
    "chinese_name": _chinese_name,
    "english_name": _english_name,
    "iban": _iban,
    "ip": _ip,
    "mixed": _mixed,
}
