"""The Python peer of `kerf compress`: SparseGPT (or Wanda, magnitude, dense) on a BERT sentence encoder, block by block, on a CPU.

    python sparsegpt.py MODEL --calibration FILE --sparsity 0.7 [--bits 4] [--threads 2] [--pairs dev.csv] [--save DIR]

Prints one JSON object. Times: `import_s` (interpreter and libraries, apart), `load_s`, `tokenize_s`, `forward_s` (both passes
and the Hessians), `solve_s` (factorization and column loop), `save_s` (with --save); `total_s` is all but import and save.
"""

import time

STARTED = time.perf_counter()

import argparse
import json
import shutil
from pathlib import Path

import torch

import solvers
from bert import GROUPS, Encoder, make_batches, read_sentences


class Clock:
    """Adds up seconds by name."""

    def __init__(self):
        self.seconds = {}

    def run(self, name, work):
        start = time.perf_counter()
        result = work()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
        return result


def peak_rss_bytes(field="VmHWM"):
    """Peak (VmHWM) or present (VmRSS) resident memory of this process; 0 where /proc is absent."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


def collect(encoder, index, inputs, batches):
    """One Hessian H = X^T X / tokens for each input of the block, from real tokens only."""
    hessians = [None] * len(GROUPS)

    def observe(group, x):
        if hessians[group] is None:
            hessians[group] = torch.zeros(x.shape[1], x.shape[1])
        hessians[group].addmm_(x.t(), x)

    encoder.block(index, inputs, batches, observe)
    tokens = sum(x.shape[0] for x in inputs)
    return [h.div_(tokens) for h in hessians]


def solve_group(encoder, index, roles, hessian, options, layers):
    """Replaces the matrices of one group of a block."""
    old = [encoder.weight(index, role) for role in roles]
    kept = hessian.clone() if options.errors else None
    if options.method == "sparsegpt":
        new, _ = solvers.sparsegpt(old, hessian, options.sparsity, options.bits, options.symmetric, options.damping)
    elif options.method == "wanda":
        new = [solvers.wanda(w, hessian, options.sparsity) for w in old]
    else:
        new = [solvers.magnitude(w, options.sparsity) for w in old]
    for role, before, after in zip(roles, old, new):
        encoder.set_weight(index, role, after)
        layer = {"name": encoder.name(index, role), "sparsity": float((after == 0).double().mean())}
        if kept is not None:
            layer["relativeOutputError"] = solvers.relative_error(before, after, kept)
        layers.append(layer)


def compress(encoder, batches, options, clock, layers):
    """Block by block: Hessians from the block as it was, solve, then carry on the activations of the block as it is now."""
    x = clock.run("forward_s", lambda: [encoder.embed(b) for b in batches])
    for index in range(encoder.blocks):
        hessians = clock.run("forward_s", lambda: collect(encoder, index, x, batches))
        for roles, hessian in zip(GROUPS, hessians):
            clock.run("solve_s", lambda: solve_group(encoder, index, roles, hessian, options, layers))
        del hessians
        if index + 1 < encoder.blocks:  # nobody reads what the last block says
            x = clock.run("forward_s", lambda: encoder.block(index, x, batches))


def embed_all(encoder, sentences, size):
    """Sentence vectors in the order of `sentences`."""
    batches, order = make_batches(sentences, size)
    vectors = []
    for batch in batches:
        x = [encoder.embed(batch)]
        for index in range(encoder.blocks):
            x = encoder.block(index, x, [batch])
        vectors.append(encoder.sentence_vectors(x[0], batch))
    out = torch.empty(len(sentences), vectors[0].shape[1])
    out[torch.tensor(order)] = torch.cat(vectors)
    return out


def score(folder, encoder, pairs_file, size):
    """Cosine to the dense model and Spearman on a pairs file: the numbers of the quality table."""
    import csv

    from scipy.stats import spearmanr

    with open(pairs_file, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row]
    first, second = (read_sentences(folder, [r[i] for r in rows]) for i in (0, 1))
    dense = Encoder(folder)
    a, b = embed_all(encoder, first, size), embed_all(encoder, second, size)
    da, db = embed_all(dense, first, size), embed_all(dense, second, size)
    gold = [float(r[2]) for r in rows]
    return {
        "meanCosineFirst": float((a * da).sum(1).mean()),
        "meanCosine": float(torch.cat([(a * da).sum(1), (b * db).sum(1)]).mean()),
        "spearman": float(spearmanr((a * b).sum(1).tolist(), gold).statistic),
        "denseSpearman": float(spearmanr((da * db).sum(1).tolist(), gold).statistic),
        "pairs": len(rows),
    }


def save(encoder, source, target):
    """The pruned model as a folder of the same layout, dense with exact zeros."""
    from safetensors.torch import save_file

    target = Path(target)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.safetensors"), dirs_exist_ok=True)
    save_file({k: v.contiguous() for k, v in encoder.tensors.items()}, target / "model.safetensors", {"format": "pt"})


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--calibration", required=True)
    parser.add_argument("--method", choices=["sparsegpt", "wanda", "magnitude", "dense"], default="sparsegpt")
    parser.add_argument("--sparsity", type=float, default=0.7)
    parser.add_argument("--bits", type=int, default=0, help="0 = do not quantize")
    parser.add_argument("--symmetric", action="store_true", help="symmetric grid instead of the original's min-max")
    parser.add_argument("--damping", type=float, default=0.01)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--forward", choices=["lean", "transformers"], default="lean")
    parser.add_argument("--errors", action="store_true", help="report relativeOutputError of each matrix (costs time)")
    parser.add_argument("--pairs", help="CSV of sentence,sentence,score to score on afterwards")
    parser.add_argument("--save", help="folder for the pruned model")
    return parser.parse_args()


def encoder_class(forward):
    """Imported before the clock of the work starts: the import of transformers takes longer than the solve."""
    if forward != "transformers":
        return Encoder
    from transformers import BertModel  # noqa: F401, loads the lazy module
    from transformers_forward import TransformersEncoder

    return TransformersEncoder


@torch.inference_mode()
def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    clock, layers = Clock(), []
    of_forward = encoder_class(options.forward)
    imported = time.perf_counter()
    rss_import = peak_rss_bytes()
    start = time.perf_counter()
    encoder = clock.run("load_s", lambda: of_forward(options.model))
    lines = Path(options.calibration).read_text(encoding="utf-8").splitlines()
    sentences = clock.run("tokenize_s", lambda: read_sentences(options.model, [l for l in lines if l.strip()], options.tokens))
    batches, _ = make_batches(sentences, options.batch)
    if options.method != "dense":
        compress(encoder, batches, options, clock, layers)
    total = time.perf_counter() - start
    report = {
        "peer": f"torch {torch.__version__}", "method": options.method, "sparsity": options.sparsity, "bits": options.bits,
        "threads": torch.get_num_threads(), "forward": options.forward, "sentences": len(sentences),
        "tokens": sum(map(len, sentences)), "paddedTokens": sum(b.size * b.length for b in batches),
        "import_s": imported - STARTED, "total_s": total, **clock.seconds,
        "import_rss_bytes": rss_import, "peak_rss_bytes": peak_rss_bytes(),
    }
    if options.save:
        clock.run("save_s", lambda: save(encoder, options.model, options.save))
        report["save_s"] = clock.seconds["save_s"]
    if options.pairs:
        report["scores"] = score(options.model, encoder, options.pairs, options.batch)
    print(json.dumps({**report, "layers": layers}))


if __name__ == "__main__":
    main()
