"""What sentence-transformers 6 computes of folders of every shape (pip install sentence-transformers).

Writes test/golden/pipeline:

    bert/ llama/            tiny models of random weights with tokenizers; the weights of llama are those of model/llama-biases
    weights/NAME.safetensors  weights of modules
    cases.json              texts, and a table: base model, files that lie over it, weights of modules, options of encode
    reference.safetensors   the vectors of each case, [texts, width]

A folder of a case is its base with the files of the case; bindings/shared/tests/sentence_encoders.rs builds the same ones.

    python test/golden/make_pipeline_goldens.py
"""

import json
import os
import pathlib
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules.dense import Dense
from sentence_transformers.base.modules.normalize import Normalize
from sentence_transformers.base.modules.transformer import Transformer
from sentence_transformers.sentence_transformer.modules.dropout import Dropout
from sentence_transformers.sentence_transformer.modules.layer_norm import LayerNorm
from sentence_transformers.sentence_transformer.modules.pooling import Pooling
from transformers import BertConfig, BertModel

GOLDEN = pathlib.Path(__file__).parent
ROOT = GOLDEN / "pipeline"
TEXTS = [
    "the cat sat",
    "A Cat and THE dog, ΣΟΦΟΣ",
    "one two three four five six seven eight nine ten the cat sat and the dog ran far one two three four five six seven eight nine",
    "dog",
]
WORDS = "the cat sat a and dog ran far one two three four five six seven eight nine ten query passage The Cat THE A DOG : , . # ? !".split()
MODES = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
FLAGS = {
    "cls": "pooling_mode_cls_token", "max": "pooling_mode_max_tokens", "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens", "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
ACTIVATIONS = (
    "linear.Identity activation.Tanh activation.ReLU activation.ReLU6 activation.GELU activation.Sigmoid activation.LogSigmoid "
    "activation.SiLU activation.ELU activation.SELU activation.CELU activation.LeakyReLU activation.Softplus activation.Softsign "
    "activation.Tanhshrink activation.Mish activation.Hardtanh activation.Hardsigmoid activation.Hardswish"
).split()


def special(content, number):
    return {"id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def template(before, after, ids):
    token = lambda name: {"SpecialToken": {"id": name, "type_id": 0}}
    sequence = lambda name: {"Sequence": {"id": name, "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [token(name) for name in before] + [sequence("A")] + [token(name) for name in after],
        "pair": [token(name) for name in before] + [sequence("A"), sequence("B")] + [token(name) for name in after],
        "special_tokens": {name: {"id": name, "ids": [ids[name]], "tokens": [name]} for name in before + after},
    }


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def bert():
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    # Both sigmas: lowercasing letter by letter makes the last one of a word σ, Python's str.lower() ς.
    pieces = names + WORDS + ["σ", "##ο", "##φ", "##σ", "##ς"]
    vocab = {piece: number for number, piece in enumerate(pieces)}
    write(ROOT / "bert/tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None, "decoder": None,
        "added_tokens": [special(name, vocab[name]) for name in names],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": False, "lowercase": False},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": template(["[CLS]"], ["[SEP]"], vocab),
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab},
    })
    write(ROOT / "bert/tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]",
    })
    torch.manual_seed(11)
    config = BertConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, vocab_size=len(vocab),
        max_position_embeddings=20, initializer_range=0.3,
    )
    model = BertModel(config, add_pooling_layer=False)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() == 1:
                value.copy_((1.0 if name.endswith("weight") else 0.0) + 0.2 * torch.randn_like(value))
    config.architectures = ["BertModel"]
    write(ROOT / "bert/config.json", config.to_diff_dict())
    save_file({key: value.contiguous() for key, value in model.state_dict().items() if "position_ids" not in key}, ROOT / "bert/model.safetensors")


def llama():
    """A decoder whose texts begin with a token, and do not end with one."""
    vocab = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    for word in WORDS:
        if len(vocab) < 32:
            vocab.setdefault(word, len(vocab))
    write(ROOT / "llama/tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "decoder": None,
        "added_tokens": [special(name, vocab[name]) for name in ["<s>", "<pad>", "</s>", "<unk>"]],
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": template(["<s>"], [], vocab),
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"},
    })
    write(ROOT / "llama/tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>",
    })


def module_weights():
    torch.manual_seed(12)
    matrix = lambda *shape: torch.randn(*shape) * 0.4
    files = {
        "dense": {"linear.weight": matrix(24, 32), "linear.bias": matrix(24)},
        "projected": {"linear.weight": matrix(24, 32), "linear.bias": matrix(24), "residual.weight": matrix(24, 32)},
        "square": {"linear.weight": matrix(32, 32)},
        "second": {"linear.weight": matrix(8, 24), "linear.bias": matrix(8)},
        "norm": {"norm.weight": 1 + matrix(32), "norm.bias": matrix(32)},
    }
    (ROOT / "weights").mkdir()
    for name, tensors in files.items():
        save_file(tensors, ROOT / f"weights/{name}.safetensors")


OLD = "sentence_transformers.models."
NEW = {
    "Transformer": "sentence_transformers.base.modules.transformer.Transformer",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    "Dense": "sentence_transformers.base.modules.dense.Dense",
    "Normalize": "sentence_transformers.base.modules.normalize.Normalize",
}


def case(name, modules=("Pooling", "Normalize"), base="bert", pooling={"pooling_mode": "mean"}, encode={}, transformer="", classes=None, **extra):
    """Modules: names, or (name, config, weights)."""
    classes = classes or {}
    listed = [{"idx": 0, "name": "0", "path": transformer, "type": classes.get("Transformer", OLD + "Transformer")}]
    files, weights = {}, {}
    for at, module in enumerate(modules, 1):
        kind, config, weight = (module, None, None) if isinstance(module, str) else module
        path = f"{at}_{kind}"
        if kind == "Pooling" and config is None:
            config = {"word_embedding_dimension": 16 if base == "llama" else 32, **pooling}
        if config is not None:
            files[f"{path}/config.json"] = config
        if weight is not None:
            weights[f"{path}/model.safetensors"] = weight
        listed.append({"idx": at, "name": str(at), "path": path, "type": classes.get(kind, OLD + kind)})
    files["modules.json"] = listed
    files.update(extra.get("files", {}))
    return {"name": name, "base": base, "at": transformer, "files": files, "weights": weights, "encode": encode}


def dense(activation="torch.nn.modules.activation.Tanh", weight="dense", width=(32, 24), **config):
    own = {"in_features": width[0], "out_features": width[1], "bias": True, **config}
    if activation:
        own["activation_function"] = activation
    return ("Dense", own, weight)


def settings(**values):
    return {"files": {"sentence_bert_config.json": values}}


def prompts(**values):
    return {"files": {"config_sentence_transformers.json": {"prompts": {"query": "query: ", "passage": "passage: the ", "none": None}, **values}}}


def tokenizer(**values):
    config = json.loads((ROOT / "bert/tokenizer_config.json").read_text())
    return {"tokenizer_config.json": {**config, **values}}


def table():
    yield case("usual")
    yield case("classes of version 6", classes=NEW)
    yield case("no length one", modules=["Pooling"])
    for mode in MODES:
        flags = {flag: other == mode for other, flag in FLAGS.items()}
        yield case(f"flag {mode}", pooling=flags)
        yield case(f"mode {mode}", pooling={"pooling_mode": mode})
        yield case(f"no prompt {mode}", pooling={"pooling_mode": [mode], "include_prompt": False}, encode={"prompt": "query: the "})
    yield case("all flags", pooling={flag: True for flag in reversed(FLAGS.values())})
    yield case("no flag", pooling={flag: False for flag in FLAGS.values()})
    yield case("cls flag alone", pooling={"pooling_mode_cls_token": True})
    yield case("modes in their order", pooling={"pooling_mode": ["lasttoken", "mean", "cls", "mean"]})
    yield case("modes before flags", pooling={"pooling_mode": "max", "pooling_mode_cls_token": True})
    yield case("width of version 6", modules=[("Pooling", {"embedding_dimension": 32, "pooling_mode": "mean", "include_prompt": True}, None), "Normalize"])

    yield case("prompt of encode", encode={"prompt": "query: "})
    yield case("prompt by name", encode={"prompt_name": "passage"}, **prompts())
    yield case("prompt of null", encode={"prompt_name": "none"}, **prompts())
    yield case("prompt document of a model without one", encode={"prompt_name": "document"}, **prompts())
    yield case("default prompt", **prompts(default_prompt_name="query"))
    yield case("default prompt not pooled", pooling={"pooling_mode": "mean", "include_prompt": False}, **prompts(default_prompt_name="query"))
    yield case("empty prompt for the default", encode={"prompt": ""}, **prompts(default_prompt_name="query"))
    yield case("not pooled, no prompt", pooling={"pooling_mode": "mean", "include_prompt": False})
    yield case("prompt and a cut", encode={"prompt": "query: "}, pooling={"pooling_mode": "mean", "include_prompt": False}, **settings(max_seq_length=9))

    yield case("lower case", **settings(max_seq_length=18, do_lower_case=True))
    yield case("max_seq_length", **settings(max_seq_length=7, do_lower_case=False))
    yield case("max_seq_length of roberta", files={"sentence_roberta_config.json": {"max_seq_length": 7}})
    yield case("an empty file, then another", files={"sentence_bert_config.json": {}, "sentence_albert_config.json": {"max_seq_length": 6}})
    yield case("max_seq_length of null", files={"sentence_bert_config.json": {"max_seq_length": None}, **tokenizer(model_max_length=8)})
    yield case("model_max_length", files=tokenizer(model_max_length=9))
    yield case("model_max_length without end", files=tokenizer(model_max_length=int(1e30)))
    yield case("model_max_length over the positions", files=tokenizer(model_max_length=64))
    yield case("max_seq_length before model_max_length", files={"sentence_bert_config.json": {"max_seq_length": 7}, **tokenizer(model_max_length=5)})
    yield case("length of the tokenizer's arguments", **settings(max_seq_length=7, tokenizer_args={"model_max_length": 10}))
    yield case("length of a call", **settings(max_seq_length=7, processing_kwargs={"text": {"max_length": 12, "truncation": True}}))
    yield case("left side cut", files={"sentence_bert_config.json": {"max_seq_length": 7}, **tokenizer(truncation_side="left")})
    yield case("left side cut by argument", **settings(max_seq_length=7, processor_kwargs={"truncation_side": "left"}))

    yield case("truncate_dim", **prompts(truncate_dim=8))
    yield case("truncate_dim before nothing", modules=["Pooling"], **prompts(truncate_dim=8))
    yield case("truncate_dim over the width", **prompts(truncate_dim=64))
    yield case("dimensions for truncate_dim", encode={"truncate_dim": 12}, **prompts(truncate_dim=8))
    yield case("dimensions", encode={"truncate_dim": 5})

    for activation in ACTIVATIONS:
        yield case(activation.split(".")[1], modules=["Pooling", dense(f"torch.nn.modules.{activation}")])
    yield case("Dense and length one", modules=["Pooling", dense(), "Normalize"])
    yield case("Dense without a function", modules=["Pooling", dense(None)])
    yield case("Dense without bias", modules=["Pooling", dense(weight="square", width=(32, 32), bias=False)])
    yield case("Dense plus its input", modules=["Pooling", dense(weight="square", width=(32, 32), bias=False, use_residual=True)])
    yield case("Dense plus a projection", modules=["Pooling", dense(weight="projected", use_residual=True)])
    yield case("two Dense", modules=["Pooling", dense(), dense("torch.nn.Identity", "second", (24, 8)), "Normalize"])
    names = {"module_input_name": "token_embeddings", "module_output_name": "token_embeddings"}
    yield case("Dense of tokens", modules=[dense(**names), ("Pooling", {"embedding_dimension": 24, "pooling_mode": ["mean", "max"]}, None), "Normalize"], classes=NEW)
    yield case("length one of tokens", modules=[("Normalize", names, None), "Pooling"], classes=NEW)
    yield case("LayerNorm", modules=["Pooling", ("LayerNorm", {"dimension": 32}, "norm")])
    yield case("Dropout", modules=["Pooling", ("Dropout", {"dropout": 0.5}, None), dense(), "Normalize"])
    yield case("transformer in a folder", transformer="0_Transformer", files={"0_Transformer/sentence_bert_config.json": {"max_seq_length": 6, "do_lower_case": True}})

    for mode in MODES:
        yield case(f"decoder {mode}", base="llama", pooling={"pooling_mode": mode})
        yield case(f"decoder, no prompt {mode}", base="llama", pooling={"pooling_mode": mode, "include_prompt": False}, encode={"prompt": "query : "})


def saved(name, modules, **model):
    """A case that is what sentence-transformers itself writes."""
    with tempfile.TemporaryDirectory() as folder:
        SentenceTransformer(modules=modules, **model).save(folder, create_model_card=False)
        files, weights = {}, {}
        for path in sorted(pathlib.Path(folder).rglob("*")):
            own = str(path.relative_to(folder))
            if path.suffix == ".json" and own not in ("config.json", "tokenizer.json"):
                files[own] = json.loads(path.read_text())
            elif "/" in own and path.suffix == ".safetensors":
                weights[own] = next(
                    stored.stem for stored in (ROOT / "weights").iterdir() if same(load_file(stored), load_file(path))
                )
    return {"name": name, "base": "bert", "at": "", "files": files, "weights": weights, "encode": {}}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def saved_cases():
    def read(module, name):
        module.load_state_dict(load_file(ROOT / f"weights/{name}.safetensors"))
        return module

    base = str(ROOT / "bert")
    yield saved("saved: all modes, LayerNorm", [
        Transformer(base), Pooling(32, tuple(MODES)),
    ], prompts={"query": "query: "}, default_prompt_name="query")
    yield saved("saved: every module", [
        Transformer(base, max_seq_length=8, do_lower_case=True), Pooling(32, "mean", include_prompt=False), Dropout(0.3),
        read(LayerNorm(32), "norm"), read(Dense(32, 24, activation_function=torch.nn.GELU()), "dense"), Normalize(),
    ], truncate_dim=10)


def build(case, folder):
    target = folder / case["at"]
    shutil.copytree(ROOT / case["base"], target)
    if case["base"] == "llama":
        for file in ["config.json", "model.safetensors"]:
            shutil.copy(GOLDEN / "model/llama-biases" / file, target / file)
    for file, value in case["files"].items():
        write(folder / file, value)
    for file, name in case["weights"].items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / f"weights/{name}.safetensors", folder / file)


if __name__ == "__main__":
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    bert()
    llama()
    module_weights()
    cases, reference = [*table(), *saved_cases()], {}
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder) / "model"
            build(case, folder)
            vectors = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, convert_to_tensor=True, **case["encode"])
            assert vectors.dtype == torch.float32 and vectors.isfinite().all(), case["name"]
            reference[case["name"]] = vectors.clone().contiguous()
    assert len(reference) == len(cases), "two cases of one name"
    lines = ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in cases)
    texts = json.dumps(TEXTS, ensure_ascii=False)
    (ROOT / "cases.json").write_text(f'{{\n "texts": {texts},\n "cases": [\n{lines}\n ]\n}}\n')
    save_file(reference, ROOT / "reference.safetensors")
    print(len(cases), "cases")
