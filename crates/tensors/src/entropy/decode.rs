//! The fast decoder. It looks a symbol up where the plain decoder searches, and branches once in eight symbols.

use super::{LANES, LOW, STATE_BYTES, Table};

/// Precision of the tables for which the fast look-up exists, in bits.
const FAST_BITS: u32 = 12;
const FAST_SLOTS: usize = 1 << FAST_BITS;

/// The table that maps the low bits of a state to a symbol and the next state.
pub(crate) enum Lookup {
    /// One load for each symbol. An entry has 12 bits of slot - start, 12 bits of the frequency and 8 bits of the symbol.
    Fast(Box<[u32; FAST_SLOTS]>),
    /// Two loads for each symbol. It works for any table.
    Wide(Wide),
}

/// The symbol of each slot, and the frequency and start of each symbol.
pub(crate) struct Wide {
    bits: u32,
    slots: Vec<u16>,
    shares: Vec<[u32; 2]>,
}

impl Wide {
    pub fn new(table: &Table) -> Self {
        let mut slots = Vec::with_capacity(1 << table.bits);
        for (symbol, &freq) in table.freqs.iter().enumerate() {
            slots.resize(slots.len() + freq as usize, symbol as u16);
        }
        let shares = table.freqs.iter().zip(table.starts());
        Self {
            bits: table.bits,
            slots,
            shares: shares.map(|(&freq, start)| [freq, start]).collect(),
        }
    }

    /// The look-up for symbols that fit in a byte. Symbol s is decoded as the byte `s + first`, modulo 256.
    fn of_bytes(table: &Table, first: u8) -> Self {
        let mut wide = Self::new(table);
        // Shares are indexed by the byte, so they move together with the symbols.
        let mut shares = vec![[0; 2]; 256];
        for (symbol, share) in wide.shares.iter().enumerate() {
            shares[usize::from(first.wrapping_add(symbol as u8))] = *share;
        }
        wide.shares = shares;
        let moved = |slot: &mut u16| *slot = u16::from(first.wrapping_add(*slot as u8));
        wide.slots.iter_mut().for_each(moved);
        wide
    }

    fn step(&self, state: u32) -> (u32, u16) {
        let slot = state & ((1 << self.bits) - 1);
        let symbol = self.slots[slot as usize];
        let [freq, start] = self.shares[usize::from(symbol)];
        (freq * (state >> self.bits) + slot - start, symbol)
    }
}

impl Lookup {
    /// The look-up for symbols that fit in a byte. Symbol s is decoded as the byte `s + first`, modulo 256.
    pub fn of_bytes(table: &Table, first: u8) -> Self {
        let fast = table.bits == FAST_BITS && table.freqs.iter().all(|freq| *freq < 1 << FAST_BITS);
        if !fast {
            return Self::Wide(Wide::of_bytes(table, first));
        }
        let mut slots = Box::new([0; FAST_SLOTS]);
        for (symbol, (&freq, start)) in table.freqs.iter().zip(table.starts()).enumerate() {
            let byte = u32::from(first.wrapping_add(symbol as u8));
            for at in 0..freq {
                slots[(start + at) as usize] = at << 20 | freq << 8 | byte;
            }
        }
        Self::Fast(slots)
    }
}

/// Most tables of [`Lookups`].
const MOST: usize = 16;

/// Look-ups of several tables for symbols that fit in a byte.
pub(crate) enum Lookups {
    /// As [`Lookup::Fast`].
    Fast(Box<[[u32; FAST_SLOTS]; MOST]>),
    /// For any tables.
    Wide(Vec<Wide>),
}

impl Lookups {
    /// At most 16 tables, each as [`Lookup::of_bytes`] has it.
    pub fn of_bytes(tables: &[Table], first: u8) -> Self {
        let each: Vec<Lookup> = tables
            .iter()
            .map(|table| Lookup::of_bytes(table, first))
            .collect();
        let is_fast = |lookup: &Lookup| matches!(lookup, Lookup::Fast(_));
        if each.iter().all(is_fast) {
            let slots = vec![[0; FAST_SLOTS]; MOST].into_boxed_slice();
            let mut slots: Box<[[u32; FAST_SLOTS]; MOST]> =
                slots.try_into().expect("as many tables as there may be");
            for (to, lookup) in slots.iter_mut().zip(&each) {
                if let Lookup::Fast(from) = lookup {
                    *to = **from;
                }
            }
            return Self::Fast(slots);
        }
        Self::Wide(
            tables
                .iter()
                .map(|table| Wide::of_bytes(table, first))
                .collect(),
        )
    }
}

/// A stream that is being decoded.
pub(crate) struct Reader<'a> {
    /// The states of the lanes, beginning with the lane of the next symbol.
    states: [u32; LANES],
    words: &'a [[u8; 2]],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let Some((head, words)) = bytes.split_at_checked(STATE_BYTES) else {
            return Err(format!("{} bytes are too few for a stream", bytes.len()));
        };
        let (words, []) = words.as_chunks::<2>() else {
            return Err("half a word at its end".into());
        };
        let mut states = [0; LANES];
        for (state, four) in states.iter_mut().zip(head.as_chunks::<4>().0) {
            *state = u32::from_le_bytes(*four);
        }
        match states.iter().all(|state| *state >= LOW) {
            true => Ok(Self {
                states,
                words,
                at: 0,
            }),
            false => Err("a state that is too small".into()),
        }
    }

    /// Decodes the next symbols with any table.
    pub fn symbols(&mut self, table: &Wide, out: &mut [u16]) {
        self.steps(out, |state, _| table.step(state));
    }

    /// Decodes the next symbols, which fit in a byte.
    pub fn bytes(&mut self, lookup: &Lookup, out: &mut [u8]) {
        match lookup {
            Lookup::Fast(slots) => self.groups(out, |state, _| fast_step(slots, state)),
            Lookup::Wide(wide) => self.groups(out, |state, _| {
                let (state, symbol) = wide.step(state);
                (state, symbol as u8)
            }),
        }
    }

    /// Decodes the next symbols, each by a table of its own: that of symbol i is `which[i]`.
    pub fn bytes_each(&mut self, lookups: &Lookups, which: &[u8], out: &mut [u8]) {
        let which = &which[..out.len()];
        match lookups {
            Lookups::Fast(slots) => self.groups(out, |state, at| {
                fast_step(&slots[usize::from(which[at]) % MOST], state)
            }),
            Lookups::Wide(all) => self.groups(out, |state, at| {
                let (state, symbol) = all[usize::from(which[at])].step(state);
                (state, symbol as u8)
            }),
        }
    }

    /// Decodes whole groups of lanes while enough words are left for a group, then the remaining symbols one by one.
    #[inline(always)]
    fn groups(&mut self, out: &mut [u8], step: impl Fn(u32, usize) -> (u32, u8)) {
        let (mut states, mut at) = (self.states, self.at);
        let (groups, _) = out.as_chunks_mut::<LANES>();
        let mut done = 0;
        for group in groups {
            let Some(window) = self
                .words
                .get(at..)
                .and_then(|left| left.first_chunk::<LANES>())
            else {
                break;
            };
            let mut taken = 0;
            for (lane, (state, symbol)) in states.iter_mut().zip(group).enumerate() {
                let (next, byte) = step(*state, done + lane);
                *symbol = byte;
                let word = u32::from(u16::from_le_bytes(window[taken % LANES]));
                let low = next < LOW;
                *state = if low { next << 16 | word } else { next };
                taken += usize::from(low);
            }
            at += taken;
            done += LANES;
        }
        (self.states, self.at) = (states, at);
        self.steps(&mut out[done..], |state, at| step(state, done + at));
    }

    /// Decodes one symbol after the other, `step` of a state and of the index of a symbol. A missing word counts as 0; [`Reader::end`] reports it.
    fn steps<T>(&mut self, out: &mut [T], step: impl Fn(u32, usize) -> (u32, T)) {
        for (at, out) in out.iter_mut().enumerate() {
            let state = &mut self.states[at % LANES];
            let (next, symbol) = step(*state, at);
            *out = symbol;
            *state = next;
            if next < LOW {
                let word = self.words.get(self.at).copied().unwrap_or_default();
                *state = next << 16 | u32::from(u16::from_le_bytes(word));
                self.at += 1;
            }
        }
        self.states.rotate_left(out.len() % LANES);
    }

    /// Checks the end of a stream: every word is used, and each state is the one that an encoder begins with.
    pub fn end(&self) -> Result<(), String> {
        let ends = self.states.iter().all(|state| *state == LOW);
        match self.at.cmp(&self.words.len()) {
            std::cmp::Ordering::Equal if ends => Ok(()),
            std::cmp::Ordering::Greater => Err("it is cut off".into()),
            _ => Err("it does not end as it began".into()),
        }
    }
}

#[inline(always)]
fn fast_step(slots: &[u32; FAST_SLOTS], state: u32) -> (u32, u8) {
    let slot = slots[state as usize % FAST_SLOTS];
    let next = (slot >> 8 & 0xfff) * (state >> FAST_BITS) + (slot >> 20);
    (next, slot as u8)
}
