//! Named settings: each fills in options that were not given. Sizes (`preset`) and effort (`quality`), one row each.

use crate::options::Options;

/// A named size. Each is a point of the curve of entropy-constrained rounding, and where something else decides (a format that does not
/// code entropy, or options that say bits or zeros) so many bits of each code.
pub struct Size {
    /// Stable id, as options have it.
    pub id: &'static str,
    /// What to expect, in one line.
    pub about: &'static str,
    /// Bits a weight under entropy-constrained rounding; `None` rounds without calibration.
    pub target_bits: Option<f64>,
    /// Bits of a code where the size is not a point of the curve.
    pub bits: u8,
    /// Bits of embeddings in a format that codes entropy.
    pub embedding_bits: u8,
    /// Bits of the head there.
    pub head_bits: u8,
}

/// How small: docs/what-to-expect.md has what each cost on the models measured.
pub fn sizes() -> &'static [Size] {
    &[
        Size {
            id: "safe",
            about: "8 bits, no calibration: the loss is too small to measure",
            target_bits: None,
            bits: 8,
            embedding_bits: 8,
            head_bits: 8,
        },
        Size {
            id: "light",
            about: "5 bits, calibrated: hard to tell from the original; what is done without any size",
            target_bits: Some(5.0),
            bits: 8,
            embedding_bits: 6,
            head_bits: 8,
        },
        Size {
            id: "compact",
            about: "4 bits, calibrated: close to the original",
            target_bits: Some(4.0),
            bits: 4,
            embedding_bits: 5,
            head_bits: 7,
        },
        Size {
            id: "small",
            about: "3 bits, calibrated: a small language model gets noticeably worse",
            target_bits: Some(3.0),
            bits: 3,
            embedding_bits: 4,
            head_bits: 6,
        },
        Size {
            id: "tiny",
            about: "2 bits, calibrated: for encoders; most small language models break",
            target_bits: Some(2.0),
            bits: 2,
            embedding_bits: 4,
            head_bits: 6,
        },
    ]
}

/// The size that is taken if none is asked for.
pub fn default_size() -> &'static Size {
    &sizes()[1]
}

impl Size {
    /// Fills in what the options leave open. `codes_entropy`: whether the format codes what weights tell.
    pub fn fill(&self, options: &mut Options, codes_entropy: bool) {
        let budget = options.target_bits.is_some() || options.target_bytes.is_some();
        let entropy = options
            .method
            .as_deref()
            .is_none_or(|method| method == "entropy");
        let decided = options.sparsity.is_some()
            || options.keep_mask
            || options.bits.is_some()
            || options.pattern.is_some();
        if codes_entropy {
            options.embedding_bits = options.embedding_bits.or(Some(self.embedding_bits));
            options.head_bits = options.head_bits.or(Some(self.head_bits));
        }
        if budget {
            return;
        }
        match self
            .target_bits
            .filter(|_| codes_entropy && entropy && !decided)
        {
            Some(bits) => {
                options.method = Some("entropy".into());
                options.target_bits = Some(bits);
            }
            None => {
                let removes =
                    options.keep_mask || options.sparsity.is_some_and(|share| share > 0.0);
                let rounds = self.target_bits.is_none() && !removes && options.pattern.is_none();
                let method = if rounds { "rtn" } else { "joint" };
                options.method.get_or_insert_with(|| method.into());
                options.bits.get_or_insert(self.bits);
                if options.pattern.is_none() {
                    options.sparsity.get_or_insert(0.0);
                }
            }
        }
    }
}

/// A named effort.
pub struct Quality {
    /// Stable id, as options have it.
    pub id: &'static str,
    /// What it takes, in one line.
    pub about: &'static str,
    /// Calibration tokens.
    tokens: usize,
    /// Whether the dense model runs along and matrices are probed.
    looks_at_dense: bool,
    /// Whether what survived is taught afterwards; see [`super::recover`].
    pub(super) recovers: bool,
}

/// How much effort.
pub fn qualities() -> &'static [Quality; 3] {
    &[
        Quality {
            id: "fast",
            about: "4,096 calibration tokens, without the dense model beside them and without probes",
            tokens: 4096,
            looks_at_dense: false,
            recovers: false,
        },
        Quality {
            id: "balanced",
            about: "16,384 calibration tokens: what is done without a quality",
            tokens: 16384,
            looks_at_dense: true,
            recovers: false,
        },
        Quality {
            id: "best",
            about: "65,536 calibration tokens, on which what survived is taught afterwards",
            tokens: 65536,
            looks_at_dense: true,
            recovers: true,
        },
    ]
}

/// Place of a quality in the table, which is that of its defaults in [`crate::solve::param::Param`]; of the default one if none is named.
pub(super) fn quality_index(id: Option<&str>) -> usize {
    let id = id.unwrap_or(default_quality().id);
    let found = qualities().iter().position(|quality| quality.id == id);
    found.expect("qualities are looked up first")
}

/// The effort that is made if none is asked for.
pub fn default_quality() -> &'static Quality {
    &qualities()[1]
}

impl Quality {
    /// Fills in what the options leave open.
    pub fn fill(&self, options: &mut Options) {
        options.tokens.get_or_insert(self.tokens);
        if !self.looks_at_dense {
            options.blend.get_or_insert(0.0);
            options.schedule.get_or_insert_with(|| "uniform".into());
        }
    }
}

/// Ids of the sizes, in order.
pub fn size_ids() -> Vec<&'static str> {
    sizes().iter().map(|size| size.id).collect()
}

/// Ids of the qualities, in order.
pub fn quality_ids() -> Vec<&'static str> {
    qualities().iter().map(|quality| quality.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(options: Options) -> Options {
        options.resolve().unwrap().options
    }

    #[test]
    fn every_size_resolves_in_every_way_and_yields_to_what_is_given() {
        for size in sizes() {
            let preset = || Options {
                preset: Some(size.id.into()),
                ..Options::default()
            };
            let plain = filled(preset());
            assert_eq!(plain.target_bits, size.target_bits, "{}", size.id);
            assert_eq!(plain.sparsity, Some(0.0), "{}", size.id);
            let bits = filled(Options {
                bits: Some(6),
                ..preset()
            });
            assert_eq!(
                (bits.bits, bits.target_bits),
                (Some(6), None),
                "{}",
                size.id
            );
            let budget = filled(Options {
                target_bits: Some(2.5),
                ..preset()
            });
            assert_eq!(budget.target_bits, Some(2.5), "{}", size.id);
            assert_eq!(
                budget.embedding_bits,
                Some(size.embedding_bits),
                "{}",
                size.id
            );
        }
    }

    #[test]
    fn zeros_come_only_where_they_are_asked_for() {
        let zeros = filled(Options {
            preset: Some("small".into()),
            sparsity: Some(0.5),
            ..Options::default()
        });
        assert_eq!(
            (zeros.method.as_deref(), zeros.bits, zeros.sparsity),
            (Some("joint"), Some(3), Some(0.5))
        );
        let safe = filled(Options {
            preset: Some("safe".into()),
            sparsity: Some(0.5),
            ..Options::default()
        });
        assert_eq!(
            (safe.method.as_deref(), safe.bits, safe.sparsity),
            (Some("joint"), Some(8), Some(0.5))
        );
        let numbers = |sparsity, bits| {
            let options = filled(Options {
                sparsity,
                bits,
                ..Options::default()
            });
            assert_eq!(options.method.as_deref(), Some("joint"));
            (options.sparsity, options.bits)
        };
        assert_eq!(numbers(None, Some(4)), (Some(0.0), Some(4)));
        assert_eq!(numbers(Some(0.7), None), (Some(0.7), Some(4)));
        assert_eq!(numbers(Some(0.7), Some(3)), (Some(0.7), Some(3)));
    }

    #[test]
    fn every_quality_resolves_and_yields_to_what_is_given() {
        for quality in qualities() {
            let tokens = |tokens| {
                filled(Options {
                    quality: Some(quality.id.into()),
                    tokens,
                    ..Options::default()
                })
                .tokens
            };
            assert_eq!(tokens(None), Some(quality.tokens), "{}", quality.id);
            assert_eq!(tokens(Some(77)), Some(77));
        }
    }

    #[test]
    fn the_rows_that_claim_to_be_the_default_are() {
        let mut named = filled(Options {
            preset: Some(default_size().id.into()),
            quality: Some(default_quality().id.into()),
            ..Options::default()
        });
        (named.preset, named.quality) = (None, None);
        assert_eq!(named, filled(Options::default()));
    }
}
