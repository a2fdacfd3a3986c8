"""A stack of sigmoid layers, and the weights that it begins with."""

from __future__ import annotations

import itertools

import torch
from torch import nn


def stack(inputs: int, hidden: tuple[int, ...], outputs: int) -> nn.Sequential:
    """Linear and sigmoid in turn, the last layer linear."""
    widths = (inputs, *hidden)
    layers: list[nn.Module] = []
    for wide, narrow in itertools.pairwise(widths):
        layers += [nn.Linear(wide, narrow), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))


def initialise(net: nn.Sequential, random: torch.Generator, *, faithful: bool) -> None:
    """PyTorch's own initial weights as published; by default Glorot's for sigmoids in the hidden layers.

    With the former the deeper stacks never leave the biases (X. Glorot and Y. Bengio, "Understanding the
    difficulty of training deep feedforward neural networks", 2010).
    """
    for number, layer in enumerate(net):
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            if number and not faithful:
                bound = 4 * (6 / (layer.in_features + layer.out_features)) ** 0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=random)
            nn.init.uniform_(
                layer.bias, -(layer.in_features**-0.5), layer.in_features**-0.5, generator=random
            )
