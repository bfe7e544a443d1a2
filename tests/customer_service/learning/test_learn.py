"""An operator corrects, the next release is right; a careless crowd cannot make it worse."""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sample import Demo, Run

from common.files import read_json
from common.learning.schema import Feedback, Prediction
from common.learning.spool import Spool
from common.learning.store import FeedbackStore
from common.releases.registry import Registry
from common.storage.database import Database
from common.storage.leases import lease

TOWED = "Cars are towed to the yard at 5 Dock Road; bring your licence to fetch yours."
PARAPHRASES = (
    "they towed my car, where is it",
    "where did you take my car after towing",
    "my car was towed, how do I fetch it",
)
Add = Callable[[Sequence[Feedback]], None]


@pytest.fixture
def store(demo: Demo, tmp_path: Path) -> Path:
    copy = tmp_path / "var"
    # Other tests ask and say things at the same store.
    shutil.copytree(demo.store, copy, symlinks=True, ignore=shutil.ignore_patterns("*.sqlite*"))
    return copy


@pytest.fixture
def add(store: Path) -> Add:
    def put(rows: Sequence[Feedback]) -> None:
        database = Database(store / "bizlm.sqlite")
        FeedbackStore(database, "customer_service").add(rows)
        database.close()

    return put


def said(text: str, source: str, *, trusted: bool = False, **wanted: str) -> Feedback:
    return Feedback(
        at=1.0, source=source, trusted=trusted, kind="correction", text=text, wanted=wanted
    )


def learn(run: Run, store: Path, *more: object) -> tuple[int, dict[str, Any]]:
    done = run("learn", *more, "--store", store, "--json")
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


def first(run: Run, store: Path, question: str) -> str:
    done = run("ask", question, "--store", store, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return str(answer["citations"][0]["faq_id"])


def current(store: Path) -> str | None:
    return Registry(store, "customer_service").current_id()


def row_ids(store: Path) -> list[str]:
    database = Database(store / "bizlm.sqlite")
    found = [row.id for row in FeedbackStore(database, "customer_service").feedback()]
    database.close()
    return found


def test_a_written_answer_is_given_to_questions_like_it(
    run: Run, store: Path, tmp_path: Path
) -> None:
    table = tmp_path / "corrections.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("text", "answer"), *((text, TOWED) for text in PARAPHRASES[:2])])
    assert run("feedback", "import", table, "--store", store).returncode == 0
    before = current(store)
    code, made = learn(run, store)
    assert (code, made["promoted"], made["passed"], made["made_before"]) == (0, False, True, False)
    assert made["comparison"]["golden"]["after"] >= made["comparison"]["golden"]["before"]
    assert made["cost"]["timing"]["records"] > 0
    assert current(store) == before
    # It is not made again for nothing: not to be looked at, nor to be promoted.
    code, same = learn(run, store)
    assert (code, same["release_id"], same["made_before"]) == (0, made["release_id"], True)
    code, learned = learn(run, store, "--promote")
    assert (code, learned["promoted"], learned["made_before"]) == (0, True, True)
    assert current(store) == learned["release_id"] == made["release_id"]
    release = Registry(store, "customer_service").open()
    assert release.manifest["parent"] == before
    variants = read_json(release.directory / "variants.json")
    assert {tuple(texts[2:]) for texts in variants if texts[0] == TOWED} == {("en", True)}
    shown = run("ask", PARAPHRASES[2], "--store", store, "--json")
    assert (
        json.loads(shown.stdout)["suggestions"][0]["answer"] == TOWED
        or json.loads(shown.stdout)["answer"] == TOWED
    )
    code, again = learn(run, store, "--promote")
    assert (code, again["release_id"]) == (0, None)
    listed = run("feedback", "list", "--store", store, "--json")
    assert json.loads(listed.stdout)["counts"] == {"learned": 2}


def test_a_release_that_learned_learns_on_and_is_rolled_back(
    run: Run, store: Path, add: Add
) -> None:
    first_release = current(store)
    for text in PARAPHRASES[:2]:
        add([said(text, "me", trusted=True, answer=TOWED)])
        assert learn(run, store, "--promote")[1]["promoted"]
    held = json.loads((store / "customer_service/current/lessons.json").read_text("utf-8"))
    texts = [text for text, *_ in held["train"]]
    assert all(texts.count(text) == 1 for text in PARAPHRASES[:2])
    run("releases", "rollback", "--store", store)
    run("releases", "rollback", "--store", store)
    assert current(store) == first_release


def test_one_hostile_source_changes_nothing_and_several_are_held_off(
    run: Run, store: Path, add: Add, demo: Demo
) -> None:
    before = current(store)
    ids = [json.loads(line)["id"] for line in demo.faqs.read_text("utf-8").splitlines()]
    add([said(f"how do I get card {n}", "x", faq_id=ids[n % 12]) for n in range(25)])
    code, learned = learn(run, store, "--promote")
    assert (code, learned["corrections"]["taken"]) == (0, 0)
    assert len(learned["left_out"]) == 25
    add(
        [
            said(f"please show me the weather number {n}", f"source {m}", faq_id=ids[n % 12])
            for n in range(25)
            for m in range(5)
        ]
    )
    code, learned = learn(run, store, "--promote")
    golden = (learned["comparison"] or {}).get("golden")
    assert golden is None or golden["after"] >= golden["before"] - 0.005 or code == 3
    if code == 3:
        assert current(store) == before


@pytest.mark.slow
def test_a_candidate_that_is_worse_is_kept_and_does_not_serve(
    run: Run, store: Path, add: Add, demo: Demo
) -> None:
    before = current(store)
    with demo.test.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["faq_id"]]
    ids = sorted({row["faq_id"] for row in rows})
    turned = {faq_id: ids[(n + 1) % len(ids)] for n, faq_id in enumerate(ids)}
    add(
        [
            said(f"{row['question']} please", "me", trusted=True, faq_id=turned[row["faq_id"]])
            for row in rows[::2]
        ]
    )
    code, learned = learn(run, store, "--promote")
    assert (code, learned["passed"], learned["promoted"]) == (3, False, False)
    assert learned["comparison"]["golden"]["after"] < learned["comparison"]["golden"]["before"]
    assert current(store) == before
    releases = [release.release_id for release in Registry(store, "customer_service").all()]
    assert learned["release_id"] in releases
    report = store / "customer_service/releases" / learned["release_id"] / "report.html"
    assert "Turned wrong" in report.read_text(encoding="utf-8")

    again = run("learn", "--promote", "--store", store)
    assert again.returncode == 3
    assert f"Nothing new came since release {learned['release_id']}, which was ref" in again.stderr
    assert [one.release_id for one in Registry(store, "customer_service").all()] == releases
    add([said(PARAPHRASES[0], "me", trusted=True, answer=TOWED)])
    code, anew = learn(run, store, "--promote")
    assert not anew["made_before"]


def test_what_was_withdrawn_is_not_promoted_again(run: Run, store: Path, add: Add) -> None:
    registry = Registry(store, "customer_service")
    before = current(store)
    add([said(PARAPHRASES[0], "me", trusted=True, answer=TOWED)])
    withdrawn = learn(run, store, "--promote")[1]["release_id"]
    registry.withdraw(withdrawn, "handed over: 10.0% of 100 → 30.0% of 100")
    assert run("feedback", "undo", *row_ids(store), "--store", store).returncode == 0
    code, again = learn(run, store, "--promote")
    assert (code, again["release_id"]) == (3, withdrawn)
    assert "was withdrawn: handed over" in again["verdict"]
    assert current(store) == before


def test_old_candidates_go_and_what_was_trained_stays(run: Run, store: Path, add: Add) -> None:
    registry = Registry(store, "customer_service")
    trained = {release.release_id for release in registry.all()}
    made = []
    for text in PARAPHRASES[:2]:
        add([said(text, "me", trusted=True, answer=TOWED)])
        made.append(learn(run, store, "--keep-releases", 1)[1]["release_id"])
    left = {release.release_id for release in registry.all()}
    assert left == trained | {made[1]}


def test_groups_are_named_and_unknown_names_refused(
    run: Run, store: Path, add: Add, demo: Demo, tmp_path: Path
) -> None:
    rows = [row for row in csv.DictReader(demo.test.open(encoding="utf-8")) if row["faq_id"]]
    golden = tmp_path / "golden.csv"
    with golden.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "segment"])
        writer.writeheader()
        for number, row in enumerate(rows):
            writer.writerow(row | {"segment": ("shops", "homes")[number % 2]})
    add([said(PARAPHRASES[0], "me", trusted=True, answer=TOWED)])
    by = ("--by", "segment,language", "--golden", golden)
    _, learned = learn(run, store, *by, "--promote")
    groups = learned["comparison"]["groups"]
    assert {"segment shops", "segment homes", "English"} == groups.keys()
    # The segments are kept with the golden questions.
    add([said(PARAPHRASES[1], "me", trusted=True, answer=TOWED)])
    _, learned = learn(run, store, "--by", "segment")
    assert learned["comparison"]["groups"].keys() == {"segment shops", "segment homes"}
    done = run("learn", "--by", "language,weather", "--store", store)
    assert done.returncode == 2
    assert "'weather'" in done.stderr
    assert "language, intent, segment" in done.stderr


def test_what_is_purged_is_in_no_later_release(run: Run, store: Path, add: Add, demo: Demo) -> None:
    add([said(PARAPHRASES[0], "me", trusted=True, answer=TOWED)])
    assert learn(run, store, "--promote")[1]["promoted"]
    with_it = current(store)
    done = run("feedback", "purge", "--text", "towed my car", "--store", store, "--json")
    found = json.loads(done.stdout)
    assert (found["predictions"], found["feedback"], found["releases"]) == (0, 1, [with_it])
    assert learn(run, store, "--promote")[1]["promoted"]
    without = (store / "customer_service" / "current").resolve()
    assert without.name != with_it
    for path in without.rglob("*"):
        assert path.is_dir() or PARAPHRASES[0].encode() not in path.read_bytes(), path
    assert TOWED in (without / "faqs.jsonl").read_text(encoding="utf-8")
    assert learn(run, store)[1]["release_id"] is None


def test_two_cannot_learn_at_once(run: Run, store: Path, add: Add) -> None:
    database = Database(store / "bizlm.sqlite")
    with lease(database, "learn customer_service"):
        done = run("learn", "--store", store)
    database.close()
    assert done.returncode == 2
    assert "running already" in done.stderr


def test_decisions_from_the_command_line(run: Run, store: Path, add: Add) -> None:
    row = said("a question", "x", faq_id="en-card-lost")
    add([row])
    for verb, status in (("accept", "accepted"), ("undo", "new"), ("reject", "rejected")):
        assert run("feedback", verb, row.id[:8], "--store", store).returncode == 0
        shown = run("feedback", "show", row.id, "--store", store)
        assert json.loads(shown.stdout)["status"] == status
    assert run("feedback", "accept", "nothing", "--store", store).returncode == 2
    assert run("feedback", "purge", "--store", store).returncode == 2


def test_an_older_release_says_what_to_do(run: Run, store: Path) -> None:
    registry = Registry(store, "customer_service")
    release = registry.open()
    (release.directory / "lessons.json").unlink()
    manifest = release.directory / "manifest.json"
    values = json.loads(manifest.read_text(encoding="utf-8"))
    del values["files"]["lessons.json"]
    manifest.write_text(json.dumps(values), encoding="utf-8")
    done = run("learn", "--store", store)
    assert done.returncode == 2
    assert "run `train` once more" in done.stderr


def test_golden_questions_of_ones_own_are_measured_on_from_then_on(
    run: Run, store: Path, add: Add, demo: Demo, tmp_path: Path
) -> None:
    rows = list(csv.DictReader(demo.test.read_text(encoding="utf-8").splitlines()))
    own = [row for row in rows if row.get("faq_id")][:12]
    golden = tmp_path / "golden.csv"
    with golden.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, own[0].keys())
        writer.writeheader()
        writer.writerows(own)
    add([said(PARAPHRASES[0], "desk", trusted=True, answer=TOWED)])
    _, learned = learn(run, store, "--promote", "--golden", str(golden))
    assert learned["comparison"]["golden"]["records"] == len(own)
    add([said(PARAPHRASES[1], "desk", trusted=True, answer=TOWED)])
    _, again = learn(run, store)
    assert again["comparison"]["golden"]["records"] == len(own)
    code, _ = learn(run, store, "--golden", str(tmp_path / "missing.csv"))
    assert code == 2
    golden.write_text("question,intent\nwill it rain,out_of_scope\n", encoding="utf-8")
    done = run("learn", "--store", store, "--golden", golden)
    assert done.returncode == 2
    assert "all held-out questions are out of scope" in done.stderr


def test_an_faq_that_was_added_live_with_a_measured_question_is_learned_by_a_correction(
    run: Run, store: Path, add: Add, demo: Demo
) -> None:
    rows = csv.DictReader(demo.test.read_text(encoding="utf-8").splitlines())
    asked = next(row["question"] for row in rows if not row.get("faq_id"))
    done = run(
        "faqs", "add", "--id", "new", "--question", asked, "--answer", "No.", "--store", store
    )
    assert done.returncode == 0, done.stderr
    assert learn(run, store, "--promote")[1]["release_id"] is None, "nothing of it may be learned"
    add([said(PARAPHRASES[0], "desk", trusted=True, faq_id="new")])
    _, learned = learn(run, store, "--promote")
    release = Registry(store, "customer_service").open(learned["release_id"])
    variants = read_json(release.directory / "variants.json")
    assert [text for text, faq_id, *_ in variants if faq_id == "new"] == [PARAPHRASES[0]]


def test_what_was_asked_of_late_is_put_to_the_candidate(run: Run, store: Path, add: Add) -> None:
    serving = Registry(store, "customer_service").open().release_id
    asked = [PARAPHRASES[0], PARAPHRASES[0], "zzz qqq"]
    rows = [
        Prediction(
            id=f"p{number}",
            at=time.time(),
            source="s",
            release_id=serving,
            text=text,
            decision="handoff",
            given={"faq_id": None},
        )
        for number, text in enumerate(asked)
    ]
    database = Database(store / "bizlm.sqlite")
    FeedbackStore(database, "customer_service").add(rows)
    database.close()
    add([said(PARAPHRASES[0], "desk", trusted=True, answer=TOWED)])
    _, learned = learn(run, store, "--promote", "--shadow", "24h")
    assert learned["shadow"]["asked"] == 3
    (one,) = learned["shadow"]["disagreements"]
    assert (one["text"], one["times"], one["serving"]) == (PARAPHRASES[0], 2, "handoff")
    assert one["candidate"].startswith("answer ")
    release = Registry(store, "customer_service").open()
    assert release.manifest["learned"]["shadow"]["asked"] == 3
    page = (release.directory / "report.html").read_text(encoding="utf-8")
    assert "In the shadow of the serving release" in page


def test_a_purge_reaches_what_waits_in_the_spool(run: Run, store: Path) -> None:
    spool = store / "customer_service" / "feedback.spool"
    rows = [said("they towed my car", "x", answer=TOWED), said("another question", "x", faq_id="a")]
    Spool(spool, FeedbackStore.kinds).append(rows)
    assert run("feedback", "purge", "--text", "towed my car", "--store", store).returncode == 0
    left = spool.read_text(encoding="utf-8")
    assert "towed" not in left
    assert "another question" in left
