"""Windows by key, as pages draw them."""

from __future__ import annotations

from collections.abc import Callable

from news import at
from receiving import an_alert

from apps.finance_monitor.store import Store
from apps.finance_monitor.surges.alert import Exposure
from apps.finance_monitor.trends.reading import Trends, read_trends
from apps.finance_monitor.watch.monitor import Closed

HOUR = 3600.0


def _windows() -> list[Closed]:
    counts: list[dict[str, list[int]]] = [
        {"company/Alba": [2, 0, 3], "market": [2, 0, 3]},
        {"company/Borel": [0, 4, 5], "market": [0, 4, 5]},
    ]
    return [
        Closed(at(hour).timestamp(), one, dict.fromkeys(one, 1.5), dict.fromkeys(one, 0.25))
        for hour, one in enumerate(counts)
    ]


def _read(store: Store, wanted: Callable[[str], bool], hours: float) -> Trends:
    now = at(2).timestamp()
    return read_trends(store, wanted, since=now - hours * HOUR, now=now, width=HOUR)


def test_each_key_has_every_window_and_the_busiest_stands_first() -> None:
    store = Store(None)
    with store.transaction():
        store.add_windows(_windows(), [])
    found = _read(store, lambda key: True, hours=24)
    assert found.starts == [at(0).isoformat(), at(1).isoformat()]
    assert [one["key"] for one in found.keys] == ["market", "company/Borel", "company/Alba"]
    alba = found.keys[-1]
    assert (alba["name"], alba["kind"], alba["stories"], alba["negative"]) == (
        "Alba",
        "company",
        3,
        2,
    )
    loud, quiet = alba["windows"]
    assert (loud["negative"], loud["expected"], loud["surprise"]) == (2, 1.5, 0.25)
    assert (quiet["stories"], quiet["expected"]) == (0, None)

    assert [one["key"] for one in _read(store, lambda key: True, hours=1).keys] == [
        "market",
        "company/Borel",
    ]
    assert [one["key"] for one in _read(store, "company/Alba".__eq__, hours=24).keys] == [
        "company/Alba"
    ]
    store.close()


def test_whoever_is_exposed_to_an_open_alert_is_there_without_news() -> None:
    store = Store(None)
    alert = an_alert().model_copy(
        update={"exposed": [Exposure(company="Cinder", strength=0.5, path=[])]}
    )
    with store.transaction():
        store.write_alert(alert, None)
    assert _read(store, lambda key: True, hours=24).keys == []
    with store.transaction():
        store.add_windows(_windows(), [])
    last = _read(store, lambda key: True, hours=24).keys[-1]
    assert (last["key"], last["stories"], len(last["windows"])) == ("company/Cinder", 0, 2)
    store.close()
