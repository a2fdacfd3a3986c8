"""What a billion ratings would need, from nights measured at two sizes: arithmetic with its assumptions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

from benchmarks.report import markdown, write
from recengine.dataset import SHARD_RATINGS
from recengine.models.kernels.normal_equations import packed_width
from recengine.models.parts.ials import LEAST_SWEEPS, ImplicitALSConfig
from recengine.models.parts.ranking import RankingConfig

BILLION = 10**9
CORES = 16  # of a node
NODES = (1, 2, 4)
LINEAR = "nothing grows slower than the ratings"
USER_BYTES = 2_500  # of lists and reasons as Parquet
FLOAT = 4
MEASURED_CORES = 2


@dataclass(frozen=True)
class Night:
    """A night by a cluster: ratings, users, wall clock, the part of it in shards' tasks, and the peak, in GiB."""

    ratings: int
    users: int
    seconds: float
    in_tasks: float
    gib: float
    movies: int = 60_000

    @classmethod
    def of(cls, found: dict[str, Any]) -> Self:
        """From the figures of ``benchmarks.shards``."""
        in_tasks = sum(found["tasks"].values())
        return cls(found["ratings"], found["users"], found["seconds"], in_tasks, found["pss_gib"])


@dataclass(frozen=True)
class Need:
    """What so many ratings need: seconds here, core-seconds in shards' tasks, GiB here, bytes that move."""

    here: float
    core_seconds: float
    gib: float
    shuffled: float
    exponents: dict[str, float]

    def hours(self, nodes: int) -> float:
        """Of a night on so many nodes: what is done here, then shards' tasks on all cores."""
        return (self.here + self.core_seconds / (nodes * CORES)) / 3600


def need_of(small: Night, large: Night, ratings: int = BILLION, least: float = 0.0) -> Need:
    """Extrapolate each cost as a power of the ratings, with the exponent between the two nights, or ``least``."""
    costs = {
        "seconds on the driver": (small.seconds - small.in_tasks, large.seconds - large.in_tasks),
        "core-seconds in shards' tasks": (MEASURED_CORES * small.in_tasks, MEASURED_CORES * large.in_tasks),
        "peak memory": (small.gib, large.gib),
    }
    times = math.log(large.ratings / small.ratings)
    exponents = {name: max(least, math.log(many / few) / times) for name, (few, many) in costs.items()}
    here, cores, gib = (
        many * (ratings / large.ratings) ** exponents[name] for name, (_, many) in costs.items()
    )
    users = large.users * ratings / large.ratings
    return Need(here, cores, gib, shuffled(ratings, users, large.movies), exponents)


def shuffled(ratings: float, users: float, movies: int) -> float:
    """Bytes that go from workers to the driver: sums per shard, users' factors, lists and reasons."""
    ranking, low_rank = RankingConfig(), ImplicitALSConfig()
    pairs = 2 * ranking.most_movies**2 * FLOAT  # common raters and sessions
    sweeps = max(low_rank.most_work // ratings, LEAST_SWEEPS)
    equations = sweeps * (movies + 1) * packed_width(low_rank.factors) * FLOAT
    shards = math.ceil(ratings / SHARD_RATINGS)
    return float(shards * (pairs + equations) + users * (low_rank.factors * FLOAT + USER_BYTES))


def page_of(small: Night, large: Night) -> None:
    """Write the page."""
    ways = {"by the measured exponents": need_of(small, large), LINEAR: need_of(small, large, least=1.0)}
    rows = [
        (
            way,
            f"{nodes}",
            f"{60 * need.hours(nodes):.0f}",
            f"{need.here / 60:.0f}",
            f"{need.gib:.0f}",
            f"{need.shuffled / 1e9:.0f}",
        )
        for way, need in ways.items()
        for nodes in NODES
    ]
    header = (
        *("way", f"nodes of {CORES} cores", "minutes", "of them on the driver alone", "driver's GiB"),
        "GB from workers to the driver",
    )
    measured, linear = ways.values()
    growth = [(name, f"{power:.2f}") for name, power in measured.exponents.items()]
    notes = [
        f"Extrapolated from nights by a two-node cluster on {small.ratings:,} and {large.ratings:,} ratings "
        "(`shards`), each cost as a power of the ratings. Nothing here was run. Exponents below 1 hold what does "
        "not grow (imports, a server's start, samples of bounded size), so the second way is the one to plan with: "
        "nothing grows slower than the ratings. By it a billion take "
        f"**{60 * linear.hours(1):.0f} minutes on one node** of {CORES} cores, whose driver has "
        f"**{linear.gib:.0f} GiB**, {60 * linear.hours(2):.0f} on two; what is done on the driver bounds what more "
        "nodes can give.",
        f"Assumed: cores as fast as the two that were measured, also side by side; {BILLION // SHARD_RATINGS} "
        "shards' tasks spread evenly over all of them; a driver that uses no more than two cores for its own work; "
        f"users grow with the ratings, {large.movies:,} movies do not; {USER_BYTES:,} bytes of lists and reasons a "
        "user; a network and a shared folder that carry what moves beside the work.",
    ]
    tables = [markdown(header, rows), markdown(("cost", "exponent"), growth)]
    data = {
        "needs": {way: need.__dict__ for way, need in ways.items()},
        "from": [small.__dict__, large.__dict__],
    }
    write(
        "billion", "What a billion ratings need", notes, tables, data, command="python -m benchmarks.shards"
    )
