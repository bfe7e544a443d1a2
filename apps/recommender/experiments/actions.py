"""What may be asked of logged lists, and the graph that each question begins with."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What was done to a list, so that its effect may be asked for."""

    release = "release"
    explored = "explored"


GRAPHS = {
    Action.release: """\
# Which release made a list a hash of the user's id decides (serve --compare): nothing else causes
# it. What users did before the experiment only narrows the interval. Add what you know of them: a
# column each, by user_id, and an edge; never what came after the list.

treatment = "other_release"          # 1: the release that is compared; 0: the one that serves
outcome = "taken"                    # whether anything of the list was taken
edges = ["other_release -> taken", "done_before -> taken"]
unit = "user_id"
""",
    Action.explored: """\
# Whether a list gives a place to an item drawn from below is chance (serve --explore). How great a
# chance it is depends on the share, and so on the day if you changed that: the day is adjusted for.
# What users did before the list, and its length, only narrow the interval. Add what you know of
# them: a column each, by user_id, and an edge; never what came after the list.

treatment = "explored"               # 1: one place was given to chance; 0: none was, but might have
outcome = "taken"                    # whether anything of the list was taken
edges = [
  "explored -> taken",
  "day -> explored", "day -> taken",
  "done_before -> taken", "items -> taken",
]
unit = "user_id"
""",
}
