"""`federate`: a branch joins, contributes what it learned, and takes over the joint model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apps.customer_service.options_cli import (
    DEFAULTS,
    Faqs,
    FileOptions,
    MaxWrong,
    Questions,
    Validation,
    open_registry,
)
from common.cli import (
    BadRow,
    DeviceSetting,
    Json,
    Mapping,
    OnBadRow,
    PrecisionSetting,
    Promote,
    Store,
    print_json,
)
from common.console import results, show_table
from common.groups_cli import grouped
from common.learning.train_cli import show_release
from common.tuning.federated.federate_cli import (
    PartyName,
    RoundDirectory,
    new_federate_app,
    open_round,
)
from common.tuning.privacy.privacy_cli import Public, check_files

if TYPE_CHECKING:
    from apps.customer_service.federating.party import Party
    from common.tuning.federated.beginning import Start
    from common.tuning.federated.contributing import Desk
    from common.tuning.federated.round import Round

APPLICATION = "customer_service"


def _start_of(backbone: str | None, store: Path, release_id: str | None) -> Start:
    from apps.customer_service.federating.starting import of_backbone, of_release

    if backbone is not None:
        return of_backbone(backbone)
    chosen = None if release_id == "current" else release_id
    return of_release(open_registry(store).open(chosen))


verbs = new_federate_app(APPLICATION, DEFAULTS, _start_of)


@dataclass(frozen=True)
class BranchOptions:
    """A branch, and its own files."""

    party: PartyName
    faqs: Faqs = None
    questions: Questions = None
    validation: Validation = None
    public: Public = None
    mapping: Mapping = None
    on_bad_row: OnBadRow = BadRow.fail

    def open(self, found: Round, store: Path) -> tuple[Party, Desk]:
        """What it learns from, and the desk where it learns.

        Raises:
            UserError: it is no party of the round, or its files cannot be read.
        """
        from apps.customer_service.data import read_dataset
        from apps.customer_service.federating.party import party_of, private_party
        from common.records.fields import content_hash
        from common.tuning.federated.contributing import Desk

        files = FileOptions(
            self.faqs,
            self.questions,
            self.validation,
            mapping=self.mapping,
            on_bad_row=self.on_bad_row,
        )
        sources = files.sources(store)
        found.check_party(self.party)
        check_files(found.settings, self.public, {"--validation": sources.validation})
        dataset = read_dataset(sources, seed=found.settings.seed)
        own = (
            private_party(dataset, self.public or (), sources, found.settings)
            if found.settings.is_private
            else party_of(dataset)
        )
        # The same files give other texts with other public ones, or by another --map.
        said = [(one.text, one.faq_id, one.intent) for one in own.learned]
        hashes = {**dataset.hashes, "own": content_hash(own.classes, said)}
        return own, Desk.of(found, self.party, store / APPLICATION, hashes)


@verbs.command()
@grouped
def join(
    *,
    directory: RoundDirectory,
    branch: BranchOptions,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Say which labels a branch has, and how many texts: nothing else leaves it yet."""
    found = open_round(directory, APPLICATION)
    own, desk = branch.open(found, store)
    desk.join([example.text for example in own.learned], own.classes)
    told = {head: len(names) for head, names in own.classes.items()}
    if as_json:
        print_json({"party": branch.party, "texts": len(own.learned), "labels": own.classes})
        return
    results().print(
        f"{branch.party} takes part with {len(own.learned):,} texts of {told['faqs']} FAQs and "
        f"{told['intents']} intents, whose names the others will read.",
        markup=False,
        soft_wrap=True,
    )
    if missing := found.missing:
        results().print(f"Not joined yet: {', '.join(missing)}.", markup=False, soft_wrap=True)


@verbs.command()
@grouped
def contribute(
    *,
    directory: RoundDirectory,
    branch: BranchOptions,
    device: DeviceSetting = None,
    precision: PrecisionSetting = None,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Learn from a branch's own texts, and write what was learned into the round's folder."""
    found = open_round(directory, APPLICATION)
    found.roster()
    own, desk = branch.open(found, store)

    from safetensors.torch import load_file

    from apps.customer_service.federating.learning import learn
    from common.tuning.federated.round import HEADS

    here = {"device": device, "precision": precision}
    given = {name: value for name, value in here.items() if value is not None}
    settings = found.settings.but(**given)
    heads = load_file(found.start / HEADS)
    path = desk.contribute(lambda: learn(found, own, settings, heads, desk.work))
    if as_json:
        print_json({"party": branch.party, "file": str(path), "masked": found.masked})
        return
    results().print(
        f"{path} and {path.with_suffix('.json').name}: changes of weights"
        + (" under masks" if found.masked else "")
        + ", no texts. docs/federated.md says what can be read out of them.",
        markup=False,
        soft_wrap=True,
    )


@verbs.command()
@grouped
def adopt(
    *,
    directory: RoundDirectory,
    files: FileOptions,
    max_wrong: MaxWrong = 0.05,
    promote: Promote = None,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Make a release of the joint model and a branch's own FAQs; the gate lets it serve, or not."""
    from common.tuning.federated.beginning import after, beginning_of

    found = open_round(directory, APPLICATION)
    sources = files.sources(store)

    from apps.customer_service.data import read_dataset
    from apps.customer_service.federating.adopting import adopt as take_over
    from apps.customer_service.reporting import before_and_after
    from common.tuning.federated.contributing import check_held_out

    dataset = read_dataset(sources, seed=found.settings.seed)
    if not found.settings.is_private:
        held_out = [*dataset.not_learned, *dataset.splits.test]
        check_held_out(found, store / APPLICATION, [example.text for example in held_out])
    adopted = take_over(
        found,
        beginning_of(found),
        after(directory),
        dataset,
        open_registry(store),
        max_wrong=max_wrong,
        promote=promote,
    )
    if as_json:
        print_json(adopted.to_json())
        return
    show_table(before_and_after(adopted.before, adopted.after, None))
    show_release(adopted.release, promoted=adopted.promoted)
