"""`distil`: the same verb in every application."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.cli import (
    BadRow,
    Json,
    Mapping,
    OnBadRow,
    Resume,
    Store,
    existing,
    parse_mapping,
    print_json,
)
from common.console import results, show_table
from common.errors import UserError
from common.groups_cli import grouped
from common.tuning.settings_cli import SettingOptions

if TYPE_CHECKING:
    from common.tuning.distillation.distil import Distilled
    from common.tuning.settings import Settings

# Of `train`.
Teacher = Annotated[
    str | None,
    typer.Option(
        "--teacher",
        help="A release of this application, learned from beside the labels; it tells of "
        "--unlabelled texts, too.",
    ),
]
# The student keeps its teacher's words, and nothing is drawn: its target is exact.
DEFAULTS = {
    "epochs": 3,
    "learning_rate": 5e-4,
    "dropout": 0.0,
    "freeze_word_embeddings": True,
}


def check_teacher(teacher: str | None, settings: Settings) -> None:
    """See that a run has one teacher where its settings speak of one, and no two.

    Raises:
        UserError: it has not.
    """
    from common.tuning.configuration import refuse_settings

    if teacher and settings.distils_ensemble:
        raise UserError(
            "--teacher and ensemble=probabilities: the runs of the ensemble teach the last one",
            hint="Leave --teacher out, or take --set ensemble=weights.",
        )
    if not teacher and not settings.distils_ensemble:
        weighed = ("distillation_weight", "distillation_temperature")
        refuse_settings(settings, weighed, "it is for --teacher, and there is none")


def add_distil_verb(app: typer.Typer, application: str) -> None:
    """Add `distil`, whose backbone the `train` of any application takes."""

    @app.command()
    @grouped
    def distil(
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
        teacher: Annotated[
            str,
            typer.Option("--teacher", help="minilm, e5-small, a hub id, a directory or a release."),
        ] = "e5-small",
        layers: Annotated[
            int | None,
            typer.Option("--layers", min=1, help="Of the student. Default: half the teacher's."),
        ] = None,
        trim_vocabulary: Annotated[
            bool,
            typer.Option(
                "--trim-vocabulary",
                help="Leave out tokens that stand nowhere in the texts: a much smaller file. "
                "Other words are then read in smaller pieces.",
            ),
        ] = False,
        mapping: Mapping = None,
        on_bad_row: OnBadRow = BadRow.fail,
        given: SettingOptions,
        resume: Resume = False,
        store: Store = Path("var"),
        as_json: Json = False,
    ) -> None:
        """Make a smaller and faster backbone of a large one, on your texts."""

        from common.tuning.configuration import OF_LABELS

        chosen = given.read(DEFAULTS, refused=OF_LABELS)
        from common.models.sources.bundled import locate
        from common.tuning.distillation.choices import check_choices
        from common.tuning.pretraining.texts import PlainText, read_texts

        source = locate(teacher)
        count = check_choices(source, layers, chosen, out, trims=trim_vocabulary)
        read = read_texts(
            texts,
            mapping=parse_mapping(mapping, PlainText.model_fields),
            on_bad_row=on_bad_row.value,
            rejected_directory=store / application / "rejected",
            seed=chosen.seed,
        )

        from common.tuning.distillation.distil import distil as teach

        found = teach(
            read,
            chosen,
            teacher=source,
            layers=count,
            trims=trim_vocabulary,
            out=out,
            root=store / application,
            resume=resume,
        )
        if found is None:
            return
        if as_json:
            from dataclasses import asdict

            print_json({"backbone": str(out), **asdict(found)})
            return
        show_table(_sizes(found))
        show_table(_figures(found))
        results().print(f"Backbone: --backbone {out}", markup=False, soft_wrap=True)


def _sizes(found: Distilled) -> Any:
    from rich.table import Table

    table = Table("", "teacher", "student", title="Size")
    for name, value in vars(found.teacher).items():
        table.add_row(name, f"{value:,}", f"{vars(found.student)[name]:,}")
    table.add_row("held-out texts read alike", "", f"{found.read_alike:.1%}")
    return table


def _figures(found: Distilled) -> Any:
    from rich.table import Table

    table = Table("", "before", "after", title="The student beside its teacher, held-out texts")
    for name, value in found.before.items():
        table.add_row(name.replace("_", " "), f"{value:.3f}", f"{found.after[name]:.3f}")
    return table
