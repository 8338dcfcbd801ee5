"""A BERT encoder in plain PyTorch, unpadded where it matters: the forward pass of the peer.

Every linear layer runs on packed real tokens `[tokens, hidden]`; rows are scattered into `[batch, length]` only around
attention, so padding costs nothing in the GEMMs and never reaches a statistic. On two cores this is faster than the module
of transformers with sdpa attention (benches/README.md has both numbers), so the peer uses it; `--forward transformers`
runs the other one.
"""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

# Names of a block's matrices, grouped by the input that they share: one Hessian for each group.
GROUPS = (
    ("attention.self.query", "attention.self.key", "attention.self.value"),
    ("attention.output.dense",),
    ("intermediate.dense",),
    ("output.dense",),
)


class Batch:
    """Sentences of about the same length: where their tokens are in the packed rows, and what attention may see."""

    def __init__(self, sentences):
        """sentences: list of lists of token ids, sorted by length by the caller."""
        lengths = torch.tensor([len(s) for s in sentences])
        self.size, self.length = len(sentences), int(lengths.max())
        real = torch.arange(self.length)[None, :] < lengths[:, None]
        self.ids = torch.tensor([t for s in sentences for t in s])
        self.positions = torch.arange(self.length).expand(self.size, -1)[real]
        self.full = bool(real.all())
        self.rows = None if self.full else real.flatten().nonzero().squeeze(1)
        self.mask = None if self.full else real[:, None, None, :]
        self.lengths = lengths

    def pad(self, packed):
        """[tokens, d] -> [size, length, d]; zeros at padding."""
        if self.full:
            return packed.view(self.size, self.length, -1)
        out = packed.new_zeros(self.size * self.length, packed.shape[1])
        return out.index_copy_(0, self.rows, packed).view(self.size, self.length, -1)

    def pack(self, padded):
        """[size, length, d] -> [tokens, d]."""
        flat = padded.reshape(self.size * self.length, -1)
        return flat if self.full else flat.index_select(0, self.rows)


class Encoder:
    """Weights and forward of a BERT encoder, f32."""

    def __init__(self, folder):
        from safetensors.torch import load_file

        folder = Path(folder)
        self.config = json.loads((folder / "config.json").read_text())
        if self.config["model_type"] != "bert":
            raise SystemExit(f"{folder}: this peer knows bert only, not {self.config['model_type']}")
        self.tensors = {k: v.float() if v.is_floating_point() else v for k, v in load_file(folder / "model.safetensors").items()}
        self.blocks = self.config["num_hidden_layers"]
        self.heads = self.config["num_attention_heads"]
        self.eps = self.config["layer_norm_eps"]

    def name(self, block, role):
        return f"encoder.layer.{block}.{role}"

    def weight(self, block, role):
        return self.tensors[self.name(block, role) + ".weight"]

    def set_weight(self, block, role, value):
        self.tensors[self.name(block, role) + ".weight"] = value

    def norm(self, x, prefix):
        t = self.tensors
        return F.layer_norm(x, x.shape[-1:], t[prefix + ".weight"], t[prefix + ".bias"], self.eps)

    def embed(self, batch):
        t = self.tensors
        x = t["embeddings.word_embeddings.weight"][batch.ids]
        x += t["embeddings.position_embeddings.weight"][batch.positions]
        x += t["embeddings.token_type_embeddings.weight"][0]
        return self.norm(x, "embeddings.LayerNorm")

    def block(self, index, inputs, batches, observe=None):
        """Runs one block over all batches. inputs: list of [tokens, hidden]. observe(group, x) sees the input of each group
        of GROUPS. Returns the outputs, unless `observe` is given: then nobody needs them."""
        t, at = self.tensors, lambda role: self.name(index, role)
        qkv_w = torch.cat([t[at(r) + ".weight"] for r in GROUPS[0]])
        qkv_b = torch.cat([t[at(r) + ".bias"] for r in GROUPS[0]])
        outputs = []
        for x, batch in zip(inputs, batches):
            if observe:
                observe(0, x)
            context = self.attention(F.linear(x, qkv_w, qkv_b), batch)
            if observe:
                observe(1, context)
            role = at("attention.output.dense")
            x = self.norm(F.linear(context, t[role + ".weight"], t[role + ".bias"]).add_(x), at("attention.output.LayerNorm"))
            if observe:
                observe(2, x)
            role = at("intermediate.dense")
            wide = F.gelu(F.linear(x, t[role + ".weight"], t[role + ".bias"]))
            if observe:
                observe(3, wide)
                continue
            role = at("output.dense")
            x = self.norm(F.linear(wide, t[role + ".weight"], t[role + ".bias"]).add_(x), at("output.LayerNorm"))
            outputs.append(x)
        return outputs

    def attention(self, qkv, batch):
        """qkv: [tokens, 3 * hidden] packed -> context [tokens, hidden] packed."""
        hidden = qkv.shape[1] // 3
        shape = (batch.size, batch.length, 3, self.heads, hidden // self.heads)
        q, k, v = batch.pad(qkv).view(shape).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=batch.mask, scale=1 / math.sqrt(hidden // self.heads))
        return batch.pack(out.transpose(1, 2))

    def sentence_vectors(self, hidden, batch):
        """Mean over real tokens, then L2. hidden: [tokens, hidden] packed -> [size, hidden]."""
        owner = torch.repeat_interleave(torch.arange(batch.size), batch.lengths)
        sums = hidden.new_zeros(batch.size, hidden.shape[1]).index_add_(0, owner, hidden)
        return F.normalize(sums / batch.lengths[:, None], dim=1)


def read_sentences(folder, lines, limit_tokens=None):
    """Token ids of each line with special tokens, truncated as sentence_bert_config.json says, padding settings ignored;
    stops at `limit_tokens` as the calibration of kerf does."""
    from tokenizers import Tokenizer

    folder = Path(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    settings = folder / "sentence_bert_config.json"
    maximum = json.loads(settings.read_text())["max_seq_length"] if settings.exists() else 512
    tokenizer.enable_truncation(maximum)
    sentences, total = [], 0
    for encoding in tokenizer.encode_batch(lines):
        if limit_tokens is not None and total + len(encoding.ids) > limit_tokens:
            break
        sentences.append(encoding.ids)
        total += len(encoding.ids)
    return sentences


def make_batches(sentences, size):
    """Sorted by length, `size` at a time. Returns the batches and the order: order[i] is the index of the i-th sentence."""
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    chunks = [order[i : i + size] for i in range(0, len(order), size)]
    return [Batch([sentences[i] for i in chunk]) for chunk in chunks], order
