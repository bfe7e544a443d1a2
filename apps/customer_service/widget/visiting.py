"""What visitors of other sites may ask the chat."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import UserError
from common.serving.visitors import Visitors, read_origins

# The page with its script, and what it asks on behalf of somebody who has no key.
PATHS = (
    "/widget",
    "/widget.js",
    "/v1/answers",
    "/v1/conversations/",
    "/v1/examples",
    "/v1/feedback",
    "/v1/pictures",
)


def read_visitors(
    embed_on: Sequence[str], posts_per_minute: int, *, has_keys: bool
) -> Visitors | None:
    """The visitors of the sites of `--embed-on`; None where there is none.

    Raises:
        UserError: one is no origin, or everything else would be open to its visitors as well.
    """
    if not embed_on:
        return None
    visitors = Visitors(read_origins(embed_on), posts_per_minute, PATHS)
    if not has_keys and not visitors.at_this_machine:
        raise UserError(
            "without keys, who can reach the chat could open the other pages as well",
            hint="Make a key for those who work here, and serve with --api-key-file "
            "(see the verb `keys`). Visitors of the sites need none.",
        )
    return visitors
