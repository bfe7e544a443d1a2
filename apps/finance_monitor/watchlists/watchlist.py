"""A watchlist: which stories and alerts concern it, and which false alarms it tolerates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.stories.companies import Entity, EntityList
from apps.finance_monitor.stories.text import prepare
from apps.finance_monitor.surges.alert import Alert
from apps.finance_monitor.surges.budget import Budget, parse_budget
from apps.finance_monitor.surges.keys import company_key, topic_key
from common.errors import UserError
from common.records.fields import Text
from common.records.text import CHINESE

# Words concern an alert if so many of its story lines hold one.
CONCERNED_FROM = 0.5


def _budget(value: object) -> object:
    try:
        return parse_budget(value) if isinstance(value, str) else value
    except UserError as error:
        raise ValueError(str(error)) from None


class Watchlist(BaseModel):
    """What somebody watches; a story or an alert concerns it by any of the three."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    companies: list[Text] = []
    topics: list[Text] = []
    words: list[Text] = []
    notify: list[Text] = Field([], description="Addresses, as of --notify.")
    false_alarms: Annotated[Budget | None, BeforeValidator(_budget)] = Field(
        None, description='Tolerated on this list: "1 per 7d". Default: no further ones.'
    )

    @model_validator(mode="after")
    def _watches_something(self) -> Watchlist:
        if not (self.companies or self.topics or self.words):
            raise ValueError("neither companies nor topics nor words")
        return self

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys that it watches; its words may be in the stories of any key."""
        companies = (company_key(name) for name in self.companies)
        return frozenset([*companies, *(topic_key(name) for name in self.topics)])

    @cached_property
    def _words(self) -> EntityList:
        return EntityList([Entity(name=word) for word in self.words])

    def watches(self, key: str) -> bool:
        """Whether an alert on this key may concern it."""
        return key in self.keys or bool(self.words)

    def concerns(self, story: ScoredRecord) -> bool:
        """Whether a story names a company or one of the words, or has one of the topics."""
        return (
            not {*self.companies}.isdisjoint(story.entities)
            or any(topic.name in self.topics for topic in story.topics)
            or self._holds_word(story.content)
        )

    def concerns_alert(self, alert: Alert) -> bool:
        """Whether it watches the key of the alert, or half of the story lines hold a word."""
        if alert.key in self.keys:
            return True
        held = [self._holds_word(line.headline) for line in alert.evidence]
        return bool(held) and sum(held) >= CONCERNED_FROM * len(held)

    def exposed_to(self, alert: Alert) -> str:
        """Its companies that are exposed to an alert which does not concern it itself.

        Its own budget is for what it watches: this is told of what reaches the general one.
        """
        if not alert.general or self.concerns_alert(alert):
            return ""
        exposed = [one.company for one in alert.exposed if one.company in self.companies]
        return ("、" if CHINESE.search(alert.key) else ", ").join(exposed)

    def _holds_word(self, text: str) -> bool:
        return bool(self.words) and bool(self._words.find(prepare(text)))


def seen_by(watchlist: Watchlist | None, alert: Alert) -> Alert | None:
    """The alert as who looks at a list, or at all news, sees it; None: it does not concern them."""
    if watchlist is None:
        return alert if alert.general else None
    if watchlist.concerns_alert(alert):
        return alert
    indirect = watchlist.exposed_to(alert)
    return alert.marked(indirect) if indirect else None


def named(watchlists: Sequence[Watchlist], name: str) -> Watchlist:
    """The list of that name.

    Raises:
        UserError: there is none.
    """
    from common.rules.places import near

    found = next((one for one in watchlists if one.name == name), None)
    if found is None:
        hint = near(name, [one.name for one in watchlists])
        raise UserError(f"there is no watchlist {name!r}", hint=hint)
    return found
