//! The fast encoder. It multiplies where the plain encoder divides, and has no branches.

use super::{LANES, LOW, STATE_BYTES, Table};
use crate::bytes::as_bytes;

/// The numbers that the encoder needs for each symbol of a table.
pub(crate) struct Symbols {
    bits: u32,
    symbols: Vec<Symbol>,
}

#[derive(Clone, Copy, Default)]
struct Symbol {
    /// ceil(2^(32 + bits) / freq). Multiplying by it divides a state below freq * 2^(32 - bits) exactly.
    reciprocal: u64,
    freq: u32,
    start: u32,
}

impl Symbols {
    pub fn new(table: &Table) -> Self {
        let symbol = |(&freq, start): (&u32, u32)| Symbol {
            reciprocal: match freq {
                0 => 0,
                _ => (1u64 << (32 + table.bits)).div_ceil(u64::from(freq)),
            },
            freq,
            start,
        };
        Self {
            bits: table.bits,
            symbols: table.freqs.iter().zip(table.starts()).map(symbol).collect(),
        }
    }

    /// The encoder's table for symbols that fit in a byte. Every byte has an entry: byte b stands for symbol `b - first`, modulo
    /// 256.
    pub fn of_bytes(table: &Table, first: u8) -> Self {
        let of_table = Self::new(table);
        let mut symbols = vec![Symbol::default(); 256];
        for (at, symbol) in of_table.symbols.into_iter().enumerate().take(256) {
            symbols[usize::from(first.wrapping_add(at as u8))] = symbol;
        }
        Self {
            bits: table.bits,
            symbols,
        }
    }
}

/// A stream that is being encoded, from its last symbol to its first. The buffer is used again for the next stream.
pub(crate) struct Writer {
    states: [u32; LANES],
    /// The words of the stream, filled from the end of the buffer. The words from `at` on are written.
    words: Vec<u16>,
    at: usize,
}

impl Writer {
    pub fn new() -> Self {
        Self {
            states: [LOW; LANES],
            words: Vec::new(),
            at: 0,
        }
    }

    /// Begins a stream of at most `symbols` symbols.
    pub fn begin(&mut self, symbols: usize) {
        // A symbol adds at most one word. The encoder also writes, without effect, one place before the first word.
        if self.words.len() < symbols + 1 {
            self.words.resize(symbols + 1, 0);
        }
        self.states = [LOW; LANES];
        self.at = self.words.len();
    }

    /// Encodes a run of symbols that comes before the symbols written so far. Lane 0 belongs to the first symbol of the run that
    /// was put last, so each call rotates the lanes by the length of its run.
    pub fn put<T: Copy + Into<usize>>(&mut self, symbols: &Symbols, run: &[T]) {
        let table = symbols.symbols.as_slice();
        self.put_by(symbols.bits, run.len(), |at| &table[run[at].into()]);
    }

    /// [`Writer::put`] of bytes, each by a table of its own: that of symbol i is `tables[which[i]]`. All have the same precision.
    pub fn put_each(&mut self, tables: &[Symbols], which: &[u8], run: &[u8]) {
        let bits = tables[0].bits;
        self.put_by(bits, run.len(), |at| {
            &tables[usize::from(which[at])].symbols[usize::from(run[at])]
        });
    }

    /// Encodes `len` symbols. `symbol(i)` has the numbers of symbol i.
    #[inline(always)]
    fn put_by<'t>(&mut self, bits: u32, len: usize, symbol: impl Fn(usize) -> &'t Symbol) {
        self.states.rotate_right(len % LANES);
        let whole = 1u32 << bits;
        let (words, mut at, mut states) = (self.words.as_mut_slice(), self.at, self.states);
        let mut step = |state: &mut u32, at_symbol: usize| {
            let symbol = symbol(at_symbol);
            words[at - 1] = *state as u16;
            let full = *state >> (32 - bits) >= symbol.freq;
            at -= usize::from(full);
            let x = if full { *state >> 16 } else { *state };
            let quotient = ((u64::from(x) * symbol.reciprocal) >> (32 + bits)) as u32;
            *state = x + symbol.start + quotient * (whole - symbol.freq);
        };
        let groups = len / LANES;
        for lane in (0..len % LANES).rev() {
            step(&mut states[lane], groups * LANES + lane);
        }
        for group in (0..groups).rev() {
            for lane in (0..LANES).rev() {
                step(&mut states[lane], group * LANES + lane);
            }
        }
        (self.at, self.states) = (at, states);
    }

    /// Appends the stream to `out`.
    pub fn end(&self, out: &mut Vec<u8>) {
        let words = as_bytes(&self.words[self.at..]);
        out.reserve(STATE_BYTES + words.len());
        out.extend(self.states.iter().flat_map(|state| state.to_le_bytes()));
        out.extend_from_slice(words);
    }
}
