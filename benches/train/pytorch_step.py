"""A training step of PyTorch eager with the module of transformers: forward, backward and AdamW, f32.

The same work as crates/train/examples/step.rs: sequences of one length without padding, mean square of the last hidden states of an
encoder, cross-entropy of the next token for a decoder, no dropout. Prints JSON: seconds of each step and the peak memory of the process.
"""

import argparse
import json
import re
import time
from pathlib import Path


def peak_bytes():
    """The kernel's high-water mark of this process."""
    text = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", text)[1]) * 1024


def loss_of(model, ids, causal):
    """The loss of a batch of token ids."""
    import torch

    if causal:
        return model(input_ids=ids, labels=ids).loss
    return ((model(input_ids=ids).last_hidden_state - 0.1) ** 2).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=6)
    args = parser.parse_args()

    import torch
    from transformers import AutoModel, AutoModelForCausalLM

    torch.set_num_threads(args.threads)
    imported = peak_bytes()
    causal = "CausalLM" in json.loads((Path(args.folder) / "config.json").read_text())["architectures"][0]
    if causal:
        model = AutoModelForCausalLM.from_pretrained(args.folder, dtype=torch.float32, use_cache=False)
    else:
        model = AutoModel.from_pretrained(args.folder, dtype=torch.float32, add_pooling_layer=False)
    model.eval()  # No dropout, which kerf does not have; it would cost PyTorch a tenth of a step.
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.01)
    vocab = model.config.vocab_size
    ids = torch.tensor([[(text * 7919 + at * 104_729) % vocab for at in range(args.tokens)] for text in range(args.batch)])
    seconds, losses = [], []
    for _ in range(args.steps):
        begun = time.perf_counter()
        optimizer.zero_grad()
        loss = loss_of(model, ids, causal)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - begun)
    report = {"seconds": seconds, "losses": losses, "peakBytes": peak_bytes(), "importedBytes": imported, "torch": torch.__version__}
    print(json.dumps(report))


main()
