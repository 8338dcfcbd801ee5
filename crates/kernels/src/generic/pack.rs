//! Bitmaps and bit streams of codes, eight at a time, and bitmaps of values, a vector at a time.

use super::quantize::bits_at;
use super::tables::{COMPACT, EXPAND};
use crate::reference;
use crate::reference::pack::lowest_code;
use crate::reference::quantize::keeps;
use crate::simd::{self, Simd};

#[inline(always)]
fn load8(bytes: [i8; 8]) -> u64 {
    u64::from_le_bytes(bytes.map(|b| b as u8))
}

#[inline(always)]
fn store8(word: u64, out: &mut [i8; 8]) {
    *out = word.to_le_bytes().map(|b| b as i8);
}

/// The plain form is [`crate::reference::pack::compact_codes`]: one code after the other, with a branch on its mask bit.
///
/// Departures:
///
/// 1. A byte of the mask decides about eight codes at once. A table of all 256 bytes ([`COMPACT`]) says where its set bits
///    lie, and one byte shuffle moves those codes to the front.
/// 2. All eight bytes are written, and the next ones overwrite what is too much. Fewer codes lie in front than were read, so
///    eight bytes fit.
/// 3. The last codes, fewer than eight, are the plain form.
#[inline(always)]
pub(crate) fn compact_codes<S: Simd>(simd: S, codes: &[i8], mask: &[u8], out: &mut [i8]) -> usize {
    let (eights, tail) = codes.as_chunks::<8>();
    let (bytes, tail_mask) = mask.split_at(eights.len());
    let mut count = 0;
    for (codes, byte) in eights.iter().zip(bytes) {
        // At most as many codes lie in front as were read, so eight bytes fit.
        let front = out[count..]
            .first_chunk_mut()
            .expect("out has a place for every code");
        store8(
            simd.shuffle_bytes(load8(*codes), COMPACT[usize::from(*byte)]),
            front,
        );
        count += byte.count_ones() as usize;
    }
    count + reference::pack::compact_codes(tail, tail_mask, &mut out[count..])
}

/// The plain form is [`crate::reference::pack::compact_values`]: one value after the other, with a branch on its mask bit.
///
/// The departures are those of [`compact_codes`], with a vector of values and [`Simd::store_chosen`] in the place of eight
/// codes and the table.
#[inline(always)]
pub(crate) fn compact_values<S: Simd>(
    simd: S,
    values: &[f32],
    mask: &[u8],
    out: &mut [f32],
) -> usize {
    assert!(out.len() >= values.len());
    let whole = values.len() - values.len() % S::LANES;
    let mut count = 0;
    for (index, lanes) in values[..whole].chunks_exact(S::LANES).enumerate() {
        let bits = bits_at(mask, index * S::LANES, S::LANES);
        // SAFETY: at most as many values lie in front as were read before, so a whole vector fits.
        unsafe {
            simd.store_chosen(
                simd::load::<S>(simd, lanes),
                bits,
                out.as_mut_ptr().add(count),
            )
        };
        count += bits.count_ones() as usize;
    }
    for (at, value) in values.iter().enumerate().skip(whole) {
        if keeps(Some(mask), at) {
            out[count] = *value;
            count += 1;
        }
    }
    count
}

/// The plain form is [`crate::reference::pack::expand_codes`]: one place after the other, with a branch on its mask bit.
///
/// Departures:
///
/// 1. A byte of the mask decides about eight places at once. A table ([`EXPAND`]) says for each place which of the next codes
///    it gets, or that it gets 0, and one byte shuffle puts them there.
/// 2. Eight codes are read where only some are used. Where fewer than eight are left, the plain form does the rest.
#[inline(always)]
pub(crate) fn expand_codes<S: Simd>(simd: S, packed: &[i8], mask: &[u8], out: &mut [i8]) -> usize {
    let (eights, _) = out.as_chunks_mut::<8>();
    let mut used = 0;
    let mut done = 0;
    for (codes, byte) in eights.iter_mut().zip(mask) {
        let Some(next) = packed[used..].first_chunk::<8>() else {
            break;
        };
        store8(
            simd.shuffle_bytes(load8(*next), EXPAND[usize::from(*byte)]),
            codes,
        );
        used += byte.count_ones() as usize;
        done += 1;
    }
    used + reference::pack::expand_codes(&packed[used..], &mask[done..], &mut out[8 * done..])
}

/// Runs a call with the number of bits as a constant: the shifts below are then constants too.
macro_rules! with_bits {
    ($bits:ident, $name:ident($($arg:expr),*)) => {
        match $bits {
            2 => $name::<2>($($arg),*),
            3 => $name::<3>($($arg),*),
            4 => $name::<4>($($arg),*),
            5 => $name::<5>($($arg),*),
            6 => $name::<6>($($arg),*),
            7 => $name::<7>($($arg),*),
            _ => $name::<8>($($arg),*),
        }
    };
}

/// The byte `b` in all eight places.
const fn every(b: u8) -> u64 {
    u64::from_ne_bytes([b; 8])
}

/// The low `bits` bits of every second field of `width` bits.
const fn low_bits(bits: u32, width: u32) -> u64 {
    let field = (1u64 << bits) - 1;
    let mut all = 0;
    let mut at = 0;
    while at < 64 {
        all |= field << at;
        at += 2 * width;
    }
    all
}

/// The masks of [`squeeze`] and [`spread`] for codes of `BITS` bits: fields of 8, 16 and 32 bits.
struct Fields<const BITS: u32>;

impl<const BITS: u32> Fields<BITS> {
    const HALF: u64 = every(1 << (BITS - 1));
    const CODE: u64 = every(((1u16 << BITS) - 1) as u8);
    const IN_8: u64 = low_bits(BITS, 8);
    const IN_16: u64 = low_bits(2 * BITS, 16);
    const IN_32: u64 = low_bits(4 * BITS, 32);
}

/// Moves every second field of `width` bits down to the `bits` bits of its neighbour.
#[inline(always)]
fn join(x: u64, even: u64, bits: u32, width: u32) -> u64 {
    (x & even) | ((x >> (width - bits)) & (even << bits))
}

/// The inverse of [`join`].
#[inline(always)]
fn part(x: u64, even: u64, bits: u32, width: u32) -> u64 {
    (x & even) | ((x & (even << bits)) << (width - bits))
}

/// Eight codes, a byte each, to eight fields of `BITS` bits: neighbours are moved together, three times.
#[inline(always)]
fn squeeze<const BITS: u32>(codes: u64) -> u64 {
    // Adding 2^(BITS - 1) modulo 2^BITS is flipping that bit.
    let x = (codes ^ Fields::<BITS>::HALF) & Fields::<BITS>::CODE;
    if BITS == 8 {
        return x;
    }
    let x = join(x, Fields::<BITS>::IN_8, BITS, 8);
    let x = join(x, Fields::<BITS>::IN_16, 2 * BITS, 16);
    join(x, Fields::<BITS>::IN_32, 4 * BITS, 32)
}

/// The inverse of [`squeeze`].
#[inline(always)]
fn spread<const BITS: u32>(fields: u64) -> u64 {
    let top = every(0x80);
    if BITS == 8 {
        return fields ^ top;
    }
    let x = part(fields, Fields::<BITS>::IN_32, 4 * BITS, 32);
    let x = part(x, Fields::<BITS>::IN_16, 2 * BITS, 16);
    let x = part(x, Fields::<BITS>::IN_8, BITS, 8);
    // Byte by byte minus 2^(BITS - 1), without borrows between the bytes.
    ((x | top) - Fields::<BITS>::HALF) ^ top
}

/// The plain form is [`crate::reference::pack::pack_bits`]: codes are pushed into a word, and full bytes taken from it.
///
/// Departures:
///
/// 1. Eight codes of b bits are b whole bytes, so eights do not depend on one another. They are squeezed inside one 64-bit
///    word: neighbours are moved together, three times ([`squeeze`]).
/// 2. The number of bits is a constant of the inner function, and so are all shifts and masks.
/// 3. A whole word is written where it fits, and the next one overwrites what is too much.
/// 4. The last codes, fewer than eight, are the plain form.
#[inline(always)]
pub(crate) fn pack_bits<S: Simd>(_: S, codes: &[i8], bits: u32, out: &mut [u8]) {
    lowest_code(bits);
    with_bits!(bits, pack_as(codes, out));
}

#[inline(always)]
fn pack_as<const BITS: u32>(codes: &[i8], out: &mut [u8]) {
    let bytes = BITS as usize;
    let (eights, tail) = codes.as_chunks::<8>();
    let mut at = 0;
    for codes in eights {
        let word = squeeze::<BITS>(load8(*codes)).to_le_bytes();
        // A whole word where it fits: the next one writes over what is too much.
        match out[at..].first_chunk_mut::<8>() {
            Some(whole) => *whole = word,
            None => out[at..at + bytes].copy_from_slice(&word[..bytes]),
        }
        at += bytes;
    }
    let used = (tail.len() * bytes).div_ceil(8);
    reference::pack::pack_bits(tail, BITS, &mut out[at..at + used]);
}

/// The plain form is [`crate::reference::pack::unpack_bits`]: bytes are pushed into a word, and codes taken from it.
///
/// The departures are those of [`pack_bits`] in the other direction ([`spread`]).
#[inline(always)]
pub(crate) fn unpack_bits<S: Simd>(_: S, packed: &[u8], bits: u32, codes: &mut [i8]) {
    lowest_code(bits);
    with_bits!(bits, unpack_as(packed, codes));
}

#[inline(always)]
fn unpack_as<const BITS: u32>(packed: &[u8], codes: &mut [i8]) {
    let bytes = BITS as usize;
    let (eights, tail) = codes.as_chunks_mut::<8>();
    let mut at = 0;
    for codes in eights {
        // What is too much of a whole word is masked away.
        let word = match packed[at..].first_chunk::<8>() {
            Some(whole) => *whole,
            None => {
                let mut word = [0; 8];
                word[..bytes].copy_from_slice(&packed[at..at + bytes]);
                word
            }
        };
        store8(spread::<BITS>(u64::from_le_bytes(word)), codes);
        at += bytes;
    }
    reference::pack::unpack_bits(&packed[at..], BITS, tail);
}
