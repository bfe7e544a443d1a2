"""What conversations remember, in both databases."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from databases import KINDS, empty
from sqlalchemy import text

from apps.customer_service.conversation import memory as memory_module
from apps.customer_service.conversation.memory import ConversationMemory, MemoryMetrics, purge
from apps.customer_service.conversation.store import ConversationStore
from apps.customer_service.conversation.turns import MOST_TURNS, Turn
from common.learning.behind import Fate
from common.storage.database import Database

HOUR = 3600.0


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with empty(request.param, tmp_path) as made:
        yield made


def turn(said: str, *, conversation: str = "c1", owner: str = "", at: float | None = None) -> Turn:
    return Turn(
        conversation_id=conversation,
        owner=owner,
        subject=f"subject of {conversation}",
        at=time.time() if at is None else at,
        text=said,
        understood_as=said,
        topic=said,
        kind="question",
        language="en",
        answered=["faq"],
        shown=["near", "far"],
    )


def memory_of(database: Database, folder: Path, seconds: float = HOUR) -> ConversationMemory:
    return ConversationMemory(ConversationStore(database), folder / "waiting", seconds)


def recalled(memory: ConversationMemory, identity: str = "c1", owner: str = "") -> list[str] | None:
    history = asyncio.run(memory.history(identity, owner))
    return None if history is None else [one.text for one in history]


def test_a_turn_is_remembered_at_once_and_after_a_restart(url: str, tmp_path: Path) -> None:
    database = Database(url)
    memory = memory_of(database, tmp_path)
    first = turn("what does it cost")
    memory.put(first)
    assert recalled(memory) == ["what does it cost"]
    memory.writer.start()
    memory.writer.stop()
    database.close()

    again = Database(url)
    assert asyncio.run(memory_of(again, tmp_path).history("c1", "")) == [first]
    again.close()


def test_a_turn_is_everywhere_before_its_answer_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quick follow-up may reach another worker while the database is busy."""
    monkeypatch.setattr(memory_module, "WRITE_SECONDS", 60)
    here, there = (Database(tmp_path / "bizlm.sqlite") for _ in range(2))
    memory = memory_of(here, tmp_path)
    memory.writer.start()

    async def answer_and_go_on() -> list[str] | None:
        with there.writing() as connection:
            connection.execute(text("DELETE FROM turns"))
            answering = asyncio.create_task(memory.remember(turn("what does it cost")))
            await asyncio.sleep(0.1)
        await answering
        history = await memory_of(there, tmp_path / "there").history("c1", "")
        return None if history is None else [one.text for one in history]

    assert asyncio.run(answer_and_go_on()) == ["what does it cost"]
    memory.writer.stop()
    here.close()
    there.close()


def test_an_answer_does_not_wait_for_a_database_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_module, "WRITE_SECONDS", 0.01)
    database = Database(tmp_path / "bizlm.sqlite")
    memory = memory_of(database, tmp_path)
    # Nobody writes.
    asyncio.run(memory.remember(turn("said")))
    assert recalled(memory) == ["said"]
    monkeypatch.setattr(memory_module, "WRITE_SECONDS", 600)
    asyncio.run(memory.remember(turn("said again")))
    assert recalled(memory) == ["said", "said again"]
    database.close()


def test_once_the_database_is_well_again_a_turn_is_waited_for_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_module, "WRITE_SECONDS", 0.01)
    database = Database(tmp_path / "bizlm.sqlite")
    memory = memory_of(database, tmp_path)
    # Nobody writes.
    asyncio.run(memory.remember(turn("said")))
    memory.add([turn("written")])
    monkeypatch.setattr(memory_module, "WRITE_SECONDS", 60)

    async def is_waited_for() -> bool:
        answering = asyncio.create_task(memory.remember(turn("said again")))
        await asyncio.sleep(0.1)
        is_waiting = not answering.done()
        answering.cancel()
        return is_waiting

    assert asyncio.run(is_waited_for())
    database.close()


def test_replicas_see_each_other_s_turns_and_lose_none_at_once(url: str, tmp_path: Path) -> None:
    databases = [Database(url) for _ in range(2)]
    stores = [ConversationStore(one) for one in databases]
    said = [turn(str(number), at=time.time() + number) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: stores[pair[0] % 2].add([pair[1]]), enumerate(said)))
    for database in databases:
        assert recalled(memory_of(database, tmp_path)) == [str(number) for number in range(8)]
        database.close()


def test_only_the_last_turns_are_kept(url: str, tmp_path: Path) -> None:
    database = Database(url)
    store = ConversationStore(database)
    store.add([turn("another's", conversation="c2")])
    for number in range(MOST_TURNS + 5):
        store.add([turn(str(number), at=time.time() + number)])
    kept = [str(number) for number in range(5, MOST_TURNS + 5)]
    assert recalled(memory_of(database, tmp_path)) == kept
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM turns")).scalar() == MOST_TURNS + 1
    database.close()


def test_what_is_old_is_not_recalled_and_then_deleted(url: str, tmp_path: Path) -> None:
    database = Database(url)
    ConversationStore(database).add([turn("old", at=time.time() - 2 * HOUR), turn("new")])
    memory = memory_of(database, tmp_path)
    assert recalled(memory) == ["new"]
    assert memory.forget_before(time.time() - HOUR) == 1
    database.close()


def test_nothing_is_remembered_where_that_is_switched_off(url: str, tmp_path: Path) -> None:
    database = Database(url)
    memory = memory_of(database, tmp_path, seconds=0)
    memory.put(turn("said"))
    assert recalled(memory) == []
    database.close()


def test_a_conversation_is_its_owner_s(url: str, tmp_path: Path) -> None:
    database = Database(url)
    memory = memory_of(database, tmp_path)
    ConversationStore(database).add([turn("written", owner="key one")])
    memory.put(turn("waiting", owner="key one"))
    assert recalled(memory, owner="key one") == ["written", "waiting"]
    assert recalled(memory, owner="key two") == recalled(memory) == []
    database.close()


def test_what_is_purged_is_gone_wherever_it_was(url: str, tmp_path: Path) -> None:
    database = Database(url)
    store = ConversationStore(database)
    said = (turn("my dog Rex", conversation="c1"), turn("my cat", conversation="c2"))
    store.add(said)
    assert purge(tmp_path, database, text="dog Rex") == 1
    assert purge(tmp_path, database, subject="subject of c2") == 1
    assert recalled(memory_of(database, tmp_path)) == []
    database.close()


def test_what_waits_for_the_database_is_purged_too(tmp_path: Path) -> None:
    database = Database(tmp_path / "bizlm.sqlite")
    memory = ConversationMemory(ConversationStore(database), tmp_path / "conversations.spool", HOUR)
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE turns RENAME TO gone"))
    assert memory.writer.write(turn("my dog Rex")) is Fate.SPOOLED
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO turns"))
    assert purge(tmp_path, database, text="dog Rex") == 1
    database.close()


def test_without_the_database_it_goes_on_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(tmp_path / "bizlm.sqlite")
    memory = memory_of(database, tmp_path)
    with database.writing() as connection:
        connection.execute(text("DROP TABLE turns"))
    assert recalled(memory, "a conversation") is None
    memory.put(turn("said meanwhile"))
    assert recalled(memory) == ["said meanwhile"]
    told = {metric.name: metric.samples[0].value for metric in MemoryMetrics(memory).collect()}
    assert told["bizlm_conversations_unread"] == 2
    assert "without what was said before" in caplog.text
    assert "a conversation" not in caplog.text
    database.close()
