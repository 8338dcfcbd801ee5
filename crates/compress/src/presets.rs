//! Named settings: each fills in options that were not given. Sizes (`preset`) and effort (`quality`), one row each.

use crate::options::Options;

/// A row of one of the tables.
pub struct Preset {
    /// Stable id, as options have it.
    pub id: &'static str,
    /// What to expect, in one line.
    pub about: &'static str,
    /// Sets what it stands for.
    values: fn() -> Options,
}

impl Preset {
    /// Fills in what the options leave open.
    pub fn fill(&self, options: &mut Options) {
        let values = (self.values)();
        options.method = options.method.take().or(values.method);
        options.schedule = options.schedule.take().or(values.schedule);
        options.granularity = options.granularity.take().or(values.granularity);
        options.levels = options.levels.or(values.levels);
        options.slope = options.slope.or(values.slope);
        options.loss_scale = options.loss_scale.take().or(values.loss_scale);
        options.generations = options.generations.or(values.generations);
        options.sparsity = options.sparsity.or(values.sparsity);
        if options.target_bits.is_none() && options.target_bytes.is_none() {
            options.bits = options.bits.or(values.bits);
        }
        options.group_size = options.group_size.or(values.group_size);
        options.embedding_bits = options.embedding_bits.or(values.embedding_bits);
        options.tokens = options.tokens.or(values.tokens);
        options.iterations = options.iterations.or(values.iterations);
        options.sweeps = options.sweeps.or(values.sweeps);
        options.blend = options.blend.or(values.blend);
    }
}

fn sized(method: &str, sparsity: f64, bits: u8) -> Options {
    Options {
        method: Some(method.into()),
        sparsity: Some(sparsity),
        bits: Some(bits),
        ..Options::default()
    }
}

fn effort(tokens: usize, iterations: usize, sweeps: usize) -> Options {
    Options {
        tokens: Some(tokens),
        iterations: Some(iterations),
        sweeps: Some(sweeps),
        ..Options::default()
    }
}

/// How small: docs/guide.md has what each cost on the models measured.
pub fn sizes() -> &'static [Preset] {
    &[
        Preset {
            id: "safe",
            about: "8 bits, nothing removed, no calibration: the loss is too small to measure",
            values: || sized("rtn", 0.0, 8),
        },
        Preset {
            id: "light",
            about: "4 bits, nothing removed, calibrated",
            values: || sized("joint", 0.0, 4),
        },
        Preset {
            id: "compact",
            about: "3 bits, nothing removed, calibrated",
            values: || sized("joint", 0.0, 3),
        },
        Preset {
            id: "half",
            about: "50 % removed, 4 bits, calibrated",
            values: || sized("joint", 0.5, 4),
        },
        Preset {
            id: "small",
            about: "70 % removed, 4 bits, calibrated: what is done without a preset",
            values: || sized("joint", 0.7, 4),
        },
        Preset {
            id: "tiny",
            about: "80 % removed, 4 bits, calibrated: visibly worse",
            values: || sized("joint", 0.8, 4),
        },
    ]
}

/// How much effort.
pub fn qualities() -> &'static [Preset] {
    &[
        Preset {
            id: "fast",
            about: "4,096 calibration tokens, without the dense model beside them and without probes",
            values: || Options {
                blend: Some(0.0),
                schedule: Some("uniform".into()),
                ..effort(4096, 0, 1)
            },
        },
        Preset {
            id: "balanced",
            about: "16,384 calibration tokens: what is done without a quality",
            values: || effort(16384, 8, 2),
        },
        Preset {
            id: "best",
            about: "65,536 calibration tokens",
            values: || effort(65536, 60, 8),
        },
    ]
}

/// The effort that is made if none is asked for.
pub fn default_quality() -> &'static Preset {
    &qualities()[1]
}

/// Ids of a table, in order.
pub fn ids(table: &'static [Preset]) -> Vec<&'static str> {
    table.iter().map(|preset| preset.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_resolves_and_yields_to_what_is_given() {
        for preset in sizes() {
            let options = Options {
                preset: Some(preset.id.into()),
                bits: Some(3),
                ..Options::default()
            };
            let settings = options.resolve().unwrap();
            assert_eq!(settings.options.bits, Some(3), "{}", preset.id);
        }
        for quality in qualities() {
            let options = |tokens| Options {
                quality: Some(quality.id.into()),
                tokens,
                ..Options::default()
            };
            let filled = options(None).resolve().unwrap().options;
            assert_eq!(filled.tokens, (quality.values)().tokens, "{}", quality.id);
            let given = options(Some(77)).resolve().unwrap().options;
            assert_eq!(given.tokens, Some(77));
        }
    }

    #[test]
    fn the_rows_that_claim_to_be_the_default_are() {
        let default = Options::default().resolve().unwrap().options;
        let named = Options {
            preset: Some("small".into()),
            quality: Some("balanced".into()),
            ..Options::default()
        };
        let mut named = named.resolve().unwrap().options;
        (named.preset, named.quality) = (None, None);
        assert_eq!(named, default);
    }
}
