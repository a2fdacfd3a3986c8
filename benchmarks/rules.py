"""What operators' rules name, change, cost and take: ``python -m benchmarks.rules [DATA ...]`` (5 minutes).

For real data and a million generated ratings: the whole night under the three shipped examples, a boost and a pin.
It ends only where the audits of rules and of reasons found nothing. Then every user's list of 20 is made by the
published model without rules, with each by itself, and with all.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.realdata import NAMES, datasets
from benchmarks.report import markdown, write
from benchmarks.scale.sizes import SIZES, data_of
from recengine import features
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.published import ScoreConfig
from recengine.models import store
from recengine.rules.compiled import Compiled
from recengine.rules.inforce import rules_of
from recengine.rules.running import ran
from recengine.variety.lists import Lister
from recengine.warehouse.connection import published, warehouse

TOP_N = 20
EXAMPLES = Path(__file__).parents[1] / "docs/examples/rules"
OTHERS = {
    "boost_new_films": "-- Films of the last two years rather.\n"
    "SELECT movie_id, 0.5 AS weight FROM core.movies "
    "WHERE year > (SELECT max(year(rated_at)) FROM core.ratings) - 2",
    "pin_of_the_month": "-- The three films that most rated in the last 30 days first.\n"
    "SELECT movie_id, row_number() OVER (ORDER BY count(*) DESC, movie_id) AS position FROM core.ratings "
    "WHERE rated_at > (SELECT max(rated_at) FROM core.ratings) - INTERVAL 30 DAY "
    "GROUP BY movie_id ORDER BY position LIMIT 3",
}
AUDITS = (
    "caps_are_kept",
    "every_user_has_n",
    "excluded_is_not_listed",
    "only_allowed_is_listed",
    "pinned_come_first",
    "reasons_add_up",
    "reasons_are_the_users",
    "everything_is_explained",
)
HEADER = ("rule", "rows named", "lists changed", "change of nDCG@10", "interval", "s", "× without")


def main() -> None:
    """Measure the data that is asked for and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules", description=__doc__)
    parser.add_argument("data", nargs="*", default=[*NAMES, "1m"], help=f"{', '.join([*NAMES, *SIZES])}")
    cache = Path(os.environ.get("RECENGINE_HOME", "data"), "benchmarks")
    parser.add_argument("--cache", type=Path, default=cache, help="generated data")
    options = parser.parse_args()
    tables, data = [], {}
    for name in options.data:
        source = datasets() / name if name in NAMES else data_of(SIZES[name], options.cache.absolute())
        with tempfile.TemporaryDirectory(prefix="recengine-rules-") as folder:
            data[name] = measured(Home.at(Path(folder) / "home"), source)
        tables += [_said(name, data[name]), markdown(HEADER, data[name]["rows"])]
    note = (
        "The whole night under the three shipped examples, a boost and a pin; it ends only where the audits "
        f"found nothing, {len(AUDITS)} of them about rules and reasons: {', '.join(AUDITS)}. Then every user's list "
        "of 20 is made by the published model without rules, with each by itself, and with all: the seconds, the "
        "smaller of two. What a rule costs in nDCG is the night's own measure, on the newest ratings held out from "
        "the model, against lists by scores alone, with its interval of 95 %. "
        "A query that reads the newest ratings, as the pin's does, knows what was held out: such a gain is none."
    )
    write("rules", "What rules cost", [note], tables, data)


def measured(home: Home, source: Path) -> dict[str, Any]:
    """A night under all rules, and the seconds of lists under each."""
    folder = home.root / "rules"
    folder.mkdir(parents=True)
    for file in EXAMPLES.glob("*.sql"):
        shutil.copy(file, folder)
    for name, query in OTHERS.items():
        (folder / f"{name}.sql").write_text(query)
    run: list[str | Path] = ["run", "--home", home.root, "--source", source, "--top-n", str(TOP_N)]
    subprocess.run([Path(sys.executable).parent / "recengine", *run], stdout=subprocess.DEVNULL, check=True)
    with published(home.serving_link) as con:
        rules = con.sql("FROM rules").df().to_dict("records")
        [(users, listed, reasons, model_id)] = con.sql(
            "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM recommendations), "
            "(SELECT count(*) FROM reasons), model_id FROM publication"
        ).fetchall()
    seconds = _seconds(home, model_id)
    without = seconds.pop("without")
    rows = [
        (
            rule["name"],
            f"{rule['rows_named']:,}",
            f"{rule['lists_changed']:,}",
            f"{rule['ndcg_change']:+.4f}",
            f"{rule['ndcg_change_low']:+.4f} to {rule['ndcg_change_high']:+.4f}",
            f"{seconds[rule['name']]:.2f}",
            f"{seconds[rule['name']] / without:.2f}",
        )
        for rule in rules
    ]
    rows.append(("all", "", "", "", "", f"{seconds['all']:.2f}", f"{seconds['all'] / without:.2f}"))
    return {
        "rows": rows,
        "users": users,
        "listed": listed,
        "reasons": reasons,
        "without": without,
        "ndcg": rules[0]["ndcg_without"],
    }


def _seconds(home: Home, model_id: str) -> dict[str, float]:
    """What every user's list takes, without rules, with each by its name, and with all; the smaller of two."""
    with warehouse(home.warehouse) as con:
        snapshot = Snapshot.load(features.build(con, home).folder)
        rules = ran(con, rules_of(home, ScoreConfig()))
    lister = Lister.of(store.load(home, model_id), snapshot, ScoreConfig())
    users = np.arange(snapshot.users)
    asked = {"without": [], "all": rules} | {one.rule.name: [one] for one in rules}
    found: dict[str, float] = {}
    for name in [*asked, *asked]:
        began = time.perf_counter()
        Compiled.over(snapshot, asked[name]).lists(lister, users, TOP_N)
        found[name] = min(found.get(name, float("inf")), time.perf_counter() - began)
    return found


def _said(name: str, found: dict[str, Any]) -> str:
    """What data this is, and what there was to audit."""
    return (
        f"**{name}**: {found['users']:,} users, {found['listed']:,} listed movies with {found['reasons']:,} reasons. "
        f"Lists without rules take {found['without']:.2f} s; their nDCG@10 is {found['ndcg']:.4f}."
    )


if __name__ == "__main__":
    main()
