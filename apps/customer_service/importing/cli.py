"""`import`: help-centre pages, FAQ tables and dialogue logs → FAQs to be approved."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from apps.customer_service.importing.schema import Kind
from common.cli import (
    Backbone,
    Device,
    Json,
    Mapping,
    check_backbone,
    new_app,
    parse_mapping,
    print_json,
)
from common.console import results, say, show_table
from common.errors import UserError
from common.files import check_readable

verbs = new_app("Import.")


@verbs.command("import")
def import_sources(
    sources: Annotated[
        list[Path], typer.Argument(help="Pages, FAQ tables, dialogue logs; files or folders.")
    ],
    out: Annotated[Path, typer.Argument(help="A new directory for what is found.")],
    kind: Annotated[
        Kind | None,
        typer.Option("--as", help="What the sources are, where it is not recognised."),
    ] = None,
    min_dialogues: Annotated[
        int,
        typer.Option("--min-dialogues", min=1, help="Leave out what came up in fewer dialogues."),
    ] = 1,
    agents: Annotated[
        list[str] | None,
        typer.Option(
            "--agents",
            help="Name of one who answers, in chats that go by names; all others ask. May be "
            "repeated.",
        ),
    ] = None,
    mapping: Mapping = None,
    backbone: Backbone = "auto",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Make FAQs of help-centre pages, tables and dialogues; interrupted, it goes on."""
    from apps.customer_service.importing.dialogues.tables import FIELDS
    from apps.customer_service.importing.importing import check_free
    from apps.customer_service.schema import Faq

    for source in sources:
        if not source.is_dir():
            check_readable(source)
        if source.resolve() == out.resolve():
            raise UserError("the source and OUT are the same", where=str(out))
    columns = parse_mapping(mapping, {*Faq.model_fields, *FIELDS})
    check_free(out)
    check_backbone(backbone)

    from apps.customer_service.importing.importing import run_import
    from apps.customer_service.importing.writing import summary

    found, written = run_import(
        sources,
        out,
        wanted=kind,
        mapping=columns,
        backbone=backbone,
        device=device,
        min_dialogues=min_dialogues,
        agents=agents or (),
    )
    counts = summary(found)
    if as_json:
        print_json({**counts, "files": [str(path) for path in written]})
        return
    show_table(_table(counts))
    results().print("\n".join(map(str, written)), markup=False, soft_wrap=True)
    _say_what_next(counts["faqs"], out)


def _say_what_next(count: int, out: Path) -> None:
    from apps.customer_service.importing.writing import FAQS, REJECTED

    if not count:
        say(f"Nothing here makes an FAQ; why not stands in {out / REJECTED}")
        return
    command = "python -m apps.customer_service"
    say("Nothing is published yet. To propose what is new, and decide on the page Knowledge:")
    say(f"  {command} faqs add --from {shlex.quote(str(out / FAQS))} --draft --skip-existing")
    say(f"  {command} serve")


def _table(counts: dict[str, Any]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "", "count", title="Import")
    for group, value in counts.items():
        rows = value.items() if isinstance(value, dict) else [("", value)]
        for number, (name, count) in enumerate(rows):
            table.add_row(group if number == 0 else "", escape(str(name)), f"{count:,}")
    return table
