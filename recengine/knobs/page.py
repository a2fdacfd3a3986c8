"""``python -m recengine.knobs.page``: the page of all knobs, ``docs/knobs.md``, as the configs have them."""

from __future__ import annotations

from recengine.knobs import listing
from recengine.models.registry import MODELS

_HEAD = """\
# Knobs

<!-- Made by `python -m recengine.knobs.page > docs/knobs.md`; a test holds it to the configs. -->

Every knob can be told in five places. The strongest word counts, knob by knob:

1. `--set train.holdout_share=0.1` on `recengine run` and on each stage's command, any number of times; an option such
   as `--seed 1` is the same as `--set train.seed=1`.
2. `recengine.toml` in the home, for every night of it:

   ```toml
   [train]
   holdout_share = 0.1

   [train.knobs.ranking]
   ridge = 500
   ```
3. An environment variable: `RECENGINE_`, then the knob with `__` for each dot:
   `RECENGINE_TRAIN__HOLDOUT_SHARE=0.1`.
4. The form of a run in the Prefect UI, or a deployment's parameters. There the knobs of `ingest` are the group
   `limits`, and `device` is that of training and of scoring; the others have their own names.
5. The defaults below.

Flow runs on a worker read the worker's home and environment. `recengine config` prints what is in force and
where each value comes from. A knob that there is not, or that does not take a value, ends the command with one
sentence that says where it stands, before anything is made. What may change a verdict or a table is part of what a
night is asked for: turn such a knob, and the next night answers anew.

`device` moves what is computed with torch: fits of `ease`, of the low-rank and star parts of `hybrid`, all of `sae`.
Loops that are compiled for the CPU stay there: counting, and the scores of `hybrid`, `ease` and `popularity`.
"""


def text() -> str:
    """The whole page."""
    parts = [_HEAD]
    for stage, kind in listing.stages():
        words = (kind.__doc__ or "").partition("\n")[0]
        parts.append(f"## {stage}\n\n{words}\n\n{listing.markdown(kind, f'{stage}.')}\n")
    parts.append("## A model's own knobs\n\nThey are those of the model that `train.model` names.\n")
    for name, model in MODELS.items():
        if table := listing.markdown(model.Config, "train.knobs.", without=listing.ELSEWHERE):
            parts.append(f"### {name}\n\n{table}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(text(), end="")
