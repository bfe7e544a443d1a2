"""`learn` and `feedback`: from what people said to a better release, or to none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.cli import new_app
from common.learning.cli import add_feedback_verbs
from common.learning.learn_cli import add_learn_verb
from common.learning.purge_cli import Found, PurgeRows

if TYPE_CHECKING:
    from apps.customer_service.data import Example
    from common.learning.candidates.groups import Grouping
    from common.learning.learn_cli import Learn, Load

APPLICATION = "customer_service"
LABELS = ("faq_id", "answer")

verbs = new_app("Learn.")


def releases_holding(store: Path, text: str | None, whole: Collection[str]) -> Sequence[str]:
    """Releases that learned from what was purged."""
    from apps.customer_service.learning.lessons import texts_of
    from common.learning.purging import forget
    from common.releases.registry import Registry

    return forget(Registry(store, APPLICATION), text, whole, texts_of)


def purge_knowledge(
    store: Path, database: str | None, text: str | None, whole: Collection[str]
) -> Sequence[Found]:
    """Wordings of customers and mined answers, and what the business wrote or approved."""
    from apps.customer_service.knowledge.purging import forget

    found = forget(store, database, text, whole)
    return [
        ("faqs_purged", "Wordings and mined answers were taken out of these FAQs:", found.cleaned),
        ("faqs_holding", "You wrote or approved it in these FAQs; edit them:", found.holding),
        ("faqs_places", "There it stands:", found.places),
        ("vectors_left", "These vectors could not be deleted; delete them:", found.left),
    ]


def _find_learn() -> Learn:
    from apps.customer_service.learning.learn import learn

    return learn


def _find_load() -> Load:
    from apps.customer_service.release import load_release

    return load_release


def _find_grouping() -> Grouping[Example]:
    from apps.customer_service.learning.groups import GROUPING

    return GROUPING


def _find_purge_turns() -> PurgeRows:
    from apps.customer_service.conversation.memory import purge

    return purge


def _find_purge_tickets() -> PurgeRows:
    from apps.customer_service.tickets.purging import purge_tickets

    return purge_tickets


add_feedback_verbs(
    verbs,
    APPLICATION,
    "faq_id",
    LABELS,
    releases_holding,
    purge_rows={"turns": _find_purge_turns, "tickets": _find_purge_tickets},
    purge_more=purge_knowledge,
)
add_learn_verb(verbs, APPLICATION, _find_learn, _find_load, _find_grouping)
