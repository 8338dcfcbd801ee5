"""Vectors of sentence-transformers: encode of the lines of a file, with the model's own prompt and dimensions."""

import json
import pathlib
import sys

from sentence_transformers import SentenceTransformer

folder, texts = sys.argv[1:]
lines = pathlib.Path(texts).read_text().splitlines()
print(json.dumps({"vectors": SentenceTransformer(folder, device="cpu").encode(lines).tolist()}))
