"""Histories as lines of text, as expectations hold them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.schema import ANONYMOUS, Interaction
from apps.recommender.sessions.past import number_of
from common.errors import UserError
from common.evaluation.stress.perturbations import Perturbation, perturbations
from common.rules.places import near

NOTHING = ("nothing", "什么都没做")
# Seconds between two events.
APART = 3600
COMMA = re.compile(r"\s*[,，]\s*")
WRITTEN = re.compile(r"\s*[;；]\s*items with\s+(?P<change>.*\S)\s*$")


@dataclass(frozen=True)
class History:
    """What was done, oldest first, and how the items' texts are written; None: as they are."""

    events: tuple[tuple[str, str], ...]
    change: str | None = None

    def interactions(self, behaviors: Behaviors, as_of: int) -> list[Interaction]:
        """The events, an hour apart, the last one an hour before `as_of`, seconds since 1970.

        Raises:
            ValueError: the name of a behaviour is not known.
        """
        found = []
        for place, (name, item_id) in enumerate(self.events):
            meaning = behaviors.read(name)
            at = as_of - APART * (len(self.events) - place)
            found.append(
                Interaction(
                    user_id=ANONYMOUS,
                    item_id=item_id,
                    behavior=meaning.behavior,
                    weight=meaning.liking,
                    timestamp=datetime.fromtimestamp(at, UTC),
                )
            )
        return found


def read_history(text: str) -> History:
    """`purchase book-1, dislike book-2`, or `nothing`; then perhaps `; items with typing errors`.

    Raises:
        UserError: an event is not a behaviour and the id of an item.
    """
    written = WRITTEN.search(text)
    change = written["change"] if written else None
    done = (text[: written.start()] if written else text).strip()
    if done in NOTHING:
        return History((), change)
    events = []
    for part in COMMA.split(done):
        *names, item_id = part.split() or [""]
        if not names:
            raise UserError(
                f"{part!r} in {text!r} is not a behaviour and the id of an item",
                hint=f"Write it like 'purchase book-1, dislike book-2', or '{NOTHING[0]}'.",
            )
        events.append((" ".join(names), item_id))
    return History(tuple(events), change)


def perturbation_of(name: str) -> Perturbation:
    """The way to write the items' texts that is called so.

    Raises:
        UserError: there is none.
    """
    known = {one.name: one for one in perturbations()}
    if name not in known:
        raise UserError(f"items with {name!r}: no such way to write", hint=near(name, known))
    return known[name]


def check_histories(texts: Sequence[str], catalogue: Catalogue, behaviors: Behaviors) -> None:
    """See that all can be ranked for, so that a slip of the pen is no failure.

    Raises:
        UserError: one is no history, or has a behaviour or an item that is not known.
    """
    for text in texts:
        history = read_history(text)
        if history.change is not None:
            perturbation_of(history.change)
        try:
            history.interactions(behaviors, as_of=0)
        except ValueError as error:
            raise UserError(f"{text!r}: {error}") from None
        for _, item_id in history.events:
            number_of(item_id, catalogue)
