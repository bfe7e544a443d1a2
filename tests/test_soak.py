"""The soak: a short one for real, and how a leak is told from noise."""

from __future__ import annotations

import json
import math
import random
import signal
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.chaos.running import Running
from benchmarks.soak import __main__ as soak
from benchmarks.soak.picture import draw
from benchmarks.soak.sampling import Asked, Sampler
from benchmarks.soak.trend import trend

HOURS = [number / 360 for number in range(360)]


def _noise(seed: int) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(0, 5) for _ in HOURS]


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_flat_and_a_leak_is_told(seed: int) -> None:
    noise = _noise(seed)
    assert trend(HOURS, [500 + one for one in noise]).verdict == "flat"
    leaking = trend(HOURS, [500 + 60 * at + one for at, one in zip(HOURS, noise, strict=True)])
    assert leaking.verdict == "grows"
    assert leaking.low < 60 < leaking.high


def test_what_fills_at_first_is_no_leak() -> None:
    values = [500 + 100 * min(at / 0.15, 1.0) for at in HOURS]
    assert trend(HOURS, values).verdict == "flat"


def test_a_few_samples_tell_nothing() -> None:
    assert trend([], []).verdict == "cannot be told"
    assert trend([0.0, 0.1, 0.2], [1.0, 2.0, 3.0]).verdict == "cannot be told"
    assert trend(HOURS, [math.nan] * len(HOURS)).verdict == "cannot be told"


def test_the_picture_shows_each_series() -> None:
    series = {"memory": [1.0, math.nan, 3.0], "handles": [2.0, 2.0, 2.0]}
    picture = draw(
        {"shop <1>": [0.0, 0.1, 0.2]},
        {"shop <1>": series},
        {"memory": "MB", "handles": "files"},
        {"shop <1>": {"memory": "grows"}},
    )
    texts = [one.text for one in ET.fromstring(picture).iter() if one.tag.endswith("text")]
    assert "shop <1>" in texts
    assert "memory, MB: grows" in texts
    assert picture.count("<polyline") == 2


def test_a_server_that_ends_is_told_and_what_was_seen_stays(tmp_path: Path) -> None:
    running = Running("http.server", "0", "--bind", "127.0.0.1", afresh=True)
    sampler = Sampler(running, tmp_path, Asked())
    assert sampler.sample()
    running.kill()
    assert not sampler.sample()
    assert len(sampler.hours) == len(sampler.series["memory"]) == 1


def test_some_seconds_of_it(tmp_path: Path) -> None:
    out = tmp_path / "soak.json"
    before = signal.getsignal(signal.SIGTERM)
    code = soak.main(
        ["--only", "finance_monitor", "--minutes", "0.15", "--every", "1", "--out", str(out)]
    )
    assert signal.getsignal(signal.SIGTERM) is before
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["whole"]
    trends = [one for server in found["servers"].values() for one in server["trends"].values()]
    assert code == int(any(one["verdict"] == "grows" for one in trends))
    for server in found["servers"].values():
        assert server["failed"] == []
        assert sum(server["statuses"].values()) > 10
        assert len(server["series"]["memory"]) == len(server["hours"]) > 5
        assert min(server["series"]["memory"]) > 10
    assert out.with_suffix(".svg").exists()
