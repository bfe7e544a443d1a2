"""The verbs of customer service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apps.customer_service import serve_cli
from apps.customer_service.conversation import cli as ask_cli
from apps.customer_service.demo import cli as demo_cli
from apps.customer_service.explaining import cli as explain_cli
from apps.customer_service.federating import cli as federate_cli
from apps.customer_service.gaps import cli as gaps_cli
from apps.customer_service.importing import cli as import_cli
from apps.customer_service.knowledge import cli as knowledge_cli
from apps.customer_service.labelling import cli as labelling_cli
from apps.customer_service.learning import cli as learning_cli
from apps.customer_service.options_cli import (
    DEFAULTS,
    FileOptions,
    Graph,
    ReleaseId,
    open_registry,
)
from apps.customer_service.replies import cli as teach_cli
from apps.customer_service.rules import cli as rules_cli
from apps.customer_service.schema import FIGURES
from apps.customer_service.stress import cli as stress_cli
from apps.customer_service.training import cli as train_cli
from apps.customer_service.tuning import cli as tuning_cli
from apps.customer_service.zero_shot import cli as zero_shot_cli
from common.cli import (
    BadRow,
    Device,
    Json,
    Mapping,
    OnBadRow,
    Store,
    existing,
    new_app,
    print_json,
    run,
)
from common.console import results, show_table
from common.evaluation.fairness_cli import By, FigureName
from common.groups_cli import grouped
from common.records.audit_cli import show_audit
from common.releases.releases_cli import add_release_verbs
from common.serving.auditing.audit_log_cli import add_audit_log_verb
from common.serving.keys.keys_cli import add_key_verbs
from common.tuning.describing.settings_cli import add_settings_verb
from common.tuning.distillation.distil_cli import add_distil_verb
from common.tuning.pretraining.pretrain_cli import add_pretrain_verb

app = new_app(
    "Answers customers' questions from your FAQs: fine-tune, measure, serve.",
    application="customer_service",
)
add_release_verbs(app, "customer_service", FIGURES, Path(__file__).with_name("card.toml"))
add_pretrain_verb(app, "customer_service")
add_distil_verb(app, "customer_service")
add_settings_verb(app, DEFAULTS, lambda: ("pair_weight",))
app.add_typer(serve_cli.verbs)
app.add_typer(ask_cli.verbs)
app.add_typer(explain_cli.verbs)
app.add_typer(stress_cli.verbs)
app.add_typer(learning_cli.verbs)
app.add_typer(knowledge_cli.verbs)
app.add_typer(gaps_cli.verbs)
app.add_typer(import_cli.verbs)
app.add_typer(train_cli.verbs)
app.add_typer(demo_cli.verbs)
app.add_typer(teach_cli.verbs)
app.add_typer(federate_cli.verbs, name="federate")
app.add_typer(tuning_cli.verbs)
app.add_typer(labelling_cli.verbs)
app.add_typer(zero_shot_cli.verbs)
add_key_verbs(app)
add_audit_log_verb(app, "customer_service")
rules_cli.add_verbs(app)


def main() -> None:
    """Run the command line."""
    run(app)


@app.command()
@grouped
def validate(
    *,
    files: FileOptions,
    graph: Graph = None,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Read and audit the files without training."""
    from apps.customer_service.data import read_dataset
    from apps.customer_service.graph.auditing import audit_graph

    dataset = read_dataset(files.sources(store))
    audit = dataset.audit
    if graph is not None:
        for finding in audit_graph(graph, dataset.faqs.values(), files.on_bad_row.value):
            audit = audit.beside(finding)
    counts = {
        "faqs": len(dataset.faqs),
        **{name: len(some) for name, some in vars(dataset.splits).items()},
        "calibration": len(dataset.calibration),
    }
    show_audit(audit, counts, as_json=as_json)


@app.command()
def evaluate(
    questions: Annotated[
        list[Path], typer.Option("--questions", help="Held-out questions.", callback=existing)
    ],
    release_id: ReleaseId = None,
    by: By = None,
    figure: FigureName = None,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Measure a release on held-out questions: in all, by language, and by any group."""
    from apps.customer_service.data import read_faqs_of, read_questions
    from apps.customer_service.learning.groups import GROUPING
    from common.learning.candidates.groups import require_column

    grouping, names, mapping = GROUPING.with_columns(by or "language", mapping)
    release = open_registry(store).open(release_id)
    files = FileOptions(questions=questions, mapping=mapping, on_bad_row=on_bad_row)
    sources = files.sources(store, by=grouping.column)
    examples = read_questions(sources, read_faqs_of(release))
    require_column(grouping, examples)

    from apps.customer_service.evaluate import by_language, compare_groups, mistakes, summarise
    from apps.customer_service.evaluate import run as ask_all
    from apps.customer_service.release import load_release
    from apps.customer_service.reporting import metrics, mistakes_table

    outcomes = ask_all(load_release(release, device=device), examples)
    parts = {"all": outcomes, **by_language(outcomes)}
    columns = {name: summarise(part) for name, part in parts.items()}
    groups = by and compare_groups(outcomes, grouping.assign(examples, names), figure)
    if as_json:
        shown = {"by_group": groups.to_json()} if groups else {}
        print_json({"release_id": release.release_id, "figures": columns, **shown})
        return
    show_table(metrics(columns, f"Release {release.release_id}"))
    if groups:
        show_table(groups.table())
    show_table(mistakes_table(mistakes(outcomes, limit=10)))


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="A new directory to write.")],
    questions: Annotated[
        list[Path],
        typer.Option(
            "--questions", help="Held-out questions to compare answers on.", callback=existing
        ),
    ],
    release_id: ReleaseId = None,
    min_same: Annotated[
        float, typer.Option(min=0, max=1, help="Least share with the same first answer.")
    ] = 0.9,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Write a release as ONNX in 8 bits, for onnxruntime on a CPU; refused if it answers worse."""
    from dataclasses import asdict

    from apps.customer_service.data import read_faqs_of, read_questions
    from apps.customer_service.schema import OUT_OF_SCOPE

    release = open_registry(store).open(release_id)
    files = FileOptions(questions=questions, mapping=mapping, on_bad_row=on_bad_row)
    examples = read_questions(files.sources(store), read_faqs_of(release))

    from apps.customer_service.export import export as write
    from apps.customer_service.release import load_release

    answerer = load_release(release, device="cpu")
    # Where nothing is right, which FAQ comes first means nothing.
    asked = [example.text for example in examples if example.intent != OUT_OF_SCOPE]
    found = write(answerer, asked, out, min_same)
    if as_json:
        print_json(asdict(found))
        return
    results().print(
        f"{out}: {found.megabytes:.0f} MB, {found.what}. On {found.texts} questions the same "
        f"first answer to {found.same:.1%}, mean cosine {found.cosine:.3f}.",
        markup=False,
        soft_wrap=True,
    )
