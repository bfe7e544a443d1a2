from __future__ import annotations

from pathlib import Path

import pytest

from apps.recommender.data import Sources
from apps.recommender.learning.groups import AskedUser, with_column
from common.errors import UserError


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    users = tmp_path / "users.csv"
    users.write_text("user_id,plan\nu1,paid\nu2,\n", encoding="utf-8")
    return Sources(users=users, interactions=(), items=())


def test_users_are_grouped_by_a_column_of_their_file(sources: Sources) -> None:
    grouping, names = with_column("history,plan", sources)
    users = [AskedUser(name, None, has_few_events=True, took_new=False) for name in ("u1", "u2")]
    assert grouping.assign(users, names) == [
        ("users with few events", "plan paid"),
        ("users with few events",),
    ]


def test_a_column_that_is_not_there_is_named(sources: Sources) -> None:
    with pytest.raises(UserError, match=r"cannot be grouped by 'town'(.|\n)*plan"):
        with_column("town", sources)
