"""What transformers computes of a sentence encoder: the normalised mean of the last hidden states of one sentence."""

import json
import sys

import torch
from transformers import AutoModel, AutoTokenizer

folder, sentence = sys.argv[1:]
model = AutoModel.from_pretrained(folder, dtype="auto").eval()
tokens = AutoTokenizer.from_pretrained(folder)(sentence, return_tensors="pt")
with torch.no_grad():
    mean = model(**tokens).last_hidden_state[0].float().mean(0)
print(json.dumps({"vector": (mean / mean.norm()).tolist()}))
