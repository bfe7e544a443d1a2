"""What is watched is read again when its files change, and stays where one is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

import pytest
from news import story

from apps.finance_monitor.feeds.feed import Batch, Position
from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.surges.keys import company_key
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.running import Options, open_watch
from apps.finance_monitor.watch.setup import LiveSetup

LIST = '[[watchlist]]\nname = "{name}"\ncompanies = ["Borel"]\nnotify = ["jsonl:{path}"]\n'


class _Feed:
    """Gives what is handed to it, between two looks at the files."""

    def __init__(self, steps: Sequence[Callable[[], Sequence[ScoredRecord]]]) -> None:
        self._steps = [step for one in steps for step in (one, list, list)]

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        step = self._steps.pop(0)
        return Batch(list(step()), [], None, ended=not self._steps)

    def acknowledge(self, position: Position) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.setattr("apps.finance_monitor.watch.setup.LOOK_SECONDS", 0.0)
    written = {
        "entities.csv": "name,aliases\nAlba,\n",
        "relations.csv": "company,relation,other\nAlba,supplier,Cinder\n",
        "calendar.csv": "date,kind,key,hours,timezone\n2026-03-01,holiday,,,UTC\n",
        "watchlists.toml": '[[watchlist]]\nname = "first"\ncompanies = ["Alba"]\n',
    }
    for name, text in written.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return Options(
        entities=tmp_path / "entities.csv",
        relations=tmp_path / "relations.csv",
        calendar=tmp_path / "calendar.csv",
        watchlists=tmp_path / "watchlists.toml",
    )


@pytest.fixture
def watch(options: Options, tmp_path: Path) -> Iterator[Watch]:
    with open_watch(tmp_path / "store", options, None, []) as opened:
        yield opened


def _borel(identity: str, hours: float) -> ScoredRecord:
    made = story(identity, hours, topics=())
    return made.model_copy(update={"text": f"Borel {made.text}"})


def test_new_companies_lists_relations_and_days_hold_from_the_next_batch_on(
    watch: Watch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    def change() -> list[ScoredRecord]:
        (tmp_path / "entities.csv").write_text("name,aliases\nAlba,\nBorel,\n", encoding="utf-8")
        text = LIST.format(name="second", path=tmp_path / "told.jsonl")
        (tmp_path / "watchlists.toml").write_text(text, encoding="utf-8")
        more = "Borel,supplier,Alba\n"
        (tmp_path / "relations.csv").write_text(f"company,relation,other\n{more}")
        return [_borel("before", 1)]

    watch.follow(_Feed([change, lambda: [_borel("after", 2)]]), Event())
    found = {one.id: one.entities for one, _ in watch.store.all_stories()}
    assert found == {"before": [], "after": ["Borel"]}
    assert company_key("Borel") in watch.monitor.keys
    assert [one.name for one in watch.monitor.rules.watchlists] == ["second"]
    assert "Read again: entities.csv" in capsys.readouterr().err
    feed = [
        story(f"q{hour}-{i}", 2 + hour + i / 5, "neutral") for hour in range(240) for i in range(3)
    ]
    feed += [_borel(f"s{i}", 245 + i / 4) for i in range(24)]
    watch.follow(_Feed([lambda: feed, lambda: [story("end", 280, "neutral")]]), Event())
    told = tmp_path / "told.jsonl"
    eventually(lambda: told.exists() and '"key": "company/Borel"' in told.read_text("utf-8"))
    assert '"company": "Alba"' in told.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("entities.csv", "name,aliases\nBorel,X\nAlba,X\n", "entities.csv: 'X' names both"),
        ("watchlists.toml", '[[watchlist]]\nname = "a"\ncompanies = ["Zeta"]\n', "'Zeta' is not"),
        ("watchlists.toml", LIST.format(name="a", path="x") + "notify = 3", "toml"),
        ("relations.csv", "company,relation,other\nAlba,supplier,Alba\n", "its own supplier"),
        ("calendar.csv", "date,kind,key,hours,timezone\n2026-03-01,feast,,,UTC\n", "kind"),
        ("calendar.csv", None, "calendar.csv: it is gone"),
    ],
)
def test_a_broken_file_changes_nothing_and_is_told_until_it_is_mended(
    watch: Watch,
    tmp_path: Path,
    name: str,
    text: str | None,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    live, path = watch.live, tmp_path / name
    assert live
    before, kept = live.current, path.read_text(encoding="utf-8")
    _write(path, text)
    watch.follow(_Feed([list, list]), Event())
    assert live.current is before
    assert said in (live.refused or "")
    assert capsys.readouterr().err.count("What is watched stays as it was") == 1
    _write(path, kept + "\n")
    watch.follow(_Feed([list, list]), Event())
    assert live.refused is None
    assert live.current is not before


def test_what_does_not_change_is_read_once(options: Options) -> None:
    reads = []
    live = LiveSetup(options.files, lambda: reads.append(1) or options.setup())
    assert not any(live.refresh() for _ in range(4))
    assert len(reads) == 1


def _write(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.write_text(text, encoding="utf-8")
