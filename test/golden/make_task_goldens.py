"""Writes test/golden/tasks: tiny random models with tokenizer and head, data files, and what transformers measures with them.
bindings/shared/tests/tasks.rs reads all.

    HF_HUB_OFFLINE=1 python test/golden/make_task_goldens.py

The tokenizers are those of tokenizers.json. expected.json holds, a model and file each: the share of right labels and F1 of the second;
exact match and F1 of answers, found as run_qa finds them (windows of 40 tokens that share 8, answers of at most 6), but over all spans;
log likelihoods of completions."""

import collections
import json
import random
import re
import string
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (AutoConfig, AutoModelForCausalLM, AutoModelForQuestionAnswering,
                          AutoModelForSequenceClassification, AutoTokenizer)

HERE = Path(__file__).parent
ROOT = HERE / "tasks"
GOLDENS = json.loads((HERE / "tokenizers.json").read_text())
STORIES = re.split(r"(?<=[.!?])\s+", (HERE / "../fixtures/tinystories-sample.txt").read_text()[:30_000])
STORIES = [" ".join(line.split()) for line in STORIES if 20 < len(line) < 120 and '"' not in line]
TINY = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, initializer_range=0.4)
WINDOW, STRIDE, LONGEST = 40, 8, 6
rng = random.Random(3)


def balanced(made, tokenizer, path):
    """Moves the biases of a classifier so that each label is the largest for some of the texts."""
    rows = [line.split("\t")[:-1] for line in path.read_text().splitlines()]
    with torch.no_grad():
        logits = torch.cat([made(**tokenizer(*texts, truncation="longest_first", max_length=64, return_tensors="pt")).logits for texts in rows])
        last = getattr(made.classifier, "out_proj", made.classifier)
        last.bias -= logits.median(0).values


def tokenizer_json(base, tokenizer):
    """The file of a base. RoBERTa counts no positions at padding, which has id 1 there: it changes places with <s>."""
    data = json.loads(GOLDENS["bases"][base]["tokenizer.json"])
    if tokenizer["tokenizer_class"] == "RobertaTokenizer":
        start, padding = "<s>", "<pad>"
        vocab = data["model"]["vocab"]
        vocab[start], vocab[padding] = vocab[padding], vocab[start]
        other = {start: padding, padding: start}
        for token in data["added_tokens"]:
            token["content"] = other.get(token["content"], token["content"])
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def model(name, auto, kind, base, tokenizer, balance=None, **options):
    torch.manual_seed(sum(map(ord, name)))
    vocab = len(json.loads(GOLDENS["bases"][base]["tokenizer.json"])["model"]["vocab"])
    config = AutoConfig.for_model(kind, **{**TINY, "vocab_size": vocab + 4, "max_position_embeddings": 64, **options})
    made = auto.from_config(config).eval()
    with torch.no_grad():
        for key, value in made.named_parameters():
            if value.dim() == 1:
                value.copy_((1.0 if key.endswith("weight") else 0.0) + 0.2 * torch.randn_like(value))
    folder = ROOT / name
    folder.mkdir(parents=True, exist_ok=True)
    config = dict(made.config.to_diff_dict(), architectures=[type(made).__name__])
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "tokenizer.json").write_text(tokenizer_json(base, tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer) + "\n")
    loaded = AutoTokenizer.from_pretrained(folder)
    if balance:
        balanced(made, loaded, balance)
    shared = {value.data_ptr(): key for key, value in reversed(list(made.state_dict().items()))}
    tensors = {key: value for key, value in made.state_dict().items() if shared[value.data_ptr()] == key}
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "model.safetensors", {"format": "pt"})
    return made, loaded


def classification(made, tokenizer, path, names):
    right, found, there, both = 0, 0, 0, 0
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    rows = [row for row in rows if row[-1] != "label"]
    for *texts, label in rows:
        inputs = tokenizer(*texts, truncation="longest_first", max_length=64, return_tensors="pt")
        label = names.index(label) if label in names else int(label)
        with torch.no_grad():
            own = int(made(**inputs).logits[0].argmax())
        right += own == label
        found += own == 1
        there += label == 1
        both += own == label == 1
    f1 = {"f1": 2 * both / (found + there)} if len(names) == 2 else {}
    return {"texts": len(rows), "accuracy": right / len(rows), **f1}


def probabilities(made, tokenizer, path):
    """Texts or pairs of the first lines, and the probability of each label."""
    rows = [line.split("\t")[:-1] for line in path.read_text().splitlines()]
    rows = [texts for texts in rows if texts != ["sentence"]][:4]
    with torch.no_grad():
        logits = [made(**tokenizer(*texts, truncation="longest_first", max_length=64, return_tensors="pt")).logits[0] for texts in rows]
    return {"texts": rows, "probabilities": [own.softmax(0).tolist() for own in logits]}


def normalized(text):
    text = "".join(ch for ch in text.lower() if ch not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


found_answers = {}


def f1(own, right):
    common = sum((collections.Counter(own) & collections.Counter(right)).values())
    return 2 * common / (len(own) + len(right)) if common else 0.0


def answering(made, tokenizer, path):
    exact, score, count, windows = 0, 0.0, 0, 0
    for paragraph in json.loads(path.read_text())["data"][0]["paragraphs"]:
        context = paragraph["context"]
        for question in paragraph["qas"]:
            found = tokenizer(question["question"].lstrip(), context, truncation="only_second", max_length=WINDOW, stride=STRIDE,
                              return_overflowing_tokens=True, return_offsets_mapping=True)
            best = (-1e9, "")
            for index in range(len(found["input_ids"])):
                inputs = {key: torch.tensor([found[key][index]]) for key in tokenizer.model_input_names}
                with torch.no_grad():
                    output = made(**inputs)
                own = [place for place, text in enumerate(found.sequence_ids(index)) if text == 1]
                for first in own:
                    for last in own:
                        if first <= last < first + LONGEST:
                            value = float(output.start_logits[0, first] + output.end_logits[0, last])
                            start, end = found["offset_mapping"][index][first][0], found["offset_mapping"][index][last][1]
                            best = max(best, (value, context[start:end]), key=lambda pair: pair[0])
            windows += len(found["input_ids"])
            right = [normalized(answer["text"]) for answer in question["answers"]]
            own = normalized(best[1])
            exact += own in right
            score += max(f1(own, one) for one in right)
            found_answers.setdefault(question["id"], best[1])
            count += 1
    return {"questions": count, "windows": windows, "exact": exact / count, "f1": score / count}


def log_likelihood(made, tokenizer, prompt, text):
    found = tokenizer(prompt + text, return_offsets_mapping=True)
    ids = torch.tensor([found["input_ids"]])
    given = len(prompt.rstrip())
    own = [place for place, kind in enumerate(found.sequence_ids(0)) if kind == 0]
    special = tokenizer.get_special_tokens_mask(found["input_ids"], already_has_special_tokens=True)
    own = [place for place in own if not special[place]]
    first = next(place for place in own if found["offset_mapping"][place][1] > given)
    with torch.no_grad():
        logits = made(ids).logits[0].double().log_softmax(-1)
    return [float(logits[place - 1, ids[0, place]]) for place in range(max(first, 1), own[-1] + 1)]


def completion(made, tokenizer, path):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    good = [log_likelihood(made, tokenizer, row.get("prompt", ""), row.get("good", row.get("completion"))) for row in rows]
    tokens = sum(map(len, good))
    total = sum(map(sum, good))
    result = {"texts": len(rows), "tokens": tokens, "logLikelihood": total / len(rows), "perplexity": float(torch.tensor(-total / tokens).exp())}
    if "bad" in rows[0]:
        bad = [sum(log_likelihood(made, tokenizer, row.get("prompt", ""), row["bad"])) for row in rows]
        result["preferred"] = sum(sum(a) > b for a, b in zip(good, bad)) / len(rows)
    return result


def some_are_right(path):
    """Makes what was found for every third question one of its right answers."""
    squad = json.loads(path.read_text())
    for paragraph in squad["data"][0]["paragraphs"]:
        for question in paragraph["qas"][::3]:
            found = found_answers[question["id"]]
            if found.strip():
                question["answers"].append({"text": found, "answer_start": paragraph["context"].index(found)})
    path.write_text(json.dumps(squad, ensure_ascii=False) + "\n")


def write(name, text):
    ROOT.mkdir(exist_ok=True)
    (ROOT / name).write_text(text)
    return ROOT / name


def files():
    line = lambda count=1: " ".join(rng.sample(STORIES, count))
    single = [f"{line(rng.choice([1, 1, 3]))}\t{rng.choice(['0', '1', 'good'])}" for _ in range(60)]
    pairs = [f"{line(rng.choice([1, 1, 4]))}\t{line(rng.choice([1, 2]))}\t{rng.choice(['bad', 'good'])}" for _ in range(60)]
    three = [f"{line()}\t{rng.choice('012')}" for _ in range(60)]
    paragraphs = []
    for size in [1, 2, 6, 9]:
        context = "Ünd " + line(size)
        words = [found.span() for found in re.finditer(r"\S+", context)]
        qas = []
        for index in range(8):
            at = rng.randrange(len(words))
            spans = [(words[at][0], words[min(at + length, len(words) - 1)][1]) for length in (0, 2)]
            answers = [{"text": context[start:end], "answer_start": start} for start, end in spans]
            qas.append({"id": f"{size}-{index}", "question": f"  What does {line()[:20]}?", "answers": answers})
        paragraphs.append({"context": context, "qas": qas})
    squad = {"version": "1.1", "data": [{"title": "stories", "paragraphs": paragraphs}]}
    prompts = []
    for _ in range(30):
        whole = line()
        cut = whole.index(" ", 8) + rng.choice([0, 1])
        prompts.append({"prompt": whole[:cut], "completion": whole[cut:]})
    better = []
    for _ in range(40):
        words = line().split()
        worse = rng.sample(words, len(words))
        better.append({"good": " ".join(words), "bad": " ".join(worse)})
    lines = lambda rows: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return {
        "single.tsv": write("single.tsv", "sentence\tlabel\n" + "\n".join(single) + "\n"),
        "pairs.tsv": write("pairs.tsv", "\n".join(pairs) + "\n"),
        "three.tsv": write("three.tsv", "\n".join(three) + "\n"),
        "squad.json": write("squad.json", json.dumps(squad, ensure_ascii=False) + "\n"),
        "prompts.jsonl": write("prompts.jsonl", lines(prompts)),
        "better.jsonl": write("better.jsonl", lines(better)),
    }


def main():
    data = files()
    bert = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    roberta = {"tokenizer_class": "RobertaTokenizer"}
    names = {"id2label": {0: "bad", 1: "good"}}
    expected = []
    add = lambda name, file, what, result: expected.append({"model": name, "file": file, "kind": what, "expected": result})
    of_labels = []
    likely = lambda name, file: of_labels.append({"model": name, **probabilities(*made, data[file])})
    made = model("bert-two", AutoModelForSequenceClassification, "bert", "wordpiece", bert, data["pairs.tsv"], **names)
    for file in ["single.tsv", "pairs.tsv"]:
        add("bert-two", file, "task", classification(*made, data[file], ["bad", "good"]))
        likely("bert-two", file)
    made = model("roberta-pairs", AutoModelForSequenceClassification, "roberta", "byte-level", roberta, data["pairs.tsv"], type_vocab_size=1, pad_token_id=1,
                 **{**names, "max_position_embeddings": 66})
    add("roberta-pairs", "pairs.tsv", "task", classification(*made, data["pairs.tsv"], ["bad", "good"]))
    likely("roberta-pairs", "pairs.tsv")
    fast = {"tokenizer_class": "PreTrainedTokenizerFast", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    made = model("modernbert-three", AutoModelForSequenceClassification, "modernbert", "wordpiece", fast, data["three.tsv"], num_labels=3, pad_token_id=0,
                 classifier_pooling="mean", bos_token_id=2, eos_token_id=3, cls_token_id=2, sep_token_id=3)
    add("modernbert-three", "three.tsv", "task", classification(*made, data["three.tsv"], ["LABEL_0", "LABEL_1", "LABEL_2"]))
    likely("modernbert-three", "three.tsv")
    for name, kind, base, tokenizer, options in [
        ("bert-span", "bert", "wordpiece", bert, {}),
        ("roberta-span", "roberta", "byte-level", roberta, dict(type_vocab_size=1, pad_token_id=1, max_position_embeddings=66)),
    ]:
        made = model(name, AutoModelForQuestionAnswering, kind, base, tokenizer, **options)
        if not found_answers:
            answering(*made, data["squad.json"])
            some_are_right(data["squad.json"])
        add(name, "squad.json", "qa", answering(*made, data["squad.json"]))
    for name, kind, base, tokenizer, options in [
        ("llama", "llama", "characters", {"tokenizer_class": "LlamaTokenizer"}, dict(num_key_value_heads=1, max_position_embeddings=128)),
        ("gpt2", "gpt2", "byte-level", {"tokenizer_class": "GPTNeoXTokenizer"}, dict(n_embd=16, n_layer=2, n_head=2, n_positions=128)),
    ]:
        made = model(name, AutoModelForCausalLM, kind, base, tokenizer, **options)
        for file in ["prompts.jsonl", "better.jsonl"]:
            add(name, file, "completion", completion(*made, data[file]))
    write("expected.json", json.dumps(expected, indent=1) + "\n")
    write("probabilities.json", json.dumps(of_labels, indent=1, ensure_ascii=False) + "\n")
    for row in expected:
        print(row)


if __name__ == "__main__":
    main()
