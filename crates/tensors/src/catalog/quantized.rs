//! Recognizes quantized weights by names and element types of tensors, for models whose small files do not mention the
//! quantization.

use super::{Stored, TensorEntry};
use crate::DType;
use crate::files::quantization::Foreign;

/// Endings of tensor names that only one scheme uses.
const ENDS: [(&str, &str); 25] = [
    (".qweight", "gptq or awq"),
    (".qzeros", "gptq or awq"),
    (".g_idx", "gptq"),
    (".absmax", "bitsandbytes, 4 bit"),
    (".nested_absmax", "bitsandbytes, 4 bit"),
    (".quant_map", "bitsandbytes, 4 bit"),
    (".SCB", "bitsandbytes, 8 bit"),
    (".W_q", "hqq"),
    (".weight._data", "quanto"),
    (".weight_qdata", "torchao"),
    (":qdata", "torchao"),
    (".weight_packed", "compressed-tensors"),
    (".weight_g_idx", "compressed-tensors"),
    (".weight_zero_point", "compressed-tensors"),
    (".bitmask", "compressed-tensors, sparse"),
    (".codebooks", "aqlm"),
    (".in_perm_values", "spqr"),
    (".dense_weights", "spqr"),
    (".centroids.weight", "vptq"),
    (".tables2", "higgs"),
    (".trellis", "exl3"),
    (".q_invperm", "exl2"),
    (".q_scale_max", "exl2"),
    (".Qidxs", "quip#"),
    (".qbiases", "metal"),
];

/// The scheme in which the tensors of a safetensors model are quantized. `None` for plain weights.
pub(super) fn scheme(tensors: &[TensorEntry]) -> Option<Foreign> {
    let plain = |entry: &&TensorEntry| matches!(entry.stored, Stored::Plain(_));
    tensors.iter().filter(plain).find_map(|entry| {
        let scheme = of_tensor(&entry.name, entry.dtype, entry.shape.len())?;
        Some(Foreign {
            scheme: scheme.to_owned(),
            evidence: format!("tensor {} of {}", entry.name, entry.dtype.name()),
        })
    })
}

/// The scheme that a single tensor reveals. `None` if it could be a plain weight.
fn of_tensor(name: &str, dtype: DType, dims: usize) -> Option<&'static str> {
    use DType::*;
    if name.contains(".quant_state.") {
        return Some("bitsandbytes, 4 bit");
    }
    if let Some((_, scheme)) = ENDS.iter().find(|(end, _)| name.ends_with(end)) {
        return Some(scheme);
    }
    match dtype {
        F8_E8M0 => return Some("mxfp, scales of F8_E8M0"),
        F8_E5M2 | F8_E4M3 | F8_E4M3FNUZ | F8_E5M2FNUZ => return Some("fp8"),
        F6_E2M3 | F6_E3M2 => return Some("fp6"),
        F4 => return Some("fp4"),
        U8 if name.ends_with("_blocks") => return Some("mxfp4"),
        _ => {}
    }
    let integers = matches!(dtype, I8 | U8 | I16 | U16 | I32 | U32);
    (integers && dims >= 2 && name.ends_with("weight")).then_some("weights stored as integers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Span;

    fn entry(name: &str, dtype: DType, shape: &[usize]) -> TensorEntry {
        TensorEntry {
            name: name.into(),
            dtype,
            shape: shape.to_vec(),
            stored: Stored::Plain(Span {
                shard: 0,
                offset: 0,
                len_bytes: 0,
            }),
        }
    }

    #[test]
    fn tensors_of_each_scheme_tell_it() {
        use DType::*;
        for (name, dtype, shape, scheme) in [
            (
                "layers.0.q_proj.qweight",
                I32,
                &[512, 4096][..],
                "gptq or awq",
            ),
            ("layers.0.q_proj.g_idx", I32, &[4096], "gptq"),
            (
                "layers.0.q_proj.weight.absmax",
                F32,
                &[131072],
                "bitsandbytes, 4 bit",
            ),
            (
                "layers.0.q_proj.weight.quant_state.bitsandbytes__nf4",
                U8,
                &[80],
                "bitsandbytes, 4 bit",
            ),
            ("layers.0.q_proj.SCB", F32, &[4096], "bitsandbytes, 8 bit"),
            (
                "layers.0.q_proj.weight",
                I8,
                &[4096, 4096],
                "weights stored as integers",
            ),
            ("layers.0.q_proj.weight", F8_E4M3, &[4096, 4096], "fp8"),
            ("layers.0.q_proj.weight_scale", F8_E4M3, &[4096, 256], "fp8"),
            (
                "layers.0.experts.gate_up_proj_blocks",
                U8,
                &[32, 5760, 90, 16],
                "mxfp4",
            ),
            (
                "layers.0.q_proj.weight_packed",
                I32,
                &[4096, 512],
                "compressed-tensors",
            ),
            (
                "layers.0.q_proj.weight_zero_point",
                I32,
                &[512, 32],
                "compressed-tensors",
            ),
            ("layers.0.q_proj.W_q", U8, &[4096, 2048], "hqq"),
            ("layers.0.q_proj.weight._data", U8, &[4096, 2048], "quanto"),
            ("layers.0.q_proj.weight_qdata", I8, &[4096, 2048], "torchao"),
            ("layers.0.q_proj.codebooks", F16, &[1, 65536, 1, 8], "aqlm"),
            (
                "layers.0.q_proj.weight",
                U32,
                &[4096, 512],
                "weights stored as integers",
            ),
            ("layers.0.q_proj.weight", F4, &[4096, 512], "fp4"),
        ] {
            let tensors = [entry("norm.weight", BF16, &[8]), entry(name, dtype, shape)];
            let found = super::scheme(&tensors).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(found.scheme, scheme);
            assert!(found.evidence.contains(name) && found.evidence.contains(dtype.name()));
        }
    }

    #[test]
    fn plain_models_tell_nothing() {
        use DType::*;
        let tensors = [
            entry("embeddings.position_ids", I64, &[1, 512]),
            entry("h.0.attn.bias", U8, &[1, 1, 1024, 1024]),
            entry("h.0.attn.bias", BOOL, &[1, 1, 1024, 1024]),
            entry("relative_position_index", I64, &[49, 49]),
            entry("layers.0.q_proj.weight", F32, &[8, 8]),
            entry("layers.0.q_proj.weight_scale_inv", F32, &[1, 1]),
            entry("logit_scale", F32, &[]),
            entry("bn.num_batches_tracked", I64, &[]),
            entry("blocks.0.weight_scales", F32, &[4]),
        ];
        assert_eq!(scheme(&tensors), None);
    }
}
