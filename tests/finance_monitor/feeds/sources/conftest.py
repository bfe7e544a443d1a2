from __future__ import annotations

from collections.abc import Iterator

import pytest
from publishing import Clock, Publisher, published


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def address(publisher: Publisher) -> Iterator[str]:
    with published(publisher) as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()
