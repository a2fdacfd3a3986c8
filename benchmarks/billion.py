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
NODES = (1, 2, 4, 8, 16)
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


def need_of(small: Night, large: Night, ratings: int = BILLION) -> Need:
    """Extrapolate each cost as a power of the ratings, with the exponent between the two nights."""
    costs = {
        "seconds on the driver": (small.seconds - small.in_tasks, large.seconds - large.in_tasks),
        "core-seconds in shards' tasks": (MEASURED_CORES * small.in_tasks, MEASURED_CORES * large.in_tasks),
        "peak memory": (small.gib, large.gib),
    }
    times = math.log(large.ratings / small.ratings)
    exponents = {name: math.log(many / few) / times for name, (few, many) in costs.items()}
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
    need = need_of(small, large)
    rows = [
        (f"{nodes}", f"{nodes * CORES}", f"{need.hours(nodes):.1f}", f"{need.here / 3600:.1f}")
        for nodes in NODES
    ]
    growth = [(name, f"{power:.2f}") for name, power in need.exponents.items()]
    notes = [
        f"Extrapolated from nights by a two-node cluster on {small.ratings:,} and {large.ratings:,} ratings "
        "(`shards`), each cost as a power of the ratings. Nothing here was run.",
        f"**{need.gib:.0f} GiB** of memory on the driver's box, **{need.shuffled / 1e9:.0f} GB** from workers to "
        f"the driver, {BILLION // SHARD_RATINGS} shards.",
        f"Assumed: nodes of {CORES} cores, each as fast as the two that were measured; shards' tasks spread evenly "
        f"over all cores; a driver no faster than these two cores; users grow with the ratings, {large.movies:,} "
        f"movies do not; {USER_BYTES:,} bytes of lists and reasons a user; a network and a shared folder that carry "
        "what moves beside the work. What is done on the driver bounds what more nodes can give.",
    ]
    tables = [
        markdown(("nodes", "cores", "hours", "of them on the driver alone"), rows),
        markdown(("cost", "exponent"), growth),
    ]
    data = {"need": need.__dict__, "from": [small.__dict__, large.__dict__]}
    write(
        "billion", "What a billion ratings need", notes, tables, data, command="python -m benchmarks.shards"
    )
