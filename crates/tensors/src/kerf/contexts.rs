//! Which table a code has, where columns have factors: the wider a code is expected to be, the later its table.
//!
//! Where steps of rows follow the square root of the size of a row, the width of a code is in proportion to the scale of its row
//! divided by the factor of its column. The context of a weight is that ratio in quarters of an octave. So steps alone say which
//! table a code has, and a part says only where tables begin.

use crate::column_factor::{factor, index};
use crate::entropy::Table;

/// Most tables of a part.
pub(super) const MOST_TABLES: usize = 16;
/// Precision of the tables of a part with contexts, in bits. One precision for all lets a decoder change tables without a branch.
const BITS: u32 = 12;
/// Contexts that an encoder tells apart. Those beyond count as the last.
const TOLD_APART: i32 = 255;

/// Quarters of octaves below a positive number: 4 times its exponent, and two bits of its fraction. Zero counts as 2^-127.
fn quarters(number: f32) -> i32 {
    (number.to_bits() >> 21) as i32 - 4 * 127
}

/// The factors of the columns, and where tables begin.
#[derive(Debug, PartialEq)]
pub(super) struct Contexts {
    /// Index of the factor of each column.
    indices: Vec<u8>,
    /// The context at which each table but the first begins. Rising.
    bounds: Vec<i32>,
}

impl Contexts {
    /// The number of tables.
    pub fn tables(&self) -> usize {
        self.bounds.len() + 1
    }

    /// The factor of each column.
    pub fn factors(&self) -> Vec<f32> {
        self.indices.iter().map(|index| factor(*index)).collect()
    }

    /// The table of each weight of the rows with these scales. The content of `out` is replaced.
    pub fn tables_of_rows(&self, scales: &[f32], out: &mut Vec<u8>) {
        let cols = self.indices.len();
        out.clear();
        out.reserve(scales.len() * cols);
        // Rows of one size have the same tables.
        let mut seen: Vec<(i32, usize)> = Vec::new();
        for (row, scale) in scales.iter().enumerate() {
            let size = quarters(*scale);
            match seen.iter().find(|(other, _)| *other == size) {
                Some((_, first)) => out.extend_from_within(first * cols..(first + 1) * cols),
                None => {
                    seen.push((size, row));
                    let tables: [u8; 256] = std::array::from_fn(|index| {
                        let context = size - quarters(factor(index as u8));
                        self.bounds.partition_point(|bound| *bound <= context) as u8
                    });
                    let each = self.indices.iter();
                    out.extend(each.map(|index| tables[usize::from(*index)]));
                }
            }
        }
    }

    /// Appends the indices: the least of them, the bits of each beyond it, and these bits.
    pub fn write(&self, out: &mut Vec<u8>) {
        let least = self.indices.iter().copied().min().unwrap_or(0);
        let most = self.indices.iter().copied().max().unwrap_or(0) - least;
        let width = (8 - most.leading_zeros()) as usize;
        out.extend([least, width as u8]);
        let start = out.len();
        out.resize(start + (self.indices.len() * width).div_ceil(8), 0);
        for (at, index) in self.indices.iter().enumerate() {
            for bit in 0..width {
                let place = at * width + bit;
                out[start + place / 8] |= ((index - least) >> bit & 1) << (place % 8);
            }
        }
        out.push(self.bounds.len() as u8);
        for bound in &self.bounds {
            out.extend((*bound as i16).to_le_bytes());
        }
    }

    /// Reads what [`Contexts::write`] wrote for `cols` columns from the front of `bytes`.
    pub fn read(bytes: &mut &[u8], cols: usize) -> Result<Self, String> {
        let [least, width] = *take::<2>(bytes)?;
        if width > 8 {
            return Err(format!(
                "factors of {width} bits, where 0 to 8 are possible"
            ));
        }
        let width = usize::from(width);
        let size = cols.checked_mul(width).ok_or("too many factors")?;
        let (packed, rest) = (bytes.split_at_checked(size.div_ceil(8)))
            .ok_or("the factors of its columns are cut off")?;
        *bytes = rest;
        let used = size % 8;
        if used != 0 && packed.last().is_some_and(|last| last >> used != 0) {
            return Err("padding bits of the factors are set".into());
        }
        let mut indices = Vec::with_capacity(cols);
        for at in 0..cols {
            let bit = |bit: usize| {
                u16::from(packed[(at * width + bit) / 8] >> ((at * width + bit) % 8) & 1)
            };
            let beyond: u16 = (0..width).map(|at| bit(at) << at).sum();
            let index = u8::try_from(u16::from(least) + beyond);
            indices.push(index.map_err(|_| format!("the factor of column {at} is out of range"))?);
        }
        let [count] = *take::<1>(bytes)?;
        if usize::from(count) >= MOST_TABLES {
            return Err(format!(
                "{} tables of codes, where 1 to 16 are possible",
                u16::from(count) + 1
            ));
        }
        let mut bounds = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let bound = i32::from(i16::from_le_bytes(*take::<2>(bytes)?));
            if bounds.last().is_some_and(|last| *last >= bound) {
                return Err("its tables do not begin in rising order".into());
            }
            bounds.push(bound);
        }
        Ok(Self { indices, bounds })
    }
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Result<&'a [u8; N], String> {
    let (first, rest) =
        (bytes.split_first_chunk::<N>()).ok_or("the factors of its columns are cut off")?;
    *bytes = rest;
    Ok(first)
}

/// Contexts of a matrix before its codes are counted.
pub(super) struct Counted {
    indices: Vec<u8>,
    /// The context of `counts[0]`.
    first: i32,
    /// How many contexts there are.
    contexts: usize,
}

impl Counted {
    /// Of the scales of all rows and the factors of all columns.
    pub fn new(scales: &[f32], factors: &[f32]) -> Self {
        let indices: Vec<u8> = factors.iter().map(|factor| index(*factor)).collect();
        let sizes = scales.iter().filter(|scale| **scale > 0.0);
        let sizes: Vec<i32> = sizes.map(|scale| quarters(*scale)).collect();
        let of_columns = indices.iter().map(|index| quarters(factor(*index)));
        let wide = |most: Option<&i32>| most.copied().unwrap_or(0);
        let first = wide(sizes.iter().min()) - of_columns.clone().max().unwrap_or(0);
        let last = wide(sizes.iter().max()) - of_columns.min().unwrap_or(0);
        Self {
            indices,
            first,
            contexts: (last - first).clamp(0, TOLD_APART) as usize + 1,
        }
    }

    /// Counts the codes of some rows, `[contexts, 256]` by `code as u8`.
    pub fn count(&self, scales: &[f32], codes: &[i8]) -> Vec<u32> {
        let mut counts = vec![0; self.contexts * 256];
        for (scale, codes) in scales.iter().zip(codes.chunks(self.indices.len().max(1))) {
            let size = quarters(*scale) - self.first;
            let last = self.contexts as i32 - 1;
            let places: [usize; 256] = std::array::from_fn(|index| {
                (size - quarters(factor(index as u8))).clamp(0, last) as usize * 256
            });
            for (code, index) in codes.iter().zip(&self.indices) {
                counts[places[usize::from(*index)] + usize::from(*code as u8)] += 1;
            }
        }
        counts
    }

    /// Where tables begin, and the tables. `counts` are those of all rows; the code of symbol 0 is `first_code`. Neighbours share
    /// a table where a table more would cost more than it saves.
    pub fn tables(self, counts: &[u64], first_code: u8, alphabet: usize) -> (Contexts, Vec<Table>) {
        let each = counts.chunks(256).enumerate();
        let used = each.filter(|(_, counts)| counts.iter().any(|count| *count > 0));
        let mut spans: Vec<Span> = used
            .map(|(at, counts)| {
                let symbol =
                    |symbol: usize| counts[usize::from(first_code.wrapping_add(symbol as u8))];
                Span::new(self.first + at as i32, (0..alphabet).map(symbol).collect())
            })
            .collect();
        if spans.is_empty() {
            spans.push(Span::new(self.first, vec![0; alphabet]));
        }
        let mut merged: Vec<Span> = spans.windows(2).map(|two| two[0].with(&two[1])).collect();
        while spans.len() > 1 {
            let saving = |at: usize| {
                let apart = spans[at].cost + spans[at + 1].cost;
                apart as i128 - merged[at].cost as i128
            };
            let best = (0..merged.len()).max_by_key(|at| (saving(*at), std::cmp::Reverse(*at)));
            let best = best.expect("two spans have a border");
            if saving(best) < 0 && spans.len() <= MOST_TABLES {
                break;
            }
            spans[best] = merged.remove(best);
            spans.remove(best + 1);
            if best > 0 {
                merged[best - 1] = spans[best - 1].with(&spans[best]);
            }
            if best + 1 < spans.len() {
                merged[best] = spans[best].with(&spans[best + 1]);
            }
        }
        let bounds = spans[1..].iter().map(|span| span.first).collect();
        let tables = spans.into_iter().map(|span| span.table).collect();
        let indices = self.indices;
        (Contexts { indices, bounds }, tables)
    }
}

/// Neighbouring contexts that share a table.
struct Span {
    first: i32,
    counts: Vec<u64>,
    table: Table,
    /// Bits of codes and table, times 2^16.
    cost: u128,
}

impl Span {
    fn new(first: i32, counts: Vec<u64>) -> Self {
        let table = Table::shared(&counts, BITS);
        let mut bytes = Vec::new();
        table.write(&mut bytes);
        // Two bytes say where the table begins.
        let own = ((bytes.len() as u128 + 2) * 8) << 16;
        Self {
            cost: table.cost(&counts) + own,
            first,
            counts,
            table,
        }
    }

    fn with(&self, next: &Self) -> Self {
        let counts = self.counts.iter().zip(&next.counts);
        Self::new(self.first, counts.map(|(a, b)| a + b).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts() -> Contexts {
        Contexts {
            indices: (0..50).map(|at| 120 + (at * 7 % 19) as u8).collect(),
            bounds: vec![-31, -24, -20, 3],
        }
    }

    #[test]
    fn contexts_are_read_as_written() {
        let mut bytes = Vec::new();
        contexts().write(&mut bytes);
        let mut rest = bytes.as_slice();
        assert_eq!(Contexts::read(&mut rest, 50).unwrap(), contexts());
        assert!(rest.is_empty());
        for end in 0..bytes.len() {
            assert!(Contexts::read(&mut &bytes[..end], 50).is_err(), "{end}");
        }
    }

    #[test]
    fn a_table_follows_from_scale_and_factor_alone() {
        let contexts = contexts();
        let mut tables = Vec::new();
        let scales = [0.01, 0.0, 0.03, 0.01];
        contexts.tables_of_rows(&scales, &mut tables);
        for (row, scale) in scales.iter().enumerate() {
            for (col, factor) in contexts.factors().iter().enumerate() {
                let context = quarters(*scale) - quarters(*factor);
                let passed = contexts.bounds.iter().filter(|bound| **bound <= context);
                assert_eq!(usize::from(tables[row * 50 + col]), passed.count());
            }
        }
        assert!(tables.contains(&0) && tables.contains(&3), "{tables:?}");
    }

    #[test]
    fn contexts_with_equal_codes_share_a_table_and_others_do_not() {
        let scales = [0.5f32; 64];
        let factors: Vec<f32> = (0..64)
            .map(|col| if col < 32 { 1.0 } else { 0.25 })
            .collect();
        for (narrow, wide, expected) in [(3, 3, 1), (3, 24, 2)] {
            let code = |at: usize| {
                let width = if at % 64 < 32 { narrow } else { wide };
                ((at * 2_654_435_761) >> 7) as i64 % width - width / 2
            };
            let codes: Vec<i8> = (0..64 * 64).map(|at| code(at) as i8).collect();
            let counted = Counted::new(&scales, &factors);
            let counts: Vec<u64> = counted
                .count(&scales, &codes)
                .iter()
                .map(|n| u64::from(*n))
                .collect();
            let (contexts, tables) = counted.tables(&counts, 128, 256);
            assert_eq!((contexts.tables(), tables.len()), (expected, expected));
        }
    }
}
