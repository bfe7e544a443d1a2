"""Which things of a graph a text names, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick, MatchKind

from common.records.graph.knowledge_graph import KnowledgeGraph
from common.records.text import CHINESE, normalise

SHORTEST = 2
BEFORE, AFTER = "《「“\"'", "》」”\"'"


@dataclass(frozen=True)
class Mention:
    """A thing, and the place of its name in the text, quotation marks included."""

    start: int
    end: int
    thing: str


class Mentions:
    """Finds names in texts (Aho and Corasick 1975; the longest of overlapping ones)."""

    def __init__(self, graph: KnowledgeGraph) -> None:
        owners: dict[str, str] = {}
        for thing, names in graph.names.of.items():
            for name in map(normalise, names):
                if len(name) >= SHORTEST:
                    owners.setdefault(name.lower(), thing)
                    # A kind is asked for in the plural, too.
                    if thing in graph.kinds and not CHINESE.search(name):
                        owners.setdefault(f"{name.lower()}s", thing)
        self._owners = list(owners.values())
        self._automaton = AhoCorasick(list(owners), matchkind=MatchKind.LeftmostLongest)

    def find(self, text: str) -> list[Mention]:
        """Those of a normalised text in small letters, in their order."""
        found = []
        for number, start, end in self._automaton.find_matches_as_indexes(text):
            if not _stands_alone(text, start, end):
                continue
            is_quoted = text[start - 1 : start] in BEFORE and text[end : end + 1] in AFTER
            marks = 1 if is_quoted and start > 0 and end < len(text) else 0
            found.append(Mention(start - marks, end + marks, self._owners[number]))
        return found

    def things(self, text: str) -> set[str]:
        """What a text names."""
        return {one.thing for one in self.find(normalise(text).lower())}


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no Latin word or number goes on at either end."""
    name = text[start:end]
    begins = re.match(r"[a-z0-9]", name) and start and re.match(r"[a-z0-9]", text[start - 1])
    ends = re.match(r"[a-z0-9]", name[-1]) and re.match(r"[a-z0-9]", text[end : end + 1])
    return not begins and not ends
