"""What a new release would earn, from the log of another: how often the interval holds the truth.

python -m benchmarks.recommender_off_policy

On simulated shops, whose releases have a value that is known.
"""

from __future__ import annotations

import numpy as np

from apps.recommender.exploration.off_policy import Logged, evaluate
from benchmarks.harness import parser, report, start

TASTES, ITEMS, PLACES, USERS = 3, 6, 3, 600
WORLDS = 1000


def main() -> None:
    """Estimate the value of one release in each of many shops."""
    chosen = parser("off-policy estimates of a known value").parse_args()
    start(chosen)
    held: dict[str, list[bool]] = {}
    for seed in range(chosen.seed, chosen.seed + WORLDS):
        logged, value = world(seed)
        for name, one in evaluate(logged).estimates.items():
            held.setdefault(name, []).append(one.low <= value <= one.high)
    shares = {f"inside the interval, {name}": float(np.mean(held[name])) for name in held}
    report("recommender_off_policy", {"worlds": WORLDS, "users": USERS} | shares)


def world(seed: int, sharpness: float = 0.5, users: int = USERS) -> tuple[Logged, float]:
    """A log of a shop, and what a new release earns there a place.

    Each user sees one list of independent draws; who likes what, and what each release prefers,
    depends on the user's taste, and each place is looked at less than the one above it.
    """
    random = np.random.default_rng(seed)
    liked = random.uniform(0.05, 0.6, (TASTES, ITEMS))
    looked_at = 0.8 ** np.arange(PLACES)
    preferred = np.exp(sharpness * random.normal(size=(TASTES, PLACES, ITEMS)))
    policy = preferred / preferred.sum(-1, keepdims=True)
    new = random.integers(ITEMS, size=(TASTES, PLACES))

    taste = random.integers(TASTES, size=users).repeat(PLACES)
    user, place = np.arange(users).repeat(PLACES), np.tile(np.arange(PLACES), users)
    drawn = policy[taste, place].cumsum(1) > random.random(len(user))[:, None]
    item = drawn.argmax(1)
    chance = liked[taste, item] * looked_at[place]
    logged = Logged(
        user=user,
        item=item,
        new=new[taste, place],
        position=place + 1,
        propensity=policy[taste, place, item],
        reward=(random.random(len(user)) < chance).astype(float),
    )
    value = (np.take_along_axis(liked, new, 1) * looked_at).mean()
    return logged, float(value)


if __name__ == "__main__":
    main()
