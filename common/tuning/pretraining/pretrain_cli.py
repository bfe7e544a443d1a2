"""`pretrain`: the same verb in every application."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from common.cli import (
    Backbone,
    BadRow,
    Json,
    Mapping,
    OnBadRow,
    Resume,
    Store,
    check_backbone,
    existing,
    parse_mapping,
    print_json,
)
from common.console import results, show_table
from common.groups_cli import grouped
from common.tuning.settings_cli import SettingOptions

# Rates of the papers; more than a few epochs over few texts are learned by heart.
DEFAULTS = {"epochs": 3, "learning_rate": 5e-5}


def add_pretrain_verb(app: typer.Typer, application: str) -> None:
    """Add `pretrain`, whose backbone the `train` of any application takes."""

    @app.command()
    @grouped
    def pretrain(
        *,
        texts: Annotated[
            list[Path],
            typer.Option(
                "--texts",
                help="Texts without labels: tables with a column text, or .txt, one a line.",
                callback=existing,
            ),
        ],
        out: Annotated[Path, typer.Option("--out", help="A new directory, for --backbone.")],
        method: Annotated[
            Literal["mlm", "simcse", "tsdae", "clm"] | None,
            typer.Option(
                "--method",
                help="mlm: masked tokens; simcse: two readings of a text; tsdae: a text again "
                "from its vector; clm: the next token. Default: clm for a causal model, else mlm.",
            ),
        ] = None,
        mapping: Mapping = None,
        on_bad_row: OnBadRow = BadRow.fail,
        backbone: Backbone = "auto",
        given: SettingOptions,
        resume: Resume = False,
        store: Store = Path("var"),
        as_json: Json = False,
    ) -> None:
        """Let a backbone go on learning from your texts, before any labels."""
        from common.tuning.configuration import OF_LABELS

        chosen = given.read(DEFAULTS, refused=OF_LABELS)
        from common.tuning.pretraining.choices import check_choices
        from common.tuning.pretraining.texts import PlainText, read_texts

        check_choices(method, chosen, out)
        columns = parse_mapping(mapping, PlainText.model_fields)
        check_backbone(backbone)
        read = read_texts(
            texts,
            mapping=columns,
            on_bad_row=on_bad_row.value,
            rejected_directory=store / application / "rejected",
            seed=chosen.seed,
        )

        from common.tuning.pretraining.pretrain import pretrain as learn

        found = learn(
            read,
            chosen,
            backbone=backbone,
            method=method,
            out=out,
            root=store / application,
            resume=resume,
        )
        if found is None:
            return
        if as_json:
            print_json({"backbone": str(out), **vars(found)})
            return
        show_table(_table(found.method, found.before, found.after))
        results().print(f"Backbone: --backbone {out}", markup=False, soft_wrap=True)


def _table(method: str, before: dict[str, float], after: dict[str, float]) -> Any:
    from rich.table import Table

    table = Table("", "before", "after", title=f"Held-out texts, {method}")
    for name, value in before.items():
        table.add_row(name, f"{value:,.3f}", f"{after[name]:,.3f}")
    return table
