"""What transformers makes of a result, held against its dense form and against the model that was compressed: the outputs of each on the same
ids, the modules that it runs compressed, and the tensors that it missed or did not expect. A second argument `-` leaves the dense form out."""

import json
import sys

import torch
from transformers import AutoModel, AutoModelForCausalLM


def main(result, dense, original, kind):
    make = AutoModelForCausalLM if kind == "decoder" else AutoModel

    def opened(folder):
        # What a bare body has no weights for is no matter: the pooler is not asked.
        options = {} if kind == "decoder" else {"add_pooling_layer": False}
        try:
            return make.from_pretrained(folder, dtype="auto", output_loading_info=True, **options)
        except TypeError:
            return make.from_pretrained(folder, dtype="auto", output_loading_info=True)

    def output(folder):
        model, told = opened(folder)
        with torch.no_grad():
            made = model.eval()(ids)
        values = made.logits if kind == "decoder" else made.last_hidden_state
        return model, told, values[0].float()

    torch.manual_seed(0)
    config = json.load(open(f"{original}/config.json"))
    ids = torch.randint(2, config["vocab_size"], (1, 12))
    model, told, ours = output(result)
    compressed = sum(hasattr(module, "quantization_scheme") for module in model.modules())

    def distance(folder):
        _, _, theirs = output(folder)
        return ((ours - theirs).norm() / theirs.norm()).item()

    print(json.dumps({
        "compressed": compressed,
        "missing": sorted(map(str, told["missing_keys"])),
        "unexpected": sorted(map(str, told["unexpected_keys"])),
        "toDense": distance(dense) if dense != "-" else 0,
        "toOriginal": distance(original),
    }))


main(*sys.argv[1:])
