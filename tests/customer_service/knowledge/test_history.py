"""Knowledge as it is written: versions, conflicts, undo, purge, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.customer_service.knowledge import editing
from apps.customer_service.knowledge.conflict import ConflictError
from apps.customer_service.knowledge.purging import forget
from apps.customer_service.knowledge.schema import (
    Edit,
    Entry,
    Kind,
    Knowledge,
    Mined,
    Proposed,
    Standing,
)
from apps.customer_service.knowledge.store import KnowledgeStore
from apps.customer_service.schema import IMPORTED, Faq
from common.errors import UserError

NOW = datetime(2026, 12, 24, tzinfo=UTC)
PARKING = Faq(
    id="parking", question="Where can I park?", answer="Behind the shop: +44 20 7946 0999."
)

Now = Callable[[], Knowledge]


@pytest.fixture
def write(kept: KnowledgeStore) -> Callable[..., int]:
    def write(edits: list[Edit], kind: Kind = "edit", author: str = "ann") -> int:
        return kept.write(edits, author=author, kind=kind)

    return write


def with_answer(answer: str) -> Faq:
    return PARKING.model_copy(update={"answer": answer})


def answer_of(knowledge: Knowledge) -> str | None:
    live = knowledge.live.get("parking")
    return live.answer if live else None


def test_a_draft_waits_is_published_and_changed(
    kept: KnowledgeStore, now: Now, write: Callable[..., int]
) -> None:
    write(editing.add(now(), [PARKING], draft=True), "add")
    assert answer_of(now()) is None
    write(editing.publish(now(), {"parking": 1}), "publish")
    assert answer_of(now()) == PARKING.answer, "a business's own numbers stay"
    write(editing.change(now(), "parking", with_answer("No."), draft=True))
    assert answer_of(now()) == PARKING.answer
    found = now().get("parking")
    assert found and found.state(NOW) == "draft"
    write(editing.reject(now(), {"parking": None}), "reject")
    found = now().get("parking")
    assert found and (found.state(NOW), found.version) == ("published", 4)
    assert [one.kind for one in kept.versions()] == ["add", "publish", "edit", "reject"]
    assert [one.change for one in kept.versions(limit=2)] == [3, 4]


def test_a_change_is_taken_back_and_that_too(
    kept: KnowledgeStore, now: Now, write: Callable[..., int]
) -> None:
    write(editing.add(now(), [PARKING], draft=False), "add")
    changed = write(editing.change(now(), "parking", with_answer("No."), draft=False))
    undone = write(editing.undo(now(), kept.versions(change=changed)), "undo")
    assert answer_of(now()) == PARKING.answer
    write(editing.undo(now(), kept.versions(change=undone)), "undo")
    assert answer_of(now()) == "No."
    with pytest.raises(ConflictError, match="changed meanwhile by ann"):
        editing.undo(now(), kept.versions(change=changed))


def test_of_a_change_together_one_faq_is_taken_back_alone_but_a_correction_whole(
    kept: KnowledgeStore, now: Now, write: Callable[..., int]
) -> None:
    other = Faq(id="bus", question="Which bus stops here?", answer="The 12.")
    added = write(editing.add(now(), [PARKING, other], draft=True), "add")
    write(editing.undo(now(), kept.versions(change=added), "bus"), "undo")
    assert [i for i, one in now().all.items() if one.standing.draft] == ["parking"]
    assert kept.sizes({added, added + 1}) == {added: 2, added + 1: 1}
    with pytest.raises(UserError, match="was not about FAQ 'parking'"):
        editing.undo(now(), kept.versions(change=added + 1), "parking")

    write(editing.publish(now(), {"parking": None}), "publish")
    write(editing.add(now(), [other], draft=False), "add")
    write(editing.correct(now(), "my car, where to", "parking", None), "correct")
    moved = write(editing.correct(now(), "my car, where to", "bus", None), "correct")
    write(editing.undo(now(), kept.versions(change=moved), "bus"), "undo")
    heard = {i: one.heard for i, one in now().live.items()}
    assert heard == {"parking": ["my car, where to"], "bus": []}


def test_of_two_editors_the_second_is_told_what_the_first_wrote(
    now: Now, write: Callable[..., int]
) -> None:
    write(editing.add(now(), [PARKING], draft=False), "add")
    seen = now()
    ann = editing.change(seen, "parking", with_answer("Ann's."), draft=False, version=1)
    bob = editing.change(seen, "parking", with_answer("Bob's."), draft=False, version=1)
    write(ann, author="ann")
    with pytest.raises(ConflictError, match=r"by ann .*Ann's"):
        write(bob, author="bob")
    assert answer_of(now()) == "Ann's."
    with pytest.raises(ConflictError, match="Ann's"):
        editing.change(now(), "parking", with_answer("Bob's."), draft=False, version=1)


def test_many_writers_get_one_number_each(kept: KnowledgeStore, now: Now) -> None:
    faqs = [Faq(id=f"faq-{n}", question=f"question {n}", answer="a") for n in range(24)]
    empty = Knowledge()
    numbers: list[int] = []

    def work(mine: list[Faq]) -> None:
        for faq in mine:
            edits = editing.add(empty, [faq], draft=False)
            numbers.append(kept.write(edits, author="a", kind="add"))

    threads = [threading.Thread(target=work, args=(faqs[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 25))
    assert len(now().live) == 24


def test_a_correction_is_one_faq_s_alone(now: Now, write: Callable[..., int]) -> None:
    other = Faq(id="bus", question="Which bus stops here?", answer="The 12.")
    write(editing.add(now(), [PARKING, other], draft=False), "add")
    write(editing.correct(now(), "my car, where to", "parking", None), "correct")
    assert now().live["parking"].heard == ["my car, where to"]
    assert editing.correct(now(), "My car: where to?", "parking", None) == []
    write(editing.correct(now(), "my car, where to", "bus", None), "correct")
    assert (now().live["parking"].heard, now().live["bus"].heard) == ([], ["my car, where to"])
    assert now().edited["parking"].unsaid == {"my car, where to"}
    write(editing.correct(now(), "where is the loo", None, "Upstairs."), "correct")
    (made,) = [one for one in now().live.values() if one.answer == "Upstairs."]
    assert (made.question, made.heard) == ("where is the loo", ["where is the loo"])
    write(editing.remove(now(), made.id), "remove")
    write(editing.correct(now(), "where is the loo", None, "Upstairs."), "correct")
    assert now().live[made.id].heard == ["where is the loo"]


def test_a_draft_published_keeps_what_was_corrected_since_it_was_written(
    now: Now, write: Callable[..., int]
) -> None:
    other = Faq(id="bus", question="Which bus stops here?", answer="The 12.")
    write(editing.add(now(), [PARKING, other], draft=False), "add")
    write(editing.correct(now(), "which way to the depot", "parking", None), "correct")
    write(editing.change(now(), "parking", with_answer("No."), draft=True))
    write(editing.correct(now(), "my car, where to", "parking", None), "correct")
    write(editing.correct(now(), "which way to the depot", "bus", None), "correct")
    write(editing.publish(now(), {"parking": None}), "publish")
    assert now().live["parking"].heard == ["my car, where to"]
    assert answer_of(now()) == "No."


def test_purged_wordings_are_in_no_version(
    kept: KnowledgeStore, now: Now, write: Callable[..., int]
) -> None:
    write(editing.add(now(), [PARKING], draft=False), "add")
    write(editing.correct(now(), "my blue Fiat Zagato", "parking", None), "correct")
    write(editing.correct(now(), "a Zagato got towed", None, "To the yard."), "correct")
    write(editing.change(now(), "parking", with_answer("No."), draft=False))
    assert kept.purge("Zagato", []) == sorted({"parking", *now().live})
    assert "Zagato" not in "".join(one.model_dump_json() for one in kept.versions())
    assert answer_of(now()) == "No."
    named = {one.answer: one.question for one in now().live.values()}
    assert named["To the yard."] == "To the yard."
    assert kept.versions()[-1].kind == "purge"
    assert kept.purge(None, ["where can i PARK"]) == [], "what the business wrote is its own"


def test_wordings_that_were_mined_are_purged_from_drafts_and_what_is_served(
    kept: KnowledgeStore, now: Now, write: Callable[..., int]
) -> None:
    mined = Faq(
        id="towed",
        question="who towed my Zagato?",
        similar_questions=["where is my Zagato now", "was my car towed"],
        answer="Call the yard on Mill Lane.",
        tags=[IMPORTED, "one-dialogue"],
    )
    alone = Faq(id="alone", question="Zagato?", answer="We have none.", tags=[IMPORTED])
    write(editing.add(now(), [mined, alone], draft=True), "add")
    write(editing.publish(now(), {"alone": None}), "publish")
    assert kept.purge("Zagato", []) == ["alone", "towed"]
    assert "Zagato" not in "".join(one.model_dump_json() for one in kept.versions())
    draft = now().all["towed"].standing.draft
    assert draft is not None
    assert draft.variants == ["was my car towed"]
    assert now().live["alone"].variants == ["We have none."]


def test_evidence_waits_with_a_draft_and_is_purged_there(
    kept: KnowledgeStore, now: Now, write: Callable[..., int]
) -> None:
    rivals = ["Ask Mr Zagato.", "Nobody knows."]
    mined = Mined(score=0.7, dialogues=3, agreeing=2, thanked=1, other_answers=rivals)
    faq = Proposed(**PARKING.model_dump(), mined=mined)
    write(editing.add(now(), [faq], draft=True), "add")
    write(editing.change(now(), "parking", with_answer("In the yard."), draft=True))
    draft = now().all["parking"].standing.draft
    assert draft is not None
    assert draft.mined == mined
    assert kept.purge("Zagato", []) == ["parking"]
    draft = now().all["parking"].standing.draft
    assert draft is not None
    assert draft.mined == mined.model_copy(update={"other_answers": ["Nobody knows."]})
    assert "Zagato" not in "".join(one.model_dump_json() for one in kept.versions())
    write(editing.publish(now(), {"parking": None}), "publish")
    assert now().live["parking"].mined is None


def test_mined_answers_are_masked_and_the_one_that_is_served_is_named_with_its_place(
    kept: KnowledgeStore, now: Now, write: Callable[..., int], url: str, tmp_path: Path
) -> None:
    def mined(faq_id: str) -> Faq:
        answer = "Mr Zagato pays at the gate."
        return Faq(id=faq_id, question=f"Who pays {faq_id}?", answer=answer, tags=[IMPORTED])

    write(editing.add(now(), [mined("waits"), mined("served")], draft=True), "add")
    write(editing.publish(now(), {"served": None}), "publish")
    found = forget(tmp_path, url, "Zagato", [])
    assert (found.cleaned, found.holding) == (["waits"], ["served"])
    assert found.places == ["served: answer: in its history", "served: answer: served"]
    draft = now().all["waits"].standing.draft
    assert draft is not None
    assert (draft.answer, draft.tags) == ("Mr <purged> pays at the gate.", [IMPORTED, "masked"])
    assert now().live["served"].answer == "Mr Zagato pays at the gate."
    seen = [one.model_dump_json() for one in kept.versions(faq_id="waits")]
    assert "Zagato" not in "".join(seen)

    plain = mined("served").model_copy(update={"answer": "Nobody pays."})
    write(editing.change(now(), "served", plain, draft=False))
    found = forget(tmp_path, url, "Zagato", [])
    assert (found.cleaned, found.holding, found.places) == (["served"], [], [])


def test_what_a_file_lacks_goes_and_what_it_has_comes(now: Now, write: Callable[..., int]) -> None:
    old = Faq(id="old", question="What was once?", answer="This.", language="en")
    released = Knowledge({"old": old, "parking": PARKING.model_copy(update={"language": "en"})})
    assert editing.replace_all(released, [old, PARKING]) == []
    new = Faq(id="new", question="What is new?", answer="That.")
    edits = {one.faq_id: one.after for one in editing.replace_all(released, [PARKING, new])}
    assert edits.keys() == {"old", "new"}
    assert edits["old"] == Standing()
    assert edits["new"].live is not None


def test_a_file_leaves_the_drafts_that_wait(now: Now, write: Callable[..., int]) -> None:
    write(editing.add(now(), [PARKING], draft=False), "add")
    write(editing.change(now(), "parking", with_answer("No."), draft=True))
    write(editing.replace_all(now(), [with_answer("Yes.")]), "file")
    standing = now().all["parking"].standing
    assert standing.live and standing.draft
    assert (standing.live.answer, standing.draft.answer) == ("Yes.", "No.")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda now: editing.remove(now, "none"), "there is no FAQ 'none'"),
        (lambda now: editing.publish(now, {"parking": None}), "has no draft"),
        (lambda now: editing.add(now, [PARKING], draft=False), "an FAQ 'parking' already"),
        (lambda now: editing.change(now, "parking", with_answer("x" * 4001), draft=False), "4,001"),
        (
            lambda now: editing.add(
                now, [Faq(question="q", answer="a", translation_of="none")], draft=False
            ),
            "there is no FAQ 'none'",
        ),
        (lambda now: editing.add(now, [Faq(id="i" * 201, question="q", answer="a")], draft=True),
         "201 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(
    edit: Callable[[Knowledge], object], says: str, now: Now, write: Callable[..., int]
) -> None:
    write(editing.add(now(), [PARKING], draft=False), "add")
    with pytest.raises(UserError, match=says):
        edit(now())


def test_the_language_of_an_faq_is_that_of_its_words_unless_it_is_given() -> None:
    said = {"question": "Carte perdue ?", "answer": "Bloquez votre carte dans l'application."}
    faqs = [Faq(id="a", **said), Faq(id="b", **said, language="fr-CA")]
    edits = editing.add(Knowledge(), faqs, draft=False)
    live = [one.after.live for one in edits]
    assert [one.language for one in live if one] == ["fr", "fr-CA"]


def test_validity_is_by_the_clock() -> None:
    def state(start: str | None, end: str | None) -> str:
        entry = Entry(question="q", answer="a", valid_from=start, valid_until=end)
        found = Knowledge({"q": entry}).get("q")
        return found.state(NOW) if found else ""

    assert state(None, None) == "published"
    assert state("2026-12-24", "2026-12-24") == "published", "a date is the whole day"
    assert state("2026-12-25", None) == "scheduled"
    assert state(None, "2026-12-23") == "expired"
    assert state("2026-12-24T08:00+08:00", None) == "published"
    with pytest.raises(ValueError, match="not after"):
        state("2026-12-25", "2026-12-24")
