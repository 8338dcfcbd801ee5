"""Writes test/golden/pairs.json: what transformers' AutoTokenizer makes of single texts and of pairs, for the folders of
tokenizers.json that lie there: ids, types, the text of each token, offsets; cut by longest_first; windows over the second text.
crates/text/tests/pairs.rs reads it.

    HF_HUB_OFFLINE=1 python test/golden/make_pair_goldens.py

Of each class that tokenizers.json has for a base the folders with nothing but their vocabulary are taken, and two others."""

import json
import tempfile
from pathlib import Path

import transformers
from transformers import AutoTokenizer

HERE = Path(__file__).parent
PAIRS = [
    ["Who said: \"hello\"?", "Once upon a time, Lily said: \"hello\" 12345! Then <s>she</s> went home and ate, naïve \u65e5\u672c."],
    ["  two  spaces\n\tÀ la carte, e\u0301 don't stop here, he said to them all", "short"],
]
CUTS = [5, 9, 16, 23]
WINDOW, STRIDE = 40, 6


def said(encoding):
    """One encoding as lists."""
    text = [None if index is None else index for index in encoding.sequence_ids]
    special = encoding.special_tokens_mask
    return {"ids": encoding.ids, "types": encoding.type_ids, "text": [None if s else t for t, s in zip(text, special)],
            "offsets": [list(pair) for pair in encoding.offsets]}


def run(t):
    made = {"single": [said(t(first)[0]) for first, _ in PAIRS], "pairs": [], "cut": [], "cut_single": [], "windows": []}
    for first, second in PAIRS:
        made["pairs"].append(said(t(first, second)[0]))
        # What has less room than its special tokens is an error in transformers.
        added = t.num_special_tokens_to_add(pair=True)
        cuts = [t(first, second, truncation="longest_first", max_length=cut)[0].ids if cut > added else None for cut in CUTS]
        made["cut"].append(cuts)
        made["cut_single"].append([t(first, truncation="longest_first", max_length=cut)[0].ids if cut > added else None for cut in CUTS])
        try:
            found = t(first, second, truncation="only_second", max_length=WINDOW, stride=STRIDE, return_overflowing_tokens=True)
            windows = [said(found[index]) for index in range(len(found["input_ids"]))]
        except BaseException as error:  # noqa: BLE001: the library panics where the first text leaves no room
            windows = None
        made["windows"].append(windows)
    return made


def main():
    goldens = json.loads((HERE / "tokenizers.json").read_text())
    cases, taken = [], {}
    with tempfile.TemporaryDirectory() as root:
        for index, case in enumerate(goldens["cases"]):
            key = case["class"], case["base"]
            plain = len(json.dumps(case["files"])) < 140
            if not plain and taken.get(key, 0) >= 2:
                continue
            taken[key] = taken.get(key, 0) + (not plain)
            folder = Path(root) / str(index)
            folder.mkdir()
            for name, text in goldens["bases"][case["base"]].items():
                if (name == "tokenizer.json") != case["vocabulary"]:
                    (folder / name).write_text(text)
            for name, value in case["files"].items():
                (folder / name).write_text(json.dumps(value))
            cases.append({"case": index, **run(AutoTokenizer.from_pretrained(folder))})
    made = {"transformers": transformers.__version__, "pairs": PAIRS, "cuts": CUTS, "window": WINDOW, "stride": STRIDE, "cases": cases}
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
    (HERE / "pairs.json").write_text(text + "\n")
    print(len(cases), "cases,", len(text), "characters")


if __name__ == "__main__":
    main()
