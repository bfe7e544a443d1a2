from __future__ import annotations

import pytest

from common.errors import UserError
from common.learning.candidates.groups import Grouping, called

GROUPING: Grouping[dict[str, str]] = Grouping(
    {
        "language": lambda one: called("language", one.get("language")),
        "letters": lambda one: tuple(one.get("text", "")),
    },
    usual=("language",),
)


def test_what_is_not_named_is_the_usual() -> None:
    assert GROUPING.choose(None) == ("language",)
    assert GROUPING.choose("letters, language,letters") == ("letters", "language")


@pytest.mark.parametrize("by", ["weather", "language,", ""])
def test_an_unknown_name_is_refused_with_those_that_are_known(by: str) -> None:
    with pytest.raises(UserError, match="language, letters"):
        GROUPING.choose(by)


def test_a_record_is_in_every_group_that_it_names(capsys: pytest.CaptureFixture[str]) -> None:
    records = [{"language": "en", "text": "ab"}, {"text": "b"}]
    assert GROUPING.assign(records, ("language", "letters")) == [("language en", "a", "b"), ("b",)]
    assert not capsys.readouterr().err
    GROUPING.assign([{"text": "a"}], ("language",))
    assert "nothing is compared by it" in capsys.readouterr().err
