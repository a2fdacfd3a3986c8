"""``recengine evaluate``: how good a model is, honestly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.cli import console
from flows.cli.options import (
    DatasetOption,
    DeviceOption,
    FormatOption,
    HomeOption,
    ModelOption,
    RecencyOption,
    ScaleOption,
    SeedOption,
    SetOption,
    SourceOption,
    knobs,
    refuse_what_cannot_be,
    use,
)
from recengine.runtime.paths import user_path

if TYPE_CHECKING:
    from recengine.dataset import Snapshot
    from recengine.models.recipes import Recipe

Protocol = Literal["temporal", "random", "leave-one-out", "files"]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(evaluate)


def evaluate(
    dataset: DatasetOption = "demo",
    source: SourceOption = None,
    protocol: Annotated[Protocol, typer.Option("--protocol", help="How ratings are held out")] = "temporal",
    train: Annotated[
        Path | None, typer.Option("--train", parser=user_path, help="files: the training ratings")
    ] = None,
    test: Annotated[
        Path | None, typer.Option("--test", parser=user_path, help="files: the held-out ratings")
    ] = None,
    model: ModelOption = None,
    recency: RecencyOption = None,
    share: Annotated[
        float | None, typer.Option("--share", help="Share held out (temporal 0.2, random 0.25)")
    ] = None,
    k: Annotated[
        list[int] | None, typer.Option("--k", min=1, help="Cut-offs; may be given several times")
    ] = None,
    seed: SeedOption = None,
    draws: Annotated[int, typer.Option("--draws", min=100, help="Bootstrap draws of the intervals")] = 1000,
    scale: ScaleOption = None,
    device: DeviceOption = None,
    tune: Annotated[
        bool, typer.Option("--tune/--no-tune", help="Tune on the training part first, as a first night does")
    ] = True,
    settings: SetOption = None,
    form: FormatOption = "table",
    home: HomeOption = None,
) -> None:
    """Metrics of a model, each with a bootstrap interval over users, on held-out ratings."""
    import pandas as pd

    from recengine.evaluation import runner as judging
    from recengine.models import checked_model
    from recengine.tune import tuned_on

    options = {
        "train.model": model,
        "train.recency": recency,
        "train.seed": seed,
        "train.device": device,
        "ingest.scale": scale,
    }
    in_force = knobs(home, settings, options)
    refuse_what_cannot_be(in_force)
    training = in_force.knobs.train
    chosen, found = use(home), list[str]()
    with console.progress() as on_progress:

        def tuned(part: Snapshot, recipe: Recipe) -> Recipe:
            report = tuned_on(part, recipe, in_force.knobs.tune, training, on_progress)
            found.append(report.said)
            return report.recipe

        result = judging.evaluate(
            chosen,
            judging.EvaluateConfig(
                dataset=dataset,
                source=source,
                protocol=protocol,
                train=train,
                test=test,
                model=checked_model(training.model),
                recency=training.recency,
                knobs=training.knobs,
                device=training.device,
                share=share,
                ks=tuple(k or (5, 10, 20)),
                seed=training.seed,
                draws=draws,
                scale=in_force.knobs.ingest.scale,
            ),
            on_progress=on_progress,
            tuned=tuned if tune and in_force.knobs.tune.first_night else None,
        )
    description = " ".join([result.description, *found])
    if form == "json":
        console.show_json(
            result.metrics
            | {"intervals": result.intervals, "protocol": result.protocol, "description": description}
            | {"model": result.model, "counts": result.counts, "seconds": result.seconds}
        )
        return
    frame = pd.DataFrame(
        [(name, value, *result.intervals[name]) for name, value in result.metrics.items()],
        columns=["metric", "value", "low", "high"],
    )
    console.show(frame, form, title=f"{result.model} by protocol {result.protocol}")
    console.say(description)
