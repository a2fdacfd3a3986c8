"""What a person reads where there is no value: nothing, and no column of nothings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flows.cli import console


def listed(stars: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rank": [1, 2],
            "title": ["A", "nan"],
            "predicted_rating": np.float32(stars),
            "source": "recommendations",
        }
    )


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT])
def test_a_missing_value_is_an_empty_cell(missing: object) -> None:
    assert console._cell(missing) == ""
    assert console._cell("nan") == "nan"
    assert console._cell(np.float32(0.5)) == console._cell(0.5) == "0.5"


def test_lists_without_ratings_show_no_stars(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_list(listed([np.nan, np.nan]), "Popular movies")
    assert "predicted_rating" not in capsys.readouterr().out
    console.show_list(listed([4.5, np.nan]), "Recommendations")
    assert "4.5" in capsys.readouterr().out
