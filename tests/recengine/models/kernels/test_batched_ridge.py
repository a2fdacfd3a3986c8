import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recengine.models.kernels import batched_ridge
from recengine.models.kernels.batched_ridge import Problem, Rows


def system(noise: bool) -> tuple[csr_array, Problem]:
    rng = np.random.default_rng(3)
    dense = rng.standard_normal((40, 30)) * (rng.random((40, 30)) < 0.3)
    dense[5] = 0  # a row without entries
    dense[6] = rng.standard_normal(30)
    targets = csr_array(dense.astype(np.float32))

    def drawn(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))

    half = drawn(4, 4)
    problem = Problem(
        inputs=drawn(30, 4),
        base=half @ half.T + torch.eye(4),
        ridge=drawn(40).abs(),
        scale=drawn(40).abs(),
        right=drawn(40, 4),
        offsets=drawn(30),
        weights=drawn(30).abs(),
        noise=drawn(40, 4 if noise else 0),
    )
    return targets, problem


def expected_mean(targets: csr_array, problem: Problem, row: int) -> np.ndarray:
    inside = slice(targets.indptr[row], targets.indptr[row + 1])
    columns = targets.indices[inside]
    inputs = problem.inputs.numpy().astype(float)[columns]
    weight = problem.scale[row].item() * problem.weights.numpy()[columns]
    left = (
        problem.base.numpy() + problem.ridge[row].item() * np.eye(4) + inputs.T @ (weight[:, None] * inputs)
    )
    target = targets.data[inside] - problem.offsets.numpy()[columns]
    return np.linalg.solve(left, problem.right[row].numpy() + inputs.T @ (weight * target))


def test_factors_solve_the_weighted_ridge_regressions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched_ridge, "PART", 7)
    targets, problem = system(noise=False)
    solution = Rows(targets).solve(problem)
    for row in range(40):
        mean = expected_mean(targets, problem, row)
        np.testing.assert_allclose(solution.means[row], mean, atol=2e-4)
    torch.testing.assert_close(solution.draws, solution.means)


def test_draws_have_the_posterior_covariance() -> None:
    targets, problem = system(noise=False)
    base = problem.base.numpy() + problem.ridge[5].item() * np.eye(4)
    units = [problem._replace(noise=torch.eye(4)[k].expand(40, 4).contiguous()) for k in range(4)]
    rows = Rows(targets)
    steps = np.stack([(solution.draws - solution.means)[5].numpy() for solution in map(rows.solve, units)])
    np.testing.assert_allclose(steps.T @ steps, np.linalg.inv(base), atol=1e-4)


@pytest.mark.parametrize("noise", [True, False])
def test_compiled_loop_and_tensor_operations_agree(noise: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched_ridge, "BLOCK", 16)
    targets, problem = system(noise)
    compiled = Rows(targets).solve(problem)
    rows = Rows(targets)
    blocks = [batched_ridge._Block(rows, start) for start in range(0, 40, 16)]
    monkeypatch.setattr(Rows, "_solve_compiled", lambda self, problem, solution: None)
    rows._blocks = blocks
    batched = rows.solve(problem)
    for name in ("means", "draws", "squares"):
        torch.testing.assert_close(getattr(batched, name), getattr(compiled, name), atol=2e-3, rtol=2e-3)


def test_squares_are_the_draws_weighted_errors() -> None:
    targets, problem = system(noise=True)
    solution = Rows(targets).solve(problem)
    rows = np.repeat(np.arange(40), np.diff(targets.indptr))
    fitted = (solution.draws[rows] * problem.inputs[targets.indices]).sum(1).numpy()
    errors = targets.data - problem.offsets.numpy()[targets.indices] - fitted
    weighted = problem.weights.numpy()[targets.indices] * errors**2
    np.testing.assert_allclose(
        solution.squares, np.bincount(rows, weighted, minlength=40), rtol=1e-3, atol=1e-3
    )


def test_number_of_threads_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched_ridge, "PART", 8)
    targets, problem = system(noise=True)
    found = []
    for threads in (1, 3):
        monkeypatch.setattr("recengine.runtime.threads.THREADS", threads)
        found.append(Rows(targets).solve(problem).draws)
    assert torch.equal(*found)


@pytest.mark.parametrize("factors", [15, 32])
def test_a_long_row_loses_few_digits(factors: int) -> None:
    rng = np.random.default_rng(7)
    inputs = (0.2 + 0.1 * rng.standard_normal((40_000, factors))).astype(np.float32)
    zeros, one = torch.zeros(40_000), torch.ones(1)
    problem = Problem(
        inputs=torch.from_numpy(inputs),
        base=torch.eye(factors),
        ridge=400 * one,
        scale=one,
        right=torch.zeros(1, factors),
        offsets=zeros,
        weights=zeros + 1,
        noise=torch.zeros(1, 0),
    )
    found = Rows(csr_array(np.ones((1, 40_000), dtype=np.float32))).solve(problem).means[0].numpy()
    exact = inputs.astype(np.float64)
    left = exact.T @ exact + 401 * np.eye(factors)
    expected = np.linalg.solve(left, exact.sum(axis=0))
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
