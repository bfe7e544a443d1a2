"""Why each item stands in a list: what of the user's history speaks for it, and which feature."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.events import Histories
from apps.recommender.lists.evidence import closest, pointing, strongest_links
from apps.recommender.ranking.signals import FEATURES, Feature
from apps.recommender.retrieval.candidates import SOURCES
from apps.recommender.schema import BEHAVIORS, Reason
from common.records.text import language_of

Language = Literal["en", "zh"]
Int32 = NDArray[np.int32]

# More would say no more, and the column would outgrow the rest of the table.
MOST_FROM_HISTORY = 2
LONGEST_TITLE = 80
SENTENCES_KEPT = 200_000

DID: dict[Language, dict[str, str]] = {
    "en": {
        "browse": "viewed",
        "click": "opened",
        "comment": "commented on",
        "share": "shared",
        "purchase": "bought",
    },
    "zh": {
        "browse": "浏览过",
        "click": "点开过",
        "comment": "评论过",
        "share": "分享过",
        "purchase": "买过",
    },
}
# By what links the two items.
FROM_HISTORY: dict[Language, dict[str, str]] = {
    "en": {
        "text": "Similar to “{title}”, which you {did}.",
        "neighbours": "Customers who {did} “{title}” often choose this.",
        "same": "You {did} it before.",
    },
    "zh": {
        "text": "与您{did}的“{title}”内容相近。",
        "neighbours": "您{did}“{title}”，喜欢它的人也常选这个。",
        "same": "您之前{did}。",
    },
}
# The feature that says how an item was found, in the order of `SOURCES`.
OF_SOURCE = {"text": "text_score", "neighbours": "neighbour_score", "popular": "events_forgetting"}
POPULAR, BY_RULE = SOURCES.index("popular"), SOURCES.index("rule")
LINKS = tuple(FROM_HISTORY["en"])
_REASONS = TypeAdapter(list[Reason])


def read_reasons(text: str) -> list[Reason]:
    """The reasons out of one cell of the column."""
    return _REASONS.validate_json(text)


def write_reasons(reasons: Sequence[Reason]) -> str:
    """One cell of the column; what a reason leaves out is not written."""
    return _REASONS.dump_json(list(reasons), exclude_none=True).decode()


class Explainer:
    """Writes the reasons for blocks of users."""

    def __init__(
        self,
        catalogue: Catalogue,
        vectors: NDArray[Any],
        least_similarity: float,
        *,
        neighbours: Any = None,
        features: Sequence[Feature] = FEATURES,
    ) -> None:
        """Keep what all blocks share.

        Args:
            vectors: [items, width] of length 1, of the items' texts.
            least_similarity: the cosine from which two texts are called close; see
                `evidence.usual_similarity`.
            neighbours: scipy CSR [items, items], how strongly a row's item points at others.
            features: in the order of the contributions' last axis.
        """
        self._catalogue = catalogue
        self._vectors = vectors
        self._least = least_similarity
        self._neighbours = None if neighbours is None else strongest_links(neighbours)
        self._features = [_open_feature(feature) for feature in features]
        by_name = {feature.name: feature for feature in FEATURES}
        self._sources = [_open_feature(by_name[name]) for name in OF_SOURCE.values()]
        self._from_history = lru_cache(SENTENCES_KEPT)(self._write_from_history)
        self._language = lru_cache(SENTENCES_KEPT)(self._language_of)

    def explain(
        self,
        items: Int32,
        source: NDArray[np.integer[Any]],
        histories: Histories,
        languages: Sequence[str | None],
        contributions: NDArray[np.float32] | None = None,
    ) -> list[list[str]]:
        """Reasons for each item of each list: JSON text of `schema.Reason`s, strongest kind first.

        Up to two items of the history, and the feature that raised the score most. Where nothing
        of this speaks for an item, its source does; there may be no reason at all.

        Args:
            items: [users, k] item numbers, -1 where there is none.
            source: [users, k] numbers into `SOURCES`.
            languages: [users]; None where not known: the item's language is taken.
            contributions: [users, k, features], what each added to the score, without the bias;
                0 where the feature's sentence is not true of the item (`signals.is_true`).

        Returns:
            For each user one text for each place that holds an item.
        """
        speaking = self._speaking(items, histories)
        feature, gain = _strongest_feature(items, contributions)
        # Only popularity speaks to somebody of whom nothing is known.
        is_known = np.any(histories.item >= 0, axis=1, keepdims=True)
        # What is there by a rule was not found at all.
        is_found = (source != BY_RULE) & (is_known | (source == POPULAR))
        source = np.where(is_found, source, -1)
        columns = [items, *speaking, feature, gain, source]
        rows = zip(languages, *(column.tolist() for column in columns), strict=True)
        return [
            [
                self._cell(language or self._language(number), *cell)
                for number, *cell in zip(*row, strict=True)
                if number >= 0
            ]
            for language, *row in rows
        ]

    def _speaking(self, items: Int32, histories: Histories) -> list[NDArray[Any]]:
        """What of the history speaks: [users, k, 3] item (-1: nothing), link, behaviour, strength.

        The third, the next nearest text, comes into a cell only where one of the others is none.
        """
        history = _not_disliked(histories)
        first, second = closest(items, history, self._vectors, self._least)
        found = [(first, "text"), (second, "text")]
        if self._neighbours is not None:
            found.insert(1, (pointing(items, history, self._neighbours), "neighbours"))
        place = np.stack([evidence.place for evidence, _ in found], -1)
        item = np.where(place < 0, -1, _at(history, place))
        repeated = [(item[..., :n] == item[..., n, None]).any(-1) for n in range(len(found))]
        item = np.where(np.stack(repeated, -1), -1, item)
        links = [LINKS.index(link) for _, link in found]
        link = np.where(item == items[..., None], LINKS.index("same"), links)
        strength = np.stack([evidence.strength for evidence, _ in found], -1)
        return [item, link, _strongest_behavior(histories, place, item), strength]

    def _cell(
        self,
        language: str,
        items: list[int],
        links: list[int],
        behaviors: list[int],
        strengths: list[float],
        feature: int,
        gain: float,
        source: int,
    ) -> str:
        spoken: Language = "zh" if language.startswith("zh") else "en"
        speaking = zip(items, links, behaviors, strengths, strict=True)
        reasons = [
            f"{self._from_history(item, link, behavior, spoken)}{strength:.3f}}}"
            for item, link, behavior, strength in speaking
            if item >= 0
        ][:MOST_FROM_HISTORY]
        if feature >= 0:
            reasons.append(f"{self._features[feature][spoken]}{gain:.3f}}}")
        if not reasons and source >= 0:
            reasons.append(f"{self._sources[source][spoken]}0.0}}")
        return f"[{','.join(reasons)}]"

    def _language_of(self, item: int) -> str:
        return self._catalogue.languages[item] or language_of(self._catalogue.titles[item])

    def _write_from_history(self, item: int, link: int, behavior: int, language: Language) -> str:
        title = self._catalogue.titles[item]
        if len(title) > LONGEST_TITLE:
            title = title[: LONGEST_TITLE - 1] + "…"
        did = DID[language][BEHAVIORS[behavior]]
        text = FROM_HISTORY[language][LINKS[link]].format(title=title, did=did)
        return _open({"kind": "history", "text": text, "item_id": self._catalogue.ids[item]})


def _open_feature(feature: Feature) -> dict[Language, str]:
    def written(text: str) -> str:
        return _open({"kind": "feature", "text": text, "feature": feature.name})

    return {"en": written(feature.english), "zh": written(feature.chinese)}


def _open(reason: dict[str, str]) -> str:
    """The JSON of a reason up to the number of its strength."""
    return json.dumps(reason, ensure_ascii=False)[:-1] + ', "strength": '


def _strongest_feature(
    items: Int32, contributions: NDArray[np.float32] | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """[users, k] the feature that raised the score most, -1 where none did, and by how much."""
    if contributions is None:
        return np.full(items.shape, -1), np.zeros(items.shape)
    feature = contributions.argmax(-1)
    gain = np.take_along_axis(contributions, feature[..., None], -1)[..., 0]
    return np.where(gain > 0, feature, -1), gain


def _at(values: NDArray[Any], place: NDArray[Any]) -> NDArray[Any]:
    """Values [users, length] at places [users, k, n]."""
    users = np.arange(len(values))[:, None, None]
    found: NDArray[Any] = values[users, place]
    return found


def _not_disliked(histories: Histories) -> NDArray[Any]:
    """[users, length] items of the history; -1 for one that the user ever said they dislike."""
    same = histories.item[:, :, None] == histories.item[:, None, :]
    disliked = (same & (histories.weight == 0)[:, None, :]).any(-1)
    return np.where(disliked, -1, histories.item)


def _strongest_behavior(
    histories: Histories, place: NDArray[Any], item: NDArray[Any]
) -> NDArray[Any]:
    """[users, k, n]: of all that a user did with an item, what says most."""
    same = histories.item[:, :, None] == histories.item[:, None, :]
    strongest = np.where(same, histories.behavior[:, None, :], -1).max(-1)
    return _at(strongest, place)
