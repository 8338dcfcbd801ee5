"""Writes solver.safetensors: small matrices and what independent float64 code makes of them.

    python make_solver_goldens.py            (needs numpy and safetensors; the result is checked in)

Nothing here shares code with the engine: every loop is the textbook one, a column at a time, in float64.

Inputs
    x_times_16 [240, 160] i8     calibration inputs times 16: X = x_times_16 / 16, correlated columns of unequal size
    w          [24, 160]  f32    the matrix, [out, in]
Conventions
    H       = X^T X / tokens; damped: 0.01 * mean(diag H) is added to the diagonal. No input is dead.
    U       = upper Cholesky factor of (damped H)^-1, that is inv = U^T U; `u_diagonal` [160] f64 is its diagonal
    count   = floor(sparsity * n + 0.5) lowest scores go, ties by lowest index (there are none here)
    block   = 128 columns (so: one of 128 and one of 32)
    unstructured: at the start of each block, over all rows of it, by (w / U_jj)^2 of the current, compensated weights
    row     = the same, with a count of floor(0.7 * width + 0.5) in each row of each block
    2:4     = at every fourth column, the two lowest (w / U_jj)^2 of each row's next four current weights
    loop    = column j: q = 0 if pruned, else w (or its rounding); e = (w - q) / U_jj; w[k] -= e * U_jk for every k > j
    4 bit   = codes -8..7, groups of 128 columns (128 and 32), round half to even; scale = f16(absmax / 7) over the survivors among
              the weights as compensated at the start of the group
    wanda   = by |w| * sqrt(H_jj) with undamped H, floor(0.7 * 160 + 0.5) of each row; magnitude = by |w| over the matrix
    error   = tr(D H D^T) / tr(W H W^T) with undamped H, D = W - W'
Outputs, for each CASE: `CASE.mask` u8 (1 = kept) and `CASE.error` f64 [1]; where the values are not those of w itself, `CASE.weights`
f32, or `CASE.codes` i8 and `CASE.scales` f32 [24, 2].
A seed is taken only if no decision hangs on less than MARGIN (relative gap of scores, distance of a code from a tie, of a scale
from an f16 tie), so that a right implementation in float32 makes the same masks, scales and codes.
"""

import itertools
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

ROWS, COLS, TOKENS, BLOCK, GROUP = 24, 160, 240, 128, 128
SPARSITY, DAMPING, MARGIN = 0.7, 0.01, 2e-5


class Margins:
    """The smallest distance of any decision from turning out otherwise."""

    def __init__(self):
        self.least = np.inf

    def see(self, value):
        self.least = min(self.least, float(value))


def make_inputs(seed):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(COLS, COLS)) * np.exp(-np.abs(np.subtract.outer(np.arange(COLS), np.arange(COLS))) / 12)
    x = rng.normal(size=(TOKENS, COLS)) @ mix + 0.5 * rng.normal(size=COLS)
    x *= np.exp(0.5 * rng.normal(size=COLS))
    codes = np.clip(np.rint(x * 4), -127, 127).astype(np.int8)
    w = (rng.standard_t(5, size=(ROWS, COLS)) * 0.05).astype(np.float32)
    return codes, w


def prune_lowest(scores, count, margins):
    """Keep-mask of a vector of scores."""
    order = np.argsort(scores, kind="stable")
    margins.see((scores[order[count]] - scores[order[count - 1]]) / scores[order[count]])
    keep = np.ones(scores.shape, dtype=bool)
    keep[order[:count]] = False
    return keep


def amount(n):
    return int(np.floor(SPARSITY * n + 0.5))


def mask_at(pattern, j, w, pivots, keep, margins):
    """Decides the columns whose turn it is at column j; `keep` [rows, cols] is changed."""
    if pattern in ("unstructured", "row") and j % BLOCK == 0:
        end = min(j + BLOCK, COLS)
        scores = (w[:, j:end] / pivots[j:end]) ** 2
        if pattern == "unstructured":
            keep[:, j:end] = prune_lowest(scores.ravel(), amount(scores.size), margins).reshape(scores.shape)
        else:
            keep[:, j:end] = [prune_lowest(row, amount(end - j), margins) for row in scores]
    if pattern == "2:4" and j % 4 == 0:
        scores = (w[:, j : j + 4] / pivots[j : j + 4]) ** 2
        keep[:, j : j + 4] = [prune_lowest(row, 2, margins) for row in scores]


def absmax_scale(w, keep, margins):
    """[rows] scales of one group, in f16."""
    exact = np.where(keep, np.abs(w), 0).max(axis=1) / 7
    scale = exact.astype(np.float16)
    up, down = np.nextafter(scale, np.float16(np.inf)).astype(float), np.nextafter(scale, np.float16(0)).astype(float)
    ulp = up - scale.astype(float)
    ties = np.minimum(np.abs(exact - (scale + up) / 2), np.abs(exact - (scale.astype(float) + down) / 2))
    margins.see((ties / ulp).min() / 100)  # an f16 step is about 1e-3 of the value: 1e-2 of a step is 1e-5 of it
    return scale.astype(np.float64)


def round_codes(w, scale, keep, margins):
    ratio = w / scale
    if keep.any():
        margins.see(np.abs(np.abs(ratio - np.floor(ratio)) - 0.5)[keep].min())
    return np.where(keep, np.clip(np.rint(ratio), -8, 7), 0)


def obs(w, upper, pattern, bits, margins):
    """The loop. Returns keep-mask, values, codes, scales."""
    w = w.astype(np.float64).copy()
    pivots = np.diag(upper)
    keep = np.ones(w.shape, dtype=bool)
    out, codes = np.zeros_like(w), np.zeros_like(w)
    scales = np.zeros((ROWS, -(-COLS // GROUP)))
    for j in range(COLS):
        mask_at(pattern, j, w, pivots, keep, margins)
        q = np.where(keep[:, j], w[:, j], 0)
        if bits:
            g = j // GROUP
            if j % GROUP == 0:
                scales[:, g] = absmax_scale(w[:, j : j + GROUP], keep[:, j : j + GROUP], margins)
            codes[:, j] = round_codes(w[:, j], scales[:, g], keep[:, j], margins)
            q = codes[:, j] * scales[:, g]
        e = (w[:, j] - q) / pivots[j]
        w[:, j + 1 :] -= np.outer(e, upper[j, j + 1 :])
        out[:, j] = q
    return keep, out, codes, scales


def round_to_nearest(w, margins):
    keep = np.ones(w.shape, dtype=bool)
    starts = range(0, COLS, GROUP)
    scales = np.stack([absmax_scale(w[:, s : s + GROUP], keep[:, s : s + GROUP], margins) for s in starts], axis=1)
    each = np.repeat(scales, GROUP, axis=1)[:, :COLS]
    codes = round_codes(w.astype(np.float64), each, keep, margins)
    return keep, codes * each, codes, scales


def build(seed):
    """All tensors of the file, and the least margin."""
    margins = Margins()
    x_codes, w = make_inputs(seed)
    x = x_codes.astype(np.float64) / 16
    h = x.T @ x / TOKENS
    damped = h + DAMPING * np.diag(h).mean() * np.eye(COLS)
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T
    tensors = {"x_times_16": x_codes, "w": w, "u_diagonal": np.diag(upper).copy()}

    def put(case, keep, values, codes=None, scales=None):
        tensors[case + ".mask"] = keep.astype(np.uint8)
        if codes is None and np.any(values != w * keep):
            tensors[case + ".weights"] = values.astype(np.float32)
        elif codes is not None:
            tensors[case + ".codes"], tensors[case + ".scales"] = codes.astype(np.int8), scales.astype(np.float32)
        delta = w - values
        tensors[case + ".error"] = np.array([np.sum((delta @ h) * delta) / np.sum((w @ h) * w)])

    w64 = w.astype(np.float64)
    keep = prune_lowest(np.abs(w64).ravel(), amount(w.size), margins).reshape(w.shape)
    put("magnitude_70", keep, w64 * keep)
    scores = np.abs(w64) * np.sqrt(np.diag(h))
    keep = np.stack([prune_lowest(row, amount(COLS), margins) for row in scores])
    put("wanda_70_row", keep, w64 * keep)
    put("rtn_4bit", *round_to_nearest(w, margins))
    put("obs_70", *obs(w, upper, "unstructured", 0, margins)[:2])
    put("obs_70_row", *obs(w, upper, "row", 0, margins)[:2])
    put("obs_2_4", *obs(w, upper, "2:4", 0, margins)[:2])
    put("obs_4bit", *obs(w, upper, "none", 4, margins))
    put("obs_70_4bit", *obs(w, upper, "unstructured", 4, margins))
    return tensors, margins.least


def write(build, name):
    """Writes and returns what `build` makes of the first seed with margins wide enough."""
    for seed in itertools.count():
        tensors, margin = build(seed)
        if margin >= MARGIN:
            break
    path = Path(__file__).with_name(name)
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, path, {"seed": str(seed), "least_margin": f"{margin:.2e}"})
    print(f"{path.name}: seed {seed}, least margin {margin:.2e}, {path.stat().st_size} bytes")
    return tensors


def main():
    tensors = write(build, "solver.safetensors")
    for name, value in tensors.items():
        if name.endswith(".error"):
            print(f"  {name} {value[0]:.6f}")


if __name__ == "__main__":
    main()
