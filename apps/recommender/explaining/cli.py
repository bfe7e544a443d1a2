"""`explain`: why an item suits a user."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apps.recommender.options_cli import (
    AsOf,
    FileOptions,
    ReleaseId,
    open_registry,
    parse_moment,
)
from common.cli import Device, Json, Store, new_app, print_json
from common.console import results, show_table
from common.groups_cli import grouped

if TYPE_CHECKING:
    from rich.table import Table

    from apps.recommender.explaining.item import ItemExplanation

verbs = new_app("Explain.")
# Further down a list nobody looks.
DEPTH = 100
EVENTS_SHOWN = 5


@verbs.command()
@grouped
def explain(
    *,
    user_id: Annotated[str, typer.Argument(help="Whose list.")],
    item_id: Annotated[str, typer.Argument(help="The item to explain.")],
    files: FileOptions,
    as_of: AsOf = None,
    release_id: ReleaseId = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Which past events, and which words of an item's text, speak for it."""
    moment = parse_moment(as_of, "--as-of")
    registry = open_registry(store)
    release = registry.open(release_id)
    dataset = files.read(store, as_of=moment, release=release)

    from apps.recommender.explaining.item import explain_item, item_reader
    from apps.recommender.release import load_release, prepare
    from apps.recommender.service import RankingService

    model = load_release(release)
    prepared = prepare(model, dataset, registry.root / "vectors", as_of=moment, device=device)
    service = RankingService(model.pipeline(prepared), model.model_id)
    listed = service.recommend(user_id, DEPTH)
    reasons = next((one.reasons for one in listed if one.item_id == item_id), [])
    past, read = service.past(user_id), item_reader(model)
    found = explain_item(model, prepared, past, read, user_id, item_id, reasons)
    if as_json:
        reasons_shown = [one.model_dump(mode="json") for one in found.reasons]
        print_json({**asdict(found), "reasons": reasons_shown})
        return
    from common.evaluation.explanation.rendering import LEGEND, shaded, strongest_table

    (attribution,) = found.attributions
    results().print(shaded(found.text, attribution), soft_wrap=True)
    show_table(strongest_table(attribution))
    results().print(LEGEND)
    show_table(_events_table(found))
    for reason in found.reasons:
        results().print(f"· {reason.text}", markup=False)


def _events_table(found: ItemExplanation) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("what the user did", "with", title="Past events", title_justify="left")
    table.add_column("cosine lost without it", justify="right")
    for event in found.events[:EVENTS_SHOWN]:
        table.add_row(event.behavior, escape(event.title), f"{event.weight:+.3f}")
    return table
