"""LoRA adapters of PEFT beside tiny random models, and what PEFT makes of them (pip install torch transformers peft safetensors).

Writes test/golden/adapter: model/NAME/{config.json, model.safetensors} are the models, case/NAME/{adapter_config.json,
adapter_model.safetensors} the adapters as PEFT saves them, and reference/NAME.safetensors has token ids, what the model with its adapter
computes of them ("output"), and the weights that merge_and_unload changes (named "merged.NAME"), but where head and token embedding are one matrix
and the adapter changes one of them: there merging in PEFT changes the outputs, so that only the output counts. The metadata of a
reference says which model the case is of.

    python test/golden/make_adapter_goldens.py
"""

import json
import os
import pathlib
import shutil
import tempfile

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForCausalLM, BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

ROOT = pathlib.Path(__file__).parent / "adapter"
LLAMA = dict(
    hidden_size=8, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, intermediate_size=12, vocab_size=24,
    max_position_embeddings=32, initializer_range=0.3,
)
MODELS = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**LLAMA)),
    "llama-bf16": lambda: LlamaForCausalLM(LlamaConfig(**LLAMA)).to(torch.bfloat16),
    "llama-tied": lambda: LlamaForCausalLM(LlamaConfig(**LLAMA, tie_word_embeddings=True)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=2, n_head=2, vocab_size=24, n_positions=32, initializer_range=0.3)),
    # Saved without its head, as most encoders are: the adapter's names have a prefix that the model's have not.
    "bert": lambda: BertForMaskedLM(BertConfig(
        hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, vocab_size=24, max_position_embeddings=32,
        initializer_range=0.3)),
}
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
CASES = {
    "plain": ("llama", dict(r=2, lora_alpha=6, target_modules=["q_proj", "v_proj"]), {}),
    "rank-stabilized": ("llama", dict(
        r=3, lora_alpha=5, use_rslora=True, target_modules="all-linear",
        rank_pattern={"q_proj": 1, r"layers\.1\..*up_proj": 5, "^model.layers.0.mlp.down_proj": 2},
        alpha_pattern={"q_proj|k_proj": 7, "o_proj": 2.5}), {}),
    "pattern-of-modules": ("llama", dict(r=2, target_modules=r"^(?!.*layers\.0).*\.(q|up)_proj$"), {}),
    "some-layers": ("llama", dict(r=2, target_modules=ATTENTION, layers_to_transform=[1], layers_pattern="layers"), {}),
    "embeddings": ("llama", dict(r=2, lora_alpha=3, target_modules=["embed_tokens", "lm_head", "q_proj"]), {}),
    "whole-modules": ("llama", dict(r=2, target_modules=["o_proj"], modules_to_save=["lm_head", "embed_tokens", "norm"]), {}),
    "bf16": ("llama-bf16", dict(r=4, target_modules=[*ATTENTION, "down_proj"], modules_to_save=["lm_head"]), {}),
    "tied-table": ("llama-tied", dict(r=2, target_modules=["embed_tokens", "q_proj"]), {}),
    "tied-table-whole": ("llama-tied", dict(r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens"]), {}),
    "tied-head": ("llama-tied", dict(r=2, target_modules=["lm_head", "q_proj"]), {}),
    "tied-both": ("llama-tied", dict(r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"]), {}),
    "kept-tied": ("llama-tied", dict(r=2, target_modules=["embed_tokens", "q_proj"], ensure_weight_tying=True), {}),
    "kept-tied-whole": ("llama-tied", dict(
        r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens"], ensure_weight_tying=True), {}),
    "conv1d": ("gpt2", dict(r=2, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True, bias="all"), {}),
    # PEFT looks at the module itself: what the file says is put right, so that it may say anything.
    "conv1d-unsaid": ("gpt2", dict(r=2, target_modules=["c_attn", "c_proj"], bias="lora_only"), {"fan_in_fan_out": False}),
    "linear-missaid": ("llama", dict(r=2, target_modules=["q_proj", "o_proj"]), {"fan_in_fan_out": True}),
    "encoder": ("bert", dict(
        r=2, target_modules=["query", "key", "dense"],
        exclude_modules=["bert.encoder.layer.0.output.dense", "transform.dense"]), {}),
}
# Merging as PEFT does it changes what these compute.
MERGED_WRONG = ["tied-table", "tied-head", "kept-tied"]


def seed_of(name):
    return sum(map(ord, name))


def randomize(model, only=lambda name: True):
    """Random values, so that norms and biases matter and no factor is zero."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if only(name):
                start = 1.0 if value.dim() == 1 and name.endswith("weight") else 0.0
                value.copy_(start + 0.3 * torch.randn(value.shape))
    return model.eval()


def save_model(name):
    torch.manual_seed(seed_of(name))
    model = randomize(MODELS[name]())
    whole = model.bert if name == "bert" else model
    folder = ROOT / "model" / name
    whole.save_pretrained(folder)
    for file in folder.iterdir():
        if file.name not in ("config.json", "model.safetensors"):
            file.unlink()


def load(name):
    folder = ROOT / "model" / name
    if name != "bert":
        return AutoModelForCausalLM.from_pretrained(folder).eval()
    model = MODELS[name]()
    model.bert.load_state_dict(AutoModel.from_pretrained(folder, add_pooling_layer=False).state_dict())
    return model.eval()


def output(model, name, ids):
    with torch.no_grad():
        if name != "bert":
            return model(ids).logits.float()
        inner = model.base_model.model.bert if isinstance(model, PeftModel) else model.bert
        return inner(ids).last_hidden_state


def save_case(case):
    name, settings, edits = CASES[case]
    folder = ROOT / "case" / case
    torch.manual_seed(seed_of(case))
    model = get_peft_model(load(name), LoraConfig(**settings))
    trained = {key for key, value in model.named_parameters() if value.requires_grad}
    randomize(model, lambda key: key in trained)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    config.update(edits, base_model_name_or_path=name)
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")
    ids = torch.randint(0, 24, (1, 9), generator=torch.Generator().manual_seed(seed_of(case)))
    loaded = PeftModel.from_pretrained(load(name), folder).eval()
    tensors = {"input_ids": ids, "output": output(loaded, name, ids)}
    assert (tensors["output"] - output(load(name), name, ids)).abs().max() > 0.01, case
    merged = loaded.merge_and_unload()
    if case not in MERGED_WRONG:
        with tempfile.TemporaryDirectory() as out:
            (merged.bert if name == "bert" else merged).save_pretrained(out)
            weights = load_file(pathlib.Path(out) / "model.safetensors")
        own = load_file(ROOT / "model" / name / "model.safetensors")
        changed = {key: value for key, value in weights.items() if key not in own or not torch.equal(value, own[key])}
        tensors |= {f"merged.{key}": value for key, value in changed.items()}
        assert name == "llama-bf16" or (output(merged, name, ids) - tensors["output"]).abs().max() < 1e-4, case
    save_file(tensors, ROOT / "reference" / f"{case}.safetensors", metadata={"model": name})


if __name__ == "__main__":
    shutil.rmtree(ROOT, ignore_errors=True)
    (ROOT / "reference").mkdir(parents=True)
    for model_name in MODELS:
        save_model(model_name)
    for case_name in CASES:
        save_case(case_name)
