"""Writes test/golden/text-metrics.json: BLEU of sacrebleu and ROUGE-L of rouge_score (pip install sacrebleu rouge_score).
crates/model/tests/text_metrics.rs reads it.

    python test/golden/make_text_metric_goldens.py
"""

import json
import random
from pathlib import Path

import sacrebleu
from rouge_score import rouge_scorer

HERE = Path(__file__).parent
rng = random.Random(11)
LINES = [line for line in (HERE / "../fixtures/tinystories-sample.txt").read_text().splitlines() if len(line) > 40][:60]
ODD = [
    "It cost 1,000.50 dollars, i.e. a lot -- \"really\" &quot;so&quot; &amp; more (see p. 3-4) [x]/{y}...",
    "Süß, naïve \u65e5\u672c\u8a9e\u3002 don't .5 5. ,a a,b 1,a a,1 2-3 a-b -\nc <skipped>\td   ",
    "one", "", "A.B. C,D 9-", "\u212a kelvin I\u0130",
]


def changed(line):
    words = line.split(" ")
    for _ in range(rng.randrange(1, 6)):
        place = rng.randrange(len(words))
        match rng.randrange(3):
            case 0: del words[place:place + rng.randrange(3)]
            case 1: words.insert(place, rng.choice(["the", "cat,", "ran.", "9-1"]))
            case 2: words[place:place + 4] = words[place:place + 4][::-1]
        if not words:
            words = ["x"]
    return " ".join(words)


def corpus(texts, references):
    """`references`: for each text as many as for the others."""
    streams = [list(stream) for stream in zip(*references)]
    bleu = sacrebleu.corpus_bleu(texts, streams)
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    rouge = [scorer.score_multi(own, text)["rougeL"] for text, own in zip(texts, references)]
    return {"texts": texts, "references": references, "bleu": bleu.score, "precisions": bleu.precisions, "bp": bleu.bp,
            "lengths": [bleu.sys_len, bleu.ref_len], "rouge": [[score.precision, score.recall, score.fmeasure] for score in rouge]}


def main():
    corpora = [
        corpus([changed(line) for line in LINES[:20]], [[line] for line in LINES[:20]]),
        corpus([changed(line)[: len(line) // 2] for line in LINES[20:40]], [[line, changed(line), changed(line)] for line in LINES[20:40]]),
        corpus(ODD, [[line] for line in ODD]),
        corpus(ODD, [[line] for line in ODD[::-1]]),
        corpus(["the cat sat on it"], [["a cat was on it"]]),
        corpus(["one two"], [["one two"]]),
        corpus(["x y z"], [["a b c"]]),
        corpus([""], [["a b c"]]),
    ]
    (HERE / "text-metrics.json").write_text(json.dumps(corpora, ensure_ascii=False, indent=0) + "\n")
    print([round(corpus["bleu"], 3) for corpus in corpora])


if __name__ == "__main__":
    main()
