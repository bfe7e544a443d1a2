"""What goes in comes out, exactly once, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import databases
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from common.errors import UserError
from common.learning.behind import BehindWriter, Fate
from common.learning.schema import Feedback, Prediction
from common.learning.store import FeedbackStore
from common.learning.watching.probation import Count
from common.storage.database import Database

SECRET = "my cat is called Purr-secret"


def said(identity: str, at: float = 1.0, **values: object) -> Feedback:
    base = {"source": "s", "kind": "correction", "text": "q", "wanted": {"faq_id": "a"}}
    return Feedback.model_validate({"id": identity, "at": at, **base, **values})


def predicted(identity: str, at: float = 1.0, **values: object) -> Prediction:
    base = {"source": "s", "release_id": "r", "text": "q", "decision": "answer", "given": {}}
    return Prediction.model_validate({"id": identity, "at": at, **base, **values})


@pytest.fixture(params=databases.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FeedbackStore]:
    with databases.empty(request.param, tmp_path) as url:
        database = Database(url)
        yield FeedbackStore(database, "shop")
        database.close()


def test_what_goes_in_comes_out_once(store: FeedbackStore) -> None:
    rows = [said(str(n), at=float(n), text=f"问题{n}", given={"x": None}) for n in range(1200)]
    store.add([*rows, predicted("p", given={"faq_id": "a", "confidence": 0.5})])
    store.add([*rows[::2], said("3", text="another text under a known id")])
    assert store.feedback() == rows
    found = store.prediction("p")
    assert found is not None
    assert found.given == {"faq_id": "a", "confidence": 0.5}
    assert store.prediction("none") is None
    assert [row.id for row in store.feedback(limit=2)] == ["1198", "1199"]
    assert FeedbackStore(store.database, "other").feedback() == []


def test_decisions_are_kept_and_taken_back_until_something_was_learned(
    store: FeedbackStore,
) -> None:
    store.add([said("a"), said("b"), said("c")])
    assert store.decide(["a", "b"], "accepted", "me") == 2
    assert store.one("a").decided_by == "me"
    assert store.decide(["b"], "new", None) == 1
    assert store.one("b").decided_at is None
    store.mark_learned(["a"], "release-1")
    assert store.decide(["a"], "rejected", "me") == 0
    assert store.counts() == {"learned": 1, "new": 2}
    assert store.one("a").learned_in == "release-1"
    assert store.decide(["a"], "new", None) == 1
    assert store.one("a").learned_in is None


def test_one_is_found_by_the_beginning_of_its_id(store: FeedbackStore) -> None:
    store.add([said("abc1"), said("abd2"), said("%")])
    assert store.one("abd").id == "abd2"
    assert store.one("%").id == "%"
    for unknown in ("ab", "zz"):
        with pytest.raises(UserError, match=unknown):
            store.one(unknown)


def test_a_purge_leaves_no_byte(store: FeedbackStore, tmp_path: Path) -> None:
    store.add(
        [
            *(said(str(n), text=f"{n} {SECRET} {n}") for n in range(50)),
            said("written", wanted={"answer": f"so: {SECRET}"}),
            said("mine", subject="me", text="kept by nobody"),
            said("other", text="100% other_text"),
            predicted("p", text=SECRET),
        ]
    )
    gone = store.purge(text=SECRET)
    assert (gone.predictions, gone.feedback) == (1, 51)
    assert store.purge(text="100%_other").feedback == 0
    assert store.purge(subject="me").feedback == 1
    assert [row.id for row in store.feedback()] == ["other"]
    if store.database.is_sqlite:
        for path in tmp_path.iterdir():
            assert SECRET.encode() not in path.read_bytes(), path


def test_outcomes_count_a_question_once_and_a_person_once(store: FeedbackStore) -> None:
    asked = [("q1", "handoff"), ("q1", "handoff"), ("q2", "answer"), ("q3", "clarify")]
    # What says nothing of the release: small talk, who asked for a person, and what a rule decided.
    asked += [("hi", "chat"), ("a person please", "person"), ("moonlight", "rule")]
    rows = [
        predicted(f"p{n}", text=text, decision=decision, release_id="r1")
        for n, (text, decision) in enumerate(asked)
    ]
    verdicts = [
        ("ann", "bad"),
        ("ann", "bad"),
        ("ann", "good"),
        ("bob", "good"),
        ("cy", "correction"),
    ]
    rows += [
        said(f"f{n}", source=source, kind=kind, release_id="r1")
        for n, (source, kind) in enumerate(verdicts)
    ]
    rows.append(said("by a rule", source="dan", kind="bad", release_id="r1", given={"rule": "r"}))
    store.add([*rows, predicted("other", text="q9", decision="handoff", release_id="r2")])
    assert store.outcomes(["r1", "r2", "none"]) == {
        "r1": {"handed over": Count(1, 3), "said to be bad": Count(1, 2)},
        "r2": {"handed over": Count(1, 1), "said to be bad": Count(0, 0)},
        "none": {"handed over": Count(0, 0), "said to be bad": Count(0, 0)},
    }


def test_what_is_old_and_done_with_goes(store: FeedbackStore) -> None:
    store.add(
        [said("old"), said("done"), said("late", at=9.0), predicted("p"), predicted("q", 9.0)]
    )
    store.mark_learned(["done", "late"], "r")
    gone = store.forget_before(5.0)
    assert (gone.predictions, gone.feedback) == (1, 1)
    assert [row.id for row in store.feedback()] == ["old", "late"]


def test_behind_the_answers_rows_are_written_and_where_the_database_is_down_they_wait(
    store: FeedbackStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    spool = tmp_path / "spool" / "rows"
    writer = BehindWriter(store, spool)
    writer.start()
    with monkeypatch.context() as broken:
        broken.setattr(store, "add", _down)
        writer.put(predicted("p", time.time(), text="等一等"))
        assert writer.write(said("a")) is Fate.SPOOLED
        assert (writer.written, writer.spooled, writer.lost) == (0, 2, 0)
        # A power failure in the middle of a line.
        with spool.open("a", encoding="utf-8") as file:
            file.write('["feedback", {"id": "cut')
        assert writer.write(said("after")) is Fate.SPOOLED
    assert writer.write(said("b")) is Fate.WRITTEN
    writer.stop()
    again = BehindWriter(store, spool)
    again.start()
    again.put(said("c"))
    again.stop()
    assert {row.id for row in store.feedback()} == {"a", "after", "b", "c"}
    assert spool.with_name("rows.unreadable").read_text() == '["feedback", {"id": "cut\n'
    # Once for each: the outage, its end, and the line that was cut off.
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "ERROR"]
    found = store.prediction("p")
    assert found is not None
    assert found.text == "等一等"


def test_what_is_too_old_is_let_go_of_and_with_no_time_to_keep_no_prediction_is_kept(
    store: FeedbackStore, tmp_path: Path
) -> None:
    store.add([predicted("old"), predicted("new", time.time())])
    writer = BehindWriter(store, tmp_path / "spool", keep_seconds=60.0)
    writer.start()
    writer.put(said("a"))
    writer.stop()
    forgetful = BehindWriter(store, tmp_path / "spool", keep_seconds=0)
    forgetful.put(predicted("never", time.time()))
    forgetful.flush()
    found = [store.prediction(one) is not None for one in ("old", "new", "never")]
    assert found == [False, True, False]


def test_a_full_spool_counts_what_it_cannot_take(
    store: FeedbackStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "add", _down)
    line = len(json.dumps(["feedback", said("1").model_dump()])) + 1
    writer = BehindWriter(store, tmp_path / "spool", spool_bound=3 * line)
    fates = [writer.write(said(str(n))) for n in range(5)]
    assert fates == [Fate.SPOOLED] * 3 + [Fate.LOST] * 2
    assert (writer.spooled, writer.lost) == (3, 2)


def test_rows_that_a_mistake_of_ours_keeps_out_wait_and_the_log_says_why(
    store: FeedbackStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(rows: object) -> None:
        raise IntegrityError("INSERT", {}, OSError("twice"))

    monkeypatch.setattr(store, "add", fail)
    assert BehindWriter(store, tmp_path / "spool").write(said("1")) is Fate.SPOOLED
    (record,) = caplog.records
    assert record.exc_info and "wait in a file" in record.message


def _down(rows: object) -> None:
    raise OSError("no space left on device")


def test_the_files_are_whole_after_a_purge(store: FeedbackStore) -> None:
    store.add([said("a")])
    store.purge(text="nothing like it")
    with store.database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM feedback")).scalar() == 1
