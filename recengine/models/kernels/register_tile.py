"""A tile of a matrix product whose sums stay in the processor's registers.

Products of tall, thin matrices (hundreds of rows, a dozen columns) are too small for BLAS: most of its time goes into
packing them. What LLVM is told here is the inner kernel of such a library and nothing else.

K. Goto and R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 2008.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

HIGH, WIDE = 6, 16  # of a tile: with AVX2, too, its sums and what is added to them fit into the registers
FLAGS = ("contract",)  # products and sums may be fused, as in every loop of ours


@intrinsic
def add_tile(
    context: Any, vectors: Any, weights: Any, entries: Any, row: Any, column: Any, sums: Any
) -> Any:  # pragma: no cover - compiled
    """Add to a tile of sums the weighted products of vectors' numbers: to ``sums[i, j]`` those of ``v[i] w v[j]``.

    Parameters
    ----------
    vectors : ndarray of float32, shape (more than entries, P)
        One per row; ``HIGH`` numbers may be read beyond the last one's end.
    weights : ndarray of float32, shape (>= entries,)
    entries, row, column : int
        How many vectors there are, and where the tile begins.
    sums : ndarray of float32, shape (>= row + HIGH, P)
    """
    arrays = (vectors, weights, entries, row, column, sums)
    return types.void(*arrays), _generate


WHOLE, REAL = ir.VectorType(ir.FloatType(), WIDE), ir.FloatType()
NOTHING = ir.Constant(WHOLE, ir.Undefined)
FIRST = ir.Constant(ir.VectorType(ir.IntType(32), WIDE), [0] * WIDE)


def _generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """The code of one tile: a loop over the entries, each of which adds its products to what is held."""
    vectors, weights, sums = (
        context.make_array(signature.args[at])(context, builder, arguments[at]) for at in (0, 1, 5)
    )
    entries, row, column = arguments[2:5]
    number, width = entries.type, builder.extract_value(vectors.shape, 1)
    rows = [builder.add(row, number(at)) for at in range(HIGH)]
    targets = [_place(builder, sums, width, at, column, WHOLE) for at in rows]
    before = builder.block
    loop, after = builder.append_basic_block("entry"), builder.append_basic_block("done")
    # From zero, so that a long sum is one of shorter ones: it loses fewer digits.
    first = [ir.Constant(WHOLE, [0.0] * WIDE) for _ in targets]
    builder.cbranch(builder.icmp_signed(">", entries, number(0)), loop, after)
    builder.position_at_end(loop)
    entry, held = builder.phi(number), [builder.phi(WHOLE) for _ in rows]
    weight = _everywhere(builder, builder.load(builder.gep(weights.data, [entry]), align=4))
    own = builder.load(_place(builder, vectors, width, entry, column, WHOLE), align=4)
    factor, results = builder.fmul(weight, own), []
    for at, total in zip(rows, held, strict=True):
        other = builder.load(_place(builder, vectors, width, entry, at, REAL), align=4)
        product = builder.fmul(_everywhere(builder, other), factor, flags=FLAGS)
        results.append(builder.fadd(total, product, flags=FLAGS))
    following = builder.add(entry, number(1))
    builder.cbranch(builder.icmp_signed("<", following, entries), loop, after)
    _join([entry, *held], (before, [number(0), *first]), (loop, [following, *results]))
    builder.position_at_end(after)
    totals = [builder.phi(WHOLE) for _ in rows]
    _join(totals, (before, first), (loop, results))
    for total, target in zip(totals, targets, strict=True):
        builder.store(builder.fadd(builder.load(target, align=4), total), target, align=4)
    return context.get_dummy_value()


def _place(builder: Any, array: Any, width: Any, row: Any, column: Any, kind: Any) -> Any:
    """Where a row's numbers from a column on lie."""
    pointer = builder.gep(array.data, [builder.add(builder.mul(row, width), column)])
    return builder.bitcast(pointer, kind.as_pointer())


def _everywhere(builder: Any, one: Any) -> Any:
    """A vector of the same number."""
    return builder.shuffle_vector(builder.insert_element(NOTHING, one, ir.IntType(32)(0)), NOTHING, FIRST)


def _join(values: list[Any], *ways: tuple[Any, list[Any]]) -> None:
    """What each value is, by the block that the code comes from."""
    for block, coming in ways:
        for value, one in zip(values, coming, strict=True):
            value.add_incoming(one, block)
