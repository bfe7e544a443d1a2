"""Watchlists: how they are read, whom an alert is for, and what each list is promised."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from news import quiet_then_surge, story
from receiving import an_alert

from apps.finance_monitor.alerts.delivery import Delivery, escalate
from apps.finance_monitor.alerts.life import Change
from apps.finance_monitor.alerts.notifications import Notification, headline, in_words
from apps.finance_monitor.alerts.operations import cases
from apps.finance_monitor.alerts.routing import AlertRouter
from apps.finance_monitor.alerts.sinks import FileSink
from apps.finance_monitor.calendars.reading import read_calendar
from apps.finance_monitor.exposure.relations import Exposures, Relation, read_relations
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.companies import Entity, EntityList
from apps.finance_monitor.surges.alert import Alert
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.surges.detector import SurgeDetector
from apps.finance_monitor.surges.keys import keys_for
from apps.finance_monitor.watch.monitor import Monitor, Rules
from apps.finance_monitor.watchlists.audience import Subscribers, thresholds
from apps.finance_monitor.watchlists.reading import read_watchlists
from apps.finance_monitor.watchlists.watchlist import Watchlist, seen_by
from common.errors import UserError

ENTITIES = EntityList([Entity(name="Alba", aliases=["Alba AG"]), Entity(name="Borel")])
DESK = Watchlist(name="desk", companies=["Alba"], notify=["jsonl:desk"])
RATES = Watchlist(name="rates", topics=["credit"])
WORDS = Watchlist(name="words", words=["collapses", "暴雷"])


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "watchlists.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_company_goes_by_any_of_its_names(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        '[[watchlist]]\nname = "a"\ncompanies = ["alba ag"]\nfalse_alarms = "1 per 7d"\n',
    )
    (found,) = read_watchlists(path, ENTITIES, ["credit"])
    assert found.companies == ["Alba"]
    assert str(found.false_alarms) == "1 per 7d"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[[watchlist]]\nname = "a"\n', 1, "neither companies nor topics nor words"),
        ('[[watchlist]]\nname = "a"\ncompanies = ["Albo"]\n', 3, "Did you mean Alba?"),
        ('[[watchlist]]\nname = "a"\ntopics = ["credits"]\n', 3, "Did you mean credit?"),
        ('[[watchlist]]\nname = "a"\ntopic = ["credit"]\n', 3, "topic: Extra inputs"),
        (
            '[[watchlist]]\nname = "a"\nwords = ["x"]\nfalse_alarms = "few"\n',
            4,
            "not a number of false alarms",
        ),
        (
            '[[watchlist]]\nname = "a"\nwords = ["x"]\n[[watchlist]]\nname = "a"\nwords = ["y"]\n',
            5,
            "appears twice",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(UserError) as caught:
        read_watchlists(path, ENTITIES, ["credit"])
    assert f"watchlists.toml:{line}:" in str(caught.value)
    assert said in str(caught.value)


def test_a_name_of_several_companies_is_told_so(tmp_path: Path) -> None:
    listed = EntityList(
        [
            Entity(name="Alba Bank", aliases="Alba", only_with="loans"),
            Entity(name="Alba Mining", aliases="Alba", only_with="ore"),
        ]
    )
    path = _file(tmp_path, '[[watchlist]]\nname = "a"\ncompanies = ["Alba"]\n')
    said = "several companies go by 'Alba': Alba Bank, Alba Mining"
    with pytest.raises(UserError, match=f"toml:3: {said}"):
        read_watchlists(path, listed)
    table = tmp_path / "table.csv"
    table.write_text("date,kind,key\n2026-03-02,earnings,Alba\n", encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_calendar(table, listed, ["credit"])
    table.write_text("company,relation,other\nAlba,supplier,Alba Bank\n", encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_relations(table, listed)


def test_a_story_concerns_a_list_by_company_topic_or_word() -> None:
    about = story("1", 1, topics=("credit",), entities=("Alba",), text="Alba collapses overnight")
    other = story("2", 1, topics=(), entities=("Borel",), text="Borel opens a collapsesque office")
    assert [one.concerns(about) for one in (DESK, RATES, WORDS)] == [True, True, True]
    assert [one.concerns(other) for one in (DESK, RATES, WORDS)] == [False, False, False]
    assert WORDS.concerns(story("3", 1, topics=(), text="某平台暴雷"))


def test_a_list_shares_its_budget_among_its_own_keys() -> None:
    keys = keys_for(["credit"], ["Alba", "Borel"])
    loose = DESK.model_copy(update={"false_alarms": parse_budget("1 per 1d")})
    found = thresholds(parse_budget("1 per 30d"), [loose, RATES], keys, 3600)
    assert found.general == 4 * 30 * 24
    assert found.first.tolist() == [found.general, found.general, 24, found.general]
    assert found.lists["rates"].tolist() == [np.inf, found.general, np.inf, np.inf]
    at_desk = np.log(24) / np.log(found.general)
    assert found.reached(at_desk, 2) == ["desk"]
    assert found.reached(at_desk, 3) == []


def test_a_lists_budget_lets_an_alert_through_to_it_alone() -> None:
    loose = DESK.model_copy(update={"false_alarms": parse_budget("1 per 1d")})
    mild = quiet_then_surge(surge_hours=2, per_hour=2)

    def fired(lists: list[Watchlist]) -> list[Alert]:
        monitor = Monitor(
            Rules(parse_budget("1 per 10y"), watchlists=lists), keys_for(["credit"], ["Alba"])
        )
        for one in mild:
            monitor.observe(one)
        monitor.finish()
        return [c.alert for c in monitor.take_changes()[0] if c.event == "firing"]

    assert fired([]) == []
    (alert,) = fired([loose])
    assert (alert.key, alert.general, alert.watchlists) == ("company/Alba", False, ["desk"])


def test_false_alarms_of_each_list_stay_within_its_promise() -> None:
    rng = np.random.default_rng(3)
    keys = keys_for([f"t{n}" for n in range(39)], [])
    own = Watchlist(
        name="own", topics=[f"t{n}" for n in range(20)], false_alarms=parse_budget("2 per 7d")
    )
    asked = thresholds(parse_budget("1 per 30d"), [own], keys, 3600)
    detector = SurgeDetector(3600)
    detector.grow(len(keys))
    rate, days = rng.uniform(0.3, 6, len(keys)), 200
    general, told, on = 0, 0, [set[str]() for _ in keys]
    for hour in range(24 * days):
        counts = rng.poisson(rate).astype(float)
        verdict = detector.judge(hour * 3600, counts, counts, asked.general, True, asked.first)
        for row in range(len(keys)):
            if not verdict.alarmed[row]:
                continue
            surprise = float(verdict.surprise[row])
            reached = {*asked.reached(surprise, row), *(["general"] if surprise >= 1 else [])}
            general += "general" in reached - on[row]
            told += "own" in reached - on[row]
            on[row] = set() if verdict.ended[row] else on[row] | reached
    # Three standard deviations of a Poisson count above what is promised.
    assert general <= days / 30 + 3 * (days / 30) ** 0.5
    assert general < told <= days * 2 / 7 + 3 * (days * 2 / 7) ** 0.5


def _routed(subscribers: Subscribers, changes: list[Change]) -> tuple[Store, dict[str, list[str]]]:
    store = Store(None)
    router = AlertRouter(store, subscribers, lambda *_: [])
    with store.transaction() as database:
        router.write(database, changes)
    outbox: dict[str, list[str]] = {}
    for row in store.rows("SELECT sink, body FROM outbox ORDER BY number"):
        outbox.setdefault(row["sink"], []).append(row["body"])
    return store, outbox


SUBSCRIBERS = Subscribers(["all"], [DESK, RATES], {"desk": ["desk's"], "rates": ["rates'", "all"]})


def _for(*lists: str, general: bool = True, key: str = "company/Alba") -> Alert:
    return an_alert(key=key).model_copy(update={"watchlists": list(lists), "general": general})


def test_an_alert_goes_to_whom_it_concerns() -> None:
    _, outbox = _routed(SUBSCRIBERS, [Change("firing", _for("desk"), 0)])
    assert sorted(outbox) == ["all", "desk's"]
    _, outbox = _routed(SUBSCRIBERS, [Change("firing", _for("desk", general=False), 0)])
    assert sorted(outbox) == ["desk's"]
    _, outbox = _routed(SUBSCRIBERS, [Change("firing", _for("rates", key="topic/credit"), 0)])
    assert [(name, len(bodies)) for name, bodies in sorted(outbox.items())] == [
        ("all", 1),
        ("rates'", 1),
    ]


def test_a_suppliers_alert_goes_to_whoever_watches_the_customer_marked_as_indirect() -> None:
    customers = Watchlist(name="customers", companies=["Borel", "Cinder"])
    both = Watchlist(name="both", companies=["Alba", "Borel"])
    exposures = Exposures(
        [Relation(company="Alba", relation="supplier", other="Borel", strength=0.5)]
    )
    subscribers = Subscribers(
        ["all"], [customers, both], {"customers": ["c's"], "both": ["b's", "all"]}
    )
    store = Store(None)
    router = AlertRouter(store, subscribers, lambda _: [], exposures)

    def write(event: Literal["firing", "resolved"], *alerts: Alert) -> dict[str, list[str]]:
        with store.transaction() as database:
            router.write(database, [Change(event, alert, 0) for alert in alerts])
        told: dict[str, list[str]] = {}
        for row in store.rows("SELECT sink, body FROM outbox ORDER BY number"):
            alert = Notification.model_validate_json(row["body"]).alerts[0]
            told.setdefault(row["sink"], []).append(headline(alert))
        return told

    plain = headline(an_alert())
    told = write("firing", _for("both"))
    assert told == {"all": [plain], "b's": [plain], "c's": [f"Borel, indirectly: {plain}"]}
    escalate(store, ["all", "b's", "c's"], datetime.now(UTC) + timedelta(hours=1))
    ended = an_alert(status="resolved").model_copy(update={"watchlists": ["both"]})
    told = write("resolved", ended)
    assert {name: len(lines) for name, lines in told.items()} == {"all": 3, "b's": 3, "c's": 3}
    assert all(line.startswith("Borel, indirectly: ") for line in told["c's"])
    # What only the budget of another list lets through is no news for this one.
    mild = _for("both", general=False).model_copy(update={"alert_id": "a2"})
    assert len(write("firing", mild)["c's"]) == 3
    (seen,) = [seen_by(customers, one.alert) for one in cases(store) if one.alert.general]
    assert seen
    assert seen.indirect == "Borel"
    assert "Borel（间接）：云岭" in headline(_for(key="company/云岭").marked("Borel"))


def test_whoever_watches_the_least_exposed_is_told_too() -> None:
    names = [f"客户{n:02}" for n in range(14)]
    exposures = Exposures(
        [
            Relation(company="云岭", relation="supplier", other=name, strength=0.9 - n / 20)
            for n, name in enumerate(names)
        ]
    )
    last = Watchlist(name="last", companies=names[-2:])
    store = Store(None)
    router = AlertRouter(
        store, Subscribers([], [last], {"last": ["l's"]}), lambda *_: [], exposures
    )
    with store.transaction() as database:
        router.write(database, [Change("firing", _for(key="company/云岭"), 0)])
    (row,) = store.rows("SELECT body FROM outbox")
    (alert,) = Notification.model_validate_json(row["body"]).alerts
    assert headline(alert).startswith("客户12、客户13（间接）：")
    assert names[9] in in_words(alert)
    assert names[10] not in in_words(alert)


def test_a_receiver_that_was_taken_out_hears_no_escalation_and_no_end(tmp_path: Path) -> None:
    store, _ = _routed(SUBSCRIBERS, [Change("firing", _for("desk"), 0)])
    kept, gone = FileSink(tmp_path / "kept"), FileSink(tmp_path / "gone")
    delivery = Delivery(store, [kept, gone])
    delivery.use([kept])
    assert delivery.sinks == [kept.name]
    router = AlertRouter(store, Subscribers(["all"], [RATES], {"rates": ["rates'"]}), lambda *_: [])
    escalate(store, ["all"], datetime.now(UTC) + timedelta(hours=1))
    ended = an_alert(status="resolved").model_copy(update={"watchlists": ["desk"]})
    with store.transaction() as database:
        router.write(database, [Change("resolved", ended, 0)])
    told = Counter(row["sink"] for row in store.rows("SELECT sink FROM outbox"))
    assert told == {"all": 3, "desk's": 1}


def test_the_end_goes_to_nobody_who_never_heard_of_the_alert() -> None:
    ended = an_alert(status="resolved").model_copy(update={"watchlists": ["desk"]})
    for refused in (False, True):
        # It was shown alone, or its receiver set it aside.
        store, _ = _routed(Subscribers(["new"] if refused else []), [Change("firing", _for(), 0)])
        new = AlertRouter(store, Subscribers(["new"]), lambda *_: [])
        with store.transaction() as database:
            database.execute("UPDATE outbox SET error = 'HTTP 400'")
            (shown,) = new.write(database, [Change("resolved", ended, 0)])
        assert shown.reason == "all alerts resolved"
        assert len(store.rows("SELECT 1 FROM outbox")) == refused


def test_what_explains_an_alert_explains_it_to_those_who_hear_of_it() -> None:
    alert = _for("desk")
    assert [*SUBSCRIBERS.of(alert, muted_by="topic/credit")] == ["desk's"]
    both = Watchlist(name="desk", companies=["Alba"], topics=["credit"])
    told = Subscribers(["all"], [both], {"desk": ["desk's"]})
    assert told.of(alert, muted_by="topic/credit") == {}


def test_the_end_and_an_escalation_go_to_those_who_were_notified() -> None:
    store, _ = _routed(SUBSCRIBERS, [Change("firing", _for("desk", general=False), 0)])
    later = an_alert().fired_at
    assert later
    delivery = Delivery(store, [])
    assert delivery.sinks == []
    assert escalate(store, ["all", "desk's"], datetime.now(UTC) + timedelta(hours=1)) == 1
    ended = an_alert(status="resolved").model_copy(
        update={"general": False, "watchlists": ["desk"]}
    )
    with store.transaction() as database:
        AlertRouter(store, SUBSCRIBERS, lambda *_: []).write(
            database, [Change("resolved", ended, 0)]
        )
    sinks = [row["sink"] for row in store.rows("SELECT sink FROM outbox ORDER BY number")]
    assert sinks == ["desk's"] * 3
