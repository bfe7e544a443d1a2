"""What is searched: ranges and choices of settings, read from `name=…` and checked at once."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from common.errors import UserError, reason_of
from common.tuning.configuration import check_names
from common.tuning.settings import Settings

# Figures nobody needs, in a settings file that people read.
DIGITS = 3
NOT_SEARCHED = {
    "seed": "which seed does best is chance; --seeds tries each of the settings with several",
    "device": "it changes how long a run takes, not what it learns",
    "tracking": "it changes nothing that is learned",
    "privacy_epsilon": "each trial would spend a budget of its own",
}
# Of no consequence where the pretrained model does not learn.
OF_THE_ENCODER = {"learning_rate", "layer_decay", "adversarial"}
Value = bool | int | float | str | None


class Suggests(Protocol):
    """The part of an Optuna trial that draws values."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number from `low` to `high`."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number from `low` to `high`."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of `choices`."""


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, evenly, or with `log` evenly in their logarithm."""

    low: float
    high: float
    whole: bool = False
    log: bool = False

    @property
    def extremes(self) -> tuple[Value, ...]:
        """Both ends."""
        return self.low, self.high

    def suggest(self, trial: Suggests, name: str) -> Value:
        """A value for this trial, of three digits."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        drawn = trial.suggest_float(name, self.low, self.high, log=self.log)
        return min(max(float(f"{drawn:.{DIGITS}g}"), self.low), self.high)

    def holds(self, value: Value) -> bool:
        """Whether `value` could be drawn."""
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Value, ...]

    @property
    def extremes(self) -> tuple[Value, ...]:
        """All values."""
        return self.values

    def suggest(self, trial: Suggests, name: str) -> Value:
        """A value for this trial."""
        drawn: Value = trial.suggest_categorical(name, self.values)
        return drawn

    def holds(self, value: Value) -> bool:
        """Whether `value` could be drawn."""
        return value in self.values


Space = Mapping[str, Range | Choice]


def read_space(pairs: Sequence[str], base: Settings) -> Space:
    """The space that pairs like these describe.

    `learning_rate=1e-5..3e-4,log` is a range, `strategy=full,lora` a choice; `none` is no value.

    Args:
        base: what all other settings are; each end and each choice must go with them.

    Raises:
        UserError: an unknown setting, an impossible value, or what is no range and no choice.
    """
    space: dict[str, Range | Choice] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not text:
            raise UserError(
                f"--search {pair}: not of the form name=low..high or name=one,another",
                hint="Examples: learning_rate=1e-5..3e-4,log and strategy=full,lora",
            )
        check_names([name], where="--search")
        if name in NOT_SEARCHED:
            raise UserError(f"--search {pair}: {name} is not searched: {NOT_SEARCHED[name]}")
        if name in space:
            raise UserError(f"--search {pair}: {name} is searched already", hint="Give it once.")
        space[name] = _range(pair, name, text) if ".." in text else _choice(pair, name, text)
    _check_values(space, base)
    return space


def own_space(pairs: Sequence[str], base: Settings) -> Space:
    """An application's own space, without what says nothing beside `base`."""
    space: dict[str, Range | Choice] = {}
    for pair in pairs:
        if base.strategy == "head" and pair.partition("=")[0] in OF_THE_ENCODER:
            continue
        with suppress(UserError):
            space |= read_space([pair], base)
    return space


def _range(pair: str, name: str, text: str) -> Range:
    ends, *options = text.split(",")
    if options not in ([], ["log"]):
        raise UserError(f"--search {pair}: {','.join(options)!r} after a range; only log may be")
    kind = _number_kind(name)
    if kind is None:
        raise UserError(
            f"--search {pair}: {name} is no number, so it has no range",
            hint=f"Name what is to be tried: {name}=one,another",
        )
    try:
        low, high = (kind(end) for end in ends.split(".."))
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise UserError(f"--search {pair}: {ends!r} is not two {what} with .. between") from None
    if not low < high:
        raise UserError(f"--search {pair}: a range goes from the lower end to the higher")
    if options and low <= 0:
        raise UserError(f"--search {pair}: on a logarithmic scale there is no {low:g}")
    return Range(low, high, whole=kind is int, log=bool(options))


def _choice(pair: str, name: str, text: str) -> Choice:
    texts = [part.strip() for part in text.split(",")]
    if len(set(texts)) < 2 or not all(texts):
        raise UserError(
            f"--search {pair}: a choice is of two different values at least",
            hint=f"To fix it: --set {name}={texts[0]}",
        )
    values = [None if part == "none" else part for part in dict.fromkeys(texts)]
    return Choice(tuple(_typed(pair, name, value) for value in values))


def _typed(pair: str, name: str, text: str | None) -> Value:
    """`text` as the setting holds it."""
    field = Settings.model_fields[name]
    kind: Any = Annotated[field.annotation, field]
    try:
        value: Value = TypeAdapter(kind).validate_python(text)
    except ValidationError as error:
        raise UserError(f"--search {pair}: {text}: {reason_of(error.errors()[0])}") from None
    return value


def _check_values(space: Space, base: Settings) -> None:
    """Each end and each choice goes with `base`, or with some value of another searched setting."""
    single = [{name: value} for name, searched in space.items() for value in searched.extremes]
    for values in single:
        beside = [{}, *(other for other in single if other.keys() != values.keys())]
        refusals = [_refusal(base, {**other, **values}) for other in beside]
        if all(refusals):
            ((name, value),) = values.items()
            raise UserError(f"--search {name}: {value}: {refusals[0]}")


def _refusal(base: Settings, values: Mapping[str, Value]) -> str:
    """Why these values do not go together; nothing where they do."""
    try:
        base.but(**values)
    except ValidationError as error:
        return reason_of(error.errors()[0])
    except UserError as error:
        return str(error)
    return ""


def _number_kind(name: str) -> type[int] | type[float] | None:
    annotation = Settings.model_fields[name].annotation
    is_union = get_origin(annotation) in {Union, types.UnionType}
    kinds = get_args(annotation) if is_union else (annotation,)
    return int if int in kinds else float if float in kinds else None


def settings_of(
    trial: Suggests, space: Space, base: Settings, usual: Mapping[str, Any] | None = None
) -> Settings:
    """`base` with a value of each searched setting, drawn by `trial`.

    Args:
        usual: an application's own defaults.

    Raises:
        UserError: the values do not go together.
    """
    drawn = {name: searched.suggest(trial, name) for name, searched in space.items()}
    try:
        return base.but(usual, **drawn)
    except ValidationError as error:
        raise UserError(reason_of(error.errors()[0])) from None


def holds(space: Space, settings: Settings) -> bool:
    """Whether `settings` could be drawn from `space`."""
    return all(searched.holds(getattr(settings, name)) for name, searched in space.items())
