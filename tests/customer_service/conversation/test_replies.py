"""A business's own words where no FAQ speaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from sample import Run

from apps.customer_service.conversation.replies import load_replies, read_replies
from common.errors import UserError


def test_single_entries_are_replaced_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "replies.toml"
    path.write_text('[zh]\nurgent_distress = "请立即拨打999。"\n', encoding="utf-8")
    own, packaged = read_replies(path), load_replies()
    assert own.reply("urgent_distress", "zh") == "请立即拨打999。"
    assert own.sympathy("distress", "zh", person=True, urgent=True).endswith("请立即拨打999。")
    assert own.reply("greeting", "zh") == packaged.reply("greeting", "zh")
    assert own.texts["en"] == packaged.texts["en"]
    assert packaged.reply("urgent_distress", "zh") != "请立即拨打999。"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('[en]\nthanks = "Any time."\n\n[zh]\ngreetings = "您好"\n', 5, "mean greeting?"),
        ('[en]\nthanks = "a"\n[zh]\nthanks = ""\n', 4, "not a text"),
        ("[en]\nthanks = 3\n", 2, "not a text"),
        ('[en]\n\ngreeting = "Hello {name}!"\n', 3, "nothing to fill in"),
        ('[en]\n[cn]\ngreeting = "您好"\n', 2, "[en] or [zh]"),
        ('greeting = "Hello!"\n', 1, "[en] or [zh]"),
        (f'[en]\nthanks = "{"long " * 300}"\n', 2, "longer than"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_nearest_name(
    tmp_path: Path, text: str, line: int, told: str
) -> None:
    path = tmp_path / "replies.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        read_replies(path)
    assert refused.value.where == f"{path}:{line}"
    assert told in f"{refused.value} {refused.value.hint}"


def test_demo_looks_at_them_before_it_trains(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "replies.toml"
    path.write_text('[en]\ngreting = "Hello"\n', encoding="utf-8")
    done = run("demo", "--serve", "--replies", path, "--store", tmp_path / "var")
    assert done.returncode == 2
    assert "Did you mean greeting?" in done.stderr
    assert not (tmp_path / "var" / "customer_service").exists()
