//! The options of a compression, the same type from the command line to the container's metadata, and what they resolve to.

use crate::CompressError;
use crate::methods::{self, Method};
use crate::pattern::Pattern;
use crate::schedules::{self, Schedule};
use kerf_kernels::Isa;
use kerf_tensors::{Grid, formats};
use serde::{Deserialize, Serialize};

/// What to remove, and how. Unknown fields are errors; every field has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Options {
    /// Share of the weights of each target matrix to remove, 0 to 0.99. Default: what an N:M pattern says; 0 for `rtn`; else 0.7.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparsity: Option<f64>,
    /// Bits of a code, 2 to 8; 16 keeps the survivors in the source's float type. Default 4.
    pub bits: u8,
    /// Columns that share a scale, a multiple of 8; 0 = a whole row. Default 128.
    pub group_size: usize,
    /// Id of the method table: `rtn`, `magnitude`, `wanda`, `obs`. Default `obs`.
    pub method: String,
    /// Id of the schedule table. Default `uniform`.
    pub schedule: String,
    /// `unstructured`, `row` (the same count in every row) or `N:M` such as `2:4` (sets the sparsity to 1 - N/M). Default: what
    /// the method's paper uses (`row` for wanda, else `unstructured`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Bits of embeddings and head, 2 to 8, or 16 to keep them as they are. Default 8.
    pub embedding_bits: u8,
    /// Share of embedding weights to remove by magnitude, 0 to 0.99. Default 0.
    pub embedding_sparsity: f64,
    /// Upper limit of calibration tokens. Default 16384.
    pub tokens: usize,
    /// Damping of the Hessian, relative to its mean diagonal; raised tenfold as often as needed. Default 0.01.
    pub damping_rel: f64,
    /// Peak memory that the run may use, in bytes; 0 = no limit. Refused before the start if it cannot be kept.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub max_memory_bytes: u64,
    /// Worker threads; 0 = all of the machine.
    pub threads: usize,
    /// Seed of everything random.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub seed: u64,
    /// A repair (more damping, dead columns, a fallback) is an error.
    pub strict: bool,
    /// Id of the instruction set; `portable` gives the same bytes on every machine, slowly. Default: the best of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isa: Option<String>,
    /// Form of the result: `kerf` or `safetensors` (dense, exact zeros). Default `kerf`.
    pub format: String,
    /// Largest file of the result, in bytes. Default 5 GB.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub max_shard_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sparsity: None,
            bits: 4,
            group_size: 128,
            method: "obs".into(),
            schedule: "uniform".into(),
            pattern: None,
            embedding_bits: 8,
            embedding_sparsity: 0.0,
            tokens: 16384,
            damping_rel: 0.01,
            max_memory_bytes: 0,
            threads: 0,
            seed: 0,
            strict: false,
            isa: None,
            format: "kerf".into(),
            max_shard_bytes: 5_000_000_000,
        }
    }
}

/// Bits that mean "not quantized".
pub const FLOAT_BITS: u8 = 16;

/// Options with names looked up and defaults filled in.
#[derive(Clone)]
pub struct Settings {
    /// The options with every default filled in.
    pub options: Options,
    /// Row of the method table.
    pub method: &'static dyn Method,
    /// Row of the schedule table.
    pub schedule: &'static dyn Schedule,
    /// Row of the format table.
    pub format: &'static dyn formats::Format,
    /// Shape of sparsity.
    pub pattern: Pattern,
    /// Share of target weights to remove.
    pub sparsity: f64,
    /// Grid of target matrices; `None` keeps survivors as floats.
    pub grid: Option<Grid>,
    /// Grid of embeddings; `None` keeps them as they are.
    pub embedding_grid: Option<Grid>,
    /// Instruction set, if one was asked for.
    pub isa: Option<Isa>,
}

fn check(
    ok: bool,
    option: &str,
    expected: &str,
    actual: impl std::fmt::Display,
) -> Result<(), CompressError> {
    if ok {
        return Ok(());
    }
    Err(CompressError::BadOption {
        option: option.into(),
        expected: expected.into(),
        actual: actual.to_string(),
    })
}

fn lookup<T>(
    found: Option<T>,
    option: &str,
    ids: Vec<&str>,
    actual: &str,
) -> Result<T, CompressError> {
    found.ok_or_else(|| CompressError::BadOption {
        option: option.into(),
        expected: format!("one of {}", ids.join(", ")),
        actual: format!("{actual:?}"),
    })
}

fn grid(bits: u8, group_size: usize) -> Option<Grid> {
    (bits != FLOAT_BITS).then_some(Grid { bits, group_size })
}

impl Options {
    /// Checks every field and looks up every name. The first bad one is a `BAD_OPTION` that names it.
    pub fn resolve(&self) -> Result<Settings, CompressError> {
        self.check_numbers()?;
        let method = methods::by_id(&self.method);
        let method = lookup(method, "method", methods::ids(), &self.method)?;
        let schedule = schedules::by_id(&self.schedule);
        let schedule = lookup(schedule, "schedule", schedules::ids(), &self.schedule)?;
        let format_ids = formats::table().iter().map(|format| format.id()).collect();
        let format = lookup(
            formats::by_id(&self.format),
            "format",
            format_ids,
            &self.format,
        )?;
        let isa = match &self.isa {
            None => None,
            Some(id) => Some(lookup(
                Isa::from_id(id),
                "isa",
                Isa::ALL.iter().map(|isa| isa.id()).collect(),
                id,
            )?),
        };
        let pattern = self.resolve_pattern(method)?;
        let sparsity = self.resolve_sparsity(method, pattern)?;
        let mut options = self.clone();
        options.sparsity = Some(sparsity);
        options.pattern = Some(pattern.to_string());
        let embedding_grid = grid(self.embedding_bits, self.group_size);
        let grid = grid(self.bits, self.group_size);
        Ok(Settings {
            options,
            method,
            schedule,
            format,
            pattern,
            sparsity,
            grid,
            embedding_grid,
            isa,
        })
    }

    fn check_numbers(&self) -> Result<(), CompressError> {
        let share = "a number from 0 to 0.99";
        let bits = "2 to 8, or 16 (not quantized)";
        let valid_bits = |bits: u8| (2..=8).contains(&bits) || bits == FLOAT_BITS;
        if let Some(sparsity) = self.sparsity {
            check(
                (0.0..=0.99).contains(&sparsity),
                "sparsity",
                share,
                sparsity,
            )?;
        }
        check(valid_bits(self.bits), "bits", bits, self.bits)?;
        check(
            valid_bits(self.embedding_bits),
            "embeddingBits",
            bits,
            self.embedding_bits,
        )?;
        check(
            (0.0..=0.99).contains(&self.embedding_sparsity),
            "embeddingSparsity",
            share,
            self.embedding_sparsity,
        )?;
        check(
            self.group_size.is_multiple_of(8),
            "groupSize",
            "0 (a whole row) or a multiple of 8",
            self.group_size,
        )?;
        check(self.tokens > 0, "tokens", "at least 1", self.tokens)?;
        let damping = "a positive number, at most 1";
        check(
            self.damping_rel > 0.0 && self.damping_rel <= 1.0,
            "dampingRel",
            damping,
            self.damping_rel,
        )?;
        check(
            self.threads <= 1024,
            "threads",
            "at most 1024 (0 = all of the machine)",
            self.threads,
        )?;
        check(
            self.max_shard_bytes >= 1 << 20,
            "maxShardBytes",
            "at least 1048576",
            self.max_shard_bytes,
        )
    }

    fn resolve_pattern(&self, method: &dyn Method) -> Result<Pattern, CompressError> {
        match &self.pattern {
            None => Ok(method.default_pattern()),
            Some(text) => Pattern::parse(text).ok_or_else(|| CompressError::BadOption {
                option: "pattern".into(),
                expected: Pattern::EXPECTED.into(),
                actual: format!("{text:?}"),
            }),
        }
    }

    fn resolve_sparsity(
        &self,
        method: &dyn Method,
        pattern: Pattern,
    ) -> Result<f64, CompressError> {
        if !method.prunes() {
            let none = self.sparsity.unwrap_or(0.0);
            let expected = format!(
                "0, since method {} removes nothing (magnitude, wanda and obs do)",
                method.id()
            );
            check(none == 0.0, "sparsity", &expected, none)?;
            check(
                pattern.sparsity().is_none(),
                "pattern",
                "no N:M pattern, since the method removes nothing",
                pattern,
            )?;
            return Ok(0.0);
        }
        let Some(fixed) = pattern.sparsity() else {
            return Ok(self.sparsity.unwrap_or(0.7));
        };
        let asked = self.sparsity.unwrap_or(fixed);
        check(
            (asked - fixed).abs() < 1e-9,
            "sparsity",
            &format!("{fixed}, which the pattern {pattern} fixes"),
            asked,
        )?;
        Ok(fixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_and_option(options: Options) -> (String, String) {
        match options.resolve().map(|_| ()).unwrap_err() {
            CompressError::BadOption { option, actual, .. } => (option, actual),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn every_bad_option_is_named() {
        let with = |change: fn(&mut Options)| {
            let mut options = Options::default();
            change(&mut options);
            code_and_option(options).0
        };
        assert_eq!(with(|o| o.sparsity = Some(1.0)), "sparsity");
        assert_eq!(with(|o| o.sparsity = Some(f64::NAN)), "sparsity");
        assert_eq!(with(|o| o.bits = 1), "bits");
        assert_eq!(with(|o| o.embedding_bits = 9), "embeddingBits");
        assert_eq!(with(|o| o.embedding_sparsity = -0.1), "embeddingSparsity");
        assert_eq!(with(|o| o.group_size = 100), "groupSize");
        assert_eq!(with(|o| o.tokens = 0), "tokens");
        assert_eq!(with(|o| o.damping_rel = 0.0), "dampingRel");
        assert_eq!(with(|o| o.method = "best".into()), "method");
        assert_eq!(with(|o| o.schedule = "best".into()), "schedule");
        assert_eq!(with(|o| o.format = "zip".into()), "format");
        assert_eq!(with(|o| o.isa = Some("sse9".into())), "isa");
        assert_eq!(with(|o| o.pattern = Some("3:4:5".into())), "pattern");
        assert_eq!(with(|o| o.max_shard_bytes = 5), "maxShardBytes");
    }

    #[test]
    fn defaults_depend_on_method_and_pattern() {
        let resolve = |method: &str, pattern: Option<&str>| {
            let options = Options {
                method: method.into(),
                pattern: pattern.map(Into::into),
                ..Options::default()
            };
            let settings = options.resolve().unwrap();
            (settings.sparsity, settings.pattern.to_string())
        };
        assert_eq!(resolve("obs", None), (0.7, "unstructured".into()));
        assert_eq!(resolve("wanda", None), (0.7, "row".into()));
        assert_eq!(resolve("rtn", None), (0.0, "unstructured".into()));
        assert_eq!(resolve("obs", Some("2:4")), (0.5, "2:4".into()));
        let conflict = Options {
            sparsity: Some(0.7),
            pattern: Some("2:4".into()),
            ..Options::default()
        };
        assert_eq!(code_and_option(conflict).0, "sparsity");
        let rtn = Options {
            sparsity: Some(0.5),
            method: "rtn".into(),
            ..Options::default()
        };
        assert_eq!(code_and_option(rtn).0, "sparsity");
    }
}
