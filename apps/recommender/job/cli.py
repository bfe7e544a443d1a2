"""The verbs that rank: `score` for all users, `recommend` for one; `embed`, `audit`, `import`."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from apps.recommender.options_cli import (
    AsOf,
    Behavior,
    CandidateFile,
    Cutoff,
    FileOptions,
    Items,
    MappingOption,
    RelationsFile,
    ReleaseId,
    RulesFile,
    StockFile,
    open_registry,
    open_rules,
    parse_moment,
)
from common.cli import BadRow, Device, Json, OnBadRow, ServingPrecision, Store, print_json
from common.console import results, say, show_table
from common.errors import Exit, UserError
from common.groups_cli import grouped

verbs = typer.Typer()

Diversity = Annotated[
    float | None, typer.Option(min=0, max=1, help="Default: as chosen in training.")
]
K = Annotated[int, typer.Option("--k", min=1, help="Items per user.")]


class Executor(StrEnum):
    """What runs the shards."""

    local = "local"
    ray = "ray"


@verbs.command()
@grouped
def score(
    *,
    files: FileOptions,
    out: Annotated[Path, typer.Option("--out", help="A directory for this run alone.")],
    candidates: CandidateFile = None,
    rules: RulesFile = None,
    relations: RelationsFile = None,
    stock: StockFile = None,
    k: K = 50,
    diversity: Diversity = None,
    as_of: AsOf = None,
    executor: Annotated[Executor, typer.Option(help="local or ray.")] = Executor.local,
    workers: Annotated[
        int, typer.Option(min=0, help="Worker processes of one thread each. 0: one per CPU.")
    ] = 0,
    shard_size: Annotated[int, typer.Option(min=1, help="Users per shard.")] = 1000,
    behavior: Behavior = None,
    release_id: ReleaseId = None,
    device: Device = "auto",
    precision: ServingPrecision = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Rank for all users, into Parquet; the same command goes on after an interruption."""
    from common.models.devices import check_serving_precision

    check_serving_precision(precision, device)
    moment = parse_moment(as_of, "--as-of")
    open_rules(rules)
    registry = open_registry(store)
    release = registry.open(release_id)

    dataset = files.read(
        store, candidates=candidates, as_of=moment, behavior=behavior, release=release
    )

    from apps.recommender.job.run import Request, run_scoring
    from common.serving.cpus import available_cpus

    request = Request(out, k, diversity, rules, moment, shard_size, relations, stock)
    outcome = run_scoring(
        release,
        dataset,
        request,
        registry.root,
        executor=executor.value,
        workers=workers or available_cpus(),
        device=device,
        precision=precision,
    )
    if as_json:
        print_json(
            {
                "release_id": release.release_id,
                "directory": str(out),
                "users": outcome.users,
                "rows": outcome.rows,
                "shards": outcome.shards,
                "shards_kept": outcome.kept,
            }
        )
        return
    kept = f", {outcome.kept} of {outcome.shards} shards were already done" if outcome.kept else ""
    say(f"{outcome.users} users, {outcome.rows} rows: {out}{kept}")


@verbs.command()
@grouped
def recommend(
    *,
    user_id: Annotated[str, typer.Argument(help="Whose ranking to show.")],
    files: FileOptions,
    candidates: CandidateFile = None,
    k: K = 10,
    diversity: Diversity = None,
    rules: RulesFile = None,
    language: Annotated[str | None, typer.Option(help="Of the reasons: en or zh.")] = None,
    as_of: AsOf = None,
    release_id: ReleaseId = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """One user's ranking, with the reasons."""
    moment = parse_moment(as_of, "--as-of")
    live_rules = open_rules(rules)
    registry = open_registry(store)
    release = registry.open(release_id)
    dataset = files.read(store, candidates=candidates, as_of=moment, release=release)

    from apps.recommender.job.tables import ranking_table
    from apps.recommender.release import load_release, prepare
    from apps.recommender.service import RankingService

    model = load_release(release)
    prepared = prepare(model, dataset, registry.root / "vectors", as_of=moment, device=device)
    service = RankingService(
        model.pipeline(prepared),
        model.model_id,
        rules=live_rules,
        clock=partial(float, prepared.as_of),
    )
    ranking = service.recommend(user_id, k, diversity=diversity, language=language)
    if as_json:
        print_json([one.model_dump(mode="json") for one in ranking])
        return
    titles = dict(zip(prepared.catalogue.ids, prepared.catalogue.titles, strict=True))
    show_table(ranking_table(service.history(user_id), ranking, titles))


@verbs.command()
def embed(
    items: Items,
    output: Annotated[Path, typer.Option("--output", "-o", help="item_id and vector, Parquet.")],
    mapping: MappingOption = None,
    on_bad_row: OnBadRow = BadRow.fail,
    release_id: ReleaseId = None,
    device: Device = "auto",
    store: Store = Path("var"),
) -> None:
    """Write the items' vectors; only texts that are new are encoded."""
    registry = open_registry(store)
    release = registry.open(release_id)

    from apps.recommender.data import MAPPABLE, Sources, read_items
    from common.cli import parse_mapping

    catalogue = read_items(
        Sources((), items, mapping=parse_mapping(mapping, MAPPABLE), on_bad_row=on_bad_row.value)
    )

    from apps.recommender.job.shards import write_vectors
    from apps.recommender.release import item_vectors_of, load_release

    vectors = item_vectors_of(
        load_release(release), catalogue, registry.root / "vectors", device=device
    )
    write_vectors(output, catalogue.ids, vectors)
    say(f"{len(catalogue)} vectors of {vectors.shape[1]} dimensions: {output}")


@verbs.command()
def export(
    items: Items,
    out: Annotated[Path, typer.Option("--out", help="A new directory to write.")],
    mapping: MappingOption = None,
    on_bad_row: OnBadRow = BadRow.fail,
    release_id: ReleaseId = None,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Write the item encoder as ONNX in 8 bits; refused if items would lie elsewhere."""
    release = open_registry(store).open(release_id)

    from apps.recommender.data import MAPPABLE, Sources, read_items
    from common.cli import parse_mapping

    catalogue = read_items(
        Sources((), items, mapping=parse_mapping(mapping, MAPPABLE), on_bad_row=on_bad_row.value)
    )

    from apps.recommender.export import export as write
    from apps.recommender.release import load_release

    found = write(load_release(release), catalogue.texts, out)
    if as_json:
        print_json(asdict(found))
        return
    results().print(
        f"{out}: {found.megabytes:.0f} MB, {found.what}. Mean cosine {found.cosine:.3f}, "
        f"{found.same:.1%} of {found.texts} items lie where they did.",
        markup=False,
        soft_wrap=True,
    )


@verbs.command()
@grouped
def audit(
    *,
    files: FileOptions,
    cutoff: Cutoff = None,
    release_id: ReleaseId = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Shuffle what lies after the cutoff; exits with 3 if a feature or a score changes."""
    registry = open_registry(store)
    release = registry.open(release_id)
    learned_to = release.manifest["data"]["begins"]["test"]
    moment = parse_moment(cutoff or learned_to, "--cutoff") or 0
    if moment < (parse_moment(learned_to, "--cutoff") or 0):
        raise UserError(
            f"the release was trained on interactions up to {learned_to}",
            where=f"--cutoff {cutoff}",
            hint="Audit it at that moment or later.",
        )

    dataset = files.read(store, release=release)

    from apps.recommender.comparison.leaks import audit_release
    from apps.recommender.job.tables import audit_table
    from apps.recommender.release import load_release

    found = audit_release(
        load_release(release), dataset, moment, registry.root / "vectors", device=device
    )
    if as_json:
        print_json({"is_clean": found.is_clean, **asdict(found)})
    else:
        show_table(audit_table(found))
    if not found.is_clean:
        raise typer.Exit(Exit.REFUSED)


@verbs.command("import")
def import_files(
    kind: Annotated[str, typer.Argument(help="movielens, mind or recbole.")],
    source: Annotated[Path, typer.Argument(help="The directory of the data set.")],
    output: Annotated[Path, typer.Argument(help="Where to write our files.")],
    tags_before: Annotated[
        str | None, typer.Option(help="MovieLens: take tags that were given before this moment.")
    ] = None,
) -> None:
    """Turn a public data set into interactions.csv and items.jsonl."""
    from datetime import UTC, datetime

    from apps.recommender.interactions.importers import import_dataset

    seconds = parse_moment(tags_before, "--tags-before")
    before = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    for path in import_dataset(kind, source, output, tags_before=before):
        say(str(path))
