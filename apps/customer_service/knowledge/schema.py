"""Knowledge as it is edited: entries, how each stands, and one version of one in the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from apps.customer_service.schema import Faq
from common.records.fields import Text
from common.records.personal import prepare

LONGEST_ID = 200
Kind = Literal["add", "edit", "remove", "publish", "reject", "undo", "correct", "file", "purge"]
State = Literal["published", "scheduled", "expired", "draft", "removed"]


class Mined(BaseModel):
    """What speaks for an answer that was mined from dialogues, for who decides on it.

    Attributes:
        score: 0 to 1, of the answer.
        dialogues: in which it was asked.
        agreeing: of them, those in which the answer was given.
        thanked, doubted, asked_again: of these, those in which the customer thanked, doubted it,
            or came back with it within three days.
        other_answers: what contradicts it, as other agents said it.
    """

    score: float
    dialogues: int
    agreeing: int
    thanked: int = 0
    doubted: int = 0
    asked_again: int = 0
    other_answers: list[Text] = Field(default_factory=list)


class Proposed(Faq):
    """An FAQ as it is proposed, with its evidence where it was mined."""

    mined: Mined | None = None


class Entry(Proposed):
    """An FAQ that people edit; its evidence is kept while it waits as a draft.

    Attributes:
        heard: wordings of customers that trusted corrections brought, masked. They are searched
            as `similar_questions` are, and are kept apart so that they can be purged.
    """

    heard: list[Text] = Field(default_factory=list)

    @classmethod
    def of(cls, faq: Faq) -> Entry:
        """An FAQ of a release or of a file."""
        return cls.model_validate(faq.model_dump())

    def holds(self, search: str) -> bool:
        """Whether every word of a search stands somewhere in it."""
        texts = (self.id, *self.variants, *self.heard, self.answer, *self.tags)
        whole = "\n".join(texts).casefold()
        return all(word in whole for word in search.casefold().split())

    @property
    def own(self) -> Faq:
        """The FAQ as the business wrote it, without what customers say."""
        return Faq.model_validate(self.model_dump(exclude={"heard", "mined"}))

    @property
    def served(self) -> Faq:
        """The FAQ that it stands for, all wordings included."""
        known = {prepare(text) for text in self.variants}
        heard = [text for text in self.heard if prepare(text) not in known]
        faq = self.model_dump(exclude={"heard", "mined"})
        return Faq.model_validate(faq | {"similar_questions": [*self.similar_questions, *heard]})


def same(one: Faq | None, other: Faq | None) -> bool:
    """Whether two FAQs say the same, in whatever order."""
    return one is other or (one is not None and other is not None and facts(one) == facts(other))


def facts(faq: Faq) -> dict[str, object]:
    """What differences are told by; wordings in their alphabet's order."""
    values = faq.model_dump(mode="json", exclude={"id", "heard", "mined"}, exclude_none=True)
    return values | {"similar_questions": sorted(set(faq.similar_questions))}


class Standing(BaseModel):
    """What is served of an FAQ, and what waits to be published; neither: it is removed."""

    model_config = ConfigDict(frozen=True)

    live: Entry | None = None
    draft: Entry | None = None

    @property
    def entries(self) -> list[Entry]:
        """Those that there are."""
        return [entry for entry in (self.live, self.draft) if entry is not None]


class Version(BaseModel):
    """One row of the history: how an FAQ stands since a change, and how it stood before.

    Attributes:
        change: rows with one number were changed together; numbers only grow.
        at: seconds since 1970, UTC.
        before: None if there was no such FAQ.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)

    change: int
    faq_id: str
    at: float
    author: str
    kind: Kind
    live: Entry | None = None
    draft: Entry | None = None
    before: Standing | None = None

    @property
    def standing(self) -> Standing:
        """How the FAQ stands since."""
        return Standing(live=self.live, draft=self.draft)


@dataclass(frozen=True)
class Edit:
    """A change that is wanted of one FAQ.

    Attributes:
        version: of the change that was seen last of it; 0 if there was none.
    """

    faq_id: str
    version: int
    before: Standing | None
    after: Standing


@dataclass(frozen=True)
class Edited:
    """How an FAQ stands that was ever edited.

    Attributes:
        last: the change that it stands so since; None: it is as the release has it.
        unsaid: wordings that a correction brought and that were taken back.
    """

    standing: Standing
    last: Version | None = None
    unsaid: frozenset[str] = frozenset()

    @property
    def version(self) -> int:
        """What the next edit must have seen."""
        return self.last.change if self.last else 0

    @property
    def was(self) -> Entry | None:
        """What was served or proposed last, of one that is removed."""
        before = self.last.before if self.last else None
        is_removed = not self.standing.entries
        return (before.draft or before.live) if is_removed and before else None

    @property
    def shown(self) -> Entry | None:
        """What it is about, however it stands."""
        return self.standing.draft or self.standing.live or self.was

    def then(self, version: Version) -> Edited:
        """How it stands after a further change."""
        said, says = self.standing.live, version.live
        unsaid = self.unsaid | frozenset(said.heard if said else ())
        unsaid -= frozenset(says.heard if says else ())
        return Edited(version.standing, version, unsaid)

    def state(self, at: datetime) -> State:
        """In a word."""
        live = self.standing.live
        if self.standing.draft is not None:
            return "draft"
        if live is None:
            return "removed"
        if live.is_valid(at):
            return "published"
        return "scheduled" if live.valid_from and at < live.valid_from else "expired"


@dataclass(frozen=True)
class Knowledge:
    """What the release holds, and what was edited since.

    Attributes:
        released: by id, the FAQs of the release that serves.
        edited: by id, those that were ever edited.
    """

    released: Mapping[str, Faq] = field(default_factory=dict)
    edited: Mapping[str, Edited] = field(default_factory=dict)

    def get(self, faq_id: str) -> Edited | None:
        """How an FAQ stands; None if there never was one."""
        if faq_id in self.edited:
            return self.edited[faq_id]
        faq = self.released.get(faq_id)
        return Edited(Standing(live=Entry.of(faq))) if faq else None

    @property
    def all(self) -> dict[str, Edited]:
        """Every FAQ: the release's first, in its order."""
        ids = dict.fromkeys([*self.released, *self.edited])
        return {faq_id: found for faq_id in ids if (found := self.get(faq_id))}

    @property
    def live(self) -> dict[str, Entry]:
        """What is served, whatever the time."""
        standing = ((faq_id, one.standing.live) for faq_id, one in self.all.items())
        return {faq_id: live for faq_id, live in standing if live is not None}

    def after(self, edits: list[Edit]) -> Knowledge:
        """As if `edits` had been made, for a look at what would change."""
        changed = {
            one.faq_id: replace(self.get(one.faq_id) or Edited(one.after), standing=one.after)
            for one in edits
        }
        return replace(self, edited={**self.edited, **changed})


def fold(edited: Mapping[str, Edited], versions: Sequence[Version]) -> dict[str, Edited]:
    """How FAQs stand after further versions, oldest first."""
    found = dict(edited)
    for version in versions:
        before = Edited(version.before or Standing())
        found[version.faq_id] = found.get(version.faq_id, before).then(version)
    return found
