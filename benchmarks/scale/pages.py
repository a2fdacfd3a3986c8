"""The pages and charts, from whatever has been measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.report import markdown, write
from benchmarks.scale import charts
from benchmarks.scale.holdout import HEAD, JUDGED_USERS
from benchmarks.scale.night import NEW_SHARE, STAGES, TOP_N
from benchmarks.scale.peers import NAMES, NIGHT
from benchmarks.scale.results import Results
from benchmarks.scale.sizes import SEED, SIZES, shape_table
from recengine.evaluation.bootstrap import Bootstrap, paired_difference

Figures = dict[str, Any]
DRAWS = Bootstrap(draws=1_000)


def write_all(results: Results) -> None:
    """Write every page that has something to say."""
    parts = {
        part: _sizes(results, part) for part in ("shape", "night", "stages", "again", "quarter", "threads")
    }
    if parts["shape"]:
        note = (
            f"`recengine generate --layout ml-25m --seed {SEED}`; published: what GroupLens' own files say."
        )
        _write("shape", "Scale: the data", [note], [shape_table(parts["shape"])], parts["shape"])
    if parts["night"]:
        _nights(parts["night"])
    if parts["stages"]:
        _stages(results, parts["night"], parts["stages"])
        _growth(parts["night"], parts["stages"])
    if parts["again"] or parts["quarter"]:
        _again(parts["night"], parts["again"], parts["quarter"])
    if parts["threads"]:
        _threads(parts["threads"])
    peers = {size: found for size in SIZES if (found := _contenders(results, size))}
    if peers:
        _peers(results, peers)


def _sizes(results: Results, part: str) -> dict[str, Figures]:
    stored = ((size, results.stored(part, size)) for size in SIZES)
    return {size: found for size, found in stored if found is not None}


def _contenders(results: Results, size: str) -> dict[str, Figures]:
    stored = ((name, results.stored(name, size)) for name in NAMES)
    return {name: found for name, found in stored if found is not None}


def _write(name: str, title: str, notes: list[str], tables: list[str], data: Any) -> None:
    write(f"scale_{name}", title, notes, tables, data, command="python -m benchmarks.scale")


def _nights(nights: dict[str, Figures]) -> None:
    rows = [
        [
            f"{SIZES[size].ratings:,}",
            f"{found['seconds']:.0f}",
            f"{found['rss_gib']:.2f}",
            ", ".join(f"{part} {seconds:.1f}" for part, seconds in found["inside"].items()),
            f"{found['beside']['total']:.0f}",
            f"{found['movies_shown']:,} ({found['tail_shown']:,})",
        ]
        for size, found in nights.items()
    ]
    header = (
        "ratings",
        "s",
        "peak GiB",
        "of which the stages themselves, s",
        "beside them, s",
        "movies shown",
    )
    notes = [
        f"`recengine run --top-n {TOP_N}` through Prefect, from csv files to the published file, on a fresh home.",
        "Movies shown: how many movies at least one user is recommended; in brackets, how many of them lie beyond "
        f"the {HEAD:,} most rated, where the closed form ends.",
    ]
    _write("night", "Scale: the whole night", notes, [markdown(header, rows)], nights)


def _stages(results: Results, nights: dict[str, Figures], stages: dict[str, Figures]) -> None:
    header = ("stage", "s", "of which the stage itself", "ratings / s", "peak GiB", "floor, s", "x floor")
    tables = []
    for size, found in stages.items():
        rows = [_stage_row(name, found[name], SIZES[size].ratings) for name in STAGES]
        total = sum(found[name]["seconds"] for name in STAGES)
        peak = max(found[name]["rss_gib"] for name in STAGES)
        rows.append(
            [
                "all five processes",
                f"{total:.1f}",
                "",
                f"{SIZES[size].ratings / total:,.0f}",
                f"{peak:.2f}",
                "",
                "",
            ]
        )
        title = f"## ml-{size}: {SIZES[size].ratings:,} ratings\n\n{_night_text(nights.get(size))}"
        tables.append(f"{title}{markdown(header, rows)}{_beside_peers(results, size)}")
    floors = [
        f"{name}: {found['floor']['what']}"
        for name, found in list(stages.values())[-1].items()
        if "floor" in found
    ]
    notes = [
        f"One night, `--top-n {TOP_N}`, from csv files to the published file. Each stage in a process of its own; "
        "seconds are wall clock from start to exit, imports included; memory is the largest sum of resident "
        "memory over the process tree, pages that processes share counted in each.",
        f"Physical floors, measured in the same run: {'; '.join(floors)}. "
        "The score stage's ratio is that of its lists.",
    ]
    _write("stages", "Scale: the night, stage by stage", notes, tables, {"night": nights, "stages": stages})


def _stage_row(name: str, found: Figures, ratings: int) -> list[str]:
    inside = found["inside"].get("lists", sum(found["inside"].values()))  # the score stage's floor is theirs
    floor = found.get("floor", {}).get("seconds")
    return [
        name,
        f"{found['seconds']:.1f}",
        ", ".join(f"{part} {seconds:.1f}" for part, seconds in found["inside"].items()),
        f"{ratings / found['seconds']:,.0f}",
        f"{found['rss_gib']:.2f}",
        "" if floor is None else f"{floor:.2f}",
        "" if floor is None else f"{inside / floor:.1f}",
    ]


def _night_text(night: Figures | None) -> str:
    if night is None:
        return ""
    beside = night["beside"]
    tasks = ", ".join(f"{name} {seconds:.1f}" for name, seconds in night["tasks"].items())
    inside = ", ".join(f"{name} {seconds:.1f}" for name, seconds in night["inside"].items())
    return (
        f"`recengine run` through Prefect: **{night['seconds']:.1f} s**, peak **{night['rss_gib']:.2f} GiB** "
        f"({night['pss_gib']:.2f} GiB with shared pages counted once), {night['recommendations']:,} rows for "
        f"{night['users']:,} users by `{night['model']}`. Inside: {inside}. Beside the stages (Prefect and its "
        f"temporary server, imports, the morning's page, the list on screen): {beside['total']:.1f} s, of these "
        f"{beside['before']:.1f} before the first stage, {beside['between']:.1f} between, "
        f"{beside['after']:.1f} after the last. Tasks by Prefect's account: {tasks}.\n\n"
    )


def _beside_peers(results: Results, size: str) -> str:
    """What implicit takes for the lists alone, beside what ours take."""
    found = {name: results.stored(name, size) for name in NAMES if "ALS" in name or "engine only" in name}
    taken = [f"{name} {f['steps']['recommend']:.1f} s" for name, f in found.items() if f and "ndcg@10" in f]
    return (
        f"\n\nThe lists alone on the oldest four fifths of the ratings: {', '.join(taken)}." if taken else ""
    )


def _growth(nights: dict[str, Figures], stages: dict[str, Figures]) -> None:
    lines: dict[str, dict[str, float]] = {
        "whole night": {size: found["seconds"] for size, found in nights.items()}
    }
    for size, found in stages.items():
        for stage in STAGES:
            for part, seconds in found[stage]["inside"].items():
                line = lines.setdefault(part, {})
                line[size] = line.get(size, 0.0) + seconds  # a stage may look at the features again
    rows = [
        [name, *(f"{line[size]:.2f}" if size in line else "" for size in SIZES), _exponent(line)]
        for name, line in lines.items()
    ]
    table = markdown(("seconds", *(f"ml-{size}" for size in SIZES), "exponent from 1m on"), rows)
    charts.growth(lines)
    note = (
        "The whole night by wall clock; the stages and their parts by their own log lines, without imports. Cost "
        "grows as ratings to the power of the exponent, from 1m to the largest size measured: 1 is linear, "
        "below it is better. Users, movies and ratings all grow, as between the releases; "
        "ml-25m has 16 times the movies of ml-1m."
    )
    _write(
        "growth", "Scale: cost against size", [note], [table, "![cost against size](scale_growth.svg)"], lines
    )


def _exponent(line: dict[str, float]) -> str:
    largest = [size for size in SIZES if size in line][-1:]
    if "1m" not in line or largest == ["1m"]:
        return ""
    ratings = SIZES[largest[0]].ratings / SIZES["1m"].ratings
    return f"{math.log(line[largest[0]] / line['1m']) / math.log(ratings):.2f}" if ratings > 1 else ""


def _again(nights: dict[str, Figures], again: dict[str, Figures], quarter: dict[str, Figures]) -> None:
    tables = []
    for size, found in again.items():
        first, second = found["first"], found["second"]
        names = sorted({*first["inside"], *second["inside"]}, key=[*first["inside"], *second["inside"]].index)
        rows = [_ratio("whole night", first["seconds"], second["seconds"])]
        rows += [_ratio(name, first["inside"].get(name, 0), second["inside"].get(name, 0)) for name in names]
        rows.append(_ratio("beside the stages", first["beside"]["total"], second["beside"]["total"]))
        title = f"## ml-{size}: {found['new_ratings']:,} new ratings in a file beside the others"
        tables.append(f"{title}\n\n{markdown(('seconds', 'first night', 'second night', 'ratio'), rows)}")
    header = ("size", "limit, GiB", "s", "peak GiB", "s without limit", "peak GiB without")
    rows = [
        [
            f"ml-{size}",
            f"{found['limit_gib']:.1f}",
            f"{found['seconds']:.1f}",
            f"{found['rss_gib']:.2f}",
            *(
                (f"{night['seconds']:.1f}", f"{night['rss_gib']:.2f}")
                if (night := nights.get(size))
                else ("", "")
            ),
        ]
        for size, found in quarter.items()
    ]
    if rows:
        tables.append(f"## With a quarter of the machine's memory as the limit\n\n{markdown(header, rows)}")
    note = (
        f"The second night comes after {NEW_SHARE:.1%} new ratings, newer than all others, by users and of movies as "
        "active as any. Stages that log no seconds in a night (nothing to do) count 0."
    )
    data = {"again": again, "quarter": quarter}
    _write("again", "Scale: the second night, and less memory", [note], tables, data)


def _threads(threads: dict[str, Figures]) -> None:
    header = ("ratings", "threads", "read, s", "fit, s", "lists, s", "CPU s in all")
    rows = [
        [
            f"{SIZES[size].ratings:,}",
            way,
            *(f"{f[step]:.1f}" for step in ("read", "fit", "recommend", "cpu_seconds")),
        ]
        for size, found in threads.items()
        for way, f in found.items()
    ]
    note = (
        "The engine from raw files to lists (no gate, no Prefect), each way in a process of its own. With one thread "
        "a fit's three parts (ranking, recency boost, stars) still run side by side."
    )
    _write("threads", "Scale: pools of threads", [note], [markdown(header, rows)], threads)


def _ratio(name: str, first: float, second: float) -> list[str]:
    return [name, f"{first:.2f}", f"{second:.2f}", f"{second / first:.2f}" if first else ""]


def _peers(results: Results, peers: dict[str, dict[str, Figures]]) -> None:
    header = (
        "from raw files to top 20",
        "s",
        "steps, s",
        "peak GiB",
        "nDCG@10 ± se",
        "the night minus it",
        "movies shown",
    )
    tables = []
    for size, found in peers.items():
        rows = [_peer_row(results, size, name, figures) for name, figures in found.items()]
        tables.append(f"## ml-{size}\n\n{markdown(header, rows)}")
    charts.time_and_quality(peers)
    tables.append("![time and quality](scale_peers.svg)")
    note = (
        "Every contender starts from the same csv files in a process of its own and ends with a Parquet file of "
        "every user's 20 best unseen movies. They get the oldest four fifths of the ratings; the newest fifth is "
        "held out: seconds (wall clock, imports included), memory and nDCG@10 come from one and the same run. "
        f"Judged are users with ratings on both sides of the cut, at most {JUDGED_USERS:,} of them, the same for "
        f"everybody, full catalogue. `{NIGHT}` also holds ratings out, judges two "
        "candidates, predicts stars, finds similar movies, audits and publishes; `engine only` does not. "
        "implicit runs with BLAS on one thread, as its documentation asks, and its own threads on all cores; "
        "knobs are the packages' defaults. EASE is limited to the 20,000 most rated movies. "
        "Differences: 95 % paired bootstrap over users. Movies shown: to anybody among all users' 20; in brackets "
        f"those beyond the {HEAD:,} most rated."
    )
    _write("peers", "Scale: against peers, raw files to top 20", [note], tables, peers)


def _peer_row(results: Results, size: str, name: str, found: Figures) -> list[str]:
    if found.get("stopped"):
        return [name, "", found["stopped"], f"{found['rss_gib']:.2f}", "", "", ""]
    steps = ", ".join(
        f"{step} {seconds:.1f}" for step, seconds in (found.get("steps") or found["inside"]).items()
    )
    cost = [f"{found['seconds']:.1f}", steps, f"{found['rss_gib']:.2f}"]
    theirs = np.load(results.file(name, size, "npy"))
    quality = f"{theirs.mean():.4f} ± {theirs.std(ddof=1) / len(theirs) ** 0.5:.4f}"
    ours = results.file(NIGHT, size, "npy")
    difference = ""
    if name != NIGHT and ours.exists():
        gap = paired_difference(np.load(ours), theirs, DRAWS)
        difference = f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
    shown = f"{found['movies_shown']:,} ({found['tail_shown']:,})"
    return [name, *cost, quality, difference, shown]
