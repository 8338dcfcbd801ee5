"""Gradients by PyTorch of the models in test/golden/model and test/golden/head: a few numbers a tensor.

Writes test/golden/gradient/NAME.json. Decoders: cross-entropy of the next token over two sequences, where some do not count. Encoders: 1 - cosine of
the mean of the hidden states to a made-up vector, and 0.5 times the mean squared distance of the hidden states to made-up ones. Classifiers and span
heads: their losses. Each tensor has the sum, the sum of squares and the dot product with made-up numbers of its gradient.

    HF_HUB_OFFLINE=1 python test/golden/make_gradient_goldens.py
"""

import json
import math
import pathlib

import torch
from safetensors.torch import load_file
from transformers import (AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForQuestionAnswering,
                          AutoModelForSequenceClassification)

import make_model_goldens as models

HERE = pathlib.Path(__file__).parent
OUT = HERE / "gradient"


def made_up(count, seed):
    """The numbers of `values` in crates/model/src/plain.rs."""
    state, out = seed, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((state >> 40) / 2**23 - 1)
    return torch.tensor(out, dtype=torch.float64)


def numbers(grad):
    grad = grad.detach().double().reshape(-1)
    return [grad.sum().item(), (grad * grad).sum().item(), (grad * made_up(len(grad), 9)).sum().item()]


def save(name, loss, tensors, more=None):
    value = {"loss": loss.item(), **(more or {}), "tensors": {key: numbers(grad) for key, grad in sorted(tensors.items())}}
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(value) + "\n")


def gradients(model, rename, stored):
    own, seen = {}, {}
    for key, value in model.named_parameters(remove_duplicate=False):
        grad = torch.zeros_like(value) if value.grad is None else value.grad
        if seen.setdefault(value.data_ptr(), key) == key:
            own[key] = grad
    return {key: grad for key, grad in rename(own).items() if key in stored}


def cut(ids):
    """The whole text, and a part of it."""
    return [ids, ids[:, 3:12]]


def decoder(model, ids):
    total, count = 0.0, 0
    for part in cut(ids):
        logs = torch.log_softmax(model(part).logits[0].float(), -1)
        for at in range(1, part.shape[1]):
            if at % 4 != 2:
                total, count = total - logs[at - 1, part[0, at]], count + 1
    return total / count


def encoder(model, ids):
    states = [model(part).last_hidden_state[0] for part in cut(ids)]
    width = states[0].shape[1]
    wanted = made_up(len(states) * width, 21).float().view(-1, width)
    cosines = [1 - torch.cosine_similarity(own.mean(0), wanted[at], dim=0) for at, own in enumerate(states)]
    every = torch.cat(states)
    distance = ((every - made_up(every.numel(), 22).float().view_as(every)) ** 2).mean()
    return sum(cosines) / len(cosines) + 0.5 * distance


def body(folder):
    name = folder.name
    config = json.loads((folder / "config.json").read_text())
    ids = load_file(folder / "reference.safetensors")["input_ids"]
    stored = load_file(folder / "model.safetensors")
    source = folder.parent / "nomic_bert" if name == "nomic_bert-hub" else folder
    kind = config["model_type"]
    causal = kind not in ("bert", "roberta", "xlm-roberta", "distilbert", "mpnet", "modernbert", "nomic_bert")
    make = AutoModelForCausalLM if causal else AutoModel
    model = make.from_pretrained(source, attn_implementation="eager", dtype=torch.float32).eval()
    loss = (decoder if causal else encoder)(model, ids)
    loss.backward()
    rename = models.RENAMES.get(kind, models.without_pooler)
    if kind == "gpt2":
        rename = models.without_pooler
    save(name, loss, gradients(model, rename, stored))


def head(folder):
    reference = load_file(folder / "reference.safetensors")
    stored = load_file(folder / "model.safetensors")
    ids = reference["input_ids"]
    options = {"token_type_ids": reference["token_type_ids"]} if "token_type_ids" in reference else {}
    span = folder.name.endswith("-span")
    make = AutoModelForQuestionAnswering if span else AutoModelForSequenceClassification
    model = make.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    output = model(ids, **options)
    rows = torch.arange(len(ids))
    if span:
        loss = 0.5 * (torch.nn.functional.cross_entropy(output.start_logits, 1 + rows % 3)
                      + torch.nn.functional.cross_entropy(output.end_logits, 2 + rows % 3))
        more = {"kind": "span"}
    else:
        labels = output.logits.shape[1]
        kind = model.config.problem_type or ("regression" if labels == 1 else "single_label_classification")
        if kind == "single_label_classification":
            loss = torch.nn.functional.cross_entropy(output.logits, rows % labels)
        else:
            wanted = made_up(output.logits.numel(), 23).float().view_as(output.logits)
            if kind == "regression":
                loss = ((output.logits - wanted) ** 2).mean()
            else:
                loss = torch.nn.functional.binary_cross_entropy_with_logits(output.logits, (wanted > 0).float())
        more = {"kind": kind}
    loss.backward()
    save(folder.name, loss, gradients(model, lambda tensors: tensors, stored), more)


if __name__ == "__main__":
    for folder in sorted((HERE / "model").iterdir()):
        if folder.name != "llama-rope":
            body(folder)
    for folder in sorted((HERE / "head").iterdir()):
        head(folder)
