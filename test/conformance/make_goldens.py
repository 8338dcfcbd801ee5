"""What independent implementations make of the folders of cases.json: goldens.json.

    pip install torch transformers sentence-transformers safetensors
    python make_goldens.py            (writes goldens.json beside it)

Folders are built here as folder.ts builds them. Oracles: `transformers` (AutoTokenizer and AutoModelForCausalLM: mean negative log likelihood of a
text in windows of 512 tokens without overlap, and greedy text), `sentence-transformers` (encode), and `NAME@BASE`: the same oracle on the
base with other changes, where the library itself cannot read the folder (a wrapper's names, say).
"""
import json, os, re, shutil, sys, tempfile

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
import torch
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
torch.set_num_threads(1)


def build(base, folder, changes):
    shutil.copytree(os.path.join(ROOT, base), folder)
    for change in changes:
        apply(folder, change)


def apply(folder, change):
    path = lambda name: os.path.join(folder, name)
    if "set" in change:
        with open(path(change["in"])) as file:
            data = json.load(file)
        for name, value in change["set"].items():
            if value is None:
                data.pop(name, None)
            else:
                data[name] = value
        with open(path(change["in"]), "w") as file:
            json.dump(data, file)
    elif "write" in change:
        os.makedirs(os.path.dirname(path(change["write"])), exist_ok=True)
        with open(path(change["write"]), "w", newline="") as file:
            file.write(change["content"])
    elif "replace" in change:
        with open(path(change["file"])) as file:
            text = file.read()
        with open(path(change["file"]), "w") as file:
            file.write(text.replace(change["replace"], change["by"], 1))
    elif "remove" in change:
        target = path(change["remove"])
        shutil.rmtree(target) if os.path.isdir(target) else os.remove(target)
    elif "link" in change:
        os.symlink(change["to"], path(change["link"]))
    else:
        weights = {name: value.clone() for name, value in load_file(path("model.safetensors")).items()}
        save_file(changed(weights, change), path("model.safetensors"), {"format": "pt"})


def changed(weights, change):
    if "prefix" in change:
        return {change["prefix"] + name: value for name, value in weights.items()}
    if "strip" in change:
        return {name.replace(change["strip"], "", 1): value for name, value in weights.items()}
    if "drop" in change:
        del weights[change["drop"]]
    elif "copy" in change:
        weights[change["as"]] = weights[change["copy"]] * change["times"]
    elif "add" in change:
        weights[change["add"]] = torch.full(change["shape"], float(change["value"]))
    else:
        weights[change["fill"]].view(-1)[change["at"]] = float(change["value"])
    return weights


def nll(model, ids, window=512):
    used = len(ids) - len(ids) % window or len(ids)
    total, count = 0.0, 0
    for start in range(0, used, window):
        part = torch.tensor([ids[start:start + window][: used - start]])
        logits = model(part).logits[0, :-1].double().log_softmax(-1)
        total -= logits.gather(1, part[0, 1:, None]).sum().item()
        count += part.shape[1] - 1
    return total / count, count


@torch.no_grad()
def transformers_oracle(folder, ask):
    from transformers import AutoModelForCausalLM, AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    golden = {}
    if "evaluate" in ask:
        golden["nll"], golden["tokens"] = nll(model, tokenizer(ask["evaluate"]["text"], truncation=False)["input_ids"])
    if "generate" in ask:
        asked = ask["generate"]
        ids = tokenizer(asked["prompt"], return_tensors="pt")["input_ids"]
        options = {"do_sample": False} if asked.get("temperature") == 0 else {}
        written = model.generate(ids, max_new_tokens=asked["maxTokens"], **options)[0].tolist()
        ends = model.generation_config.eos_token_id
        if written[-1] in (ends if isinstance(ends, list) else [ends]):
            written.pop()                   # kerf leaves the end token out
        whole = tokenizer.decode(written, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        start = tokenizer.decode(ids[0], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert whole.startswith(start)
        golden["text"] = whole[len(start):]
    return golden


def sentence_oracle(folder, ask):
    from sentence_transformers import SentenceTransformer
    asked = dict(ask["embed"])
    names = {"promptName": "prompt_name", "dimensions": "truncate_dim"}
    options = {names.get(name, name): value for name, value in asked.items() if name != "texts"}
    vectors = SentenceTransformer(folder, device="cpu").encode(asked["texts"], **options)
    return {"vectors": [[round(float(x), 6) for x in vector] for vector in vectors]}


ORACLES = {"transformers": transformers_oracle, "sentence-transformers": sentence_oracle}


def main():
    with open(os.path.join(HERE, "cases.json")) as file:
        cases = json.load(file)
    by_name = {case["name"]: case for case in cases}
    only, goldens = sys.argv[1:], {}
    path = os.path.join(HERE, "goldens.json")
    if only:
        with open(path) as file:
            goldens = json.load(file)
    for case in cases:
        if "oracle" not in case or (only and not any(re.search(one, case["name"]) for one in only)):
            continue
        oracle, _, other = case["oracle"].partition("@")
        source = by_name[other] if other else case
        with tempfile.TemporaryDirectory() as work:
            folder = os.path.join(work, source["name"])
            build(source["base"], folder, source["change"])
            goldens[case["name"]] = ORACLES[oracle](folder, case["ask"])
        print(case["name"], {key: value if key != "vectors" else len(value) for key, value in goldens[case["name"]].items()})
    goldens = {case["name"]: goldens[case["name"]] for case in cases if case["name"] in goldens}
    with open(path, "w") as file:
        json.dump(goldens, file, indent=1)
        file.write("\n")


main()
