"""A bundle with native extensions: numpy and pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd

from afbundle import Bundle

bundle = Bundle("frames", version="1")
frames = bundle.dag("frames")


@frames.task
def totals() -> dict[str, object]:
    """Group, sum, and solve a small system."""
    sales = pd.DataFrame({"shop": ["a", "b", "a"], "amount": [1.5, 2.0, 3.0]})
    solved = np.linalg.solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 8.0]))
    return {
        "totals": {str(shop): float(total) for shop, total in sales.groupby("shop")["amount"].sum().items()},
        "solved": solved.tolist(),
        "month": str(pd.Timestamp("2026-02-03").to_period("M")),
        "unpacked": "site" in pd.__file__,
    }


if __name__ == "__main__":
    bundle.serve()
