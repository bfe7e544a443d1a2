"""`teach`: approved replies → a generator within a release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apps.customer_service.options_cli import open_registry
from common.cli import (
    BadRow,
    Json,
    Mapping,
    OnBadRow,
    Promote,
    Resume,
    Store,
    check_backbone,
    existing,
    new_app,
    parse_mapping,
    print_json,
)
from common.console import results, show_table
from common.groups_cli import grouped
from common.learning.options_cli import DatabaseUrl
from common.tuning.settings_cli import SettingOptions

if TYPE_CHECKING:
    from rich.table import Table

    from common.tuning.settings import Settings

verbs = new_app("Teach.")

# Eight replies a step, four at a time: they are long, and so are their sources.
DEFAULTS = {"strategy": "lora", "batch_size": 4, "accumulation": 2, "patience": 1}
# So many are read in all, over one to three epochs, if the settings do not say how often.
READINGS = 450
MOST_EPOCHS = 3
LABELS = {
    "replies": "held-out replies",
    "faithfulness": "sentences that pass the gate",
    "sent": "replies sent as written",
    "held_back": "replies held back wholly",
    "overlap": "overlap with the approved (ROUGE-L)",
    "seconds_per_reply": "seconds a reply",
}


@verbs.command()
@grouped
def teach(
    *,
    replies: Annotated[
        list[Path],
        typer.Option(
            "--replies",
            help="Approved replies: question, sources (ids of FAQs, or texts), reply; or the "
            "pairs.jsonl of an import.",
            callback=existing,
        ),
    ],
    test: Annotated[
        list[Path] | None,
        typer.Option(
            "--test", help="Held-out replies to measure on; default: split off.", callback=existing
        ),
    ] = None,
    generator: Annotated[
        str, typer.Option("--generator", help="A causal model by name, hub id or directory.")
    ] = "smollm2",
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    given: SettingOptions,
    resume: Resume = False,
    promote: Promote = None,
    database: DatabaseUrl = None,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Teach a generator your approved replies; a new release holds it, and `serve` writes by it.

    The release that serves is what the new one holds besides. The generator is kept as what it
    learned beside the model that it was; it is measured before and after on held-out replies, and
    promoted if it is no less faithful to its sources.
    """
    from apps.customer_service.replies.schema import Reply
    from common.tuning.configuration import OF_LABELS

    columns = parse_mapping(mapping, Reply.model_fields)
    chosen = given.read(DEFAULTS, refused=OF_LABELS)
    registry = open_registry(store)
    release = registry.open()
    check_backbone(generator)

    from apps.customer_service.generation.rewriting import gate_of
    from apps.customer_service.release import load_edited
    from apps.customer_service.replies.pairs import PairReader
    from apps.customer_service.replies.reading import Files, read_replies, sources_of
    from apps.customer_service.replies.teach import teach as fine_tune
    from common.tuning.processes import is_main_process

    answerer = load_edited(release, store, database, device=chosen.device)
    known = sources_of(answerer)
    read = read_replies(
        Files(
            replies,
            test or (),
            columns,
            on_bad_row.value,
            store / "customer_service" / "rejected",
        ),
        known,
        lambda: PairReader(answerer, known, gate_of(answerer)),
        seed=chosen.seed,
    )
    epochs = max(1, min(MOST_EPOCHS, round(READINGS / max(len(read.splits.train), 1))))
    defaults: dict[str, Any] = {**DEFAULTS, "epochs": epochs}
    taught = fine_tune(
        registry,
        release,
        answerer,
        read,
        _beside_its_base(given.read(defaults)),
        base=generator,
        resume=resume,
        promote=promote,
    )
    if taught is None or not is_main_process():
        return
    if as_json:
        print_json(taught.to_json())
        return
    show_table(_table(taught.before, taught.after))
    state = "Now serving." if taught.promoted else "Not promoted."
    results().print(f"Release {taught.release.release_id}. {state}", markup=False)


def _beside_its_base(settings: Settings) -> Settings:
    """What is added is kept as it is, and the base is shared by all releases that have it."""
    from common.models.adapting.adapter import FOLDABLE

    is_added = settings.strategy in FOLDABLE
    return settings.model_copy(update={"keep_adapter": True}) if is_added else settings


def _table(before: dict[str, float], after: dict[str, float]) -> Table:
    from rich.table import Table

    table = Table("", title="Before and after fine-tuning", title_justify="left")
    table.add_column("before", justify="right")
    table.add_column("after", justify="right", style="bold")
    for name, label in LABELS.items():
        table.add_row(label, _show(name, before[name]), _show(name, after[name]))
    return table


def _show(name: str, value: float) -> str:
    if name == "replies":
        return f"{value:.0f}"
    return f"{value:.1f}" if name == "seconds_per_reply" else f"{value:.1%}"
