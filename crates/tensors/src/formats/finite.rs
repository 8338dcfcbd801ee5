//! Checks floats that are copied byte by byte for NaN and infinity.

use crate::{DType, TensorsError};

/// `NON_FINITE` if a value in `bytes` is NaN or infinite. `before` is the number of bytes of the tensor before these. Types other
/// than floats pass. Infinities pass too in a tensor whose name says that it is a mask, because masks consist of them.
pub(super) fn check(
    name: &str,
    dtype: DType,
    before: u64,
    bytes: &[u8],
) -> Result<(), TensorsError> {
    let masks = name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.contains("mask"));
    let found = match dtype {
        DType::F16 => first::<2>(bytes, |bytes| {
            is_bad(u16::from_le_bytes(bytes).into(), 0x7c00, 0x7fff, masks)
        }),
        DType::BF16 => first::<2>(bytes, |bytes| {
            is_bad(u16::from_le_bytes(bytes).into(), 0x7f80, 0x7fff, masks)
        }),
        DType::F32 => first::<4>(bytes, |bytes| {
            is_bad(
                u32::from_le_bytes(bytes).into(),
                0x7f80_0000,
                0x7fff_ffff,
                masks,
            )
        }),
        DType::F64 => first::<8>(bytes, |bytes| {
            is_bad(u64::from_le_bytes(bytes), 0x7ff0 << 48, !0 >> 1, masks)
        }),
        _ => None,
    };
    match found {
        None => Ok(()),
        Some((at, value)) => Err(TensorsError::NonFinite {
            tensor: name.to_owned(),
            index: before * 8 / dtype.bits() + at as u64,
            value: value.into(),
        }),
    }
}

/// Index of the first bad value, and its name.
fn first<const N: usize>(
    bytes: &[u8],
    bad: impl Fn([u8; N]) -> Option<&'static str>,
) -> Option<(usize, &'static str)> {
    let values = bytes.as_chunks::<N>().0;
    // Few pieces have a bad value. A loop without an early exit can run in vector registers.
    let any = values
        .iter()
        .fold(false, |any, value| any | bad(*value).is_some());
    let at = any.then(|| values.iter().position(|value| bad(*value).is_some()))??;
    Some((at, bad(values[at])?))
}

/// Name of the value with these bits, if it is NaN or infinite. `exponent` is the mask of the exponent's bits; `unsigned` is the
/// mask of all bits but the sign. With `masks`, infinity is allowed.
fn is_bad(bits: u64, exponent: u64, unsigned: u64, masks: bool) -> Option<&'static str> {
    let magnitude = bits & unsigned;
    if magnitude < exponent || (masks && magnitude == exponent) {
        return None;
    }
    Some(match (magnitude == exponent, bits == magnitude) {
        (false, _) => "NaN",
        (true, true) => "inf",
        (true, false) => "-inf",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::{bf16, f16};

    fn code(dtype: DType, bytes: &[u8]) -> Result<(), String> {
        check("norm.weight", dtype, 80, bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn every_float_type_is_looked_at() {
        for (value, text) in [
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            for (dtype, max, bad) in [
                (
                    DType::F16,
                    f16::MAX.to_le_bytes().to_vec(),
                    f16::from_f64(value).to_le_bytes().to_vec(),
                ),
                (
                    DType::BF16,
                    bf16::MIN.to_le_bytes().to_vec(),
                    bf16::from_f64(value).to_le_bytes().to_vec(),
                ),
                (
                    DType::F32,
                    f32::MIN.to_le_bytes().to_vec(),
                    (value as f32).to_le_bytes().to_vec(),
                ),
                (
                    DType::F64,
                    f64::MAX.to_le_bytes().to_vec(),
                    value.to_le_bytes().to_vec(),
                ),
            ] {
                assert_eq!(code(dtype, &max.repeat(5)), Ok(()), "{dtype:?}");
                let error = code(dtype, &[max.repeat(3), bad].concat()).unwrap_err();
                let index = 640 / dtype.bits() + 3;
                assert!(
                    error.contains(&format!("a {text} at element {index};")),
                    "{dtype:?}: {error}"
                );
            }
        }
        assert_eq!(code(DType::I64, &[0xff; 8]), Ok(()));
    }

    #[test]
    fn masks_may_be_infinite_and_no_more() {
        let bytes = |value: f32| value.to_le_bytes();
        let of = |name: &str, value: f32| check(name, DType::F32, 0, &bytes(value)).is_ok();
        assert!(of("model.causal_mask", f32::NEG_INFINITY));
        assert!(!of("model.causal_mask", f32::NAN));
        assert!(!of("masked.weight", f32::NEG_INFINITY));
    }
}
