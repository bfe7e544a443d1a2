"""The knowledge of a store, for the command line: what serves, and what was edited since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.customer_service.data import read_faqs_of
from apps.customer_service.knowledge.schema import Edit, Kind, Knowledge, facts, same
from apps.customer_service.knowledge.store import APPLICATION, KnowledgeStore
from common.files import read_json
from common.releases.registry import Registry
from common.releases.release import Release
from common.storage.database import DATABASE, Database

# Of a release: the texts that it searches.
VARIANTS = "variants.json"


@dataclass(frozen=True)
class Opened:
    """The knowledge as it is now, and where it is written."""

    store: KnowledgeStore
    knowledge: Knowledge
    release: Release | None = None

    def write(self, edits: Sequence[Edit], author: str, kind: Kind) -> int | None:
        """Make edits; gives the number of the change, or None where there was nothing to do."""
        return self.store.write(edits, author=author, kind=kind) if edits else None


@contextmanager
def open_knowledge(
    store: Path, database: str | None, release: Release | None = None
) -> Iterator[Opened]:
    """The knowledge of a store, for the length of a `with` block.

    Args:
        release: what it is edited over; None: the release that serves, if there is one.
    """
    opened = Database(database or store / DATABASE)
    try:
        kept = KnowledgeStore(opened)
        release = release or _serving(Registry(store, APPLICATION))
        released = read_faqs_of(release) if release else {}
        yield Opened(kept, Knowledge(released, kept.edited()), release)
    finally:
        opened.close()


@dataclass(frozen=True)
class DifferenceOfFaq:
    """What an FAQ that is served differs in from the release; `fields` are the names of it."""

    id: str
    what: str
    before: dict[str, Any]
    after: dict[str, Any]
    fields: list[str]


def differences(opened: Opened) -> list[DifferenceOfFaq]:
    """What the live knowledge differs in from the release that serves."""
    released, live = opened.knowledge.released, opened.knowledge.live
    searched = _searched(opened.release)
    found = []
    for faq_id in dict.fromkeys([*released, *live]):
        held, entry = released.get(faq_id), live.get(faq_id)
        before = facts(held) if held else {}
        after = facts(entry.own) if entry else {}
        if entry and held and same(held, entry.served):
            after = before
        heard = [text for text in entry.heard if (text, faq_id) not in searched] if entry else []
        after |= {"heard": heard} if heard else {}
        fields = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        if fields:
            what = "changed" if held and entry else "added" if entry else "removed"
            found.append(DifferenceOfFaq(faq_id, what, before, after, fields))
    return found


def _searched(release: Release | None) -> set[tuple[str, str]]:
    """The texts that a release searches, each with its FAQ."""
    path = release.directory / VARIANTS if release else None
    rows: list[list[str]] = read_json(path) if path and path.exists() else []
    return {(text, faq_id) for text, faq_id, *_ in rows}


def _serving(registry: Registry) -> Release | None:
    """The release that serves, its files not verified: nothing is run."""
    current = registry.current_id()
    return next((one for one in registry.all() if one.release_id == current), None)
