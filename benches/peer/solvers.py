"""Layer solvers of the peer: SparseGPT (with quantization in the same loop), Wanda and magnitude, in PyTorch.

Written from the papers' formulas (SparseGPT, arXiv 2301.00774; Wanda, arXiv 2306.11695), tuned for a CPU: weights are held
transposed, `[in, out]`, so that a column of the matrix is contiguous, and the matrices that share an input are solved side by
side in one column loop, so that the interpreter's cost is paid once.
"""

import torch

BLOCK = 128


def factor(hessian, damping=0.01):
    """Upper Cholesky factor U of the inverse of the damped Hessian, and which inputs are dead.

    hessian: [in, in], overwritten. Dead inputs (zero diagonal) get a diagonal of 1; `damping` times the mean diagonal is added.
    """
    diagonal = hessian.diagonal()
    dead = diagonal == 0
    diagonal[dead] = 1
    diagonal += damping * diagonal.mean()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    return torch.linalg.cholesky(inverse, upper=True), dead


class RowGrid:
    """The quantizer that SparseGPT and GPTQ use: asymmetric min-max, one scale and zero point a row, fitted once before pruning."""

    def __init__(self, weight, bits, symmetric=False):
        """weight: [out, in]."""
        self.top = 2**bits - 1
        low = weight.amin(1).clamp_max(0)
        high = weight.amax(1).clamp_min(0)
        if symmetric:
            high = torch.maximum(high, -low)
            low = -high
        empty = (low == 0) & (high == 0)
        low, high = torch.where(empty, -1, low), torch.where(empty, 1, high)
        self.scale = (high - low) / self.top
        self.zero = torch.full_like(self.scale, (self.top + 1) / 2) if symmetric else torch.round(-low / self.scale)

    def round(self, column):
        """column: [out]."""
        return (column / self.scale).round_().add_(self.zero).clamp_(0, self.top).sub_(self.zero).mul_(self.scale)


def lowest(scores, count):
    """Boolean mask of the `count` lowest of all scores (any shape)."""
    mask = torch.zeros(scores.numel(), dtype=torch.bool)
    if count:
        mask[torch.topk(scores.reshape(-1), count, largest=False, sorted=False).indices] = True
    return mask.view(scores.shape)


def block_mask(columns, pivots, splits, sparsity):
    """Which weights of a block of columns go. columns: [width, out] of several matrices side by side; each decides for itself."""
    scores = (columns / pivots[:, None]).square_()
    return torch.cat([lowest(s, int(s.numel() * sparsity + 0.5)) for s in scores.split(splits, dim=1)], dim=1)


def sparsegpt(weights, hessian, sparsity, bits=0, symmetric=False, damping=0.01):
    """weights: list of [out, in] that share `hessian` [in, in] (overwritten). Returns new weights, and sum(e^2) / 2."""
    upper, dead = factor(hessian, damping)
    splits = [w.shape[0] for w in weights]
    grids = [RowGrid(w, bits, symmetric) for w in weights] if bits else []
    grid = join(grids)
    work = torch.cat([w.t() for w in weights], dim=1)
    work[dead] = 0
    loss = 0.0
    for start in range(0, work.shape[0], BLOCK):
        end = min(start + BLOCK, work.shape[0])
        u = upper[start:end, start:end].contiguous()
        mask = block_mask(work[start:end], u.diagonal(), splits, sparsity)
        errors = solve_block(work[start:end], u, mask, grid)
        loss += 0.5 * float(errors.square().sum())
        work[end:].addmm_(upper[start:end, end:].t(), errors, alpha=-1)
    return [w.t().contiguous() for w in work.split(splits, dim=1)], loss


def join(grids):
    """One grid for the rows of several matrices."""
    if not grids:
        return None
    joined = grids[0]
    joined.scale = torch.cat([g.scale for g in grids])
    joined.zero = torch.cat([g.zero for g in grids])
    return joined


def solve_block(columns, u, mask, grid):
    """The column loop. columns: [width, out], final values on return. Returns the scaled errors [width, out]."""
    errors = torch.empty_like(columns)
    pivots = u.diagonal().tolist()
    keep = mask.logical_not().to(columns.dtype)
    for i, pivot in enumerate(pivots):
        w = columns[i]
        q = w * keep[i]
        if grid is not None:
            q = grid.round(q)
        e = torch.sub(w, q, out=errors[i]).div_(pivot)
        if i + 1 < len(pivots):
            columns[i + 1 :].addr_(u[i, i + 1 :], e, alpha=-1)
        columns[i] = q
    return errors


def wanda(weight, hessian, sparsity):
    """Lowest |w| * ||x|| of each output row. weight: [out, in]."""
    scores = weight.abs() * hessian.diagonal().clamp_min(0).sqrt()
    count = int(weight.shape[1] * sparsity + 0.5)
    gone = torch.topk(scores, count, dim=1, largest=False, sorted=False).indices
    return weight.scatter(1, gone, 0.0)


def magnitude(weight, sparsity):
    """Lowest |w| of the matrix. weight: [out, in]."""
    return weight.masked_fill(lowest(weight.abs(), int(weight.numel() * sparsity + 0.5)), 0.0)


def relative_error(weight, new, hessian):
    """tr(D H D^T) / tr(W H W^T), D = weight - new."""
    delta = weight - new
    return float(((delta @ hessian) * delta).sum() / ((weight @ hessian) * weight).sum())
