"""The verbs of an application of one's own: all but those that it adds itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from common.applications.application import FIGURE, Application
from common.cli import (
    Backbone,
    BadRow,
    Device,
    Json,
    Mapping,
    OnBadRow,
    Promote,
    Resume,
    Store,
    check_backbone,
    existing,
    parse_mapping,
    print_json,
)
from common.console import results, say, show_table
from common.durations import parse_period
from common.errors import UserError, reason_of
from common.groups_cli import grouped
from common.learning.cli import add_feedback_verbs
from common.learning.options_cli import DatabaseUrl, Keep, Trust, open_store
from common.learning.train_cli import show_release
from common.releases.releases_cli import add_release_verbs
from common.serving.auditing.audit_log_cli import add_audit_log_verb
from common.serving.keys.keys_cli import add_key_verbs
from common.serving.listening_cli import AccessOptions, Port
from common.serving.switching.following_cli import ReleasesFrom, find_release
from common.tuning.describing.settings_cli import add_settings_verb
from common.tuning.settings_cli import SettingOptions

Q = TypeVar("Q", bound=BaseModel)

Examples = Annotated[
    list[Path],
    typer.Option("--examples", help="A table of examples. May be repeated.", callback=existing),
]
HeldOut = Annotated[
    list[Path] | None,
    typer.Option("--test", help="Held-out examples for the report.", callback=existing),
]
ReleaseId = Annotated[str | None, typer.Option("--release", help="Default: current.")]


def add_own_verbs(
    app: typer.Typer, application: Application, find_server: Callable[[], Callable[..., Any]]
) -> None:
    """Add `train`, `settings`, `evaluate`, `serve`, `releases`, `feedback` and `keys`.

    Args:
        find_server: imports what makes the server of a registry; see `Service` for its options.
    """

    def releases_holding(store: Path, text: str | None, whole: Collection[str]) -> Sequence[str]:
        from common.applications.training import corrections_of
        from common.learning.purging import forget

        return forget(open_registry(store, application), text, whole, corrections_of)

    def unused() -> Collection[str]:
        from common.applications.unused import unused_settings

        return unused_settings(application)

    add_release_verbs(app, application.name, [FIGURE], application.card)
    add_feedback_verbs(
        app, application.name, application.corrected[0], application.corrected, releases_holding
    )
    add_key_verbs(app)
    add_audit_log_verb(app, application.name)
    _add_train(app, application)
    add_settings_verb(app, find_unused=unused)
    _add_evaluate(app, application)
    _add_serve(app, application, find_server)


def open_registry(store: Path, application: Application) -> Any:
    """Its releases."""
    from common.releases.registry import Registry

    return Registry(store, application.name)


def made(question: type[Q], **values: object) -> Q:
    """A question of what was typed.

    Raises:
        UserError: a value that it cannot have.
    """
    try:
        return question.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{first['loc'][0]}: {reason_of(first)}") from None


def _add_train(app: typer.Typer, application: Application) -> None:
    @app.command()
    @grouped
    def train(
        *,
        examples: Examples,
        test: HeldOut = None,
        mapping: Mapping = None,
        on_bad_row: OnBadRow = BadRow.fail,
        backbone: Backbone = "auto",
        given: SettingOptions,
        resume: Resume = False,
        promote: Promote = None,
        store: Store = Path("var"),
        database: DatabaseUrl = None,
        as_json: Json = False,
    ) -> None:
        """Fine-tune on examples, and on the corrections that count; ends with a release."""
        from common.applications.data import read_dataset
        from common.applications.unused import unused_settings

        chosen = given.read(refused=unused_settings(application))
        sources = _sources(application, examples, test, mapping, on_bad_row, store)
        with open_store(store, database, application.name) as feedback:
            said = feedback.feedback(kind="correction")
        dataset = read_dataset(application, sources, said, seed=chosen.seed)
        check_backbone(backbone)

        from common.applications.training import train as fine_tune
        from common.tuning.processes import is_main_process

        if is_main_process() and not as_json:
            show_table(dataset.audit.table())
        registry = open_registry(store, application)
        trained = fine_tune(
            application,
            dataset,
            chosen,
            registry,
            backbone=backbone,
            resume=resume,
            promote=promote,
        )
        if trained is None:
            return
        release, found = trained.release, trained.difference
        corrections = dataset.review.summary()
        if as_json:
            sides = {"before": found.before, "after": found.after}
            named = {"release_id": release.release_id, "promoted": trained.promoted}
            print_json({**named, **sides, "corrections": corrections})
            return
        results().print(
            f"Right {found.before:.1%} → {found.after:.1%} of {found.records} held-out examples; "
            f"corrections learned: {corrections['taken']}.",
            markup=False,
            soft_wrap=True,
        )
        show_release(release, promoted=trained.promoted)


def _add_evaluate(app: typer.Typer, application: Application) -> None:
    @app.command()
    def evaluate(
        examples: Examples,
        release_id: ReleaseId = None,
        mapping: Mapping = None,
        on_bad_row: OnBadRow = BadRow.fail,
        device: Device = "auto",
        store: Store = Path("var"),
        as_json: Json = False,
    ) -> None:
        """Measure a release on examples that it did not learn."""
        from common.applications.data import read_examples

        release = open_registry(store, application).open(release_id)
        sources = _sources(application, (), examples, mapping, on_bad_row, store)
        asked = read_examples(application, sources)

        from common.applications.training import judge

        right = judge(application.find_model().load(release, device=device), asked)
        share = sum(right) / len(right)
        if as_json:
            found = {"release_id": release.release_id, "examples": len(right), FIGURE: share}
            print_json(found)
            return
        results().print(f"Right: {share:.1%} of {len(right)} examples, {release.release_id}")


def _add_serve(
    app: typer.Typer, application: Application, find_server: Callable[[], Callable[..., Any]]
) -> None:
    @app.command()
    @grouped
    def serve(
        *,
        access: AccessOptions,
        port: Port = 8000,
        trust: Trust = None,
        keep: Keep = "365d",
        device: Device = "auto",
        store: Store = Path("var"),
        database: DatabaseUrl = None,
        releases_from: ReleasesFrom = None,
    ) -> None:
        """Answer over HTTP, and take corrections."""
        registry, keep_seconds = open_registry(store, application), parse_period(keep)
        following = find_release(registry, releases_from)

        def make_app(**known: Any) -> Any:
            say("Loading the release …")
            return find_server()(
                registry,
                device=device,
                database=database,
                trusted_keys=trust or (),
                keep_seconds=keep_seconds.total_seconds(),
                **known,
            )

        access.listen(make_app, port, following=following)


def _sources(
    application: Application,
    examples: Sequence[Path],
    test: Sequence[Path] | None,
    mapping: list[str] | None,
    on_bad_row: BadRow,
    store: Path,
) -> Any:
    from common.applications.data import Sources

    fields = parse_mapping(mapping, application.row.model_fields)
    rejected = store / application.name / "rejected"
    return Sources(examples, test or (), fields, on_bad_row.value, rejected)
