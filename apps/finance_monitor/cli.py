"""The verbs of the finance monitor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from apps.finance_monitor.alerts_cli import alerts
from common.cli import (
    Backbone,
    BadRow,
    Config,
    Device,
    Json,
    Mapping,
    OnBadRow,
    Promote,
    Resume,
    Seed,
    Set,
    Store,
    add_release_verbs,
    new_app,
    parse_mapping,
    print_json,
    run,
)
from common.console import results, say
from common.errors import UserError

APPLICATION = "finance_monitor"
app = new_app("Reads financial news as it comes, and raises an alert when negative news surges.")
add_release_verbs(app, APPLICATION, ("sentiment_f1", "topic_f1", "target_accuracy"))
app.add_typer(alerts, name="alerts")

SAMPLES = Path(__file__).parents[2] / "data_samples" / APPLICATION
# Within two minutes on two cores.
DEMO_SETTINGS = {"strategy": "full", "epochs": "6", "learning_rate": "1e-4"}
# Half an hour into the outage: an hour at sixty times its speed shows the alert.
DEMO_BEGIN = "2026-03-10T08:10:00+00:00"

News = Annotated[list[Path] | None, typer.Option("--news", help="Labelled news to learn from.")]
Validation = Annotated[
    list[Path] | None, typer.Option("--validation", help="News to choose by; else split off.")
]
Test = Annotated[
    list[Path] | None, typer.Option("--test", help="News to report on, never learned from.")
]
ReleaseId = Annotated[str | None, typer.Option("--release", help="Default: current.")]
Entities = Annotated[
    Path | None, typer.Option("--entities", help="Companies to watch: name, aliases, ticker.")
]

FeedSpec = Annotated[
    str, typer.Argument(help="A file that grows, - for stdin, or redis://HOST/STREAM?group=NAME.")
]
FalseAlarms = Annotated[
    str, typer.Option(help='Tolerated over all topics and companies together: "1 per 30d".')
]
WindowWidth = Annotated[str, typer.Option("--window", help="Width of a window, like 1h.")]
Lateness = Annotated[str, typer.Option("--allowed-lateness", help="How long to wait for news.")]
Delay = Annotated[str, typer.Option("--for", help="A surge must last so long to be told.")]
Escalate = Annotated[
    str | None, typer.Option("--escalate-after", help="Tell again if nobody acknowledges: 30min.")
]
Notify = Annotated[
    list[str] | None,
    typer.Option("--notify", help="jsonl:PATH, https://…, or an apprise address. May be repeated."),
]


def main() -> None:
    """Run the command line."""
    run(app)


def _sources(
    news: list[Path] | None,
    validation: list[Path] | None,
    test: list[Path] | None,
    mapping: list[str] | None,
    on_bad_row: BadRow,
    store: Path,
) -> Any:
    from apps.finance_monitor.data import Sources
    from apps.finance_monitor.schema import TrainingRecord

    return Sources(
        news=news or (),
        validation=validation or (),
        test=test or (),
        mapping=parse_mapping(mapping, TrainingRecord.model_fields),
        on_bad_row=on_bad_row.value,
        rejected_directory=store / APPLICATION / "rejected",
    )


def _registry(store: Path) -> Any:
    from common.releases.registry import Registry

    return Registry(store, APPLICATION)


@app.command()
def validate(
    news: News = None,
    validation: Validation = None,
    test: Test = None,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Read and audit the files without training."""
    from apps.finance_monitor.data import read_dataset

    dataset = read_dataset(_sources(news, validation, test, mapping, on_bad_row, store))
    splits = dataset.splits
    counts = {
        "train": len(splits.train),
        "validation": len(splits.validation),
        "test": len(splits.test),
        "topics": len(dataset.topics),
    }
    if as_json:
        print_json({"counts": counts, "findings": dataset.audit.to_json()})
    else:
        results().print(dataset.audit.table())
        results().print(", ".join(f"{name}: {count}" for name, count in counts.items()))
    dataset.audit.raise_on_errors()


@app.command()
def train(
    news: News = None,
    validation: Validation = None,
    test: Test = None,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    backbone: Backbone = "auto",
    settings: Set = None,
    config: Config = None,
    resume: Resume = False,
    promote: Promote = True,
    device: Device = "auto",
    seed: Seed = 0,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Fine-tune on labelled news; ends with before beside after, and a release."""
    from common.tuning.configuration import read_settings

    chosen = read_settings(config, settings, device=device, seed=seed)
    sources = _sources(news, validation, test, mapping, on_bad_row, store)

    from apps.finance_monitor.data import read_dataset
    from apps.finance_monitor.reporting import figures
    from apps.finance_monitor.train import train as fine_tune
    from common.tuning.finetune import is_main_process

    dataset = read_dataset(sources, seed=seed)
    if is_main_process() and not as_json:
        results().print(dataset.audit.table())
    trained = fine_tune(
        dataset, chosen, _registry(store), backbone=backbone, resume=resume, promote=promote
    )
    if trained is None:
        return
    columns = {"before": trained.before, "after": trained.after}
    release = trained.release
    if as_json:
        print_json({"release_id": release.release_id, "promoted": trained.promoted, **columns})
        return
    results().print(figures(columns, "Before and after fine-tuning, held-out texts"))
    state = "It serves now." if trained.promoted else "It is not promoted."
    results().print(f"Release {release.release_id}. {state}", markup=False)
    results().print(f"Report: {release.directory / 'report.html'}", markup=False, soft_wrap=True)


@app.command()
def evaluate(
    news: Annotated[list[Path], typer.Option("--news", help="Labelled, held-out news.")],
    release_id: ReleaseId = None,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Measure a release on held-out news: in all, and by language."""
    from apps.finance_monitor import classifying
    from apps.finance_monitor.data import read_examples
    from apps.finance_monitor.evaluate import by, language, summarise
    from apps.finance_monitor.evaluate import run as read_all
    from apps.finance_monitor.reporting import figures

    release = _registry(store).open(release_id)
    examples = read_examples(_sources(None, None, news, mapping, on_bad_row, store))
    if not examples:
        raise UserError("no labels: nothing to measure by", mend="--map sentiment=COLUMN")
    outcomes = read_all(classifying.load(release, device=device), examples)
    columns = {"all": summarise(outcomes)}
    columns |= {name: summarise(group) for name, group in by(outcomes, language).items()}
    if as_json:
        print_json({"release_id": release.release_id, "figures": columns})
    else:
        results().print(figures(columns, f"Release {release.release_id}"))


@app.command()
def score(
    feed: Annotated[Path, typer.Argument(help="News as JSON lines.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Scored news as JSON lines.")],
    release_id: ReleaseId = None,
    entities: Entities = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Label a file: sentiment, topics, companies, copies."""
    from apps.finance_monitor import classifying
    from apps.finance_monitor.entities import read_entities
    from apps.finance_monitor.scoring import score_file

    listed = read_entities(entities) if entities else None
    classifier = classifying.load(_registry(store).open(release_id), device=device)
    scored, rejected = score_file(feed, output, classifier, listed)
    if as_json:
        print_json({"scored": scored, "rejected": rejected, "output": str(output)})
    else:
        say(f"{scored} scored: {output}")


@app.command()
def watch(
    feed: FeedSpec,
    entities: Entities = None,
    false_alarms: FalseAlarms = "1 per 30d",
    window: WindowWidth = "1h",
    allowed_lateness: Lateness = "5min",
    delay: Delay = "0",
    escalate_after: Escalate = None,
    notify: Notify = None,
    once: Annotated[bool, typer.Option("--once", help="Read to the end and stop.")] = False,
    scored: Annotated[
        bool, typer.Option("--scored", help="The feed was scored by --score-only.")
    ] = False,
    score_only: Annotated[
        str | None, typer.Option("--score-only", help="Write scored news to this Redis Stream.")
    ] = None,
    release_id: ReleaseId = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Annotated[bool, typer.Option("--json", help="One line per alert, no page.")] = False,
) -> None:
    """Follow a feed: trends as they come, and an alert when negative news surges."""
    from apps.finance_monitor.running import Options

    options = Options(
        false_alarms, window, allowed_lateness, delay, escalate_after, entities, notify or ()
    )
    options.rules()
    classifier, topics = _classifier(store, release_id, device, scored)
    if score_only:
        from apps.finance_monitor.running import score_only as score_stream
        from apps.finance_monitor.watching import stopped_by_signals

        with stopped_by_signals() as stopping:
            score_stream(classifier, options.entity_list(), feed, score_only, stopping)
        return
    _watch(
        feed,
        options,
        classifier,
        topics,
        store / APPLICATION,
        once=once,
        scored=scored,
        as_json=as_json,
    )


def _classifier(store: Path, release_id: str | None, device: str, scored: bool) -> tuple[Any, Any]:
    registry = _registry(store)
    if scored:
        # Topics are learned from the feed where no release tells them.
        known = release_id or registry.current_id()
        return None, registry.open(known).manifest["topics"] if known else []
    from apps.finance_monitor import classifying

    release = registry.open(release_id)
    say("Loading the release …")
    return classifying.load(release, device=device), release.manifest["topics"]


def _watch(
    feed: Any,
    options: Any,
    classifier: Any,
    topics: list[str],
    directory: Path,
    *,
    once: bool = False,
    scored: bool = False,
    as_json: bool = False,
) -> None:
    """Follow a feed, or what names one, with the page, or lines where there is no terminal."""
    from apps.finance_monitor.running import follow, open_watch
    from apps.finance_monitor.sinks import ConsoleSink, LinesSink
    from apps.finance_monitor.watching import stopped_by_signals

    has_page = not as_json and results().is_terminal
    sinks = [LinesSink()] if as_json else [] if has_page else [ConsoleSink()]
    with (
        stopped_by_signals() as stopping,
        open_watch(directory, options, classifier, topics, sinks) as watched,
    ):

        def work(after: Any = None) -> None:
            follow(watched, feed, stopping, once=once, scored=scored, after=after)

        if has_page:
            from apps.finance_monitor.display import show_while

            show_while(watched, work)
        else:
            work()
        tally = watched.monitor.tally
    say(
        f"{tally['records']} stories, {tally['duplicates']} copies, {tally['late']} late,"
        f" {tally['repeated']} seen before, {tally['rejected']} unreadable."
    )


@app.command()
def demo(
    speed: Annotated[float, typer.Option(min=1, help="How many times as fast as it was.")] = 60,
    store: Store = Path("var"),
) -> None:
    """Fine-tune on the sample news if need be, then replay the sample feed, fast."""
    import shutil
    from datetime import datetime

    from apps.finance_monitor.file_feed import FileFeed
    from apps.finance_monitor.paced_feed import PacedFeed
    from apps.finance_monitor.running import Options

    if _registry(store).current_id() is None:
        train(
            news=sorted(SAMPLES.glob("news.*")),
            test=sorted(SAMPLES.glob("test.*")),
            settings=[f"{name}={value}" for name, value in DEMO_SETTINGS.items()],
            resume=True,
            store=store,
        )
    classifier, topics = _classifier(store, None, "auto", scored=False)
    directory = store / APPLICATION / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    begin = datetime.fromisoformat(DEMO_BEGIN)
    say(
        f"Reads the feed up to {begin:%d %B, %H:%M} UTC, then goes on at {speed:g} times its speed."
    )
    feed = PacedFeed(FileFeed(SAMPLES / "feed.jsonl", once=True), begin, speed)
    options = Options(entities=SAMPLES / "entities.csv")
    _watch(feed, options, classifier, topics, directory)


@app.command()
def backtest(
    history: Annotated[Path, typer.Argument(help="News of the past as JSON lines.")],
    events: Annotated[
        Path | None, typer.Option("--events", help="Known surges: name, key, start, end.")
    ] = None,
    budget: Annotated[
        list[str] | None, typer.Option("--budget", help="Further budgets to compare.")
    ] = None,
    entities: Entities = None,
    false_alarms: FalseAlarms = "1 per 30d",
    window: WindowWidth = "1h",
    allowed_lateness: Lateness = "5min",
    delay: Delay = "0",
    scored: Annotated[bool, typer.Option("--scored", help="Written by the verb score.")] = False,
    report: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
    release_id: ReleaseId = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Replay the past: every alert that would have fired, how soon, and how many for nothing."""
    from apps.finance_monitor.backtest import (
        Replay,
        alerts_table,
        events_table,
        read_events,
        sweep_table,
        write_backtest_report,
    )
    from apps.finance_monitor.budget import parse_budget
    from apps.finance_monitor.reporting import rows_table
    from apps.finance_monitor.running import Options

    options = Options(false_alarms, window, allowed_lateness, delay, None, entities)
    rules, listed = options.rules(), options.entity_list()
    budgets = [parse_budget(wording) for wording in budget or ()]
    known = read_events(events) if events else []
    if not history.is_file():
        raise UserError("no such file", where=str(history))
    classifier, topics = _classifier(store, release_id, device, scored)
    replay = Replay(history, classifier, rules, topics=topics, entities=listed)
    outcome = replay.outcome(known)
    sweep = [replay.under(one, known) for one in budgets]
    report = report or store / APPLICATION / "backtest.html"
    write_backtest_report(report, outcome, sweep, replay.store)
    if as_json:
        print_json(outcome.to_json() | {"sweep": [one.to_json() for one in sweep]})
        return
    title = f"{len(outcome.told)} alerts in {outcome.days:.1f} days, {outcome.budget}"
    results().print(rows_table(alerts_table(outcome), title))
    if known:
        results().print(rows_table(events_table(outcome), "Known events"))
    if sweep:
        results().print(rows_table(sweep_table([outcome, *sweep]), "Budgets"))
    results().print(f"Report: {report}", markup=False, soft_wrap=True)


@app.command()
def serve(
    feed: Annotated[
        str | None, typer.Option("--feed", help="Follow this; else what is posted to /v1/records.")
    ] = None,
    entities: Entities = None,
    false_alarms: FalseAlarms = "1 per 30d",
    window: WindowWidth = "1h",
    allowed_lateness: Lateness = "5min",
    delay: Delay = "0",
    escalate_after: Escalate = None,
    notify: Notify = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8001,
    api_key_file: Annotated[
        Path | None, typer.Option(help="Require a key; see the verb `keys`.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further name the server may be addressed by.")
    ] = None,
    device: Device = "auto",
    store: Store = Path("var"),
) -> None:
    """Watch, and show trends and alerts on a page."""
    from apps.finance_monitor.running import Options

    options = Options(
        false_alarms, window, allowed_lateness, delay, escalate_after, entities, notify or ()
    )
    options.rules()
    registry = _registry(store)
    if registry.current_id() is None:
        registry.open()
    _serve(registry, options, feed, host, port, api_key_file, allow_host or [], device)


def _serve(
    registry: Any,
    options: Any,
    feed: str | None,
    host: str,
    port: int,
    api_key_file: Path | None,
    names: list[str],
    device: str,
) -> None:
    from common.serving.api_keys import ApiKeys
    from common.serving.run import known_hosts
    from common.serving.run import serve as listen

    api_keys = ApiKeys.load(api_key_file) if api_key_file else None
    made: list[Any] = []

    def make_app() -> Any:
        from apps.finance_monitor.server import build_app
        from apps.finance_monitor.service import MonitorService

        say("Loading the release …")
        service = MonitorService(registry, options, feed, device=device)
        made.append(build_app(service, api_keys=api_keys, known_hosts=known_hosts(host, names)))
        return made[0]

    def stop() -> None:
        made[0].state.stop()

    listen(
        make_app,
        host,
        port,
        has_api_keys=api_keys is not None,
        on_listening=lambda address: say(f"Ready: {address}  (Ctrl+C stops)"),
        on_stopping=stop,
    )
