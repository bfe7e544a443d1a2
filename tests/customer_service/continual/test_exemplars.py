"""Which old texts a release that is trained further keeps its knowledge by."""

from __future__ import annotations

from typing import Any, cast

import pytest

from apps.customer_service.continual.continuing import _exemplars, _still_true
from apps.customer_service.data import Dataset, Example
from common.errors import UserError
from common.records.audit import Audit
from common.records.splits import Splits
from common.tuning.settings import Settings


@pytest.mark.parametrize("mechanism", ["ewc", "replay,distillation", "nearest-mean"])
def test_where_all_that_was_learned_is_labelled_anew_that_is_told(mechanism: str) -> None:
    old = [Example("lost my card", None, "card"), Example("why this fee", None, "fee")]
    again = [Example("Lost my card!", None, "loss"), Example("Why this fee?", None, "costs")]
    new = Dataset(faqs={}, splits=Splits(again, [], []), audit=Audit([]), hashes={})
    serving = cast("Any", None)
    kept = _still_true(old, new, cast("Any", type("Old", (), {"faqs": {}})))
    with pytest.raises(UserError, match="none is left to keep its knowledge by"):
        _exemplars(kept, serving, Settings(continual=mechanism))
