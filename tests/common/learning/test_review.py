from __future__ import annotations

from collections.abc import Sequence

from common.learning.review import Correction, review
from common.learning.schema import Feedback

USUAL = [10, 20, 30, 40]


def said(identity: str, text: str, faq_id: str, source: str, **values: object) -> Feedback:
    base = {"kind": "correction", "wanted": {"faq_id": faq_id}}
    row = {"id": identity, "at": 1.0, "text": text, "source": source, **base, **values}
    return Feedback.model_validate(row)


def why(rows: Sequence[Feedback], **options: object) -> tuple[list[str], dict[str, str]]:
    found = review(rows, USUAL, **options)  # type: ignore[arg-type]
    assert {i for one in found.taken for i in one.feedback_ids}.isdisjoint(
        one.feedback_id for one in found.left_out
    )
    return [one.text for one in found.taken], {
        one.feedback_id: one.reason for one in found.left_out
    }


def test_two_sources_or_a_trusted_one_or_a_person_confirm() -> None:
    taken, left_out = why(
        [
            said("1", "lost my card", "a", "x"),
            said("2", "Lost my card!", "a", "y"),
            said("3", "twice by one", "a", "x"),
            said("4", "twice by one", "a", "x"),
            said("5", "a trusted word", "a", "z", trusted=True),
            said("6", "a person said yes", "a", "w", status="accepted"),
            said("7", "a person said no", "a", "v", status="rejected"),
        ]
    )
    assert taken == ["lost my card", "a trusted word", "a person said yes"]
    assert left_out == {
        "3": "waits for 2 sources, or a person",
        "4": "waits for 2 sources, or a person",
        "7": "rejected by a person",
    }


def test_what_a_rule_decided_is_taken_from_a_person_alone() -> None:
    by_rule = {"given": {"rule": "fees"}}
    taken, left_out = why(
        [
            said("1", "a trusted word", "a", "z", trusted=True, **by_rule),
            said("2", "a person said yes", "a", "w", status="accepted", **by_rule),
        ]
    )
    assert taken == ["a person said yes"]
    assert left_out == {"1": "the rule 'fees' decided"}


def test_rows_that_say_the_same_are_one() -> None:
    rows = [said(str(n), "lost my card", "a", f"source {n}") for n in range(5)]
    (one,) = review(rows, USUAL).taken
    assert one.feedback_ids == ("0", "1", "2", "3", "4")


def test_a_contradiction_is_a_question_for_a_person() -> None:
    rows = [
        said("1", "lost my card", "a", "x"),
        said("2", "lost my card", "a", "y"),
        said("3", "lost my card", "b", "z"),
        said("4", "lost my card", "b", "w"),
    ]
    taken, left_out = why(rows)
    assert taken == []
    assert set(left_out.values()) == {"contradicted: a person has to decide"}
    decided = [*rows[:3], rows[3].model_copy(update={"status": "accepted"})]
    found = review(decided, USUAL)
    assert [one.wanted for one in found.taken] == [{"faq_id": "b"}]
    assert [one.feedback_id for one in found.left_out] == ["1", "2"]


def test_one_source_counts_for_its_share_at_most() -> None:
    flood = [said(f"x{n}", f"wrong number {n}", "b", "x", at=0.5) for n in range(60)]
    helper = [said(f"y{n}", f"wrong number {n}", "b", "y") for n in range(60)]
    taken, left_out = why([*flood, *helper], per_source=0.05)
    assert len(taken) == 6
    assert left_out["x59"] == "more than 5% are of one source"
    assert len(why([one.model_copy(update={"trusted": True}) for one in flood])[0]) == 60


def test_doubts_and_outliers_are_quarantined_unless_somebody_trusted_said_it() -> None:
    def suspect(corrections: Sequence[Correction]) -> list[str | None]:
        return ["its text is odd" if "odd" in one.text else None for one in corrections]

    rows = [
        said(f"{text}{source}", text, "a", source)
        for text in ("an odd question", "x" * 500, "a usual question")
        for source in ("x", "y")
    ]
    taken, left_out = why(rows, suspect=suspect)
    assert taken == ["a usual question"]
    assert set(left_out.values()) == {
        "quarantined: its text is odd",
        "quarantined: of an unusual length",
    }
    trusted = [row.model_copy(update={"trusted": True}) for row in rows]
    assert len(why(trusted, suspect=suspect)[0]) == 3


def test_verdicts_and_what_is_learned_teach_nothing() -> None:
    rows = [
        said("1", "lost my card", "a", "x", kind="good", wanted={}, trusted=True),
        said("2", "lost my card", "a", "x", status="learned", trusted=True),
    ]
    assert why(rows) == ([], {})
