"""Every tensor of a GGUF file as the `gguf` package reads it, against the dense safetensors that kerf makes of the same file."""

import json
import sys

import numpy as np
from gguf import GGUFReader, dequantize
from safetensors.numpy import load_file


def main(gguf_file, dense_file):
    reader = GGUFReader(gguf_file)

    def values(key):
        field = reader.fields[key]
        return [field.parts[index] for index in field.data]

    names = [bytes(part).decode() for part in values("kerf.names")]
    head_rows = [int(part[0]) for part in values("kerf.headRows")]
    plus_one = [bool(part[0]) for part in values("kerf.plusOne")]
    dense = load_file(dense_file)
    types = {}
    for tensor, name, rows, plus in zip(reader.tensors, names, head_rows, plus_one):
        ours = dense.pop(name).astype(np.float32)
        theirs = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if rows:
            # From neighbours back to halves.
            shape = theirs.shape
            theirs = theirs.reshape(shape[0] // rows, rows // 2, 2, -1).swapaxes(1, 2).reshape(shape)
        if plus:
            theirs = theirs - 1
        assert ours.shape == theirs.shape, name
        assert np.array_equal(ours, theirs), name
        types[tensor.tensor_type.name] = types.get(tensor.tensor_type.name, 0) + 1
    assert not dense, list(dense)
    print(json.dumps({"types": types}))


main(*sys.argv[1:])
