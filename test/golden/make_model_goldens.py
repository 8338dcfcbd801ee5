"""Reference values of the model crate from PyTorch and transformers 5 (pip install torch transformers safetensors).

Writes test/golden/model/NAME/{config.json, model.safetensors, reference.safetensors}: tiny random models, their inputs and
outputs in f32; the tests take every folder. DECODERS and ENCODERS have a line for each architecture. The rope cases share one set of weights: rope_parameters.json has the parameters of each, and the reference
its logits from position 40 on.

    python test/golden/make_model_goldens.py
"""

import json
import pathlib
import zlib

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, BertConfig, BertModel, LlamaConfig, LlamaForCausalLM

ROOT = pathlib.Path(__file__).parent / "model"
TINY = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, vocab_size=32, initializer_range=0.3)
LLAMA = dict(TINY, intermediate_size=24, num_key_value_heads=1, max_position_embeddings=64, rms_norm_eps=1e-6)

ROPES = {
    "default": {"rope_type": "default", "rope_theta": 500.0},
    "linear": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0},
    "dynamic": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0},
    "llama3": {
        "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
    },
    "yarn": {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16},
    "yarn-mscale": {
        "rope_type": "yarn", "rope_theta": 1000.0, "factor": 8.0, "original_max_position_embeddings": 8,
        "mscale": 0.8, "mscale_all_dim": 0.4, "beta_fast": 4.0, "beta_slow": 0.5, "truncate": False,
    },
    "yarn-factor": {
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 2.0, "original_max_position_embeddings": 32,
        "attention_factor": 1.3,
    },
}


def ids(tokens, seed):
    return torch.randint(0, 32, (1, tokens), generator=torch.Generator().manual_seed(seed))


def shake(model):
    """Random values for what is initialised to ones and zeros, so that norms and biases matter."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() == 1:
                value.copy_((1.0 if name.endswith("weight") else 0.0) + 0.2 * torch.randn_like(value))
    return model.eval()


def save(name, model, reference, rename=lambda tensors: tensors, config=None):
    folder = ROOT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config or model.config.to_diff_dict(), indent=1) + "\n")
    shared = {value.data_ptr(): key for key, value in reversed(list(model.state_dict().items()))}
    tensors = {key: value for key, value in model.state_dict().items() if shared[value.data_ptr()] == key}
    save_file({key: value.contiguous() for key, value in rename(tensors).items()}, folder / "model.safetensors")
    save_file({key: value.contiguous() for key, value in reference.items()}, folder / "reference.safetensors")
    return folder


def ropes():
    torch.manual_seed(1)
    model = shake(LlamaForCausalLM(LlamaConfig(**LLAMA, tie_word_embeddings=True)))
    weights = model.state_dict()
    tokens = ids(60, 2)
    reference = {"input_ids": tokens}
    for name, parameters in ROPES.items():
        case = LlamaForCausalLM(LlamaConfig(**LLAMA, tie_word_embeddings=True, rope_parameters=dict(parameters))).eval()
        case.load_state_dict(weights)
        reference[name] = case(tokens).logits[0, 40:]
    folder = save("llama-rope", model, reference)
    (folder / "rope_parameters.json").write_text(json.dumps(ROPES, indent=1) + "\n")


def llama_biases():
    torch.manual_seed(3)
    config = LlamaConfig(**dict(LLAMA, hidden_act="gelu_pytorch_tanh", head_dim=12), attention_bias=True, mlp_bias=True,
                         tie_word_embeddings=False)
    model = shake(LlamaForCausalLM(config))
    tokens = ids(20, 4)
    save("llama-biases", model, {"input_ids": tokens, "logits": model(tokens).logits[0]})


def bert_relu():
    torch.manual_seed(5)
    config = BertConfig(**TINY, intermediate_size=24, max_position_embeddings=24, hidden_act="relu", layer_norm_eps=1e-3)
    model = shake(BertModel(config, add_pooling_layer=False))
    tokens = ids(20, 6)
    save("bert-relu", model, {"input_ids": tokens, "last_hidden_state": model(tokens).last_hidden_state[0]})


ROWS = dict(TINY, intermediate_size=24, max_position_embeddings=160)
WINDOW = dict(ROWS, sliding_window=5)
GEMMA = dict(ROWS, num_key_value_heads=1, head_dim=8, sliding_window=5, num_hidden_layers=3, attn_implementation="eager")
ENCODER = dict(ROWS, pad_token_id=1)

# Folder: (model type, tokens, configuration). Every architecture has one; windows are shorter than the sequences.
DECODERS = {
    "mistral": ("mistral", 150, dict(WINDOW, num_key_value_heads=1)),
    "qwen2": ("qwen2", 150, dict(WINDOW, num_key_value_heads=1, use_sliding_window=True, max_window_layers=1)),
    "qwen3": ("qwen3", 40, dict(ROWS, num_key_value_heads=1, head_dim=12)),
    "smollm3": ("smollm3", 40, dict(ROWS, num_key_value_heads=1, num_hidden_layers=4, pad_token_id=0)),
    "gemma": ("gemma", 40, dict(GEMMA, num_hidden_layers=2)),
    "gemma2": ("gemma2", 150, dict(GEMMA, attn_logit_softcapping=2.0, final_logit_softcapping=3.0, query_pre_attn_scalar=7)),
    "gemma3": ("gemma3_text", 150, dict(GEMMA, query_pre_attn_scalar=7, sliding_window_pattern=2, rope_scaling={
        "rope_type": "linear", "factor": 8.0})),
    "gpt2": ("gpt2", 20, dict(n_embd=16, n_layer=2, n_head=2, n_positions=24, vocab_size=32, initializer_range=0.3)),
    "gpt_neox": ("gpt_neox", 40, ROWS),
    "gpt_neox-sequential": ("gpt_neox", 40, dict(ROWS, use_parallel_residual=False, rotary_pct=0.5, attention_bias=False)),
    "opt": ("opt", 40, dict(TINY, ffn_dim=24, word_embed_proj_dim=16, init_std=0.3, max_position_embeddings=64)),
    "phi": ("phi", 40, ROWS),
    "phi3": ("phi3", 150, dict(WINDOW, num_key_value_heads=1, pad_token_id=0)),
}
ENCODERS = {
    "roberta": ("roberta", 62, dict(ENCODER, max_position_embeddings=64, type_vocab_size=1)),
    "xlm-roberta": ("xlm-roberta", 20, dict(ENCODER, max_position_embeddings=26, type_vocab_size=1)),
    "distilbert": ("distilbert", 40, dict(dim=16, n_layers=2, n_heads=2, hidden_dim=24, vocab_size=32, initializer_range=0.3,
                                          max_position_embeddings=48)),
    "mpnet": ("mpnet", 156, ENCODER),
    "modernbert": ("modernbert", 150, dict(ENCODER, num_hidden_layers=4, local_attention=6, pad_token_id=0)),
    "nomic_bert": ("nomic_bert", 40, dict(ENCODER, pad_token_id=0)),
}


def battery():
    for name, (kind, tokens, options) in {**DECODERS, **ENCODERS}.items():
        # Of the name, so that a new model changes no other.
        seed = zlib.crc32(name.encode())
        torch.manual_seed(seed)
        config = AutoConfig.for_model(kind, **options)
        make = AutoModelForCausalLM if name in DECODERS else AutoModel
        model = shake(make.from_config(config))
        # A padding token in the text would shift the positions of roberta.
        tokens = ids(tokens, seed).clamp(min=2)
        output = model(tokens)
        if name in DECODERS:
            reference = {"logits": output.logits[0]}
        else:
            reference = {"last_hidden_state": output.last_hidden_state[0]}
        reference["input_ids"] = tokens
        save(name, model, reference, rename=RENAMES.get(config.model_type, without_pooler))
        if name == "nomic_bert":
            save("nomic_bert-hub", model, reference, rename=nomic, config=nomic_hub_config(model.config))


def without_pooler(tensors):
    return {key: value for key, value in tensors.items() if not key.startswith("pooler.")}


def neox(tensors):
    """As save_pretrained does."""
    return {key.replace("lm_head", "embed_out"): value for key, value in tensors.items()}


def with_buffers(tensors):
    """Older files of gpt2 have the causal mask in them."""
    for block in range(2):
        tensors[f"transformer.h.{block}.attn.bias"] = torch.ones(24, 24).tril().view(1, 1, 24, 24)
        tensors[f"transformer.h.{block}.attn.masked_bias"] = torch.tensor(-1e4)
    return tensors


NOMIC = [
    ("layers.", "encoder.layers."), ("embeddings.LayerNorm", "emb_ln"), ("self_attn.o_proj", "attn.out_proj"),
    ("mlp.up_proj", "mlp.fc11"), ("mlp.gate_proj", "mlp.fc12"), ("mlp.down_proj", "mlp.fc2"),
    ("post_attention_layernorm", "norm1"), ("post_mlp_layernorm", "norm2"),
]


def nomic(tensors):
    """As save_pretrained does: the layout of the files on the hub."""
    renamed = {}
    for key, value in tensors.items():
        if "self_attn.q_proj" in key:
            parts = [tensors[key.replace("q_proj", f"{part}_proj")] for part in "qkv"]
            key, value = key.replace("self_attn.q_proj", "attn.Wqkv"), torch.cat(parts)
        elif "self_attn.k_proj" in key or "self_attn.v_proj" in key:
            continue
        for new, old in NOMIC:
            key = key.replace(new, old)
        renamed[key] = value
    return renamed


RENAMES = {"gpt2": with_buffers, "gpt_neox": neox, "nomic_bert": nomic}


def nomic_hub_config(config):
    return {
        "model_type": "nomic_bert", "n_embd": 16, "n_layer": 2, "n_head": 2, "n_inner": 24, "vocab_size": 32,
        "n_positions": 160, "max_trained_positions": 160, "layer_norm_epsilon": config.layer_norm_eps,
        "type_vocab_size": 2, "activation_function": "swiglu", "prenorm": False, "rotary_emb_base": 1000,
        "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": False, "qkv_proj_bias": False, "causal": False,
    }


if __name__ == "__main__":
    with torch.no_grad():
        ropes()
        llama_biases()
        bert_relu()
        battery()
