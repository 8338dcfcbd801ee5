"""Writes iterative.safetensors: what independent float64 code makes of small matrices by the iterative solvers.

    python make_iterative_goldens.py         (needs numpy and safetensors; the result is checked in)

Nothing here shares code with the engine. Where the engine keeps a gradient or an inverse up to date, the loops here solve or multiply anew.

Inputs
    x_times_16     [144, 136] i8    calibration inputs times 16: X = x_times_16 / 16
    dense_times_16 [144, 136] i8    what the dense model would see, as above; for the target alone
    w              [68, 136]  f16   the matrix, [out, in]. Cases of few rows take the first 24
Conventions
    H       = X^T X / tokens; damped: 0.01 * mean(diag H) is added to the diagonal. No input is dead
    U       = upper Cholesky factor of (damped H)^-1, that is inv = U^T U
    admm    = with W and H scaled by n = sqrt(diag of damped H), so that H has a diagonal of ones. D = W on its 30 % largest entries,
              V = W - D. Twelve times: B = (W H + rho (D - V)) (H + rho)^-1; T = B + V; D = T on its largest entries; V = T - D.
              rho is 0.4 and grows before every fifth iteration by 1.8 (cols <= 2 rows: short), or before the seventh by 3.24 (long);
              V shrinks by as much. X = D / n. Removed are floor(0.7 * n + 0.5) of the matrix, of each row, or 2 of 4 neighbours.
              Places change between kept and removed in every rung, so that a solver that stops at rest does not stop
    refit   = the least tr((W - X) damped H (W - X)^T) on the support of admm_short, row by row by the normal equations
    steps   = two steps of conjugate gradients towards it, from the values of admm_long on its support, preconditioned by diag(damped H)
    grid    = codes -8..7, value = code * scale, groups of 48 columns (48, 48, 40); scale = f16(absmax / 7)
    descent = from given codes and scales, three sweeps: for each column in turn q_j becomes the code nearest to
              t = q_j + ((W - Q) damped H)_j / h_jj, where Q has all changes so far; outside the mask it stays 0
    priced  = the code is the one of floor(t / s), ceil(t / s) and 0 of least h_jj (c s - t)^2 + lambda bits[c], or in the loop of
              optimal brain surgeon of least (c s - t)^2 / U_jj^2 + lambda bits[c]; codes in s are clamped first
    entropy = every weight is divided by the step of its row and the factor of its column; H and U are those of the inputs times the
              factors. The step of a row is the number of five significant bits nearest to 0.5 sqrt(r R), r being its root mean
              square and R the geometric mean of all r. The factor of a column is that of three significant bits nearest to U_jj^0.75
              over the geometric mean of all U_jj^0.75; no column of the case needs a larger one for its codes.
              lambda = 0.15 times the geometric mean of 1 / U_jj^2. Codes -128..127 by optimal brain surgeon (column j: q = code;
              e = (w - q) / U_jj; w_k -= e U_jk for k > j), priced with bits[c] = 1 + 1.3 |c|; then three priced sweeps,
              each with bits[c] = log2((n + 128) / (count of c + 1/2)) from the n codes before it
    target  = W + 0.5 (W_eff - W), where W_eff minimises |dense W^T - X W_eff^T|^2 / tokens + d |W_eff - W|^2, d being the damping,
              by least squares on both terms stacked
Outputs
    admm_short [68 rows], admm_long, admm_row, admm_2_4 [24]: `.mask` u8 [rows, 17], bit j % 8 of byte j / 8 = column j is kept;
                     `.x` f32, the survivors in order
    refit.x, steps.x f32, as above
    descent          [68] on the mask of admm_short: `.start` i8, `.scales` f32 [68, 3], `.codes` i8
    descent_priced   [24] without a mask: the same, and `.lambda` f32 [1], `.bits` f32 [256] by code & 255
    entropy          [24]: `.steps` f32 [24], `.factors` f32 [136], `.rounded` i8 after optimal brain surgeon, `.codes` i8 after the sweeps
    target           [24] f32
A seed is taken only if no decision hangs on less than MARGIN (relative gap of scores; distance in codes from where another would be
taken; relative distance of a step from another), so that a right implementation in float32 makes the same masks, steps and codes.
"""

import numpy as np
from make_solver_goldens import DAMPING, Margins, absmax_scale, amount, prune_lowest, round_codes, write

ROWS, FEW, COLS, TOKENS, GROUP = 68, 24, 136, 144, 48
ITERATIONS, SWEEPS = 12, 3
SHORT, LONG = (4, 1.8), (6, 3.24)


def make_inputs(seed):
    rng = np.random.default_rng(seed)
    apart = np.abs(np.subtract.outer(np.arange(COLS), np.arange(COLS)))
    mix = rng.normal(size=(COLS, COLS)) * np.exp(-apart / 12)
    x = rng.normal(size=(TOKENS, COLS)) @ mix + 0.5 * rng.normal(size=COLS)
    x *= np.exp(0.5 * rng.normal(size=COLS))
    dense = 0.9 * x + 0.3 * rng.normal(size=x.shape) * x.std(axis=0)
    w = (rng.standard_t(5, size=(ROWS, COLS)) * 0.05).astype(np.float16)
    return *(np.clip(np.rint(a * 4), -127, 127).astype(np.int8) for a in (x, dense)), w


# Supports


def unstructured(t, margins):
    return prune_lowest(np.abs(t).ravel(), amount(t.size), margins).reshape(t.shape)


def by_row(t, margins):
    return np.stack([prune_lowest(row, amount(COLS), margins) for row in np.abs(t)])


def two_of_four(t, margins):
    return np.stack([prune_lowest(four, 2, margins) for four in np.abs(t).reshape(-1, 4)]).reshape(t.shape)


def admm(w, damped, choose, rung, margins):
    """Keep-mask and values."""
    norms = np.sqrt(np.diag(damped))
    w, h = w * norms, damped / np.outer(norms, norms)
    iterations, growth = rung
    rho, changes = 0.4, 1
    keep = choose(w, margins)
    d = np.where(keep, w, 0)
    v = w - d
    for i in range(ITERATIONS):
        if i > 0 and i % iterations == 0:
            assert changes > 0
            rho, v, changes = rho * growth, v / growth, 0
        b = np.linalg.solve(h + rho * np.eye(COLS), (w @ h + rho * (d - v)).T).T
        t = b + v
        before, keep = keep, choose(t, margins)
        changes += np.sum(keep != before)
        d = np.where(keep, t, 0)
        v = t - d
    return keep, d / norms


def refit(w, keep, damped):
    x = np.zeros_like(w)
    for row, on, out in zip(w, keep, x):
        out[on] = np.linalg.solve(damped[np.ix_(on, on)], (row @ damped)[on])
    return x


def conjugate_gradients(w, x, keep, damped, steps):
    x = x.copy()
    for row, on, out in zip(w, keep, x):
        a, jacobi = damped[np.ix_(on, on)], np.diag(damped)[on]
        y = out[on]
        r = ((row - out) @ damped)[on]
        d = z = r / jacobi
        for _ in range(steps):
            alpha = (r @ z) / (d @ a @ d)
            y = y + alpha * d
            r_new = r - alpha * (a @ d)
            z_new = r_new / jacobi
            d = z_new + (r_new @ z_new) / (r @ z) * d
            r, z = r_new, z_new
        out[on] = y
    return x


# Codes


def group_scales(w, keep):
    starts = range(0, COLS, GROUP)
    return np.stack([absmax_scale(w[:, s : s + GROUP], keep[:, s : s + GROUP], Margins()) for s in starts], axis=1)


def each_column(scales):
    return np.repeat(scales, GROUP, axis=1)[:, :COLS]


def priced_codes(t, scale, weight, price, limits, margins):
    """The cheapest codes of one column."""
    lam, bits = price
    place = np.clip(t / scale, *limits)
    codes = np.stack([np.floor(place), np.ceil(place), np.zeros_like(place)])
    cost = weight * (codes * scale - t) ** 2 + lam * bits[codes.astype(int) & 255]
    best = np.take_along_axis(codes, np.argmin(cost, axis=0)[None], 0)[0]
    apart = np.abs(codes - best)
    # Moving t by one code changes the difference of two costs by this much.
    slope = 2 * weight * scale**2 * np.maximum(apart, 1)
    others = apart > 0
    if others.any():
        margins.see(((cost - cost.min(axis=0)) / slope)[others].min())
    margins.see(np.abs(t / scale - np.rint(t / scale)).min())  # where floor and ceil become others
    return best


def descent(w, codes, scales, keep, damped, prices, limits, margins):
    """As many sweeps as there are prices; a price that is a function is asked with the codes before its sweep."""
    codes = codes.astype(np.float64)
    for price in prices:
        price = price(codes) if callable(price) else price
        for j in range(COLS):
            h, s = damped[j, j], scales[:, j]
            t = codes[:, j] * s + (w - codes * scales) @ damped[:, j] / h
            if price is None:
                codes[:, j] = round_codes(t, s, keep[:, j], margins)
            else:
                codes[:, j] = priced_codes(t, s, h, price, limits, margins)
    return codes


# Rounding at a rate


def short(exact, bits, margins):
    """The nearest numbers of so many significant bits."""
    unit = 2.0 ** (np.floor(np.log2(exact)) - (bits - 1))
    m = exact / unit
    margins.see(np.abs(m - np.floor(m) - 0.5).min() / 2**bits)
    return np.rint(m) * unit


def row_steps(w, step, margins):
    size = np.sqrt(np.mean(w**2, axis=1))
    return short(step * np.sqrt(size * np.exp(np.mean(np.log(size)))), 5, margins)


def column_factors(upper, margins):
    power = np.diag(upper) ** 0.75
    return short(power / np.exp(np.mean(np.log(power))), 3, margins)


def priced_surgeon(w, upper, price, margins):
    w, codes = w.copy(), np.zeros_like(w)
    for j in range(COLS):
        codes[:, j] = priced_codes(w[:, j], np.ones(len(w)), upper[j, j] ** -2, price, (-128, 127), margins)
        w[:, j + 1 :] -= np.outer((w[:, j] - codes[:, j]) / upper[j, j], upper[j, j + 1 :])
    return codes


def lengths(codes):
    counts = np.bincount(codes.astype(int).ravel() & 255, minlength=256)
    return np.log2((counts.sum() + 128) / (counts + 0.5))


def entropy(w, damped, margins):
    """Steps, factors, codes after optimal brain surgeon, codes at last."""
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T
    steps, factors = row_steps(w, 0.5, margins), column_factors(upper, margins)
    w = w / np.outer(steps, factors)
    assert np.abs(w).max() < 100
    upper, damped = upper / factors, damped * np.outer(factors, factors)
    lam = 0.15 * np.exp(np.mean(np.log(np.diag(upper) ** -2)))
    first = 1 + 1.3 * np.abs(np.arange(256).astype(np.uint8).astype(np.int8).astype(float))
    rounded = priced_surgeon(w, upper, (lam, first), margins)
    prices = [lambda codes: (lam, lengths(codes))] * SWEEPS
    return steps, factors, rounded, descent(w, rounded, np.ones_like(w), None, damped, prices, (-128, 127), margins)


def blended_target(w, x, dense, damping, blend):
    left = np.vstack([x / np.sqrt(TOKENS), np.sqrt(damping) * np.eye(COLS)])
    right = np.vstack([dense @ w.T / np.sqrt(TOKENS), np.sqrt(damping) * w.T])
    return w + blend * (np.linalg.lstsq(left, right, rcond=None)[0].T - w)


def build(seed):
    """All tensors of the file, and the least margin."""
    margins = Margins()
    x_codes, dense_codes, w16 = make_inputs(seed)
    x, dense, w = x_codes / 16, dense_codes / 16, w16.astype(np.float64)
    few = w[:FEW]
    h = x.T @ x / TOKENS
    damping = DAMPING * np.diag(h).mean()
    damped = h + damping * np.eye(COLS)
    tensors = {"x_times_16": x_codes, "dense_times_16": dense_codes, "w": w16}

    def put_support(case, keep, values):
        tensors[case + ".mask"] = np.packbits(keep, axis=1, bitorder="little")
        tensors[case + ".x"] = values[keep].astype(np.float32)

    def put_descent(case, w, start, keep, price):
        scales = group_scales(start, keep)
        each = each_column(scales)
        codes = round_codes(start, each, keep, Margins())
        last = descent(w, codes, each, keep, damped, [price] * SWEEPS, (-8, 7), margins)
        tensors[case + ".start"], tensors[case + ".codes"] = codes.astype(np.int8), last.astype(np.int8)
        tensors[case + ".scales"] = scales.astype(np.float32)

    keep, values = admm(w, damped, unstructured, SHORT, margins)
    put_support("admm_short", keep, values)
    keep_few, values_few = admm(few, damped, unstructured, LONG, margins)
    put_support("admm_long", keep_few, values_few)
    put_support("admm_row", *admm(few, damped, by_row, LONG, margins))
    put_support("admm_2_4", *admm(few, damped, two_of_four, LONG, margins))
    tensors["refit.x"] = refit(w, keep, damped)[keep].astype(np.float32)
    tensors["steps.x"] = conjugate_gradients(few, values_few, keep_few, damped, 2)[keep_few].astype(np.float32)
    put_descent("descent", w, values, keep, None)
    all_kept = np.ones(few.shape, dtype=bool)
    lam = np.float32(0.1 * np.median(np.diag(damped)) * np.median(group_scales(few, all_kept)) ** 2)
    bits = (1 + 1.5 * np.abs(np.arange(256).astype(np.uint8).astype(np.int8))).astype(np.float32)
    put_descent("descent_priced", few, few, all_kept, (np.float64(lam), bits.astype(np.float64)))
    tensors["descent_priced.lambda"], tensors["descent_priced.bits"] = np.array([lam]), bits
    steps, factors, rounded, codes = entropy(few, damped, margins)
    tensors["entropy.steps"], tensors["entropy.factors"] = steps.astype(np.float32), factors.astype(np.float32)
    tensors["entropy.rounded"], tensors["entropy.codes"] = rounded.astype(np.int8), codes.astype(np.int8)
    tensors["target"] = blended_target(few, x, dense, damping, 0.5).astype(np.float32)
    return tensors, margins.least


def main():
    tensors = write(build, "iterative.safetensors")
    for case in ("descent", "descent_priced", "entropy"):
        start, last = tensors[case + (".rounded" if case == "entropy" else ".start")], tensors[case + ".codes"]
        print(f"  {case}: {np.mean(start != last):.3f} of the codes change, {np.mean(last == 0):.3f} are zero")


if __name__ == "__main__":
    main()
