//! More about kernels that are `exact` in the table than its battery asks: all widths of codes, awkward scales, every f16, NaNs with
//! their payload.

mod common;

use common::{AWKWARD, Noise, bits, instances, lengths, wild};
use kerf_kernels::dispatch::CodeRange;
use kerf_kernels::{Isa, Kernels};

const RANGES: [(u32, CodeRange); 7] = {
    let mut ranges = [(0, CodeRange { lo: 0, hi: 0 }); 7];
    let mut bits = 2;
    while bits <= 8 {
        let half = 1i32 << (bits - 1);
        let (lo, hi) = (-half as i8, (half - 1) as i8);
        ranges[bits - 2] = (bits as u32, CodeRange { lo, hi });
        bits += 1;
    }
    ranges
};

/// Runs `check` on every instance with values of every length, not aligned to a vector.
fn for_all(seed: u64, check: impl Fn(&Kernels, &Kernels, &[f32], &mut Noise)) {
    let reference = Kernels::reference();
    for kernels in instances() {
        let mut noise = Noise(seed);
        for n in lengths() {
            for offset in [0, 1, 3] {
                let values = wild(&mut noise, n + offset);
                check(&kernels, &reference, &values[offset..], &mut noise);
            }
        }
    }
}

/// Both instances fill a slice of NaN; the bits must be equal.
fn same_f32(a: &Kernels, b: &Kernels, n: usize, run: impl Fn(&Kernels, &mut [f32])) {
    let (mut x, mut y) = (vec![f32::NAN; n], vec![f32::NAN; n]);
    run(a, &mut x);
    run(b, &mut y);
    assert_eq!(bits(&x), bits(&y), "{:?}, length {n}", a.isa());
}

fn same<T: PartialEq + std::fmt::Debug>(a: &Kernels, b: &Kernels, run: impl Fn(&Kernels) -> T) {
    assert_eq!(run(a), run(b), "{:?}", a.isa());
}

/// Makes NaNs equal: IEEE 754 leaves open which NaN an operation gives.
fn canonical(values: &mut [f32]) {
    values
        .iter_mut()
        .filter(|v| v.is_nan())
        .for_each(|v| *v = f32::NAN);
}

#[test]
fn scores() {
    for_all(1, |a, b, w, noise| {
        let norm = wild(noise, w.len());
        same_f32(a, b, w.len(), |k, out| k.magnitude_scores(w, out));
        same_f32(a, b, w.len(), |k, out| {
            k.wanda_scores(w, &norm, out);
            canonical(out);
        });
        same_f32(a, b, w.len(), |k, out| {
            k.obs_scores(w, &norm, out);
            canonical(out);
        });
    });
}

#[test]
fn histograms_and_masks() {
    for_all(2, |a, b, w, noise| {
        let scores: Vec<f32> = w.iter().map(|w| w.abs()).collect();
        let one = scores
            .get(noise.below(scores.len().max(1)))
            .copied()
            .unwrap_or(1.0);
        for (shift, prefix) in [(20, 0), (9, one.to_bits() >> 20), (0, one.to_bits() >> 9)] {
            same(a, b, |k| {
                let mut hist = vec![3u32; 2048];
                k.histogram(&scores, shift, prefix, &mut hist);
                hist
            });
        }
        for threshold in [one, 0.0, -1.0, f32::INFINITY, f32::NAN] {
            same(a, b, |k| {
                let mut mask = vec![0xffu8; w.len().div_ceil(8)];
                k.mask_above(w, threshold, &mut mask);
                mask
            });
        }
    });
}

#[test]
fn every_score_is_counted_once() {
    let mut noise = Noise(3);
    let scores: Vec<f32> = (0..20_000).map(|_| noise.value().abs()).collect();
    for kernels in instances() {
        let mut hist = vec![0u32; 2048];
        kernels.histogram(&scores, 20, 0, &mut hist);
        assert_eq!(hist.iter().sum::<u32>(), 20_000);
        // Walking down the digits finds the median exactly.
        let median = select(&kernels, &scores, 10_000);
        let mut sorted = scores.clone();
        sorted.sort_by(f32::total_cmp);
        assert_eq!(median, sorted[10_000]);
    }
}

/// The score of the given rank, from the lowest, by three histograms.
fn select(kernels: &Kernels, scores: &[f32], rank: usize) -> f32 {
    let (mut prefix, mut rank) = (0u32, rank as u32);
    for (shift, width) in [(20, 11), (9, 11), (0, 9)] {
        let mut hist = vec![0u32; 2048];
        kernels.histogram(scores, shift, prefix, &mut hist);
        let digit = hist.iter().position(|count| {
            let here = rank < *count;
            rank -= if here { 0 } else { *count };
            here
        });
        prefix = prefix << width | digit.expect("the rank lies in one digit") as u32;
    }
    f32::from_bits(prefix)
}

#[test]
fn codes_and_scales() {
    for_all(4, |a, b, w, noise| {
        let mask: Vec<u8> = (0..w.len() / 8 + 3).map(|_| noise.bits() as u8).collect();
        for (_, range) in RANGES {
            for scale in [0.0, 0.25, 0.1, 1e-30, 3e4] {
                let run = |k: &Kernels| {
                    let mut codes = vec![99i8; w.len()];
                    k.quantize(w, scale, range, &mut codes);
                    codes
                };
                same(a, b, run);
                let codes = run(a);
                same_f32(a, b, w.len(), |k, out| k.dequantize(&codes, scale, out));
            }
            for (mask, bit) in [
                (None, 0),
                (Some(&mask[..]), 0),
                (Some(&mask[..]), 5),
                (Some(&mask[..]), 8),
            ] {
                same(a, b, |k| k.absmax_scale(w, mask, bit, range).to_bits());
            }
        }
        same_f32(a, b, w.len(), |k, out| {
            out.copy_from_slice(w);
            k.apply_mask(out, &mask);
        });
        let turned: Vec<f32> = w.iter().rev().copied().collect();
        let norms: Vec<f32> = w.iter().map(|w| w.abs() + 0.5).collect();
        same_f32(a, b, w.len(), |k, out| {
            k.admm_pull(&turned, &mask, w, &norms, out);
            canonical(out);
        });
        same_f32(a, b, w.len(), |k, out| {
            out.copy_from_slice(&turned);
            k.admm_step(out, &mask, w, &norms, &norms);
            canonical(out);
        });
    });
}

#[test]
fn compaction_and_bit_streams() {
    for_all(5, |a, b, w, noise| {
        let n = w.len();
        for density in [0, 1, 3, 7, 8] {
            let mut bit = || u8::from(noise.below(8) < density);
            let mask: Vec<u8> = (0..n.div_ceil(8))
                .map(|_| (0..8).fold(0, |m, i| m | bit() << i))
                .collect();
            let codes: Vec<i8> = (0..n).map(|_| noise.bits() as i8).collect();
            let compact = |k: &Kernels| {
                let mut out = vec![0i8; n];
                let count = k.compact_codes(&codes, &mask, &mut out);
                out.truncate(count);
                out
            };
            same(a, b, compact);
            let values = |k: &Kernels| {
                let mut out = vec![0.0f32; n];
                let count = k.compact_values(w, &mask, &mut out);
                out.truncate(count);
                out.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
            };
            same(a, b, values);
            let packed = compact(a);
            let expand = |k: &Kernels| {
                let mut out = vec![77i8; n];
                (k.expand_codes(&packed, &mask, &mut out), out)
            };
            same(a, b, expand);
            let kept: Vec<i8> = (0..n)
                .map(|j| {
                    if mask[j / 8] >> (j % 8) & 1 == 1 {
                        codes[j]
                    } else {
                        0
                    }
                })
                .collect();
            assert_eq!(expand(a), (packed.len(), kept));
        }
        for (bits, range) in RANGES {
            let span = 1usize << bits;
            let codes: Vec<i8> = (0..n)
                .map(|_| (noise.below(span) as i32 + i32::from(range.lo)) as i8)
                .collect();
            let pack = |k: &Kernels| {
                let mut out = vec![0xaau8; (n * bits as usize).div_ceil(8)];
                k.pack_bits(&codes, bits, &mut out);
                out
            };
            same(a, b, pack);
            let packed = pack(a);
            let unpack = |k: &Kernels| {
                let mut out = vec![0i8; n];
                k.unpack_bits(&packed, bits, &mut out);
                out
            };
            same(a, b, unpack);
            assert_eq!(unpack(a), codes, "{bits} bits");
        }
    });
}

#[test]
fn conversions() {
    for_all(6, |a, b, w, noise| {
        let halves: Vec<u16> = (0..w.len()).map(|_| noise.bits() as u16).collect();
        same_f32(a, b, w.len(), |k, out| k.bf16_to_f32(&halves, out));
        same_f32(a, b, w.len(), |k, out| k.f16_to_f32(&halves, out));
        same(a, b, |k| {
            let mut out = vec![0u16; w.len()];
            k.f32_to_bf16(w, &mut out);
            out
        });
        same(a, b, |k| {
            let mut out = vec![0u16; w.len()];
            k.f32_to_f16(w, &mut out);
            out
        });
        same(a, b, |k| k.first_non_finite(w));
        let mut tame: Vec<f32> = w
            .iter()
            .map(|w| if w.is_finite() { *w } else { 0.5 })
            .collect();
        assert_eq!(a.first_non_finite(&tame), None);
        if let Some(last) = tame.last_mut() {
            *last = f32::NEG_INFINITY;
            assert_eq!(a.first_non_finite(&tame), Some(tame.len() - 1));
        }
    });
}

#[test]
fn every_f16_and_its_neighbours() {
    let reference = Kernels::reference();
    let all: Vec<u16> = (0..=u16::MAX).collect();
    for kernels in instances() {
        let mut wide = vec![0.0; all.len()];
        kernels.f16_to_f32(&all, &mut wide);
        let mut expected = vec![0.0; all.len()];
        reference.f16_to_f32(&all, &mut expected);
        assert_eq!(bits(&wide), bits(&expected));
        // Around every f16 and every midpoint between two of them.
        let near = wide.iter().flat_map(|w| {
            [-0x1001i32, -0x1000, -0xfff, -1, 0, 1, 0xfff, 0x1000]
                .map(|d| f32::from_bits(w.to_bits().wrapping_add_signed(d)))
        });
        let near: Vec<f32> = near.chain(AWKWARD.map(f32::from_bits)).collect();
        let (mut got, mut expected) = (vec![0u16; near.len()], vec![0u16; near.len()]);
        kernels.f32_to_f16(&near, &mut got);
        reference.f32_to_f16(&near, &mut expected);
        assert_eq!(got, expected);
    }
}

#[test]
fn simple_maps() {
    for_all(7, |a, b, x, noise| {
        let y = wild(noise, x.len());
        same_f32(a, b, x.len(), |k, out| {
            out.copy_from_slice(x);
            k.relu(out);
        });
        same_f32(a, b, x.len(), |k, out| {
            out.copy_from_slice(&y);
            k.mul(x, out);
            canonical(out);
        });
    });
}

#[test]
fn detection_runs_something() {
    let kernels = Kernels::detect();
    assert!(Kernels::force(kernels.isa()).is_some());
    for isa in Isa::ALL {
        assert_eq!(Isa::from_id(isa.id()), Some(isa));
    }
    assert_eq!(Isa::from_id("AVX9"), None);
}
