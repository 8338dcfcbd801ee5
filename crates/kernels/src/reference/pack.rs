//! Bitmaps and bit streams of codes.

use super::quantize::keeps;

/// See [`crate::Kernels::compact_codes`].
pub fn compact_codes(codes: &[i8], mask: &[u8], out: &mut [i8]) -> usize {
    compact(codes, mask, out)
}

/// See [`crate::Kernels::compact_values`].
pub fn compact_values(values: &[f32], mask: &[u8], out: &mut [f32]) -> usize {
    compact(values, mask, out)
}

fn compact<T: Copy>(all: &[T], mask: &[u8], out: &mut [T]) -> usize {
    let mut count = 0;
    for (j, one) in all.iter().enumerate() {
        if keeps(Some(mask), j) {
            out[count] = *one;
            count += 1;
        }
    }
    count
}

/// See [`crate::Kernels::expand_codes`].
pub fn expand_codes(packed: &[i8], mask: &[u8], out: &mut [i8]) -> usize {
    let mut used = 0;
    for (j, code) in out.iter_mut().enumerate() {
        *code = 0;
        if keeps(Some(mask), j) {
            *code = packed[used];
            used += 1;
        }
    }
    used
}

/// Smallest code of `bits` bits, as it is subtracted from a code before packing.
#[inline(always)]
pub(crate) fn lowest_code(bits: u32) -> i32 {
    assert!((2..=8).contains(&bits), "bits per code must be 2..=8");
    -(1 << (bits - 1))
}

/// See [`crate::Kernels::pack_bits`].
pub fn pack_bits(codes: &[i8], bits: u32, out: &mut [u8]) {
    let lo = lowest_code(bits);
    let mut bytes = out.iter_mut();
    let (mut pending, mut held) = (0u32, 0u32);
    for code in codes {
        pending |= ((i32::from(*code) - lo) as u32 & ((1 << bits) - 1)) << held;
        held += bits;
        if held >= 8 {
            *bytes.next().expect("out has room for all codes") = pending as u8;
            pending >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        *bytes.next().expect("out has room for all codes") = pending as u8;
    }
}

/// See [`crate::Kernels::unpack_bits`].
pub fn unpack_bits(packed: &[u8], bits: u32, codes: &mut [i8]) {
    let lo = lowest_code(bits);
    let mut bytes = packed.iter();
    let (mut pending, mut held) = (0u32, 0u32);
    for code in codes {
        if held < bits {
            let byte = bytes.next().expect("packed holds all codes");
            pending |= u32::from(*byte) << held;
            held += 8;
        }
        *code = ((pending & ((1 << bits) - 1)) as i32 + lo) as i8;
        pending >>= bits;
        held -= bits;
    }
}
