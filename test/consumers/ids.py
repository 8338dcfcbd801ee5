"""Ids of a text by tokenizer.json itself."""

import json
import sys

from tokenizers import Tokenizer

print(json.dumps({"ids": Tokenizer.from_file(sys.argv[1]).encode(sys.argv[2]).ids}))
