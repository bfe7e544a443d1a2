"""An alert in words, in the language of whom it is about."""

from __future__ import annotations

import pytest
from news import at
from receiving import an_alert

from apps.finance_monitor.alerts.notifications import headline, in_words
from apps.finance_monitor.surges.alert import Alert, Evidence


def _alert(key: str, *headlines: str, status: str = "firing") -> Alert:
    evidence = [
        Evidence(
            id=str(n),
            published_at=at(1),
            headline=text,
            negative=0.9,
            outlets=3,
            words=text.split()[:1],
        )
        for n, text in enumerate(headlines)
    ]
    return an_alert(status=status, key=key).model_copy(update={"evidence": evidence})


def test_in_english() -> None:
    alert = _alert("company/Alba", "Alba collapses")
    assert headline(alert) == "Negative news on Alba: 12 stories (usually 1.5)"
    assert in_words(alert).splitlines() == [
        "warning, firing, since 2026-03-02 01:00 UTC, 80% negative",
        "- 01:00 Alba collapses (3 reports) [Alba]",
    ]


def test_in_chinese() -> None:
    alert = _alert("company/海港银行", "海港银行 停牌")
    assert headline(alert) == "海港银行：负面消息激增，12 条（常态 1.5 条）"
    assert in_words(alert).splitlines() == [
        "警告，告警中，始于 2026-03-02 01:00 UTC，负面占比 80%",
        "- 01:00 海港银行 停牌（3 条报道） [海港银行]",
    ]


@pytest.mark.parametrize(
    ("headlines", "begins"),
    [
        (
            ("Alba collapses", "Borel falls", "海港银行停牌"),
            "Negative news on the market has ended",
        ),
        (("Alba collapses", "云岭亏损", "海港银行停牌"), "全市场：负面消息激增已结束"),
        ((), "Negative news on the market has ended"),
    ],
)
def test_the_whole_market_speaks_as_most_of_its_stories(
    headlines: tuple[str, ...], begins: str
) -> None:
    assert headline(_alert("market", *headlines, status="resolved")).startswith(begins)
