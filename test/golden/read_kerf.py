"""A reader of kerf containers of versions 3 and 4, written from docs/format.md alone: numpy, json and nothing of this project.

    python test/golden/read_kerf.py FILE.kerf

prints name, shape, sum and sum of absolute values of every tensor. Without a file it checks the golden files.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np

FLOATS = {'F32': ('<f4', 4), 'F16': ('<f2', 2), 'U8': ('u1', 1)}
GOLDEN = Path(__file__).parent.parent.parent / 'crates' / 'tensors' / 'tests' / 'golden'


def read_table(part, at, alphabet):
    """Frequencies from byte `at` on, and the byte after them."""

    def number(at):
        value, shift = 0, 0
        while True:
            value |= (part[at] & 0x7F) << shift
            shift += 7
            at += 1
            if part[at - 1] < 0x80:
                return value, at

    bits = part[at]
    assert 12 <= bits <= 16
    at += 1
    freqs = []
    while sum(freqs) < 1 << bits:
        freq, at = number(at)
        freqs.append(freq)
        if freq == 0:
            more, at = number(at)
            freqs += [0] * more
    assert sum(freqs) == 1 << bits and len(freqs) <= alphabet
    return (bits, freqs), at


def read_stream(stream, tables_and_counts):
    """The symbols of a chunk: a list for each (table, count)."""
    states = list(struct.unpack('<8I', stream[:32]))
    words = iter(np.frombuffer(stream[32:], '<u2').tolist())
    runs, lane = [], 0
    for (bits, freqs), count in tables_and_counts:
        starts = np.concatenate([[0], np.cumsum(freqs)])
        symbol_of = np.repeat(np.arange(len(freqs)), freqs).tolist()
        run = []
        for _ in range(count):
            state = states[lane]
            slot = state % (1 << bits)
            symbol = symbol_of[slot]
            state = freqs[symbol] * (state >> bits) + slot - int(starts[symbol])
            if state < 1 << 16:
                state = state << 16 | next(words)
            states[lane] = state
            lane = (lane + 1) % 8
            run.append(symbol)
        runs.append(run)
    assert states == [1 << 16] * 8 and next(words, None) is None
    return runs


def lattice(index):
    if index >= 592:
        return (16 + (index - 592) % 16) * 2.0 ** ((index - 592) // 16 - 130)
    units = index if index < 16 else (16 + index % 16) << (index // 16 - 1)
    return units * 2.0**-24


def read_scales(record, part):
    if not record.get('wide'):
        return np.frombuffer(part, '<f2')
    if record['scales'] == 'f32Product':
        return np.frombuffer(part, '<f4')
    return (np.frombuffer(part, '<u2').astype('<u4') << 16).view('<f4')


def read_coded(record, parts):
    rows, cols = record['shape']
    bits = record['bits']
    group = min(record['group'], cols) if record['group'] else cols
    groups = -(-cols // group)
    own = record.get('scales') == 'lattice'
    part = parts['coded']
    width = 4 if rows * cols < 1 << 32 else 8
    chunk_rows = max(1, 65536 // cols)
    chunks = -(-rows // chunk_rows)
    offsets = np.frombuffer(part[: (chunks + 1) * width], f'<u{width}').tolist()
    at = (chunks + 1) * width
    scale_table = None
    if own:
        scale_table, at = read_table(part, at, 4656 if record.get('wide') else 592)
    code_table, at = read_table(part, at, 1 << bits)
    assert at == offsets[0] and not any(part[offsets[-1] :])
    codes, scales = [], []
    for chunk in range(chunks):
        some = min(chunk_rows, rows - chunk * chunk_rows)
        runs = [(scale_table, some * groups)] if own else []
        runs.append((code_table, some * cols))
        *indices, symbols = read_stream(part[offsets[chunk] : offsets[chunk + 1]], runs)
        codes += symbols
        scales += [lattice(index) for run in indices for index in run]
    codes = np.array(codes, np.float32).reshape(rows, cols) - np.float32(1 << (bits - 1))
    if not own:
        scales = read_scales(record, parts['scales'])
    scales = np.array(scales, np.float32).reshape(rows, groups)
    if 'kept' in record:
        assert record['kept'] == np.count_nonzero(codes)
    return codes * np.repeat(scales, group, axis=1)[:, :cols]


def read(path):
    """Every tensor of a file whose matrices are all coded."""
    file = Path(path).read_bytes()
    (length,) = struct.unpack('<Q', file[:8])
    header = json.loads(file[8 : 8 + length])
    metadata = header.pop('__metadata__')
    assert metadata['kerf.version'] in ('3', '4')
    stored = {}
    for name, tensor in header.items():
        start, end = tensor['data_offsets']
        stored[name] = (tensor, file[8 + length + start : 8 + length + end])
    tensors = {}
    for key, text in metadata.items():
        if not key.startswith('kerf:'):
            continue
        name = key[len('kerf:') :]
        parts = {}
        for part in ['scales', 'coded']:
            if f'{name}.kerf.{part}' in stored:
                parts[part] = stored.pop(f'{name}.kerf.{part}')[1]
        tensors[name] = read_coded(json.loads(text), parts)
    for name, (tensor, content) in stored.items():
        tensors[name] = np.frombuffer(content, FLOATS[tensor['dtype']][0]).reshape(tensor['shape'])
    return tensors


def check():
    """The golden files hold what crates/tensors/tests/golden.rs says."""
    example = read(GOLDEN / 'v3-example.kerf')
    assert example['w'].tolist() == [
        [-4, 0, 0, 1.5, 0, 0, 0, 0, 0, 14],
        [0, 0.25, 0, 0, 0, 0, 0, 0, -1, 0],
    ]
    assert example['b'].tolist() == [1.5]
    kinds = read(GOLDEN / 'v3-kinds.kerf')
    r, c = np.mgrid[0:34, 0:45]
    kept = (r * 3 + c) % 4 == 0
    value = ((r + 2 * c) % 8 - 4) * ((r % 7 + 17) << (c // 16 % 3)) / 64
    assert np.array_equal(kinds['masked.lattice'], np.where(kept, value, 0))
    codes = ((r * 45 + c) * 37 % 256).astype(np.uint8).view(np.int8).astype(float)
    assert np.array_equal(kinds['dense.lattice'], codes * np.where(r == 3, 0, (r % 16 + 16) / 512))
    value = ((r * 45 + c) * 5 % 16 - 8) * (r - 16.0) * (c // 32 + 1) / 16
    assert np.array_equal(kinds['dense.signed'], value)
    r, c = np.mgrid[0:70, 0:2000]
    kept = (r * 2000 + c) % 97 == 0
    value = ((r + c) % 31 - 15) * ((r + c // 128) % 16 + 16) / 256
    assert np.array_equal(kinds['chunks.skewed'], np.where(kept, value, 0))
    assert np.array_equal(kinds['one.code'], np.full((3, 7), -1.5))
    wide = read(GOLDEN / 'v4-wide.kerf')
    r, c = np.mgrid[0:34, 0:45]
    code = (r * 45 + c) * 5 % 16 - 8
    assert np.array_equal(wide['wide.lattice'], code * ((17 + r % 7) * 2.0 ** (c // 16 - 40)))
    assert np.array_equal(wide['wide.bf16'], code * ((17 + r % 7) * 2.0 ** (c // 16 - 60)))
    assert np.array_equal(wide['wide.f32'], code * ((2**20 + 1 + r) * 2.0 ** (c // 16 + 40)))
    print('the golden files of versions 3 and 4 hold what they should')


if __name__ == '__main__':
    if len(sys.argv) < 2:
        check()
    for path in sys.argv[1:]:
        for name, values in read(path).items():
            print(name, values.shape, float(values.sum()), float(np.abs(values).sum()))
