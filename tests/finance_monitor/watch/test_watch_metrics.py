"""`/metrics` of a watch that serves nothing else."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from command_line import run_here
from news import quiet_then_surge, story
from scraping import running_with_metrics, scrape_until


def test_a_watch_tells_its_figures_to_prometheus(tmp_path: Path) -> None:
    stories = quiet_then_surge()
    surging = stories[: next(i for i, one in enumerate(stories) if one.id == "s3-0")]
    text = "Alba customers report failed card payments and blocked logins on Tuesday morning"
    more = [
        story("first", 242.99, text=text),
        story("copy", 242.99, text=text),
        story("late", 1, "positive"),
        stories[0],
    ]
    lines = [one.model_dump_json(exclude_none=True) for one in [*surging, *more]]
    feed = tmp_path / "feed.jsonl"
    feed.write_text("\n".join([*lines, "no json"]) + "\n", encoding="utf-8")
    verb = ("watch", str(feed), "--scored", "--store", str(tmp_path / "var"))
    with running_with_metrics(*verb, "--notify", "http://127.0.0.1:9/hook") as scrape:
        counters = scrape_until(scrape, "bizlm_monitor_rejected_total", 1)
        assert counters["bizlm_monitor_records_total"] == len(surging) + 3
        assert counters["bizlm_monitor_duplicates_total"] == 1
        assert counters["bizlm_monitor_late_total"] == 1
        assert counters["bizlm_monitor_repeated_total"] == 1
        negative = sum(one.sentiment.label == "negative" for one in surging) + 2
        assert counters['bizlm_monitor_sentiment_total{sentiment="negative"}'] == negative
        alerts = [value for name, value in counters.items() if "monitor_alerts{" in name]
        assert sum(alerts) >= 1
        assert counters["bizlm_monitor_lag"] == 0
        assert counters["bizlm_monitor_records_per_second"] > 0
        assert counters["bizlm_monitor_drift"] == 0
        (name,) = [name for name in counters if "sink_failures" in name and "127.0.0.1" in name]
        assert scrape_until(scrape, name, 1)

        with feed.open("a", encoding="utf-8") as file:
            file.write(story("next", 243, "neutral").model_dump_json(exclude_none=True) + "\n")
        scrape_until(scrape, "bizlm_monitor_records_total", len(surging) + 4)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("taken", "is in use"),
        ("127.0.0.1:port", "neither PORT nor HOST:PORT"),
        ("99999", "neither PORT nor HOST:PORT"),
        ("192.0.2.1:9100", "no address of this machine"),
    ],
)
def test_an_address_that_cannot_be_had_is_explained(
    tmp_path: Path, address: str, says: str
) -> None:
    (tmp_path / "feed.jsonl").touch()
    with socket.create_server(("127.0.0.1", 0)) as other:
        if address == "taken":
            address = str(other.getsockname()[1])
        done = run_here(
            "finance_monitor", "watch", tmp_path / "feed.jsonl", "--scored", "--once",
            "--store", tmp_path / "var", "--metrics", address,
        )  # fmt: skip
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
