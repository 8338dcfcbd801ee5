"""A reader of kerf containers of versions 3 to 5, written from docs/format.md alone: numpy, json and nothing of this project.

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


def read_contexts(part, at, cols):
    """Factors of the columns, where tables begin, and the byte after them."""
    least, width = part[at], part[at + 1]
    at += 2
    size = -(-cols * width // 8)
    bits = np.unpackbits(np.frombuffer(part[at : at + size], 'u1'), bitorder='little')[: cols * width]
    indices = least + bits.reshape(cols, width).astype(int) @ (1 << np.arange(width))
    factors = (4 + indices % 4) * 2.0 ** (indices // 4 - 34)
    at += size
    count = part[at]
    bounds = np.frombuffer(part[at + 1 : at + 1 + 2 * count], '<i2').tolist()
    return factors, bounds, at + 1 + 2 * count


def quarters(numbers):
    return (np.asarray(numbers, '<f4').view('<u4') >> 21).astype(int) - 508


def read_stream(stream, tables_and_counts):
    """The symbols of a chunk: a list for each (table, count). A function in the place of a table gets the run before and says the
    table of each symbol."""
    states = list(struct.unpack('<8I', stream[:32]))
    words = iter(np.frombuffer(stream[32:], '<u2').tolist())
    runs, lane = [], 0
    for table, count in tables_and_counts:
        each = table(runs[-1]) if callable(table) else [table] * count
        ready = {}
        run = []
        for bits, freqs in each:
            if id(freqs) not in ready:
                ready[id(freqs)] = (
                    np.concatenate([[0], np.cumsum(freqs)]),
                    np.repeat(np.arange(len(freqs)), freqs).tolist(),
                )
            starts, symbol_of = ready[id(freqs)]
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
    by_columns = record.get('scales') == 'columns'
    own = by_columns or record.get('scales') == 'lattice'
    part = parts['coded']
    width = 4 if rows * cols < 1 << 32 else 8
    chunk_rows = max(1, 65536 // cols)
    chunks = -(-rows // chunk_rows)
    offsets = np.frombuffer(part[: (chunks + 1) * width], f'<u{width}').tolist()
    at = (chunks + 1) * width
    scale_table = None
    if own:
        scale_table, at = read_table(part, at, 4656 if record.get('wide') else 592)
    factors, bounds = np.ones(cols), []
    if by_columns:
        factors, bounds, at = read_contexts(part, at, cols)
    code_tables = []
    for _ in range(len(bounds) + 1):
        table, at = read_table(part, at, 1 << bits)
        code_tables.append(table)

    def tables_of(indices):
        contexts = quarters([lattice(index) for index in indices])[:, None] - quarters(factors)
        return [code_tables[k] for k in np.searchsorted(bounds, contexts.ravel(), side='right')]

    assert at == offsets[0] and not any(part[offsets[-1] :])
    codes, scales = [], []
    for chunk in range(chunks):
        some = min(chunk_rows, rows - chunk * chunk_rows)
        runs = [(scale_table, some * groups)] if own else []
        runs.append((tables_of if by_columns else code_tables[0], some * cols))
        *indices, symbols = read_stream(part[offsets[chunk] : offsets[chunk + 1]], runs)
        codes += symbols
        scales += [lattice(index) for run in indices for index in run]
    codes = np.array(codes, np.float32).reshape(rows, cols) - np.float32(1 << (bits - 1))
    if not own:
        scales = read_scales(record, parts['scales'])
    scales = np.array(scales, np.float32).reshape(rows, groups)
    if 'kept' in record:
        assert record['kept'] == np.count_nonzero(codes)
    return codes * np.repeat(scales, group, axis=1)[:, :cols] * factors


def read(path):
    """Every tensor of a file whose matrices are all coded."""
    file = Path(path).read_bytes()
    (length,) = struct.unpack('<Q', file[:8])
    header = json.loads(file[8 : 8 + length])
    metadata = header.pop('__metadata__')
    assert metadata['kerf.version'] in ('3', '4', '5')
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
    r, c = np.mgrid[0:90, 0:1000]
    width = np.where(c < 500, 1, 12)
    code = (r * 7 + c * 13) % (2 * width + 1) - width
    step = (16 + r % 16) / 64 * ((4 + c % 4) / 4) * np.where(c < 500, 4, 0.5)
    assert np.array_equal(read(GOLDEN / 'v5-factors.kerf')['w'], code * step)
    print('the golden files of versions 3 to 5 hold what they should')


if __name__ == '__main__':
    if len(sys.argv) < 2:
        check()
    for path in sys.argv[1:]:
        for name, values in read(path).items():
            print(name, values.shape, float(values.sum()), float(np.abs(values).sum()))
