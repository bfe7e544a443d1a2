"""`classify`: label texts before there is a release; the same verb in several applications."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common import cli
from common.cli import Backbone, Device, Json, existing, parse_mapping, print_json
from common.console import results, show_table
from common.errors import UserError

if TYPE_CHECKING:
    from common.tuning.prompting.classify import Figures
    from common.tuning.prompting.labels import Labelled

Read = Callable[[Path, Mapping[str, str]], "list[Labelled]"]


def add_classify_verb(app: typer.Typer, labels: Path, fields: Collection[str], read: Read) -> None:
    """Add `classify`.

    Args:
        labels: the questions that are asked unless the user gives others.
        fields: what `--map` may name.
        read: a file of the application's → its texts and their labels.
    """

    @app.command()
    def classify(
        texts: Annotated[list[str] | None, typer.Argument(help="Texts to label.")] = None,
        files: Annotated[
            list[Path] | None,
            typer.Option("--texts", help="Tables of texts to label.", callback=existing),
        ] = None,
        labels_file: Annotated[
            Path | None,
            typer.Option(
                "--labels", help="Labels in words, as TOML. Default: ours.", callback=existing
            ),
        ] = None,
        examples: Annotated[
            list[Path] | None,
            typer.Option("--examples", help="A few labelled texts to go by.", callback=existing),
        ] = None,
        evaluate: Annotated[
            list[Path] | None,
            typer.Option("--evaluate", help="Labelled texts to measure on.", callback=existing),
        ] = None,
        mapping: cli.Mapping = None,
        backbone: Backbone = "auto",
        device: Device = "auto",
        as_json: Json = False,
    ) -> None:
        """Label texts by the labels' words alone: no training, no release."""
        from common.tuning.prompting.labels import Labelled, read_questions

        questions = read_questions(labels_file or labels)
        columns = parse_mapping(mapping, fields)
        given = [Labelled(text, {}) for text in texts or ()]
        asked = [*given, *(r for path in files or () for r in read(path, columns))]
        held_out = [record for path in evaluate or () for record in read(path, columns)]
        shown = [record for path in examples or () for record in read(path, columns)]
        if not asked and not held_out:
            raise UserError(
                "nothing to label", hint="Write a text, or give --texts FILE or --evaluate FILE."
            )
        cli.check_backbone(backbone)

        from common.tuning.prompting.classify import measure, open_classifiers

        classifiers = open_classifiers(
            questions,
            [record.text for record in (*asked, *held_out)],
            shown,
            backbone=backbone,
            device=device,
        )
        found = {name: measure(one, name, held_out) for name, one in classifiers.items()}
        figures = {name: one for name, one in found.items() if one is not None}
        if held_out and not figures:
            raise UserError(
                f"--evaluate: no record has one label of {' or '.join(questions)}",
                hint="Name the column: --map FIELD=COLUMN",
            )
        labelled = _labelled(classifiers, [record.text for record in asked])
        if as_json:
            measured = {name: asdict(one) for name, one in figures.items()}
            print_json({"texts": labelled, "figures": measured})
            return
        if figures:
            show_table(_figures(figures))
        if labelled:
            show_table(_table(labelled, list(classifiers)))
            results().print("Probabilities are not calibrated: no label was seen.", markup=False)


def _labelled(classifiers: Mapping[str, Any], texts: list[str]) -> list[dict[str, Any]]:
    """Each text with the probabilities of each question's labels, the likeliest first."""
    rows: list[dict[str, Any]] = [{"text": text} for text in texts]
    if not texts:
        return rows
    for name, classifier in classifiers.items():
        for row, found in zip(rows, classifier.probabilities(texts).tolist(), strict=True):
            ranked = sorted(zip(classifier.names, found, strict=True), key=lambda pair: -pair[1])
            row[name] = {label: round(value, 4) for label, value in ranked}
    return rows


def _table(labelled: list[dict[str, Any]], names: list[str]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table("text", *names)
    for row in labelled:
        best = (next(iter(row[name].items())) for name in names)
        table.add_row(escape(row["text"]), *(f"{escape(label)} {p:.0%}" for label, p in best))
    return table


def _figures(figures: Mapping[str, Figures]) -> Any:
    from rich.table import Table

    table = Table("", "texts", "accuracy", "macro F1", title="Without training")
    for name, found in figures.items():
        table.add_row(name, str(found.texts), f"{found.accuracy:.1%}", f"{found.macro_f1:.3f}")
    return table
