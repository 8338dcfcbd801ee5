//! Bitmaps and bit streams of codes, eight at a time.

use crate::reference;
use crate::reference::pack::lowest_code;
use crate::simd::Simd;

/// For each byte of a bitmap, where the places of its set bits lie: byte i is the place of the i-th set bit, 128 behind
/// the last one.
static COMPACT: [u64; 256] = indices(false);
/// The inverse: byte i is how many bits are set before bit i, if that is set, else 128.
static EXPAND: [u64; 256] = indices(true);

const fn indices(inverse: bool) -> [u64; 256] {
    let mut table = [0; 256];
    let mut mask = 0;
    while mask < 256 {
        let mut bytes = [128u8; 8];
        let (mut bit, mut set) = (0, 0);
        while bit < 8 {
            if mask >> bit & 1 == 1 {
                if inverse {
                    bytes[bit] = set as u8;
                } else {
                    bytes[set] = bit as u8;
                }
                set += 1;
            }
            bit += 1;
        }
        table[mask] = u64::from_le_bytes(bytes);
        mask += 1;
    }
    table
}

#[inline(always)]
fn load8(bytes: [i8; 8]) -> u64 {
    u64::from_le_bytes(bytes.map(|b| b as u8))
}

#[inline(always)]
fn store8(word: u64, out: &mut [i8; 8]) {
    *out = word.to_le_bytes().map(|b| b as i8);
}

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
    count + reference::compact_codes(tail, tail_mask, &mut out[count..])
}

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
    used + reference::expand_codes(&packed[used..], &mask[done..], &mut out[8 * done..])
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

/// The low `bits` bits of every field of `width` bits.
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

/// Eight codes, a byte each, to eight fields of `BITS` bits: neighbours are moved together, three times.
#[inline(always)]
fn squeeze<const BITS: u32>(codes: u64) -> u64 {
    // Adding 2^(BITS - 1) modulo 2^BITS is flipping that bit.
    let mut x = (codes ^ every(1 << (BITS - 1))) & every(((1u16 << BITS) - 1) as u8);
    let mut bits = BITS;
    let mut width = 8;
    while width < 64 && BITS < 8 {
        let even = low_bits(bits, width);
        x = (x & even) | (x >> (width - bits) & even << bits);
        bits *= 2;
        width *= 2;
    }
    x
}

/// The inverse of [`squeeze`].
#[inline(always)]
fn spread<const BITS: u32>(fields: u64) -> u64 {
    let mut x = fields;
    let mut width = 32;
    while width >= 8 && BITS < 8 {
        let bits = BITS * width / 8;
        let even = low_bits(bits, width);
        x = (x & even) | ((x & even << bits) << (width - bits));
        width /= 2;
    }
    // Byte by byte minus 2^(BITS - 1), without borrows between the bytes.
    let top = every(0x80);
    if BITS == 8 {
        return x ^ top;
    }
    ((x | top) - every(1 << (BITS - 1))) ^ top
}

#[inline(always)]
pub(crate) fn pack_bits<S: Simd>(_: S, codes: &[i8], bits: u32, out: &mut [u8]) {
    lowest_code(bits);
    with_bits!(bits, pack_as(codes, out));
}

#[inline(always)]
fn pack_as<const BITS: u32>(codes: &[i8], out: &mut [u8]) {
    let (eights, tail) = codes.as_chunks::<8>();
    let (whole, rest) = out.split_at_mut(eights.len() * BITS as usize);
    for (codes, out) in eights.iter().zip(whole.chunks_exact_mut(BITS as usize)) {
        let word = squeeze::<BITS>(load8(*codes)).to_le_bytes();
        out.copy_from_slice(&word[..BITS as usize]);
    }
    reference::pack_bits(tail, BITS, rest);
}

#[inline(always)]
pub(crate) fn unpack_bits<S: Simd>(_: S, packed: &[u8], bits: u32, codes: &mut [i8]) {
    lowest_code(bits);
    with_bits!(bits, unpack_as(packed, codes));
}

#[inline(always)]
fn unpack_as<const BITS: u32>(packed: &[u8], codes: &mut [i8]) {
    let (eights, tail) = codes.as_chunks_mut::<8>();
    let (whole, rest) = packed.split_at(eights.len() * BITS as usize);
    for (codes, packed) in eights.iter_mut().zip(whole.chunks_exact(BITS as usize)) {
        let mut word = [0; 8];
        word[..BITS as usize].copy_from_slice(packed);
        store8(spread::<BITS>(u64::from_le_bytes(word)), codes);
    }
    reference::unpack_bits(rest, BITS, tail);
}
