"""Reference values of the model crate from PyTorch and transformers 5 (pip install torch transformers safetensors).

Writes test/golden/model/NAME/{config.json, model.safetensors, reference.safetensors}: tiny random models, their inputs and
outputs in f32. The rope cases share one set of weights: rope_parameters.json has the parameters of each, and the reference
its logits from position 40 on.

    python test/golden/make_model_goldens.py
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM

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


def save(name, model, reference):
    folder = ROOT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(model.config.to_diff_dict(), indent=1) + "\n")
    shared = {value.data_ptr(): key for key, value in reversed(list(model.state_dict().items()))}
    save_file({key: value.contiguous() for key, value in model.state_dict().items() if shared[value.data_ptr()] == key},
              folder / "model.safetensors")
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


if __name__ == "__main__":
    with torch.no_grad():
        ropes()
        llama_biases()
        bert_relu()
