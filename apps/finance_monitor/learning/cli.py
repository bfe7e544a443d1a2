"""`learn` and `feedback`: from what people said to a better release, or to none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.cli import new_app
from common.learning.cli import add_feedback_verbs
from common.learning.learn_cli import add_learn_verb

if TYPE_CHECKING:
    from apps.finance_monitor.data import Example
    from common.learning.candidates.groups import Grouping
    from common.learning.learn_cli import Learn, Load

APPLICATION = "finance_monitor"
LABELS = ("sentiment", "topics", "entity", "target", "mentions")

verbs = new_app("Learn.")


def releases_holding(store: Path, text: str | None, whole: Collection[str]) -> Sequence[str]:
    """Releases that learned from what was purged."""
    from apps.finance_monitor.learning.lessons import texts_of
    from apps.finance_monitor.release import tickers_of
    from apps.finance_monitor.stories.text import prepare, spell_tickers
    from apps.finance_monitor.targets.pointing import without_braces
    from common.learning.purging import forget
    from common.releases.registry import Registry

    # An imported text holds its links and its tickers; releases hold it as the model reads it.
    registry = Registry(store, APPLICATION)
    known: list[dict[str, str]] = [{}]
    known += (one for release in registry.all() if (one := tickers_of(release)) not in known)
    holding: dict[str, None] = {}
    for tickers in known:
        looked_for = text and spell_tickers(without_braces(text), tickers)
        spelled = [spell_tickers(prepare(one), tickers) for one in whole]
        holding |= dict.fromkeys(forget(registry, looked_for, spelled, texts_of))
    return list(holding)


def _find_learn() -> Learn:
    from apps.finance_monitor.learning.learn import learn

    return learn


def _find_load() -> Load:
    from apps.finance_monitor.release import load_release

    return load_release


def _find_grouping() -> Grouping[Example]:
    from apps.finance_monitor.learning.groups import GROUPING

    return GROUPING


def _parts_of(wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    from apps.finance_monitor.learning.corrections import parts_of

    return parts_of(wanted)


add_feedback_verbs(verbs, APPLICATION, "sentiment", LABELS, releases_holding, parts_of=_parts_of)
add_learn_verb(verbs, APPLICATION, _find_learn, _find_load, _find_grouping)
