"""Three banks that share no text: each alone, all together, pooled; and who poisons is found.

python -m benchmarks.federated [ROW …] [--validation] [--rounds 3] [--texts 5] [--data DIR]

banking77's intents: 23 that every bank has, and 18 more of each bank's own; of each intent a bank
has some texts of its own. All are measured on 20 test texts of each of the 77, and each bank on
those of its 41 as well, where a bank alone is not lost from the start. All are trained for the
same number of epochs. A row that is measured already is not measured again, but for `--again`.

Poison: one bank after the other learns shifted labels, sends them as they are and ten times as
strong, or sends noise, or the opposite of what it learned, each as long as its honest update.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from apps.customer_service.data import Dataset, Example
from apps.customer_service.federating.learning import learn, seated
from apps.customer_service.federating.starting import of_backbone
from apps.customer_service.record import APPLICATION
from apps.customer_service.task import CustomerServiceTask
from benchmarks.banks import Bank, Labelled, banks_of
from benchmarks.harness import RESULTS, parser, report, start
from common.errors import RefusedError
from common.models.prediction import predict
from common.records.audit import Audit
from common.records.splits import Splits
from common.tuning.federated.aggregate import Aggregated, aggregate
from common.tuning.federated.beginning import Start, after, begin, settings_of
from common.tuning.federated.contributing import Desk
from common.tuning.federated.contribution import write_contribution
from common.tuning.federated.federate_cli import DEFAULT_CLIPPING
from common.tuning.federated.round import Round
from common.tuning.federated.update import Update, norm_of
from common.tuning.finetune import finetune
from common.tuning.settings import Settings
from common.tuning.task import Predict

TUNING: dict[str, Any] = {
    "strategy": "lora",
    "lora_dropout": 0.0,
    "learning_rate": 2e-3,
    "tracking": "none",
}
ROWS = ("together", "alone", "pooled")


@dataclass
class Federation:
    """Banks, and the rounds that they have gone through."""

    banks: Sequence[Bank]
    settings: Settings
    folder: Path

    def round(self, number: int, start_of: Start) -> tuple[Round, dict[str, Update]]:
        """All banks learn and contribute; nothing is aggregated yet."""
        found = begin(
            self.folder / f"round-{number}",
            APPLICATION,
            [bank.name for bank in self.banks],
            start_of,
            self.settings,
            clipping=DEFAULT_CLIPPING,
            masked=False,
        )
        desks = {bank.name: self._desk(found, bank) for bank in self.banks}
        for bank in self.banks:
            texts = [example.text for example in bank.examples]
            desks[bank.name].join(texts, bank.party().classes)
        learned = {}
        for bank in self.banks:
            learned[bank.name] = self.learn(found, start_of, bank)
            desks[bank.name].contribute(lambda name=bank.name: (learned[name], None))  # type: ignore[misc]
        return found, learned

    def learn(self, found: Round, start_of: Start, bank: Bank) -> Update:
        """What one bank learns, on its own."""
        with tempfile.TemporaryDirectory() as work:
            heads = dict(start_of.heads)
            return learn(found, bank.party(), found.settings, heads, Path(work))[0]

    def _desk(self, found: Round, bank: Bank) -> Desk:
        return Desk.of(found, bank.name, self.folder / bank.name, {"": bank.name})


def main() -> None:
    """Measure the rows that are wanted and not measured yet."""
    arguments = parser("banking77: three banks that share no text")
    arguments.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--epochs", type=int, default=2, help="of each round")
    arguments.add_argument("--texts", type=int, default=5, help="of each intent and bank")
    arguments.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    arguments.add_argument("--again", action="store_true", help="measure rows once more")
    arguments.add_argument(
        "--validation", action="store_true", help="measure on a part of train, to choose settings"
    )
    chosen = arguments.parse_args()
    start(chosen)
    if unknown := set(chosen.rows) - {*ROWS}:
        raise SystemExit(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    banks, test = banks_of(chosen.data, chosen.texts, chosen.seed, validation=chosen.validation)
    given = TUNING | dict(pair.split("=", 1) for pair in chosen.set)
    single = Settings(**given, epochs=chosen.epochs * chosen.rounds, seed=chosen.seed)
    shared = settings_of(Settings(**given, epochs=chosen.epochs, seed=chosen.seed))
    for row in chosen.rows or ROWS:
        if row in _kept() and not chosen.again and not chosen.validation:
            continue
        began = monotonic()
        found = _measure(row, banks, test, shared, single, chosen.rounds)
        found["minutes"] = round((monotonic() - began) / 60, 1)
        print(row, json.dumps(found), flush=True)
        if not chosen.validation:
            stated = {"texts": {bank.name: len(bank.examples) for bank in banks}}
            stated |= {"settings": {**given, "epochs": chosen.epochs, "rounds": chosen.rounds}}
            report("federated", {**_kept(), row: found, **stated})


def _kept() -> dict[str, Any]:
    path = RESULTS / "federated.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _measure(
    row: str,
    banks: Sequence[Bank],
    test: Labelled,
    shared: Settings,
    single: Settings,
    rounds: int,
) -> dict[str, Any]:
    if row == "alone":
        return {bank.name: _single(bank.examples, single, [bank], test) for bank in banks}
    if row == "pooled":
        every = list(dict.fromkeys(example for bank in banks for example in bank.examples))
        return _single(every, single, banks, test)
    with tempfile.TemporaryDirectory() as folder:
        federation = Federation(banks, shared, Path(folder))
        return _federate(federation, rounds, test)


def _federate(federation: Federation, rounds: int, test: Labelled) -> dict[str, Any]:
    """The joint model after each round, and how many poisoned contributions were found."""
    at = of_backbone("minilm")
    tried: dict[str, list[bool]] = defaultdict(list)
    for number in range(rounds):
        found, learned = federation.round(number, at)
        # Shifted labels must be learned, which takes as long as the round: once is enough.
        poisoned = _poisoned(federation, found, at, learned, learns=number == 0)
        for kind, bank, update in poisoned:
            tried[kind].append(_is_found(federation, found, bank, update, at))
            print(f"round {number}: {bank}: {kind}: {tried[kind][-1]}", flush=True)
        try:
            ended = aggregate(found.roster())
        except RefusedError as refused:
            print(f"round {number}: {refused}", flush=True)
            break
        tried["honest rounds without a false alarm"].append(not ended.left_out)
        at = after(found.directory)
        print(f"round {number}: norms, agreement, labels {_judged(ended)}", flush=True)
    told = {kind: f"{sum(some)} of {len(some)}" for kind, some in tried.items()}
    return {**_joint(federation, at, test), "poison found": told}


def _poisoned(
    federation: Federation, found: Round, at: Start, learned: dict[str, Update], *, learns: bool
) -> Iterator[tuple[str, str, Update]]:
    """Each bank in turn poisons the round in each way: the way, the bank, what it sends."""
    draw = np.random.default_rng(found.seed)
    for bank in federation.banks:
        if learns:
            shifted = federation.learn(found, at, _shifted(bank))
            yield "labels shifted", bank.name, shifted
            yield "labels shifted, ten times as strong", bank.name, _times(shifted, 10)
        yield "noise", bank.name, _noise(learned[bank.name], draw)
        yield "the opposite", bank.name, _times(learned[bank.name], -1)


def _is_found(federation: Federation, found: Round, party: str, update: Update, at: Start) -> bool:
    """Whether the poisoner, and nobody else, is left out."""
    with tempfile.TemporaryDirectory(dir=federation.folder) as folder:
        copy = Path(shutil.copytree(found.directory, Path(folder) / "round"))
        roster = replace(found, directory=copy).roster()
        placed = update.placed(roster.classes, at.heads)
        write_contribution(roster, party, placed, update.body, None, copy / "no key")
        try:
            return [*aggregate(roster).left_out] == [party]
        except RefusedError:
            return False


def _shifted(bank: Bank) -> Bank:
    """Every text has the label of the next intent."""
    names = sorted(bank.intents)
    following = dict(zip(names, [*names[1:], names[0]], strict=True))
    return Bank(bank.name, [replace(e, intent=following[str(e.intent)]) for e in bank.examples])


def _times(update: Update, factor: float) -> Update:
    return replace(update, body={name: factor * values for name, values in update.body.items()})


def _noise(update: Update, draw: np.random.Generator) -> Update:
    body = {name: draw.normal(size=values.shape) for name, values in update.body.items()}
    scale = norm_of(update.body) / norm_of(body)
    return replace(update, body={name: scale * values for name, values in body.items()})


def _joint(federation: Federation, at: Start, test: Labelled) -> dict[str, float]:
    """Accuracy of the joint model."""
    dataset = federation.banks[0].party().dataset
    task, module, encoder = seated(
        at.source, dataset, federation.settings, dict(at.heads), at.classes
    )
    return _accuracy(partial(predict, module.eval(), encoder), task, federation.banks, test)


def _single(
    examples: Sequence[Example], settings: Settings, banks: Sequence[Bank], test: Labelled
) -> dict[str, float]:
    """Accuracy of one model that learns from `examples`."""
    with tempfile.TemporaryDirectory() as work:
        splits = Splits([*examples], [], [])
        dataset = Dataset({}, splits, Audit([]), {})
        at = of_backbone("minilm")
        task, module, encoder = seated(at.source, dataset, settings, dict(at.heads), at.classes)
        tuned = finetune(task, encoder, splits, settings, work=Path(work), module=module)
    return _accuracy(tuned.predict, task, banks, test)


def _accuracy(
    ask: Predict, task: CustomerServiceTask, banks: Sequence[Bank], test: Labelled
) -> dict[str, float]:
    """Accuracy on all intents, and on those of each bank, told among all that the model knows."""
    logits = ask([text for text, _ in test])["intent_logits"]
    pairs = zip(logits.argmax(-1).tolist(), test, strict=True)
    right = [(task.intents[number] == label, label) for number, (_, label) in pairs]
    shares = {"all": [one for one, _ in right]}
    shares |= {bank.name: [one for one, name in right if name in bank.intents] for bank in banks}
    return {name: round(float(np.mean(some)), 4) for name, some in shares.items()}


def _judged(ended: Aggregated) -> dict[str, tuple[float, float, float | None]]:
    return {
        party: (round(one.norm, 3), round(one.agreement, 3), one.rows and round(one.rows, 3))
        for party, one in ended.judged.items()
    }


if __name__ == "__main__":
    main()
