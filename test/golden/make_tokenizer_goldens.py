"""Writes test/golden/tokenizers.json: token ids of transformers' AutoTokenizer for folders whose small files say something
beside, or against, tokenizer.json. crates/text/tests/transformers.rs reads it.

    HF_HUB_OFFLINE=1 python test/golden/make_tokenizer_goldens.py

Every folder is one of a few bases (a tiny trained vocabulary) with files over it; most of these are drawn at random from what
the files of real models hold. What transformers refuses is left out."""

import json
import random
import shutil
import tempfile
from pathlib import Path

import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

HERE = Path(__file__).parent
CORPUS = (HERE / "../fixtures/tinystories-sample.txt").read_text()[:60_000]
TEXTS = [
    "Once upon a time, Lily said: \"hello\" 12345!",
    "  two  spaces\n\tÀ la carte, naïve ﬁn é e\u0301 日本 don't",
    "He saw <tag> and <s>the</s> [MASK] <|endoftext|> Ünd<mask> end",
    "UPPER Case<tag>word  <new> x<pad>",
]
CUT = 7
rng = random.Random(14)


def wordpiece():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>", "<pad>", "<mask>"]
    alphabet = list("ABCDEFGHIJKLMNOPQRSTUVWXYZÀÉéïÜü日本")
    corpus = [CORPUS, CORPUS.title(), "UPPER À la carte naïve é Ünd 日本"]
    t.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=330, special_tokens=special, initial_alphabet=alphabet))
    cls, sep = t.token_to_id("[CLS]"), t.token_to_id("[SEP]")
    t.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    return t


def byte_level():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<s>", "</s>", "<unk>", "<pad>", AddedToken("<mask>", lstrip=True)]
    t.train_from_iterator([CORPUS, "12345 123"], trainers.BpeTrainer(
        vocab_size=380, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)])
    return t


def characters():
    t = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    special = ["<unk>", "<s>", "</s>", "<pad>", "<bos>", "<eos>", "<mask>"] + [f"<0x{b:02X}>" for b in range(256)]
    t.train_from_iterator([CORPUS], trainers.BpeTrainer(vocab_size=380, special_tokens=special))
    data = json.loads(t.to_str())
    data["added_tokens"] = data["added_tokens"][:7]
    data["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    data["pre_tokenizer"] = None
    data["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    t = Tokenizer.from_str(json.dumps(data))
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)])
    return t


def unigram():
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.NFKC()
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    t.train_from_iterator(CORPUS.split("\n"), trainers.UnigramTrainer(vocab_size=260, special_tokens=special, unk_token="<unk>"))
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return t


def words():
    t = Tokenizer(models.WordLevel(unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    t.train_from_iterator([CORPUS], trainers.WordLevelTrainer(vocab_size=150, special_tokens=["<unk>", "<s>", "</s>", "<pad>"]))
    return t


BASES = {"wordpiece": wordpiece(), "byte-level": byte_level(), "characters": characters(), "unigram": unigram(), "words": words()}
# class, model_type (or none), base
CLASSES = [
    ("BertTokenizer", "bert", "wordpiece"),
    ("DistilBertTokenizerFast", "distilbert", "wordpiece"),
    (None, "nomic_bert", "wordpiece"),
    ("MPNetTokenizer", "mpnet", "wordpiece"),
    ("PreTrainedTokenizerFast", "bert", "wordpiece"),
    ("GPT2Tokenizer", "gpt2", "byte-level"),
    ("GPT2TokenizerFast", "llama", "byte-level"),
    ("CodeGenTokenizer", "phi", "byte-level"),
    (None, "opt", "byte-level"),
    ("RobertaTokenizer", "roberta", "byte-level"),
    ("GPTNeoXTokenizer", "gpt_neox", "byte-level"),
    ("Qwen2Tokenizer", "qwen2", "byte-level"),
    ("PreTrainedTokenizerFast", "qwen3", "byte-level"),
    ("PreTrainedTokenizerFast", "modernbert", "byte-level"),
    ("LlamaTokenizer", "llama", "byte-level"),
    ("LlamaTokenizer", "llama", "characters"),
    ("CodeLlamaTokenizer", "llama", "characters"),
    ("LlamaTokenizerFast", "mistral", "characters"),
    ("LlamaTokenizer", "phi3", "characters"),
    ("GemmaTokenizer", "gemma3_text", "characters"),
    (None, "smollm3", "characters"),
    ("XLMRobertaTokenizer", "xlm-roberta", "unigram"),
    ("PreTrainedTokenizerFast", None, "words"),
]
NAMES = {"wordpiece": ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]}
FROM_FILES = {"wordpiece": ["vocab.txt"], "byte-level": ["vocab.json", "merges.txt"]}


def token(content):
    """A token with random flags."""
    flag = lambda share: rng.random() < share
    return {"content": content, "lstrip": flag(0.3), "rstrip": flag(0.3), "single_word": flag(0.2),
            "normalized": flag(0.5), "special": flag(0.5)}


def settings(base):
    """tokenizer_config.json and its neighbours, as the files of models have them, and worse."""
    config, files = {}, {}
    maybe = lambda share: rng.random() < share
    choose = lambda *values: rng.choice(values)
    for name in ["do_lower_case", "strip_accents", "tokenize_chinese_chars", "add_bos_token", "add_eos_token", "legacy",
                 "add_prefix_space", "clean_up_tokenization_spaces", "split_special_tokens"]:
        if maybe(0.35):
            config[name] = choose(True, False)
    if maybe(0.3):
        config["truncation_side"] = choose("left", "right")
    vocab = BASES[base].get_vocab()
    known = [name for name in ["<s>", "</s>", "<pad>", "<mask>", "[CLS]", "[SEP]", "<|endoftext|>", "<unk>"] if name in vocab]
    named = ["bos_token", "eos_token", "pad_token", "unk_token", "mask_token"]
    named += ["cls_token", "sep_token"] if maybe(0.3) else []
    for name in named:
        if maybe(0.3):
            text = choose(*known, "<tag>", "<new>") if name != "unk_token" else choose(*known)
            config[name] = choose(text, text, {"__type": "AddedToken", **token(text)})
    if maybe(0.3):
        config[choose("additional_special_tokens", "extra_special_tokens")] = ["<tag>"]
    if maybe(0.15):
        config["extra_special_tokens"] = {"image_token": "<new>"}
    if maybe(0.15):
        config["tag_token"] = "<tag>"
    start = len(vocab)
    if maybe(0.45):
        ids = [start, start + 1] if maybe(0.8) else [start + 7, start + 3]
        decoder = {str(i): token(text) for i, text in zip(ids, ["<tag>", "<new>"])}
        for text in rng.sample(known, 2):
            decoder[str(vocab[text])] = token(text)
        if maybe(0.3):
            decoder[str(vocab["the"] if "the" in vocab else vocab[known[0]])] = token("the" if "the" in vocab else known[0])
        config["added_tokens_decoder"] = decoder
    if maybe(0.25):
        files["added_tokens.json"] = {"<tag>": start, "<new>": start + 1}
    if maybe(0.25):
        one = token(choose(*known))
        del one["special"]
        files["special_tokens_map.json"] = {choose("mask_token", "pad_token"): one, "additional_special_tokens": ["<new>"]}
    return config, files


def run(folder):
    """Ids of all texts, cut ids and a decoded text; None where transformers gives up."""
    try:
        t = AutoTokenizer.from_pretrained(folder)
        ids = [t(text)["input_ids"] for text in TEXTS]
        cut = t(TEXTS[0], truncation=True, max_length=CUT)["input_ids"]
        text = t.decode(ids[0], skip_special_tokens=True)
    except Exception as error:  # noqa: BLE001
        return None, f"{type(error).__name__}: {error}"
    return {"ids": ids, "cut": cut, "text": text}, type(t).__name__


def case(root, base, name, model_type, config, files, without_json):
    folder = root / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if name:
        config = {"tokenizer_class": name, **config}
    files = {**files, "tokenizer_config.json": config}
    if model_type:
        files["config.json"] = {"model_type": model_type}
    for file, value in files.items():
        (folder / file).write_text(json.dumps(value))
    if without_json:
        for file in FROM_FILES[base]:
            shutil.copy(root / base / file, folder / file)
    else:
        shutil.copy(root / base / "tokenizer.json", folder / "tokenizer.json")
    found, says = run(folder)
    if found is None:
        print("left out:", base, name, model_type, says[:150])
        return None
    return {"base": base, "files": files, "vocabulary": without_json, "class": says, **found}


def main():
    cases = []
    with tempfile.TemporaryDirectory() as root:
        root = Path(root)
        for base, t in BASES.items():
            (root / base).mkdir()
            t.save(str(root / base / "tokenizer.json"), pretty=False)
            if base in FROM_FILES:
                t.model.save(str(root / base))
        for name, model_type, base in CLASSES:
            args = root, base, name, model_type
            cases.append(case(*args, {}, {}, False))
            for _ in range(5):
                cases.append(case(*args, *settings(base), False))
            if base in FROM_FILES and name != "PreTrainedTokenizerFast" and not (name or "").startswith("Llama"):
                cases.append(case(*args, {}, {}, True))
                for _ in range(3):
                    cases.append(case(*args, *settings(base), True))
        bases = {}
        for base in BASES:
            files = ["tokenizer.json", *FROM_FILES.get(base, [])]
            bases[base] = {file: (root / base / file).read_text() for file in files}
    cases = [case for case in cases if case]
    made = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__, "texts": TEXTS, "cut": CUT,
            "bases": bases, "cases": cases}
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
    (HERE / "tokenizers.json").write_text(text + "\n")
    print(len(cases), "cases,", len(text), "characters")


if __name__ == "__main__":
    main()
