"""Near-copies become one line: who was first, who followed, and when."""

from __future__ import annotations

from news import at, story

from apps.finance_monitor.schema import ScoredRecord, TargetScore
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.copies import signature_of
from apps.finance_monitor.storylines.lines import MOST_POINTS, Original, story_lines
from apps.finance_monitor.storylines.reading import lines_between, negative_lines

HALT = "Northgate Bank halts all mobile payments after a failed migration locks customers out"
UPDATE = "Northgate Bank stops all mobile payments after failed migration, customers are locked out"
OTHER = "Northgate Bank faces questions of the regulator over its capital ratio and dividend plans"


def _story(
    identity: str, hours: float, text: str, source: str, original: str | None = None
) -> ScoredRecord:
    made = story(identity, hours, entities=("Northgate Bank",), text=text, duplicate_of=original)
    return made.model_copy(update={"source": source})


STORIES = [
    _story("halt", 1.5, HALT, "wire"),
    _story("copy", 1.8, HALT, "press", "halt"),
    _story("other", 2.0, OTHER, "blog"),
    _story("update", 4.1, UPDATE, "wire"),
    _story("earlier", 0.4, HALT, "social", "halt"),
]


def _store() -> Store:
    store = Store(None)
    with store.transaction():
        store.add_stories(
            ((n, one, signature_of(one.content)) for n, one in enumerate(STORIES, start=1)),
            [
                ("company/Northgate Bank", one.published_at.timestamp(), n, 0.9)
                for n, one in enumerate(STORIES, start=1)
                if not one.duplicate_of
            ],
        )
    return store


def _negative(store: Store, sequence: int) -> list[list[str]]:
    span = (at(0).timestamp(), at(24).timestamp())
    lines = negative_lines(store, "company/Northgate Bank", *span, sequence, 5)
    return [[one.id for one in line.stories] for line in lines]


def test_copies_and_edited_stories_are_one_line() -> None:
    assert _negative(_store(), 5) == [["earlier", "halt", "copy", "update"], ["other"]]


def test_what_came_later_is_not_known_yet() -> None:
    assert _negative(_store(), 3) == [["halt", "copy"], ["other"]]


def test_a_line_says_who_was_first_and_how_it_spread() -> None:
    line = lines_between(_store(), at(1).timestamp(), at(24).timestamp())[0]
    assert (line.first.id, line.first.source) == ("earlier", "social")
    assert line.sources == ["social", "wire", "press"]
    points = [(point.at, point.stories, point.sources) for point in line.spread]
    assert points == [(at(0), 1, 1), (at(1), 3, 3), (at(4), 4, 3)]


def test_a_story_whose_probability_is_not_known_comes_last() -> None:
    key, unsure = "company/Northgate Bank", story("unsure", 1, entities=("Northgate Bank",))
    older = story("older", 2, "positive", entities=("Northgate Bank",))
    older.targets = [TargetScore(entity="Northgate Bank", sentiment="negative")]
    unsure.sentiment.probabilities["negative"] = 0.6
    store = Store(None)
    with store.transaction():
        kept = [(1, older, None), (2, unsure, None)]
        rows = [(key, one.published_at.timestamp(), n, 1.0) for n, one, _ in kept]
        store.add_stories(kept, rows)
    found = negative_lines(store, key, at(0).timestamp(), at(24).timestamp(), 2, 5)
    store.close()
    assert [(one.first.id, one.negative_on(key)) for one in found] == [
        ("unsure", 0.6),
        ("older", None),
    ]


def test_the_same_words_about_another_company_are_another_line() -> None:
    other = STORIES[3].model_copy(update={"entities": ["Southgate Bank"]})
    signed = [
        Original(n, one, signature_of(one.content)) for n, one in enumerate([STORIES[0], other])
    ]
    assert len(story_lines(signed)) == 2


def test_a_long_line_is_drawn_with_few_points_and_its_last() -> None:
    copies = [_story(f"c{hour}", hour, HALT, "press", "halt") for hour in range(2, 100)]
    (line,) = story_lines([Original(1, STORIES[0], None, copies)])
    assert len(line.spread) <= MOST_POINTS
    assert line.spread[-1].stories == 99
