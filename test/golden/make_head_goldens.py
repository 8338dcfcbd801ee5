"""Reference values of classifiers and span heads from PyTorch and transformers 5 (pip install torch transformers safetensors).

Writes test/golden/head/NAME/{config.json, model.safetensors, reference.safetensors}: tiny random models with three labels, or with
the start and end of an answer, their inputs and their logits in f32. crates/model/tests/label_heads.rs takes every folder.

    python test/golden/make_head_goldens.py
"""

import json
import pathlib
import zlib

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForQuestionAnswering, AutoModelForSequenceClassification

ROOT = pathlib.Path(__file__).parent / "head"
TINY = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, vocab_size=32, intermediate_size=24,
            max_position_embeddings=40, initializer_range=0.3)
DECODER = dict(TINY, num_key_value_heads=1, pad_token_id=0)
DISTIL = dict(dim=16, n_layers=2, n_heads=2, hidden_dim=24, vocab_size=32, initializer_range=0.3, max_position_embeddings=40)
LABELS = dict(num_labels=3)

CLASSIFIERS = {
    "bert-classifier": ("bert", dict(TINY, id2label={0: "bad", 1: "so so", 2: "good"}, problem_type="single_label_classification")),
    "roberta-classifier": ("roberta", dict(TINY, **LABELS, pad_token_id=1, type_vocab_size=1)),
    "distilbert-classifier": ("distilbert", dict(DISTIL, **LABELS, problem_type="multi_label_classification")),
    "mpnet-classifier": ("mpnet", dict(TINY, **LABELS, pad_token_id=1)),
    "llama-classifier": ("llama", dict(DECODER, **LABELS)),
    "gpt2-classifier": ("gpt2", dict(n_embd=16, n_layer=2, n_head=2, n_positions=40, vocab_size=32, initializer_range=0.3,
                                     num_labels=1, pad_token_id=0)),
    "qwen3-classifier": ("qwen3", dict(DECODER, **LABELS, head_dim=8)),
    "opt-classifier": ("opt", dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, vocab_size=32, ffn_dim=24,
                                   word_embed_proj_dim=16, init_std=0.3, max_position_embeddings=40, **LABELS)),
}
MODERN = dict(TINY, **LABELS, pad_token_id=0, bos_token_id=2, eos_token_id=3, cls_token_id=2, sep_token_id=3)
CLASSIFIERS["modernbert-classifier"] = ("modernbert", dict(MODERN, classifier_pooling="cls"))
CLASSIFIERS["modernbert-mean-classifier"] = ("modernbert", dict(MODERN, classifier_pooling="mean", classifier_bias=True, norm_bias=True))
SPANS = {
    "bert-span": ("bert", TINY),
    "roberta-span": ("roberta", dict(TINY, pad_token_id=1, type_vocab_size=1)),
    "distilbert-span": ("distilbert", DISTIL),
    "mpnet-span": ("mpnet", dict(TINY, pad_token_id=1)),
    "llama-span": ("llama", DECODER),
    "qwen3-span": ("qwen3", dict(DECODER, head_dim=8)),
    "mistral-span": ("mistral", DECODER),
    "gpt2-span": ("gpt2", dict(n_embd=16, n_layer=2, n_head=2, n_positions=40, vocab_size=32, initializer_range=0.3)),
    "modernbert-span": ("modernbert", dict(MODERN, num_labels=2)),
}


def make(name, auto, kind, options):
    seed = zlib.crc32(name.encode())
    torch.manual_seed(seed)
    model = auto.from_config(AutoConfig.for_model(kind, **options)).eval()
    with torch.no_grad():
        for key, value in model.named_parameters():
            if value.dim() == 1:
                value.copy_((1.0 if key.endswith("weight") else 0.0) + 0.2 * torch.randn_like(value))
    ids = torch.randint(2, 32, (2, 14), generator=torch.Generator().manual_seed(seed))
    inputs = {"input_ids": ids}
    if kind == "bert":
        # The second part of a pair.
        types = torch.zeros_like(ids)
        types[:, 6:] = 1
        inputs["token_type_ids"] = types
    if name == "llama-classifier":
        # Padding at the end: the last token that is none decides.
        ids[1, 11:] = 0
    with torch.no_grad():
        output = model(**inputs)
    config = dict(model.config.to_diff_dict(), architectures=[type(model).__name__])
    reference = dict(inputs)
    for key in ("logits", "start_logits", "end_logits"):
        if key in output:
            reference[key] = output[key]
    folder = ROOT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    shared = {value.data_ptr(): key for key, value in reversed(list(model.state_dict().items()))}
    tensors = {key: value for key, value in model.state_dict().items() if shared[value.data_ptr()] == key}
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "model.safetensors")
    save_file({key: value.contiguous() for key, value in reference.items()}, folder / "reference.safetensors")


for name, (kind, options) in CLASSIFIERS.items():
    make(name, AutoModelForSequenceClassification, kind, options)
for name, (kind, options) in SPANS.items():
    make(name, AutoModelForQuestionAnswering, kind, options)
