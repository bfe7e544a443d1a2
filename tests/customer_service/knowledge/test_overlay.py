"""A release answered with edits: in process, nothing trained."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sample import Demo

from apps.customer_service.answers.answering import Answerer, prepare
from apps.customer_service.data import Example
from apps.customer_service.knowledge import editing
from apps.customer_service.knowledge.overlay import difference, with_edits
from apps.customer_service.knowledge.reading import Reader
from apps.customer_service.knowledge.schema import Edit, Entry, Knowledge
from apps.customer_service.knowledge.serving.live import LiveKnowledge, Snapshot
from apps.customer_service.knowledge.serving.preview import Golden, Previewer, gains
from apps.customer_service.knowledge.store import KnowledgeStore
from apps.customer_service.release import load_release
from apps.customer_service.schema import Answer, Faq
from common.releases.registry import Registry
from common.storage.database import Database

PET = Faq(
    id="en-pet",
    question="Do you sell pet insurance?",
    similar_questions=["cover for my cat", "insure a puppy"],
    answer="Yes. Ring 0808 157 0140.",
)
CLAIM = "how do I get my vet's bill paid"


@pytest.fixture(scope="module")
def base(demo: Demo) -> Answerer:
    return load_release(Registry(demo.store, "customer_service").open(), device="cpu")


@pytest.fixture
def released(base: Answerer) -> Knowledge:
    return Knowledge(base.faqs)


def ask(answerer: Answerer, question: str) -> Answer:
    prepared = prepare(question)
    return answerer.answer(prepared, answerer.understand([prepared])[0])


def first(answerer: Answerer, question: str) -> str | None:
    citations = ask(answerer, question).citations
    return citations[0].faq_id if citations else None


def test_a_new_faq_is_found_by_its_wordings(base: Answerer, released: Knowledge) -> None:
    then = released.after(editing.add(released, [PET], draft=False))
    answerer = with_edits(base, then.edited)
    assert ask(answerer, "Insure a puppy!").answer == PET.answer
    assert first(answerer, "can I insure my puppy with you") == "en-pet"
    assert gains(base, then)["en-pet"].is_new
    assert gains(base, then)["en-pet"].texts == 4, "three wordings, and a sentence of the answer"
    assert "en-pet" not in base.faqs, "the release itself stays as it is"


def test_a_draft_is_not_served(base: Answerer, released: Knowledge) -> None:
    then = released.after(editing.add(released, [PET], draft=True))
    assert first(with_edits(base, then.edited), PET.question) != "en-pet"


def test_what_the_release_holds_is_no_edit(base: Answerer, released: Knowledge) -> None:
    for faq in base.faqs.values():
        edits = editing.replace_all(released, list(base.faqs.values()))
        assert edits == []
        held = released.after([Edit(faq.id, 0, None, released.all[faq.id].standing)])
        assert not difference(base, held.edited)
    assert with_edits(base, held.edited) is base


def test_a_changed_answer_and_a_removed_faq(base: Answerer, released: Knowledge) -> None:
    faq_id, faq = next(iter(base.faqs.items()))
    other = faq.model_copy(update={"answer": "Come in."})
    then = released.after(editing.change(released, faq_id, other, draft=False))
    assert ask(with_edits(base, then.edited), faq.question).answer == "Come in."
    then = then.after(editing.remove(then, faq_id))
    answerer = with_edits(base, then.edited)
    assert faq_id not in {one.faq_id for one in ask(answerer, faq.question).citations}
    everything = released
    for one in base.faqs:
        everything = everything.after(editing.remove(everything, one))
    emptied = ask(with_edits(base, everything.edited), faq.question)
    assert (emptied.decision, emptied.citations) == ("handoff", [])


def test_a_correction_is_right_at_once_whatever_was_learned(
    base: Answerer, released: Knowledge
) -> None:
    wrong, right = list(base.faqs.values())[:2]
    wording = wrong.similar_questions[0]
    then = released.after(editing.correct(released, prepare(wording), right.id, None))
    said = ask(with_edits(base, then.edited), wording)
    assert (said.decision, said.answer) == ("answer", right.answer)


def test_texts_are_read_once(
    base: Answerer, released: Knowledge, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    understand = Answerer.understand

    def watched(self: Answerer, questions: Sequence[str]) -> object:
        read.extend(questions)
        return understand(self, questions)

    monkeypatch.setattr(Answerer, "understand", watched)
    reader = Reader(base)
    then = released.after(editing.add(released, [PET], draft=False))
    with_edits(base, then.edited, reader)
    assert len(read) == 4
    more = PET.model_copy(update={"similar_questions": [*PET.similar_questions, "dog cover"]})
    then = then.after(editing.change(then, "en-pet", more, draft=False))
    with_edits(base, then.edited, reader)
    assert read[4:] == ["dog cover"]


def test_dates_decide_at_each_answer(base: Answerer, released: Knowledge) -> None:
    day = datetime(2026, 12, 24, tzinfo=UTC)
    dated = Entry.of(PET).model_copy(
        update={"valid_from": day, "valid_until": day + timedelta(days=1)}
    )
    then = released.after(editing.add(released, [dated], draft=False))
    snapshot = Snapshot.of(base, Reader(base), then.edited)

    def served(hours: float) -> bool:
        return first(snapshot.at(day + timedelta(hours=hours)), PET.question) == "en-pet"

    assert [served(hours) for hours in (-0.1, 0, 23.9, 24)] == [False, True, True, False]
    assert "en-pet" not in snapshot.at(day - timedelta(hours=1)).faqs


def test_what_would_change_is_asked_of_the_golden_questions(
    base: Answerer, released: Knowledge
) -> None:
    faq = next(iter(base.faqs.values()))
    golden = [Example(prepare(faq.question), faq.id, None), Example(prepare(CLAIM), "en-pet", None)]
    previewer = Previewer(lambda _: Golden(golden))
    reader = Reader(base)
    new = PET.model_copy(update={"similar_questions": [CLAIM]})
    then = released.after(editing.add(released, [new], draft=False))
    then = then.after(editing.remove(then, faq.id))
    found = previewer.preview(base, reader, released, then)
    assert found.asked == 2
    turns: Mapping[str, str] = {one.question: one.turns for one in found.changed}
    assert turns == {prepare(faq.question): "wrong", prepare(CLAIM): "right"}
    assert previewer.preview(base, reader, released, released).changed == []


def test_what_would_change_goes_by_what_is_valid(base: Answerer, released: Knowledge) -> None:
    faq = next(iter(base.faqs.values()))
    previewer = Previewer(lambda _: Golden([Example(prepare(faq.question), faq.id, None)]))
    reader = Reader(base)

    def valid(**dates: Any) -> Knowledge:
        edits = editing.change(released, faq.id, faq.model_copy(update=dates), draft=False)
        return released.after(edits)

    day = datetime(2020, 1, 1, tzinfo=UTC)
    ended = valid(valid_until=day)
    gone = ended.after(editing.remove(ended, faq.id))
    assert previewer.preview(base, reader, ended, gone).changed == [], "it was served to nobody"
    (changed,) = previewer.preview(base, reader, released, ended).changed
    assert changed.turns == "wrong"
    begins = datetime.now(UTC) + timedelta(days=9)
    later = previewer.preview(base, reader, released, valid(valid_from=begins))
    assert (later.changed, later.as_of) == ([], begins), "asked for when it is served"


@pytest.fixture
def live(demo: Demo, kept: KnowledgeStore) -> Iterator[LiveKnowledge]:
    yield LiveKnowledge(
        Registry(demo.store, "customer_service"),
        lambda release: load_release(release, device="cpu"),
        kept,
    )


def test_an_edit_from_elsewhere_is_served_after_a_look(
    live: LiveKnowledge, url: str, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    elsewhere = KnowledgeStore(Database(url))
    live.start()
    try:
        edits = editing.add(Knowledge(live.base.faqs), [PET], draft=False)
        elsewhere.write(edits, author="bob", kind="add")
        eventually(lambda: "en-pet" in live.current.faqs)
        elsewhere.write(
            editing.undo(Knowledge({}, elsewhere.edited()), elsewhere.versions()),
            author="bob",
            kind="undo",
        )
        eventually(lambda: "en-pet" not in live.current.faqs)
    finally:
        live.stop()
        elsewhere.database.close()


def test_who_finds_nothing_newer_waits_until_it_is_served(
    live: LiveKnowledge, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = KnowledgeStore(Database(url))
    elsewhere.write(
        editing.add(Knowledge(live.base.faqs), [PET], draft=False), author="bob", kind="add"
    )
    begun, go_on = threading.Event(), threading.Event()
    make = Snapshot.of

    def slowly(*parts: Any) -> Snapshot:
        begun.set()
        assert go_on.wait(30)
        return make(*parts)

    monkeypatch.setattr(Snapshot, "of", slowly)
    with ThreadPoolExecutor(2) as pool:
        first_look = pool.submit(live.catch_up)
        assert begun.wait(30)
        seen = pool.submit(lambda: (live.catch_up(), "en-pet" in live.current.faqs)[1])
        # It cannot end before the first look goes on; a moment shows that it does not.
        assert not wait([seen], timeout=0.3).done
        go_on.set()
        assert seen.result(30)
        first_look.result(30)
    elsewhere.database.close()


def test_a_promotion_keeps_the_edits_and_takes_further_ones(
    copied: Path, kept: KnowledgeStore
) -> None:
    registry = Registry(copied, "customer_service")
    first_id = registry.current_id()
    assert first_id
    again = first_id[:-1] + ("0" if first_id[-1] != "0" else "1")
    shutil.copytree(registry.releases / first_id, registry.releases / again)
    manifest = registry.releases / again / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(first_id, again))
    live = LiveKnowledge(registry, lambda release: load_release(release, device="cpu"), kept)
    live.write(lambda now: editing.add(now, [PET], draft=False), author="a", kind="add")
    registry.promote(again)
    live.refresh()
    assert live.release_id == again
    assert ask(live.current, PET.question).answer == PET.answer
    other = PET.model_copy(update={"answer": "No."})
    live.write(
        lambda now: editing.change(now, "en-pet", other, draft=False), author="a", kind="edit"
    )
    assert ask(live.current, PET.question).answer == "No."


def test_what_is_renewed_serves_with_all_edits_until_another_release_does(
    live: LiveKnowledge,
) -> None:
    live.write(lambda now: editing.add(now, [PET], draft=False), author="a", kind="add")
    base: Any = live.base
    documents: Any = object()
    assert live.renew(base, replace(base, documents=documents))
    assert live.current.documents is documents
    assert "en-pet" in live.current.faqs
    live.write(lambda now: editing.remove(now, "en-pet"), author="a", kind="remove")
    assert live.current.documents is documents
    assert "en-pet" not in live.current.faqs
    assert not live.renew(base, base), "another one serves by now"


def test_a_purge_reaches_who_serves(live: LiveKnowledge, kept: KnowledgeStore) -> None:
    target = next(iter(live.base.faqs))
    live.write(
        lambda now: editing.correct(now, "my zeppelin has gone", target, None),
        author="a",
        kind="correct",
    )
    assert ask(live.current, "my zeppelin has gone").decision == "answer"
    kept.purge("zeppelin", [])
    live.poll()
    assert live.current.index is not None
    assert not [one for one in live.current.index.variants if "zeppelin" in one.text]


def test_where_the_database_is_down_what_was_read_goes_on(
    live: LiveKnowledge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.write(lambda now: editing.add(now, [PET], draft=False), author="a", kind="add")
    broken = Database(tmp_path / "broken.sqlite")
    with broken.writing() as connection:
        connection.exec_driver_sql("DROP TABLE knowledge")
    monkeypatch.setattr(live.store, "database", broken)
    live.poll()
    assert first(live.current, PET.question) == "en-pet"
