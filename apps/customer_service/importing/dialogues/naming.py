"""Transcripts in which people go by their names: which lines begin a turn, and who answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apps.customer_service.importing.dialogues.speakers import (
    Side,
    Sides,
    name_of,
    speaker_of,
    told,
)
from apps.customer_service.importing.dialogues.starts import Form, Start
from common.errors import UserError

# How the one whose chat it is goes in it.
SELF = frozenset({"我", "本人", "me", "you"})
# What is no name, but a sentence that ends with a time or holds a colon.
SENTENCE = re.compile(r"[,，.。!！?？;；“”\"]\s|[，。！？；“”]|https?$", re.IGNORECASE)
LONGEST_NAME = 30
WITHOUT_TIME = Form("", day=False, clock=False, colon=True)
UNKNOWN = "who answers is not known"
HINT = "Say who answers: --agents NAME; it may be repeated."


class UnknownNamesError(UserError):
    """A chat goes by names, and nobody said who of them answers."""


@dataclass(frozen=True)
class Names:
    """Who speaks in a file that goes by names.

    Attributes:
        form: of the lines that begin a turn.
        turns: how many there are of each name.
    """

    form: Form
    turns: Mapping[str, int]

    def is_turn(self, start: Start) -> bool:
        """Whether a line begins a turn."""
        return start.form == self.form and name_of(start.label) in self.turns

    def is_notice(self, start: Start) -> bool:
        """Whether a line is the chat app's own: somebody joined, messages are encrypted."""
        is_alike = start.form == self.form._replace(colon=False)
        return is_alike and self.form.clock and self.form.colon

    def sides(self, sides: Sides, where: str) -> Mapping[str, Side]:
        """Which side each name is on.

        Where one side is labelled, by its name or by a usual word, all others are the other one.

        Raises:
            UnknownNamesError: none is.
        """
        known = {name: side for name in self.turns if (side := sides.of(name))}
        labelled = {side for side, _ in known.values()}
        others = [name for name in self.turns if name not in known]
        if others and not labelled & {"agent", "customer"}:
            raise UnknownNamesError(f"{UNKNOWN}: {told(self.turns)}", where=where, hint=HINT)
        asks: Side = ("customer", None)
        for name in others:
            known[name] = asks if "agent" in labelled else ("agent", name)
        return known


def names_in(starts: Iterable[Start], sides: Sides) -> Names | None:
    """Who speaks in a file, if its lines look like a chat in which people go by their names.

    Its turns begin alike: with a time, or where none has one, with a name and a colon.
    """
    found = [start for start in starts if _is_name(start.label)]
    forms = Counter(start.form for start in found if start.form.clock)
    form, count = forms.most_common(1)[0] if forms else (WITHOUT_TIME, 0)
    form = form if count > 1 else WITHOUT_TIME
    turns = Counter(name_of(start.label) for start in found if start.form == form)
    labelled = {name for name in turns if _is_own(name, sides) or speaker_of(name)}
    is_answered = 3 * sum(turns[name] for name in labelled) >= turns.total()
    if form.clock:
        # An agenda has times, too, and every label once.
        is_chat = bool(form.day or labelled) or 2 * len(turns) <= turns.total()
        is_sure = form.day or form.colon or is_answered
    else:
        # A page may have a paragraph on "Support:".
        is_chat = is_sure = is_answered and any(_is_own(name, sides) for name in turns)
    # "We open at 10:30" looks like a name with its time behind it, but does not come again.
    kept = {n: count for n, count in turns.items() if is_sure or count > 1 or n in labelled}
    return Names(form, kept) if is_chat and len(kept) > 1 else None


def _is_name(label: str) -> bool:
    return 0 < len(label.strip()) <= LONGEST_NAME and not SENTENCE.search(label)


def _is_own(name: str, sides: Sides) -> bool:
    """Whether a label is that of one who speaks, and nothing else."""
    return sides.names(name) or name.lower() in SELF
