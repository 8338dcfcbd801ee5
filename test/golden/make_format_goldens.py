"""Bytes of other formats made by their own packages: formats.safetensors. Run with compressed-tensors 0.20 and gguf 0.19."""

import numpy as np
import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from gguf import GGMLQuantizationType, dequantize, quantize
from safetensors.numpy import save_file

random = np.random.default_rng(7)
tensors = {}
for bits in range(2, 9):
    # Columns that fill no word, and rows that do.
    for cols in (45, 64):
        half = 1 << (bits - 1)
        codes = random.integers(-half, half, (3, cols), dtype=np.int8)
        tensors[f"words.{bits}.{cols}.codes"] = codes
        tensors[f"words.{bits}.{cols}.packed"] = pack_to_int32(torch.from_numpy(codes), bits).numpy()
values = random.standard_normal((4, 96)).astype(np.float32) ** 3
values[1] = 0
for name in ("Q4_0", "Q8_0"):
    kind = GGMLQuantizationType[name]
    blocks = quantize(values, kind)
    tensors[f"{name}.blocks"] = blocks
    tensors[f"{name}.values"] = dequantize(blocks, kind)
save_file(tensors, "formats.safetensors")
