"""Which parameters of transformers' models are the weights of linear layers: families.json, for crates/compress/src/plan/unknown/families.rs.

Each family is made on the meta device with two layers from the defaults of its configuration; families that need more than the
defaults or other libraries are left out. A row is [name, shape, whether it is the weight of a linear layer]. WHOLE families have all
their matrices and vectors of biases, the others what is no linear layer, names that were seen before left out.

    HF_HUB_OFFLINE=1 python test/golden/make_families_golden.py
"""

import json
import re
import sys
from pathlib import Path

import torch
import transformers
from transformers.models.auto import modeling_auto as auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

transformers.logging.set_verbosity_error()

WHOLE = """albert bart bert bloom codegen cohere deberta-v2 deepseek_v3 electra falcon falcon_mamba gpt_bigcode gpt_neo gptj jamba
mamba mamba2 mixtral mpt olmoe phimoe qwen2_moe qwen3_next recurrent_gemma rwkv starcoder2 swin switch_transformers t5 vit whisper
xlnet""".split()
TABLES = [
    auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
    auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    auto.MODEL_MAPPING_NAMES,
]
LAYERS = """num_hidden_layers n_layer n_layers num_layers encoder_layers decoder_layers num_decoder_layers num_encoder_layers""".split()
# Linear layers that are no nn.Linear: gpt2's, ibert's, and the matrix of nn.MultiheadAttention.
LINEAR = {"Conv1D", "QuantLinear", "MultiheadAttention", "NonDynamicallyQuantizableLinear"}


def shrink(config, depth=0):
    changed = {field: 2 for field in LAYERS if isinstance(getattr(config, field, None), int)}
    if isinstance(getattr(config, "layer_types", None), list):
        kinds = list(dict.fromkeys(config.layer_types))
        changed["layer_types"] = (kinds + kinds)[:2]
    for field, value in changed.items():
        try:
            setattr(config, field, value)
        except Exception:  # computed from others
            pass
    for inner in list(vars(config).values()):
        if isinstance(inner, transformers.PretrainedConfig) and depth < 3:
            shrink(inner, depth + 1)


def rows(name):
    of = next((table[name] for table in TABLES if name in table), None)
    if of is None:
        return []
    config = CONFIG_MAPPING[name]()
    shrink(config)
    with torch.device("meta"):
        model = getattr(transformers, of if isinstance(of, str) else of[0])(config)
    modules = dict(model.named_modules())
    found = {}
    for parameter, value in model.named_parameters(remove_duplicate=False):
        module = modules[parameter.rpartition(".")[0]]
        linear = isinstance(module, torch.nn.Linear) or type(module).__name__ in LINEAR
        one = re.sub(r"(^|\.)\d+(?=\.|$)", r"\g<1>0", parameter)
        found.setdefault(one, [one, list(value.shape), linear and one.endswith("weight")])
    return list(found.values())


families, seen = {}, set()
for name in CONFIG_MAPPING.keys():
    try:
        own = rows(name)
    except Exception as error:
        print("left out:", name, type(error).__name__, file=sys.stderr)
        continue
    if name in WHOLE:
        families[name] = [row for row in own if len(row[1]) >= 2 or row[0].endswith("bias")]
        continue
    kept = []
    for row in own:
        end = ".".join(row[0].split(".")[-3:])
        if len(row[1]) >= 2 and not row[2] and end not in seen:
            seen.add(end)
            kept.append(row)
    if kept:
        families[name] = kept
lines = [f"{json.dumps(name)}: {json.dumps(own, separators=(',', ':'))}" for name, own in families.items()]
out = Path(__file__).with_name("families.json")
out.write_text("{\n" + ",\n".join(lines) + "\n}\n")
print(len(families), "families,", out.stat().st_size, "bytes")
