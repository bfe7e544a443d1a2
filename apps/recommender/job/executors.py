"""Where shards are scored: in processes of this machine, or on Ray."""

from __future__ import annotations

from apps.recommender.job.executor import Executor
from apps.recommender.job.local_executor import run_locally
from common.errors import UserError


def executor_named(name: str) -> Executor:
    """`local` or `ray`.

    Raises:
        UserError: there is none of that name.
    """
    if name == "local":
        return run_locally
    if name == "ray":
        from apps.recommender.job.ray_executor import run_on_ray

        return run_on_ray
    raise UserError(f"no executor {name!r}", hint="Executors: local, ray")
