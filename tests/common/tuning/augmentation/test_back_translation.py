from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from common.errors import UserError
from common.tuning.augmentation import back_translation
from common.tuning.augmentation.augmenting import Augmentation
from common.tuning.augmentation.back_translation import FILE, back_translate
from common.tuning.settings import Settings

CPU = torch.device("cpu")
BACK = {
    "pay 5 dollars": "give 5 dollars",
    "do not pay": "please pay",
    "where is it": "where is it?",
    "my card": "我的卡",
    "send it": "",
    "lost card": "card that is gone",
}


@pytest.fixture
def translated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were put to the models, whose translations are those of `BACK`."""
    asked: list[str] = []

    def opened(name: str, _device: torch.device) -> back_translation.Translate:
        def translate(texts: Sequence[str]) -> list[str]:
            if name == "there":
                asked.extend(texts)
                return list(texts)
            return [BACK[text] for text in texts]

        return translate

    monkeypatch.setattr(back_translation, "_open", opened)
    return asked


def test_what_says_the_same_otherwise_is_usable(translated: list[str], tmp_path: Path) -> None:
    found = back_translate([*BACK, "lost card"], "there, back", tmp_path, CPU)
    assert found == {"pay 5 dollars": "give 5 dollars", "lost card": "card that is gone"}
    assert sorted(translated) == sorted(BACK)


def test_an_interrupted_run_goes_on(translated: list[str], tmp_path: Path) -> None:
    back_translate(["pay 5 dollars"], "there,back", tmp_path, CPU)
    with (tmp_path / FILE).open("a", encoding="utf-8") as file:
        file.write('["lost card", "half wri')
    translated.clear()
    found = back_translate(["pay 5 dollars", "lost card"], "there,back", tmp_path, CPU)
    assert translated == ["lost card"]
    assert found["lost card"] == "card that is gone"
    translated.clear()
    assert back_translate(list(found), "there,back", tmp_path, CPU) == found
    assert translated == []


def test_a_share_of_the_texts_is_read_as_it_came_back() -> None:
    augment = Augmentation(Settings(back_translated=0.5), {"lost card": "card that is gone"})
    read = [augment(["lost card", "another"], epoch) for epoch in range(200)]
    changed = sum(first == "card that is gone" for first, _ in read)
    assert 70 < changed < 130
    assert all(second == "another" for _, second in read)


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        back_translate(["a text"], "nowhere,back", tmp_path, CPU)
