"""What the verbs `suspects` and `suggest-labels` of the applications share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.cli import Backbone, Device, existing, print_json
from common.console import results, say, show_table
from common.errors import UserError
from common.learning.cli import Form

if TYPE_CHECKING:
    from common.learning.labelling.asking import Read
    from common.learning.labelling.correcting import Files
    from common.learning.labelling.doubts import Field
    from common.tuning.settings import Settings

Unlabelled = Annotated[
    list[Path] | None,
    typer.Option(
        "--unlabelled",
        help="Texts without labels: learned in a second round where the first is sure of them.",
        callback=existing,
    ),
]


def check_unlabelled(unlabelled: object, settings: Settings, teacher: str | None) -> None:
    """See that a confidence decides about texts without labels, or that none is asked for.

    Raises:
        UserError: there are no such texts, or a teacher tells of them all.
    """
    from common.tuning.configuration import OF_UNLABELLED, refuse_settings

    if not unlabelled:
        refuse_settings(settings, OF_UNLABELLED, "it is for --unlabelled, and there is none")
    elif teacher or settings.distils_ensemble:
        refuse_settings(settings, OF_UNLABELLED, "a teacher tells of all texts of --unlabelled")


@dataclass(frozen=True)
class SuspectOptions:
    """How `suspects` looks for doubtful labels, or takes corrected ones back."""

    out: Annotated[
        Path | None,
        typer.Option("--out", help="A table to write: the suspects; with --apply, all records."),
    ] = None
    apply: Annotated[
        Path | None,
        typer.Option(
            "--apply",
            help="The table of suspects once its column `label` is edited; an empty one takes the "
            "record out.",
            callback=existing,
        ),
    ] = None
    backbone: Backbone = "auto"
    device: Device = "auto"
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 0

    def correct(self, files: Files[Any], corrections: Path, *, as_json: bool) -> None:
        """Put corrected labels into the user's records and say what changed.

        Raises:
            UserError: `--out` is missing, or as `apply_corrections`.
        """
        from dataclasses import asdict

        from common.learning.labelling.correcting import apply_corrections
        from common.records.writing import check_writable_as

        if self.out is None:
            raise UserError("--apply needs a file to write", hint="--out corrected.csv")
        check_writable_as(self.out)
        done = apply_corrections(files, corrections, self.out)
        if as_json:
            print_json({"out": str(self.out), **asdict(done)})
            return
        results().print(
            f"{self.out}: {done.records:,} records, {done.changed:,} labels changed, "
            f"{done.removed:,} records taken out.",
            markup=False,
            soft_wrap=True,
        )

    def show(self, fields: Sequence[Field], caches: Path, *, as_json: bool) -> None:
        """Look for doubtful labels, show the worst and write all of them."""
        from common.learning.labelling.doubts import doubts_table, find_doubts
        from common.learning.labelling.vectors import read_frozen
        from common.records.writing import write_table

        read = partial(read_frozen, backbone=self.backbone, caches=caches, device=self.device)
        doubts = find_doubts(fields, read, seed=self.seed)
        checked = sum(one.place is not None for field in fields for one in field.records)
        if self.out is not None and doubts:
            write_table(self.out, [one.row() for one in doubts])
        if as_json:
            print_json({"checked": checked, "suspects": [vars(one) for one in doubts]})
            return
        if not doubts:
            results().print(f"None of {checked:,} labels is suspect.")
            return
        show_table(doubts_table(doubts, checked))
        if self.out is not None:
            say(
                f"{self.out}: edit the column label, then run this again: --apply {self.out} "
                "--out corrected.csv"
            )


@dataclass(frozen=True)
class SuggestOptions:
    """How many of which texts `suggest-labels` writes, or what it takes back."""

    out: Annotated[Path, typer.Option("--out", help="A file to write.")]
    count: Annotated[int | None, typer.Argument(min=1, help="How many texts to suggest.")] = None
    texts: Annotated[
        list[Path] | None,
        typer.Option("--texts", help="Texts without labels.", callback=existing),
    ] = None
    labelled: Annotated[
        Path | None,
        typer.Option(
            "--labelled",
            help="What a labelling tool exported: written to --out as a table for `train`.",
            callback=existing,
        ),
    ] = None
    form: Form = "table"
    device: Device = "auto"
    seed: Annotated[int, typer.Option(help="Of the grouping.")] = 0

    def check(self) -> None:
        """See that what was asked for makes sense.

        Raises:
            UserError: it does not.
        """
        from common.records.writing import check_writable_as

        if self.labelled is not None:
            if self.texts or self.count is not None:
                raise UserError("--labelled takes labels back: give neither a number nor --texts")
            if self.form == "table":
                raise UserError(
                    "a table needs no taking back: train takes it as it is",
                    hint="--format argilla or --format label-studio, for what a tool exported",
                )
            check_writable_as(self.out)
            return
        if not self.texts or self.count is None:
            raise UserError(
                "how many of which texts?", hint=f"suggest-labels 100 --texts FILE --out {self.out}"
            )
        if self.form == "table":
            check_writable_as(self.out)

    def take_back(self, labelled: Path, columns: tuple[str, str], *, as_json: bool) -> None:
        """Write what a labelling tool exported as a table for `train`."""
        from common.learning.labelling.asking import take_labelled

        count = take_labelled(labelled, self.form, self.out, columns=columns)
        if as_json:
            print_json({"out": str(self.out), "labelled": count})
            return
        results().print(f"{self.out}: {count:,} labelled texts.", markup=False, soft_wrap=True)

    def show(
        self,
        texts: Sequence[str],
        read: Callable[[Sequence[str]], Read],
        *,
        columns: tuple[str, str],
        release_id: str,
        as_json: bool,
    ) -> None:
        """Choose the texts that are worth labelling most and write them.

        Args:
            texts: prepared, each once, none of them learned from.
        """
        from common.learning.labelling.asking import choose, write_questions

        say(f"Reading {len(texts):,} texts")
        questions = choose(texts, read(texts), self.count or 0, seed=self.seed)
        write_questions(self.out, questions, self.form, columns=columns, release_id=release_id)
        if as_json:
            print_json({"out": str(self.out), "texts": len(texts), "suggested": len(questions)})
            return
        results().print(
            f"{self.out}: {len(questions):,} of {len(texts):,} texts to label.",
            markup=False,
            soft_wrap=True,
        )
