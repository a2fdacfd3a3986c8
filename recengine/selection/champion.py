"""The champion: the model behind the tables that readers see."""

from __future__ import annotations

from recengine.config import Home
from recengine.models import store
from recengine.models.recipes import Recipe, understood
from recengine.serving.versions import current_publication


def champion_of(home: Home, dataset: str) -> store.Manifest | None:
    """The model that is published, None when that is another dataset's or nothing.

    A version that was rolled back to counts: it is what readers see.
    """
    seen = current_publication(home)
    if seen is None or seen.dataset != dataset or not (home.models / seen.model_id).exists():
        return None
    return store.manifest_of(home, seen.model_id)


def recipe_of(champion: store.Manifest) -> tuple[Recipe | None, str]:
    """The champion's recipe as this code knows it, and what is to be said where an earlier release knew more."""
    recipe, left_out = understood(champion.recipe)
    if recipe is None:
        return (
            None,
            f"The champion's model {champion.model!r} is unknown to this version, so it is not judged again.",
        )
    if left_out:
        knobs = ", ".join(left_out)
        return recipe, f"The champion's recipe is read without {knobs}, which this version does not know."
    return recipe, ""
