"""Options that several verbs share, and what they name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.cli import BadRow, Mapping, OnBadRow, existing, parse_mapping
from common.errors import UserError

if TYPE_CHECKING:
    from apps.customer_service.data import Sources
    from apps.customer_service.graph.telling import Facts

# What put most of the sample data's validation questions right, with typing errors and without.
DEFAULTS = {
    "epochs": 6,
    "learning_rate": 2e-4,
    "adversarial": 1.0,
    "typing_errors": 0.15,
    "label_names": "auto",
}

Faqs = Annotated[
    list[Path] | None,
    typer.Option("--faqs", help="FAQs: CSV, JSONL or Parquet.", callback=existing),
]
Questions = Annotated[
    list[Path] | None,
    typer.Option("--questions", help="Questions with faq_id, intent or both.", callback=existing),
]
Validation = Annotated[
    list[Path] | None,
    typer.Option(
        "--validation",
        help="Questions for choosing the best epoch; default: split off.",
        callback=existing,
    ),
]
Test = Annotated[
    list[Path] | None,
    typer.Option("--test", help="Held-out questions for the report.", callback=existing),
]
Documents = Annotated[
    list[Path] | None,
    typer.Option(
        "--documents",
        help="Files, or folders of them, to quote from where no FAQ answers: HTML, Markdown, Word, "
        "PDF, text.",
        exists=True,
    ),
]
Graph = Annotated[
    Path | None,
    typer.Option(
        "--graph",
        help="Facts to answer from: subject, relation, object, valid_from, valid_until, source; a "
        "table, or RDF (.ttl, .nt).",
        callback=existing,
    ),
]
GeneratorName = Annotated[
    str | None,
    typer.Option(
        "--generator",
        help="Answer from several passages in one reply: compose (of their own sentences), "
        "openai (an endpoint, with --base-url and --model), a causal model by name, hub id or "
        "directory, or none. Default: the release's own, if it was taught one.",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", help="The endpoint of --generator openai, as https://…/v1."),
]
EndpointModel = Annotated[str | None, typer.Option("--model", help="The endpoint's model.")]
OwnReplies = Annotated[
    Path | None,
    typer.Option(
        "--replies", help="A TOML file with your own greeting, thanks, words to the angry …"
    ),
]
ReleaseId = Annotated[str | None, typer.Option("--release", help="Default: current.")]
MaxWrong = Annotated[
    float,
    typer.Option("--max-wrong", min=0.001, max=0.999, help="Tolerated share of wrong answers."),
]

Folds = Annotated[
    int,
    typer.Option(
        "--folds",
        min=1,
        max=10,
        help="Parts of the questions, each asked of a model that learned the others, so that all "
        "calibrate; 3 take about twice as long. 1: a fifth is set apart.",
    ),
]
Rerank = Annotated[
    bool,
    typer.Option(
        "--rerank", help="Also train a model that reads question and FAQ together, if it gains."
    ),
]


def check_folds(folds: int, others: dict[str, object]) -> None:
    """See that folds are asked for only where each can be learned.

    Args:
        others: options that are given or not, by name, with which no fold is learned.

    Raises:
        UserError: both are given.
    """
    given = [name for name, value in others.items() if value]
    if folds > 1 and given:
        raise UserError(
            f"--folds {folds} and {given[0]} do not go together: each fold is one run from the "
            "pretrained model, on labels alone",
            hint=f"Leave --folds out, or {given[0]}.",
        )


@dataclass(frozen=True)
class FileOptions:
    """The files of a business, and how their rows are read."""

    faqs: Faqs = None
    questions: Questions = None
    validation: Validation = None
    test: Test = None
    mapping: Mapping = None
    on_bad_row: OnBadRow = BadRow.fail

    def sources(
        self, store: Path, *, unlabelled: list[Path] | None = None, by: str | None = None
    ) -> Sources:
        """These files, as `read_dataset` takes them.

        Args:
            by: a column to group by, where a file has it.

        Raises:
            UserError: `--map` names no field.
        """
        from apps.customer_service.data import Sources
        from apps.customer_service.schema import Faq, Question

        return Sources(
            faqs=self.faqs or (),
            questions=self.questions or (),
            validation=self.validation or (),
            test=self.test or (),
            unlabelled=unlabelled or (),
            mapping=parse_mapping(self.mapping, {*Faq.model_fields, *Question.model_fields}),
            optional={} if by is None else {"segment": by},
            on_bad_row=self.on_bad_row.value,
            rejected_directory=store / "customer_service" / "rejected",
        )


def open_registry(store: Path) -> Any:
    """The releases in a store."""
    from common.releases.registry import Registry

    return Registry(store, "customer_service")


def read_facts(graph: Path | None) -> Facts | None:
    """What `--graph` names; None where it is not given.

    Raises:
        UserError: as `open_facts`.
        RefusedError: rows exclude each other.
    """
    from apps.customer_service.graph.telling import open_facts

    return open_facts(graph) if graph else None
