"""The options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from annotated_types import Ge, Le
from typer.core import TyperCommand

from recengine.config import Home
from recengine.errors import BadInput
from recengine.knobs.exports import export_text
from recengine.knobs.sources import InForce, field_of, in_force, told_where
from recengine.knobs.stages import Device, EngineName, Recency
from recengine.movielens.scale import parse
from recengine.runtime.addresses import is_address, is_place
from recengine.runtime.paths import user_path
from recengine.warehouse.run_lock import locked


def scale_text(text: str) -> str:
    """The text of a scale, which is checked before anything starts; blank is none."""
    if text.strip():
        parse(text)
    return text.strip()


def option(knob: str, **more: Any) -> Any:
    """The option of a knob, named after it; words and bounds are those of its config. Left out, it is None."""
    field = field_of(knob)
    bounds: dict[str, Any] = {}
    for bound in field.metadata:
        bounds |= {"min": bound.ge} if isinstance(bound, Ge) else {}
        bounds |= {"max": bound.le} if isinstance(bound, Le) else {}
    default = "" if field.default is False or field.default == "" else f" [default: {field.default}]"
    flag = f"--{knob.rpartition('.')[2].replace('_', '-')}"
    return typer.Option(flag, help=f"{field.description}{default}", show_default=False, **bounds, **more)


def _whole_path(text: str) -> str:
    """A path as another process can follow it."""
    return str((user_path(text) or Path()).absolute())


Format = Literal["table", "csv", "json"]

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", parser=user_path, help="Where everything is kept (RECENGINE_HOME, else ./data)"),
]
DatasetOption = Annotated[
    str, typer.Option("--dataset", help="demo, or a GroupLens release such as ml-1m (downloaded once)")
]
NightDatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        help="demo, or a GroupLens release such as ml-1m (downloaded once); without it and --source: "
        "what is published, else demo",
    ),
]
SourceOption = Annotated[
    Path | None, typer.Option("--source", parser=user_path, help="MovieLens folder or zip of your own")
]
TopNOption = Annotated[int | None, option("score.top_n")]
ReasonsOption = Annotated[int | None, option("score.reasons")]
DiversityOption = Annotated[float | None, option("score.diversity")]
CalibrationOption = Annotated[float | None, option("score.calibration")]
PopularityDebiasOption = Annotated[float | None, option("score.popularity_debias")]
RankByOption = Annotated[float | None, option("score.rank_by")]
VariantsOption = Annotated[str | None, option("score.variants", metavar="MODEL,MODEL+SWITCH")]
RulesOption = Annotated[str | None, option("score.rules", parser=_whole_path, metavar="DIR")]
ModelOption = Annotated[str | None, option("train.model")]
RecencyOption = Annotated[Recency | None, option("train.recency")]
SeedOption = Annotated[int | None, option("train.seed")]
DeviceOption = Annotated[Device | None, option("train.device")]
EngineOption = Annotated[EngineName | None, option("cluster.engine")]
RayAddressOption = Annotated[str | None, option("cluster.ray_address", metavar="ADDRESS")]
FromScratchOption = Annotated[bool, option("train.reuse.from_scratch")]
BadShareOption = Annotated[float | None, option("ingest.max_bad_share")]
ScaleOption = Annotated[str | None, option("ingest.scale", parser=scale_text, metavar="LOW-HIGH/STEP")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KNOB=VALUE",
        help="Any knob, such as train.holdout_share=0.1; may be given several times (recengine config lists them)",
    ),
]
ExportOption = Annotated[
    list[str] | None,
    typer.Option(
        "--export",
        metavar="KIND [DEST]",
        help="What else becomes of the publication: parquet or csv, and a folder or s3://bucket/prefix to write to; "
        "postgres and postgresql://host/database; may be given several times",
    ),
]
ForceOption = Annotated[
    bool,
    typer.Option(
        "--force", help="Run although nothing changed, a check objects or another dataset is published"
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="DATE",
        help="Lists as they would have been with the ratings up to that day (UTC), in a home of their own under "
        "as-of/; what is published stays",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="json prints nothing else on stdout")]


class TakesExports(TyperCommand):
    """A command whose ``--export`` takes one word or two: ``--export parquet /mnt/recs``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The command line with the two words as one."""
        joined, rest = list[str](), list(args)
        while rest:
            word = rest.pop(0)
            if word == "--export" and rest:
                joined += [word, rest.pop(0)]
            elif word.startswith("--export="):
                joined.append(word)
            else:
                joined.append(word)
                continue
            if rest and not rest[0].startswith("-"):
                joined[-1] += f" {rest.pop(0)}"
        return super().parse_args(ctx, joined)


def exports(told: Sequence[str] | None) -> list[str] | None:
    """What follows ``--export``, each checked; a path is the whole one, seen from here. None where nothing does.

    Raises
    ------
    BadInput
        There is no such export.
    """
    return None if told is None else [_export(text) for text in told] or None


def _export(text: str) -> str:
    kind, _, destination = text.partition(" ")
    destination = destination.strip()
    if destination and not is_address(destination) and not is_place(destination):
        destination = str((user_path(destination) or Path()).absolute())
    try:
        return export_text(f"{kind} {destination}".strip())
    except ValueError as error:
        raise BadInput(str(error)) from None


def use(home: Path | None) -> Home:
    """The home for this command, and for every process it starts; what they make is private to begin with."""
    os.umask(0o077)
    chosen = Home.at(home)
    os.environ["RECENGINE_HOME"] = str(chosen.root)
    return chosen


def there(home: Path | None) -> Home:
    """The home for a command that reads: nothing is made, not even the folder.

    Raises
    ------
    NotReady
        There is no such folder.
    """
    Home.there(home)
    return use(home)


def knobs(home: Path | None, set_options: Sequence[str] | None, options: Mapping[str, Any]) -> InForce:
    """The knobs in force for a command; ``options`` are its own, by dotted knob, None where left out.

    Raises
    ------
    BadInput
        One is refused; nothing has been made yet.
    """
    return in_force(Home.place(home), set_options or (), options)


def refuse_what_cannot_be(in_force: InForce) -> None:
    """A model, a knob of it, a variant, an export or a device that is not there is told before anything is made.

    Raises
    ------
    BadInput
        It is not there.
    """
    from recengine.engine.chosen import check as check_engine
    from recengine.runtime.devices import resolved
    from recengine.selection.candidates import asked_recipe
    from recengine.serving.exports import check
    from recengine.variety.variants import variants_of

    with told_where(in_force):
        asked_recipe(in_force.knobs.train)
    variants_of(in_force.knobs.train.model, in_force.knobs.score)
    check(in_force.knobs.publish.exports)
    for device in (in_force.knobs.train.device, in_force.knobs.score.device):
        resolved(device)
    check_engine(in_force.knobs.cluster)


@contextmanager
def alone(home: Path | None, command: str) -> Iterator[Home]:
    """A home whose run lock this command has, looked over for what an earlier run left undone."""
    from recengine.upkeep.repair import look_over

    chosen = use(home)
    with locked(chosen, f"recengine {command}"):
        look_over(chosen)
        yield chosen
