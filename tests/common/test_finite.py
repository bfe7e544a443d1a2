from __future__ import annotations

import numpy as np
import pytest

from common.evaluation.calibration import fit_calibrator, fit_mixture, fit_temperature
from common.finite import NonFiniteError, require_finite

LABELS = np.array([0, 1, 0, 1])
BROKEN = np.array([[0.1, 0.2], [0.3, np.nan], [0.5, 0.6], [0.7, np.inf]])


def test_what_is_finite_passes() -> None:
    require_finite("the towers", values=[0.0, 1e300, -1e300], nothing=np.empty(0))


def test_it_names_whose_which_and_how_many() -> None:
    with pytest.raises(NonFiniteError) as caught:
        require_finite("training, up to step 7", hint="Lower it.", item_vectors=BROKEN)
    said = str(caught.value)
    assert "training, up to step 7: item vectors is not finite (2 of 8 numbers)" in said
    assert "Lower it." in said
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "fit",
    [
        lambda: fit_calibrator(BROKEN, LABELS.astype(bool)),
        lambda: fit_temperature(BROKEN, LABELS),
        lambda: fit_mixture(np.zeros((4, 2)), BROKEN, LABELS),
    ],
)
def test_no_calibrator_is_fitted_to_what_is_no_number(fit: object) -> None:
    with pytest.raises(NonFiniteError, match="calibration"):
        fit()  # type: ignore[operator]
