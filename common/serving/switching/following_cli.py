"""The option `--releases-from` of every verb `serve`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from common.errors import UserError

if TYPE_CHECKING:
    from common.releases.registry import Registry
    from common.serving.switching.following import Following

ReleasesFrom = Annotated[
    str | None,
    typer.Option(
        "--releases-from",
        envvar="BIZLM_RELEASES_FROM",
        help="Serve what serves at s3://bucket/prefix, gs://… or in a directory of all machines; "
        "what is promoted here is published there.",
    ),
]


def find_release(
    registry: Registry, url: str | None, release_id: str | None = None
) -> Callable[[], Following] | None:
    """See that there is a release to serve, of all machines' where `url` names their place.

    Args:
        release_id: serve this one, whatever is promoted.

    Returns:
        What each process that serves follows that place by.

    Raises:
        UserError: there is none, or both were given.
    """
    if url is None:
        if release_id or registry.current_id() is None:
            registry.open(release_id)
        return None
    if release_id is not None:
        raise UserError(
            "--release: always the same one serves, so --releases-from has no use",
            hint="Leave one of them out.",
        )
    from common.releases.remote.following import begin_following

    begin_following(registry, url)

    def following() -> Following:
        from common.serving.switching.following import Following

        return Following(registry, url)

    return following
