"""Scores a compressed model against its original with transformers: independent of kerf, to check kerf's own `compare`.

    python score.py ORIGINAL SMALL --pairs FILE.csv            both Spearman, mean cosines
    python score.py ORIGINAL SMALL --text FILE [--context N]   both perplexities, kl, topTokenAgreement

SMALL is a dense safetensors export (`kerf convert SMALL --format safetensors --out DIR`). Prints one JSON object. The
definitions are those of docs/benchmarks.md.
"""

import argparse
import csv
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from tokenizers import Tokenizer
from transformers import AutoModel, AutoModelForCausalLM


def load_tokenizer(folder):
    """tokenizer.json without its padding and truncation."""
    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def embed(folder, texts):
    """[texts, hidden]: mean over real tokens, L2-normalised, one sentence at a time so that nothing can leak from padding."""
    tokenizer = load_tokenizer(folder)
    settings = Path(folder) / "sentence_bert_config.json"
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    maximum = json.loads(settings.read_text())["max_seq_length"] if settings.exists() else model.config.max_position_embeddings
    tokenizer.enable_truncation(maximum)
    vectors = {}
    for text in dict.fromkeys(texts):
        ids = torch.tensor([tokenizer.encode(text).ids])
        vectors[text] = F.normalize(model(input_ids=ids).last_hidden_state[0].mean(0), dim=0)
    return torch.stack([vectors[text] for text in texts])


def score_pairs(original, small, file):
    with open(file, newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.reader(handle) if row]
    gold = [float(row[2]) for row in rows]
    texts = [row[0] for row in rows] + [row[1] for row in rows]
    dense, pruned = embed(original, texts), embed(small, texts)
    cosine = (dense * pruned).sum(1)

    def spearman(vectors):
        first, second = vectors[: len(rows)], vectors[len(rows) :]
        return float(spearmanr((first * second).sum(1).tolist(), gold).statistic)

    return {
        "pairs": len(rows),
        "original": {"spearman": spearman(dense)},
        "small": {"spearman": spearman(pruned)},
        "meanCosine": float(cosine.mean()),
        "meanCosineFirst": float(cosine[: len(rows)].mean()),
    }


def windows(ids, context):
    """Without overlap; the last partial one is dropped, unless it is the only one."""
    full = [ids[i : i + context] for i in range(0, len(ids) - context + 1, context)]
    return full or [ids]


def score_text(original, small, file, context):
    models = [AutoModelForCausalLM.from_pretrained(f, dtype=torch.float32).eval() for f in (original, small)]
    ids = load_tokenizer(original).encode(Path(file).read_bytes().decode("utf-8")).ids
    context = context or min(2048, models[0].config.max_position_embeddings)
    nll, kl, agree, count = [0.0, 0.0], 0.0, 0, 0
    for window in windows(ids, context):
        tokens = torch.tensor([window])
        logs = [F.log_softmax(m(input_ids=tokens).logits[0, :-1].double(), dim=1) for m in models]
        for i, log in enumerate(logs):
            nll[i] -= float(log.gather(1, tokens[0, 1:, None]).sum())
        kl += float((logs[0].exp() * (logs[0] - logs[1])).sum())
        agree += int((logs[0].argmax(1) == logs[1].argmax(1)).sum())
        count += len(window) - 1
    measures = [{"perplexity": float(torch.tensor(n / count, dtype=torch.float64).exp()), "nll": n / count, "tokens": count} for n in nll]
    return {"context": context, "original": measures[0], "small": measures[1], "kl": kl / count, "topTokenAgreement": agree / count}


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("original")
    parser.add_argument("small")
    parser.add_argument("--pairs")
    parser.add_argument("--text")
    parser.add_argument("--context", type=int)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if not options.pairs and not options.text:
        parser.error("give --pairs or --text")
    torch.set_num_threads(options.threads)
    result = {}
    if options.pairs:
        result.update(score_pairs(options.original, options.small, options.pairs))
    if options.text:
        result.update(score_text(options.original, options.small, options.text, options.context))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
