"""`score`: label a file in one go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from apps.finance_monitor.options_cli import Entities, ReleaseId, open_registry
from apps.finance_monitor.rules.cli import open_rules
from common.cli import Device, Json, ServingPrecision, Store, existing, new_app, print_json
from common.console import say
from common.rules.rules_cli import RulesOption, say_what_fired

verbs = new_app("Label a file.")


@verbs.command()
def score(
    feed: Annotated[Path, typer.Argument(help="News: JSON lines or a table.", callback=existing)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help=".jsonl, .csv, .tsv, .xlsx or .parquet.")
    ],
    release_id: ReleaseId = None,
    entities: Entities = None,
    rules: RulesOption = None,
    device: Device = "auto",
    precision: ServingPrecision = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Label a file: sentiment, topics, companies, copies."""
    from apps.finance_monitor.stories.companies import read_entities
    from common.models.devices import check_serving_precision
    from common.records.writing import check_writable_as

    check_writable_as(output)
    check_serving_precision(precision, device)
    listed = read_entities(entities) if entities else None
    registry = open_registry(store)
    release = registry.open(release_id)
    live_rules = open_rules(rules, store, release_id)

    from apps.finance_monitor.stories.eight_bit import load_to_serve
    from apps.finance_monitor.stories.score import score_file

    found = load_to_serve(registry, release, device=device, precision=precision)
    classifier = replace(found, rules=live_rules)
    scored, rejected = score_file(feed, output, classifier, listed)
    fired = {"rules": live_rules.fired} if live_rules else {}
    if as_json:
        print_json({"scored": scored, "rejected": rejected, "output": str(output), **fired})
        return
    say(f"{scored} scored: {output}")
    if live_rules:
        say_what_fired(live_rules)
