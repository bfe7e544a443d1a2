"""What is here: each application, how it is started, and which release serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[2] / "data_samples"


@dataclass(frozen=True)
class Application:
    """One application.

    Attributes:
        demo: arguments that fine-tune it on its sample data, where it has no release yet.
        serve: arguments that start its server on that data.
        metric: of a release, that says most about it.
    """

    name: str
    title: str
    purpose: str
    port: int
    demo: tuple[str, ...]
    serve: tuple[str, ...]
    metric: str


def applications(samples: Path = SAMPLES) -> tuple[Application, ...]:
    """All of them, in the order in which one meets them."""
    shop = samples / "recommender"
    return (
        Application(
            "customer_service",
            "Customer service",
            "answers customers' questions from your FAQs",
            8001,
            ("demo",),
            ("serve",),
            "right_first",
        ),
        Application(
            "finance_monitor",
            "Finance monitor",
            "watches financial news and raises an alert when negative news surges",
            8002,
            ("demo", "--train-only"),
            (
                *("serve", "--feed", str(samples / "finance_monitor" / "feed.jsonl")),
                *("--entities", str(samples / "finance_monitor" / "entities.csv")),
                *("--relations", str(samples / "finance_monitor" / "relations.csv")),
            ),
            "sentiment_f1",
        ),
        Application(
            "recommender",
            "Recommender",
            "ranks what each user may want next, and says why",
            8003,
            ("demo",),
            (
                *("serve", "--items", str(shop / "items.jsonl")),
                *("--interactions", str(shop / "interactions.csv")),
                *("--interactions", str(shop / "impressions.csv")),
                *("--users", str(shop / "users.csv")),
            ),
            "ndcg@10",
        ),
    )


@dataclass(frozen=True)
class Serving:
    """The release that serves, and its metric before and after fine-tuning, as far as known."""

    release_id: str | None
    before: float | None = None
    after: float | None = None


def serving(application: Application, store: Path) -> Serving:
    """What `store` holds of it.

    Raises:
        UserError: the release that serves cannot be read.
    """
    from common.releases.registry import Registry

    registry = Registry(store, application.name)
    if registry.current_id() is None:
        return Serving(None)
    release = registry.open()
    before, after = (_metric(release.manifest, part, application) for part in ("before", "after"))
    return Serving(release.release_id, before, after)


def _metric(manifest: Mapping[str, Any], part: str, application: Application) -> float | None:
    value = (manifest.get(part) or {}).get(application.metric)
    return float(value) if value is not None else None
