"""What transformers computes of a result: mean negative log likelihood of a text, in windows as kerf's own."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main(folder, text_file, context):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = open(text_file, encoding="utf-8", newline="").read()
    ids = tokenizer(text)["input_ids"]
    nll, count = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(ids) - context + 1, context):
            window = torch.tensor([ids[start : start + context]])
            logits = model(window).logits[0, :-1].double()
            losses = torch.nn.functional.cross_entropy(logits, window[0, 1:], reduction="sum")
            nll, count = nll + losses.item(), count + context - 1
    print(json.dumps({"nll": nll / count, "tokens": count}))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
