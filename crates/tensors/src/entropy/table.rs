//! Frequency tables: how often each symbol of a stream occurs, as a share of a power of two.

use std::ops::RangeInclusive;

/// Precisions that a table may have, in bits.
const PRECISIONS: RangeInclusive<u32> = 12..=16;
/// Precisions that an encoder tries. Rare symbols beside a very frequent one need a high precision; a decoder is faster with a
/// low one.
const TRIED: [u32; 3] = [12, 14, 16];

/// Frequencies of the symbols 0, 1, .... They sum to 2^bits, and each symbol that occurs has a frequency of at least 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub bits: u32,
    pub freqs: Vec<u32>,
}

impl Table {
    /// The cheapest table for symbols that occur `counts` times. A higher precision must save at least a 256th of the bits.
    pub fn of_counts(counts: &[u64]) -> Self {
        let [mut best, finer @ ..] = TRIED.map(|bits| Self::normalised(counts, bits));
        let mut least = best.cost(counts);
        for table in finer {
            let cost = table.cost(counts);
            if cost + cost / 256 < least {
                (best, least) = (table, cost);
            }
        }
        best
    }

    /// Frequencies in proportion to the counts, which sum to 2^bits.
    pub fn normalised(counts: &[u64], bits: u32) -> Self {
        let total = u128::from(counts.iter().sum::<u64>());
        let whole = 1i64 << bits;
        let share = |&count: &u64| match count {
            0 => 0,
            _ => ((u128::from(count) << (bits + 1)).div_ceil(total.max(1)) / 2).max(1) as u32,
        };
        let mut freqs: Vec<u32> = counts.iter().map(share).collect();
        if total == 0 {
            freqs = vec![whole as u32];
        }
        let mut left = whole - freqs.iter().map(|&freq| i64::from(freq)).sum::<i64>();
        // Corrects the sum by one at a time, where it costs least: changing f by one changes -c ln(f) by about c / (f + 1/2).
        let loss = |count: u64, doubled: u32| u128::from(count) * u128::from(doubled);
        while left != 0 {
            let symbols = 0..freqs.len();
            let at = if left > 0 {
                let gains = symbols.filter(|&at| freqs[at] > 0);
                gains.max_by(|&a, &b| {
                    let a_gain = loss(counts.get(a).copied().unwrap_or(1), 2 * freqs[b] + 1);
                    let b_gain = loss(counts.get(b).copied().unwrap_or(1), 2 * freqs[a] + 1);
                    a_gain.cmp(&b_gain).then(b.cmp(&a))
                })
            } else {
                let losses = symbols.filter(|&at| freqs[at] > 1);
                losses.min_by(|&a, &b| {
                    let a_loss = loss(counts[a], 2 * freqs[b] - 1);
                    let b_loss = loss(counts[b], 2 * freqs[a] - 1);
                    a_loss.cmp(&b_loss).then(a.cmp(&b))
                })
            };
            let at = at.expect("fewer symbols than shares");
            freqs[at] = freqs[at].wrapping_add_signed(left.signum() as i32);
            left -= left.signum();
        }
        Self { bits, freqs }
    }

    /// [`Table::normalised`], but with at least two symbols: one of frequency 2^bits is more than the fast look-up can say. The
    /// second symbol costs next to nothing.
    pub fn shared(counts: &[u64], bits: u32) -> Self {
        let mut table = Self::normalised(counts, bits);
        let whole = 1 << bits;
        table.freqs.resize(table.freqs.len().max(2), 0);
        if let Some(only) = table.freqs.iter().position(|freq| *freq == whole) {
            table.freqs[only] = whole - 1;
            table.freqs[only ^ 1] = 1;
        }
        table
    }

    /// Bits, times 2^16, that symbols with these counts take. It computes in integers, so that every machine chooses the same
    /// table.
    pub fn cost(&self, counts: &[u64]) -> u128 {
        let symbols = counts
            .iter()
            .zip(&self.freqs)
            .filter(|(count, _)| **count > 0);
        let cost = |(&count, &freq): (&u64, &u32)| {
            u128::from(count) * u128::from((self.bits << 16) - log2(freq))
        };
        symbols.map(cost).sum()
    }

    /// The sum of the frequencies before each symbol.
    pub fn starts(&self) -> impl Iterator<Item = u32> {
        self.freqs.iter().scan(0, |sum, &freq| {
            let start = *sum;
            *sum += freq;
            Some(start)
        })
    }

    /// Appends the table: its precision, then the frequencies as variable-length integers until their sum is complete. The number
    /// of further zeros follows each 0.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.bits as u8);
        let mut sum = 0;
        let mut at = 0;
        while sum < 1 << self.bits {
            let freq = self.freqs[at];
            write_number(freq, out);
            sum += freq;
            at += 1;
            if freq == 0 {
                let more = self.freqs[at..]
                    .iter()
                    .take_while(|&&freq| freq == 0)
                    .count();
                write_number(more as u32, out);
                at += more;
            }
        }
    }

    /// Reads a table for symbols below `alphabet` from the front of `bytes`.
    pub fn read(bytes: &mut &[u8], alphabet: usize) -> Result<Self, String> {
        let bits = u32::from(take(bytes)?);
        if !PRECISIONS.contains(&bits) {
            return Err(format!(
                "a table of {bits} bits, where 12 to 16 are possible"
            ));
        }
        let whole = 1 << bits;
        let (mut freqs, mut sum) = (Vec::with_capacity(alphabet), 0);
        while sum < whole {
            let freq = read_number(bytes)?;
            let more = if freq == 0 { read_number(bytes)? } else { 0 };
            sum += freq;
            if sum > whole {
                return Err(format!("the frequencies of a table exceed {whole}"));
            }
            if freqs.len() + 1 + more as usize > alphabet {
                return Err(format!("a table of more than {alphabet} symbols"));
            }
            freqs.push(freq);
            freqs.resize(freqs.len() + more as usize, 0);
        }
        Ok(Self { bits, freqs })
    }
}

/// log2 of a positive number, times 2^16, rounded down.
fn log2(number: u32) -> u32 {
    let whole = number.ilog2();
    // A number in [1, 2) with 31 fractional bits. Each squaring gives one more bit of the logarithm.
    let mut rest = u64::from(number) << (31 - whole);
    let mut log = whole;
    for _ in 0..16 {
        rest = (rest * rest) >> 31;
        let bit = (rest >> 32) as u32;
        rest >>= bit;
        log = log << 1 | bit;
    }
    log
}

/// Seven bits in each byte, the least significant first. The highest bit of a byte says that another byte follows.
fn write_number(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> Result<u32, String> {
    let mut number = 0;
    for shift in [0, 7, 14] {
        let byte = take(bytes)?;
        number |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("a number of a table is too long".into())
}

fn take(bytes: &mut &[u8]) -> Result<u8, String> {
    let (&first, rest) = bytes.split_first().ok_or("a table is cut off")?;
    *bytes = rest;
    Ok(first)
}
