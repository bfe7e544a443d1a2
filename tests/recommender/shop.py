"""A small shop and a recommender over it that knows its lines, for the server and the page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import uvicorn
from fastapi import FastAPI

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.interactions.user_ids import UserIds
from apps.recommender.related.items import Related
from apps.recommender.schema import BEHAVIORS, Interaction, Item, Reason, Recommendation
from apps.recommender.server import Recommender
from common.errors import UserError
from common.serving.switching.live import LiveRelease

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
NOW = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
MODEL = "2026-11-25T2100-3fa2c1"
TITLES = [
    "The Quiet Orchard", "沙漠里的灯塔", "Bread for Beginners", "城市观鸟手册", "Night Trains",
    "Small Gardens", "A History of Salt", "雨夜侦探", "The Long Ridge", "Letters to a Beekeeper",
    "春天的账本", "Maps of the Sea", HOSTILE,
]  # fmt: skip


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serves `app` on a free port of this machine; yields its address."""
    running = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="error", access_log=False, lifespan="on")
    )
    ready = threading.Event()
    ports: list[int] = []

    async def main() -> None:
        task = asyncio.create_task(running.serve())
        while not running.started:
            await asyncio.sleep(0.01)
        ports.append(running.servers[0].sockets[0].getsockname()[1])
        ready.set()
        await task

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield f"http://127.0.0.1:{ports[0]}"
    running.should_exit = running.force_exit = True
    thread.join()


class Shop:
    """Ranks the items that a user has not met, in the order of the catalogue."""

    diversity = 0.2
    behaviors = Behaviors()

    def __init__(self, model_id: str = MODEL) -> None:
        self.model_id = model_id
        self.catalogue = build_catalogue(
            [
                Item(
                    item_id=f"item-{n}",
                    title=title,
                    category=HOSTILE if title == HOSTILE else ["garden", "小说"][n % 2],
                    price={4: None, 6: 0}.get(n, 10 + n / 2),
                )
                for n, title in enumerate(TITLES)
            ]
        )
        readers = (f"reader-{n}" for n in range(30))
        self.users = UserIds([*readers, "读者/一", "newcomer", HOSTILE])
        self.asked: list[tuple[float | None, str | None]] = []
        self.broken = False
        self.kept_out: dict[str, int] = {}

    def knows(self, user_id: str) -> bool:
        return user_id in self.users

    def history(self, user_id: str) -> Sequence[Interaction]:
        if user_id == "newcomer":
            return []
        events = [
            Interaction(
                user_id=user_id,
                item_id=f"item-{n}",
                behavior=BEHAVIORS[n % len(BEHAVIORS)],
                timestamp=NOW + timedelta(days=n),
                rating=4 if n == 0 else None,
            )
            for n in range(3)
        ]
        gone = events[0].model_copy(update={"item_id": "sold-out", "rating": None})
        return [gone, *events]

    def recommend(
        self,
        user_id: str,
        k: int,
        *,
        diversity: float | None,
        language: str | None,
        since: Sequence[Interaction] = (),
        barred: Sequence[int] = (),
    ) -> list[Recommendation]:
        done = [*self.history(user_id), *since]
        return self.recommend_for(done, k, diversity=diversity, language=language, barred=barred)

    def recommend_for(
        self,
        history: Sequence[Interaction],
        k: int,
        *,
        diversity: float | None,
        language: str | None,
        barred: Sequence[int] = (),
    ) -> list[Recommendation]:
        self.asked.append((diversity, language))
        if self.broken:
            raise UserError("the shop is closed", hint="Come again tomorrow.")
        met = {event.item_id for event in history} | {self.catalogue.ids[n] for n in barred}
        left = [item for item in self.catalogue.ids if item not in met]
        if diversity is not None and diversity > 0.5:
            left.reverse()
        return [self._row(item, rank, history, language) for rank, item in enumerate(left[:k], 1)]

    def related(self, item_id: str, kind: str, k: int, language: str | None) -> list[Related]:
        """The next ones in the catalogue; nothing is taken together with the second."""
        if kind == "together" and item_id == "item-1":
            return []
        place = self.catalogue.number[item_id]
        names = self.catalogue.ids[place + 1 : place + 1 + k]
        return [
            Related(
                item_id=name,
                rank=rank,
                score=None if rank == 1 else 1 / rank,
                reason="内容相近。" if language == "zh" else "Its text is similar.",
                relation="successor" if rank == 1 else None,
            )
            for rank, name in enumerate(names, 1)
        ]

    def _row(
        self, item: str, rank: int, history: Sequence[Interaction], language: str | None
    ) -> Recommendation:
        reasons = [
            Reason(
                kind="feature",
                text="价格合适。" if language == "zh" else "Its price suits you.",
                feature="price",
                strength=0.4,
            )
        ]
        if history:
            latest = history[-1]
            title = self.catalogue.titles[self.catalogue.number[latest.item_id]]
            text = (
                f"与您买过的“{title}”内容相近。" if language == "zh" else f"Similar to “{title}”."
            )
            reasons.insert(
                0, Reason(kind="history", text=text, item_id=latest.item_id, strength=0.8)
            )
        if self.catalogue.titles[self.catalogue.number[item]] == HOSTILE:
            reasons.append(Reason(kind="feature", text=HOSTILE, feature="x", strength=0))
        return Recommendation(
            user_id="somebody",
            item_id=item,
            rank=rank,
            score=2.0 - rank / 4,
            text_score=0.7,
            p_click=None if rank == 4 else 0.25 / rank,
            p_purchase=None if rank == 4 else 0.004,
            source="popular" if rank == 2 else "text",
            cold_user=not history,
            cold_item=rank == 3,
            reasons=reasons,
            model_id=self.model_id,
            scored_at=NOW,
        )


class Shelf:
    """Stands for the registry: its releases have a name and no files."""

    def __init__(self, current: str = MODEL) -> None:
        self.current = current

    def current_id(self) -> str:
        return self.current

    def open(self, release_id: str | None = None) -> SimpleNamespace:
        return SimpleNamespace(release_id=release_id or self.current)


def always(shop: Recommender) -> LiveRelease[Recommender]:
    """The only release there is."""
    return LiveRelease(Shelf(), lambda _: shop)
