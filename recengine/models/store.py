"""Trained models on disk: ``models/<model_id>/`` holds safetensors weights and a JSON manifest, no pickle.

The id is made from everything the weights depend on, so the same data and recipe find the same model again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from recengine.config import VERSION, Home
from recengine.dataset import Snapshot
from recengine.errors import BadInput, BadSource, Damaged, NotReady
from recengine.models.base import Model
from recengine.models.recipes import Recipe, understood
from recengine.models.registry import code_of, kind_of, path_of
from recengine.runtime import durable
from recengine.runtime.durable import new_file, new_folder
from recengine.runtime.near import meant

log = logging.getLogger(__name__)

ANEW = "run `recengine train` for a new one"
_NAME = re.compile(r"\w[\w.-]*")  # of a model: of one folder, and of none elsewhere


class Judged(BaseModel):
    """When a gate chose a recipe, by which rules and code, and on how many ratings."""

    at: datetime
    ratings: int
    rules: str
    code: str = ""


class Measurement(BaseModel):
    """When, on what and of what figures were measured; what is published is that recipe fitted on all ratings."""

    at: datetime
    on: str
    users: int
    ratings: int
    snapshot: str
    recipe: Recipe


class Manifest(BaseModel):
    """What made a model: enough to make it again.

    A model that started from another one names it in ``started_from``.
    """

    model_id: str
    model: str
    config: dict[str, Any]
    dataset: str
    snapshot: str
    ratings: int = 0
    started_from: str | None = None
    judged: Judged | None = None
    sketch: str = ""  # of the ratings that were judged: see recengine.selection.sketch
    measured: Measurement | None = None
    code: str = ""
    trained_at: datetime
    seconds: float
    metrics: dict[str, float | None] = {}
    prices: list[dict[str, Any]] = []  # of other lists: see recengine.evaluation.pricing
    history: list[dict[str, float]] = []
    recengine_version: str = VERSION
    torch_version: str = torch.__version__

    @classmethod
    def of(cls, model: Model, snapshot: Snapshot, started_from: str | None = None, **more: Any) -> Manifest:
        """That of a fitted model, now; ``more`` are further fields."""
        return cls(
            model_id=id_of(model, snapshot, started_from), model=path_of(type(model)),
            config=model.config.model_dump(mode="json"), dataset=snapshot.dataset, snapshot=snapshot.fingerprint,
            ratings=snapshot.ratings.nnz, started_from=started_from, trained_at=now(), **more,
        )  # fmt: skip

    @property
    def recipe(self) -> Recipe:
        """What trains it again."""
        return Recipe(model=self.model, config=self.config)

    @property
    def figures(self) -> dict[str, Any]:
        """The metrics, and when and on what they were measured."""
        return figures_of(self.metrics, self.measured)


def figures_of(metrics: dict[str, float | None], measured: Measurement | None) -> dict[str, Any]:
    """Metrics as readers see them: with ``measured_at`` (the day), ``measured_on`` ... where that is known."""
    if measured is None:
        return dict(metrics)
    about = measured.model_dump(mode="json", exclude={"recipe"})
    about |= {"at": f"{measured.at:%Y-%m-%d}", "model": measured.recipe.model}
    return metrics | {f"measured_{name}": value for name, value in about.items()}


def said(measured: Measurement | None) -> str:
    """A sentence that says when, on what and of what figures were measured."""
    if measured is None:
        return "Nothing says when and on what this was measured."
    return (
        f"Measured on {measured.at:%Y-%m-%d %H:%M} UTC: {measured.recipe.model}, fitted without what judges it, on "
        f"{measured.on}; {measured.users:,} users, of {measured.ratings:,} ratings. A model is then fitted on all."
    )


def id_of(model: Model, snapshot: Snapshot, started_from: str | None = None) -> str:
    """``<name>-<hash of data, config, code and start>``: the same inputs give the same id."""
    kind = type(model)
    inputs = [snapshot.fingerprint, model.config.model_dump(mode="json"), code_of(kind)]
    inputs += [] if path_of(kind) == model.name else [path_of(kind)]
    inputs += [] if started_from is None else [started_from]
    return f"{model.name}-{hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:10]}"


def save(home: Home, model: Model, manifest: Manifest, snapshot: Snapshot) -> Path:
    """Write a model so that its folder is there whole or not at all; returns the folder.

    The snapshot's ids go with it: they say whom and what the rows of the weights are about.
    """
    ids = {"users": torch.tensor(snapshot.user_ids), "movies": torch.tensor(snapshot.movie_ids)}
    made = manifest.model_copy(update={"code": code_of(type(model))})
    return _write(home, made, model.state(), ids)


def _write(
    home: Home, manifest: Manifest, state: dict[str, torch.Tensor], ids: dict[str, torch.Tensor]
) -> Path:
    folder = home.models / manifest.model_id
    with new_folder(folder) as partial:
        save_file({name: t.contiguous() for name, t in state.items()}, partial / "weights.safetensors")
        if ids:
            save_file(ids, partial / "ids.safetensors")
        (partial / "manifest.json").write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
    return folder


def forget_users(home: Home, model_id: str, users: Sequence[int]) -> bool:
    """Take users' rows out of a stored model; False where it has none.

    The rows are those of the ids and of every tensor named ``user`` or ``users``. Where another tensor may have a
    row per user too, by its shape, or the ids are not there, the weights go as a whole, and the ids with them: the
    manifest still says how to train them again.
    """
    folder, ids = home.models / model_id, {}
    # The sketch is of single ratings, some of them perhaps the users'; without it the next night judges anew.
    manifest = manifest_of(home, model_id).model_copy(update={"sketch": ""})
    try:
        state = load_file(folder / "weights.safetensors")
        ids = load_file(folder / "ids.safetensors") if (folder / "ids.safetensors").exists() else {}
    except (OSError, SafetensorError):  # torn: nobody can tell what it holds
        state = {"torn": torch.empty(0)}
    if ids:
        keep = ~torch.isin(ids["users"], torch.tensor(users, dtype=torch.int64))
        if keep.all():
            return False
        by_user = {name for name in state if name.rpartition(".")[2] in ("user", "users")}
        others = (size for name in state.keys() - by_user for size in state[name].shape)
        if len(keep) not in others and all(len(state[name]) == len(keep) for name in by_user):
            state |= {name: state[name][keep] for name in by_user}
            _write(home, manifest, state, ids | {"users": ids["users"][keep]})
            return True
    if state:
        _write(home, manifest, {}, {})
    return bool(state)


def note(home: Home, model_id: str, about: dict[str, Any]) -> None:
    """Say in a stored model's manifest what was found out about it since."""
    folder = home.models / model_id
    content = manifest_of(home, model_id).model_copy(update=about).model_dump_json(indent=1)
    with new_file(folder / "manifest.json") as partial:
        partial.write_text(content, encoding="utf-8")
    durable.seal(folder)


def manifest_of(home: Home, model_id: str) -> Manifest:
    """The manifest of a stored model.

    Raises
    ------
    BadInput
        No model of that id is stored.
    """
    path = home.models / model_id / "manifest.json"
    if not _NAME.fullmatch(model_id) or not path.exists():
        near = meant(model_id, [folder.name for folder in home.models.glob("*")])
        raise BadInput(f"No model {model_id!r} is stored under {home.models}{near}; see `recengine models`.")
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Damaged(path, _first(error)) from None


def problem_of(folder: Path) -> str | None:
    """What is wrong with a stored model, None where nothing is."""
    try:
        if durable.is_sealed(folder):
            return durable.problem_of(folder)
        Manifest.model_validate_json((folder / "manifest.json").read_bytes())
        for file in {folder / "weights.safetensors", *folder.glob("*.safetensors")}:
            with safe_open(file, "numpy"):
                pass
    except FileNotFoundError as error:
        return f"{Path(error.filename or 'weights.safetensors').name} is missing"
    except (ValidationError, SafetensorError) as error:
        return _first(error)
    return None


def _first(error: Exception) -> str:
    """What a library says of a damaged file, in a line."""
    if isinstance(error, ValidationError):
        [problem, *_] = error.errors()
        return ": ".join([*map(str, problem["loc"]), problem["msg"]])[:160]
    return str(error)[:160]


def load(home: Home, model_id: str) -> Model:
    """A stored model, ready to score the snapshot it was fitted on."""
    manifest = manifest_of(home, model_id)
    try:
        kind = kind_of(manifest.model)
    except BadInput as error:
        why = f"is a {manifest.model!r} that cannot be had here: {error}".rstrip(".")
        raise BadSource(home.models / model_id, why, f"mend that, or {ANEW}") from error
    _, unknown = understood(manifest.recipe)
    if unknown:
        raise BadSource(home.models / model_id, f"has unknown knobs ({', '.join(unknown)})", ANEW)
    model = kind(kind.Config(**manifest.config))
    model.history = manifest.history
    state = _tensors(home.models / model_id / "weights.safetensors")
    if not state:  # see forget_users
        raise NotReady(f"The model {model_id} has no weights any more", ANEW)
    return model.restore(state)


def rows_of(home: Home, model_id: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids of the users and movies that a stored model was fitted on, int64, ascending."""
    ids = _tensors(home.models / model_id / "ids.safetensors")
    return ids["users"].numpy(), ids["movies"].numpy()


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise Damaged(path, _first(error)) from None


def stored(home: Home) -> list[Manifest]:
    """Manifests of all stored models, newest first."""
    folders = home.models.iterdir() if home.models.exists() else ()
    manifests = []
    for folder in folders:
        if (folder / "manifest.json").exists() and not durable.is_aside(folder):
            try:
                manifests.append(manifest_of(home, folder.name))
            except Damaged as error:
                log.warning("%s", error)
    return sorted(manifests, key=lambda manifest: manifest.trained_at, reverse=True)


def newest(home: Home, snapshot: str) -> str:
    """Id of the newest model trained on a snapshot.

    Raises
    ------
    NotReady
        No model was.
    """
    for manifest in stored(home):
        if manifest.snapshot == snapshot:
            return manifest.model_id
    raise NotReady("No model has been trained on the data in the warehouse", "run `recengine train` first")


def now() -> datetime:
    """The current time in UTC, to the second, as stored."""
    return datetime.now(UTC).replace(microsecond=0, tzinfo=None)
