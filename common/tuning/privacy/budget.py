"""How much noise a budget asks for, and what was spent of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

from common.errors import UserError
from common.tuning.settings import Settings

# Rényi differential privacy (Mironov 2017, arXiv 1702.07476) of the sampled Gaussian mechanism
# (Mironov et al. 2019, arXiv 1908.10530). That of Gopi et al. 2021 (arXiv 2106.02848) finds some
# 5 % less noise enough, and takes a minute for 100,000 records.
ACCOUNTANT = "rdp"
# Share of ε that the search for the noise may leave over.
TOLERANCE = 0.01
UNIT = "one record, added or left out"


@dataclass(frozen=True)
class Budget:
    """What a run may spend: (ε, δ) over `steps` steps of Poisson-sampled records.

    Attributes:
        rate: probability with which each record takes part in a step.
        noise: standard deviation of the noise, as a multiple of the largest norm of one record's
            gradient.
    """

    epsilon: float
    delta: float
    records: int
    rate: float
    steps: int
    noise: float
    clipping: float


@dataclass(frozen=True)
class Statement:
    """What a run guarantees, as its release states it.

    Attributes:
        epsilon: spent by the steps that were taken; at most `budget_epsilon`.
    """

    epsilon: float
    delta: float
    budget_epsilon: float
    unit: str
    records: int
    sampling_rate: float
    steps: int
    noise_multiplier: float
    clipping: float
    accountant: str

    @property
    def text(self) -> str:
        """In words."""
        return f"ε = {self.epsilon:.2f}, δ = {self.delta:g}, for {self.unit}"

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        return asdict(self)


def check_private(settings: Settings, *, resume: bool = False) -> None:
    """See that a private run can be one; nothing is loaded for it.

    Raises:
        UserError: Opacus is not installed, the run is to be resumed, or goes over several
            processes.
    """
    if not settings.is_private:
        return
    if find_spec("opacus") is None:
        raise UserError("Opacus is not installed", hint="pip install 'bizlm[privacy]'")
    if resume:
        raise UserError(
            "privacy_epsilon and --resume do not go together: each step that was taken counts, "
            "and an interrupted run does not say which those were",
            hint="Start anew, without --resume. Nothing of the interrupted run is in a release.",
        )
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UserError(
            "privacy_epsilon: training goes in one process, and this is one of several",
            hint="Start it with python -m, not with torchrun.",
        )


def plan_budget(records: int, settings: Settings) -> Budget:
    """The noise with which all epochs together stay within the budget.

    Raises:
        UserError: fewer records than a batch, a δ that protects nobody, or an ε that no noise
            reaches.
    """
    assert settings.privacy_epsilon is not None
    if records < settings.batch_size:
        raise UserError(
            f"privacy_epsilon: {records} records are fewer than batch_size={settings.batch_size}",
            hint="Give a smaller batch_size, or more records.",
        )
    if settings.privacy_delta >= 1 / records:
        raise UserError(
            f"privacy_delta={settings.privacy_delta:g} would let a whole record out: there are "
            f"{records:,}",
            hint=f"Give one well below {1 / records:.1g}: --set privacy_delta={0.1 / records:.0e}",
        )
    rate = settings.batch_size / records
    steps = settings.epochs * steps_per_epoch(records, settings.batch_size)
    return Budget(
        settings.privacy_epsilon,
        settings.privacy_delta,
        records,
        rate,
        steps,
        noise_for(settings.privacy_epsilon, settings.privacy_delta, rate, steps),
        settings.privacy_clipping,
    )


def steps_per_epoch(records: int, batch_size: int) -> int:
    """So many that each record takes part once, on average."""
    return max(1, records // batch_size)


def noise_for(epsilon: float, delta: float, rate: float, steps: int) -> float:
    """The least noise multiplier, up to `TOLERANCE`, with which `steps` steps spend at most ε.

    Raises:
        UserError: there is none.
    """
    from opacus.accountants.utils import get_noise_multiplier

    with _orders_at_the_edge():
        try:
            noise: float = get_noise_multiplier(
                target_epsilon=epsilon,
                target_delta=delta,
                sample_rate=rate,
                steps=steps,
                accountant=ACCOUNTANT,
                epsilon_tolerance=TOLERANCE * epsilon,
            )
        except ValueError:
            raise UserError(
                f"privacy_epsilon={epsilon:g} cannot be kept in {steps:,} steps",
                hint="Give a larger one, or fewer epochs.",
            ) from None
    return noise


def spent(accountant: Any, budget: Budget) -> Statement:
    """What the steps that `accountant` counted spent of `budget`."""
    with _orders_at_the_edge():
        epsilon = float(accountant.get_epsilon(budget.delta)) if accountant.history else 0.0
    return Statement(
        epsilon=round(epsilon, 4),
        delta=budget.delta,
        budget_epsilon=budget.epsilon,
        unit=UNIT,
        records=budget.records,
        sampling_rate=budget.rate,
        steps=sum(steps for _, _, steps in accountant.history),
        noise_multiplier=budget.noise,
        clipping=budget.clipping,
        accountant=ACCOUNTANT,
    )


@contextmanager
def _orders_at_the_edge() -> Iterator[None]:
    """An ε from the edge of the orders that are tried is larger than need be, and no less true."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Optimal order is")
        yield
