//! Which values an option may have, and what is said of the others.

use super::resolve::FLOAT_BITS;
use crate::CompressError;
use crate::methods::{self, Method};
use crate::options::{Options, bad_option, conflict};
use crate::solve::pattern::Pattern;
use kerf_tensors::Grid;
use kerf_tensors::amount::bytes;
use kerf_tensors::formats::{Format, RefusedOption, Scope};

const SHARE: &str = "a number from 0 to 0.99";

pub(super) fn check(
    ok: bool,
    option: &str,
    expected: &str,
    actual: impl std::fmt::Display,
) -> Result<(), CompressError> {
    if ok {
        return Ok(());
    }
    Err(bad_option(option, expected, actual))
}

pub(super) fn lookup<T>(
    found: Option<T>,
    option: &str,
    ids: Vec<&str>,
    actual: &str,
) -> Result<T, CompressError> {
    found.ok_or_else(|| {
        let expected = format!("one of {}", ids.join(", "));
        bad_option(option, &expected, format!("{actual:?}"))
    })
}

impl Options {
    pub(super) fn check_embeddings(&self, format: &dyn Format) -> Result<(), CompressError> {
        for (option, bits) in [
            ("embeddingBits", self.embedding_bits),
            ("headBits", self.head_bits),
        ] {
            let names = [option.to_owned(), "groupSize".to_owned()];
            let grid = self.grid(bits);
            accepts(format, Scope::Embeddings, grid, self.group_size, &names)?;
        }
        Ok(())
    }

    /// The numbers that a rule may also say.
    pub(super) fn check_solving(&self, prefix: &str) -> Result<(), CompressError> {
        let name = |option: &str| format!("{prefix}{option}");
        if let Some(sparsity) = self.sparsity {
            check(
                (0.0..=0.99).contains(&sparsity),
                &name("sparsity"),
                SHARE,
                sparsity,
            )?;
        }
        check_bits(&name("bits"), self.bits)?;
        let group = self.group_size.unwrap_or_default();
        let expected = "0 (a whole row) or a multiple of 8";
        check(group.is_multiple_of(8), &name("groupSize"), expected, group)
    }

    pub(super) fn check_numbers(&self) -> Result<(), CompressError> {
        self.check_solving("")?;
        check_bits("embeddingBits", self.embedding_bits)?;
        check_bits("headBits", self.head_bits)?;
        check(
            (0.0..=0.99).contains(&self.embedding_sparsity),
            "embeddingSparsity",
            SHARE,
            self.embedding_sparsity,
        )?;
        let slope = self.slope.unwrap_or_default();
        check(
            (0.0..=1.0).contains(&slope),
            "slope",
            "a number from 0 to 1",
            slope,
        )?;
        check(self.tokens != Some(0), "tokens", "at least 1", 0)?;
        check(
            self.damping_rel > 0.0 && self.damping_rel <= 1.0,
            "dampingRel",
            "a positive number, at most 1",
            self.damping_rel,
        )?;
        let loss = self.max_loss.unwrap_or_default();
        let expected = "a number, at least 0";
        check(loss >= 0.0 && loss.is_finite(), "maxLoss", expected, loss)?;
        let blend = self.blend.unwrap_or_default();
        check(
            (0.0..=1.0).contains(&blend),
            "blend",
            "a number from 0 to 1",
            blend,
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
            "at least 1 MiB",
            bytes(self.max_shard_bytes),
        )
    }

    /// A limit needs a measurement, which a run without calibration does not make.
    pub(super) fn check_limit(&self, calibrates: bool) -> Result<(), CompressError> {
        let Some(limit) = self.max_loss else {
            return Ok(());
        };
        let expected =
            "a method that calibrates beside it: without calibration a result is not measured";
        check(calibrates, "maxLoss", expected, limit)
    }

    /// Zeros that the source has are kept beside nothing else that says what is removed. (Filled in options, which say a share of 0 and no N:M
    /// pattern, pass.)
    pub(super) fn check_keep_mask(&self) -> Result<(), CompressError> {
        if !self.keep_mask {
            return Ok(());
        }
        let pattern = self.pattern.as_deref().and_then(Pattern::parse);
        let pattern = pattern.filter(|pattern| pattern.sparsity().is_some());
        let method = self.method.as_deref().and_then(methods::by_id);
        let method = method.filter(|method| method.chooses_rate());
        let share = self.sparsity.filter(|share| *share != 0.0);
        let given = [
            ("sparsity", share.map(|share| share.to_string())),
            ("pattern", pattern.map(|pattern| pattern.to_string())),
            ("targetBits", self.target_bits.map(|bits| bits.to_string())),
            ("targetBytes", self.target_bytes.map(bytes)),
            ("method", method.map(|method| method.id().to_string())),
        ];
        let given = given
            .into_iter()
            .find_map(|(option, given)| Some((option, given?)));
        let Some((option, given)) = given else {
            return Ok(());
        };
        let reason = "`keepMask` keeps the zeros that the model has and makes no others, so nothing is left to choose; give one of the two, or \
                      `bits` beside `keepMask`";
        Err(conflict(option, given, reason))
    }

    pub(super) fn resolve_pattern(
        &self,
        prefix: &str,
        method: &dyn Method,
    ) -> Result<Pattern, CompressError> {
        match &self.pattern {
            None => Ok(method.default_pattern()),
            Some(text) => Pattern::parse(text).ok_or_else(|| {
                let option = format!("{prefix}pattern");
                bad_option(&option, Pattern::EXPECTED, format!("{text:?}"))
            }),
        }
    }

    pub(super) fn resolve_sparsity(
        &self,
        prefix: &str,
        method: &dyn Method,
        pattern: Pattern,
    ) -> Result<f64, CompressError> {
        let option = format!("{prefix}sparsity");
        if !method.prunes() {
            let none = self.sparsity.unwrap_or(0.0);
            let remove = methods::table().iter().filter(|method| method.prunes());
            let remove: Vec<&str> = remove.map(|method| method.id()).collect();
            let expected = format!(
                "0, since method {} removes nothing ({} do)",
                method.id(),
                remove.join(", ")
            );
            check(none == 0.0, &option, &expected, none)?;
            check(
                pattern.sparsity().is_none(),
                &format!("{prefix}pattern"),
                "no N:M pattern, since the method removes nothing",
                pattern,
            )?;
            return Ok(0.0);
        }
        let Some(fixed) = pattern.sparsity() else {
            let none = self.sparsity.is_none() && method.only_removes() && !self.keep_mask;
            let expected =
                "a share of weights to remove, such as 0.5: the method does nothing else";
            check(!none, &option, expected, "nothing")?;
            return Ok(self.sparsity.unwrap_or(0.0));
        };
        let asked = self.sparsity.unwrap_or(fixed);
        check(
            (asked - fixed).abs() < 1e-9,
            &option,
            &format!("{fixed}, which the pattern {pattern} fixes"),
            asked,
        )?;
        Ok(fixed)
    }
}

/// `BAD_OPTION` if a format has no such grid. `names` are those of the options for bits and group size.
pub(crate) fn accepts(
    format: &dyn Format,
    scope: Scope,
    grid: Option<Grid>,
    group_size: Option<usize>,
    names: &[String; 2],
) -> Result<(), CompressError> {
    let bits = grid.map(|grid| grid.bits);
    let group_size = grid.map_or(group_size.unwrap_or_default(), |grid| grid.group_size);
    match format.accepts(scope, bits, group_size) {
        Ok(()) => Ok(()),
        Err(RefusedOption::Bits(expected)) => {
            Err(bad_option(&names[0], expected, bits.unwrap_or(FLOAT_BITS)))
        }
        Err(RefusedOption::GroupSize(expected)) => Err(bad_option(&names[1], expected, group_size)),
    }
}

pub(super) fn check_bits(option: &str, bits: Option<u8>) -> Result<(), CompressError> {
    let bits = bits.unwrap_or(FLOAT_BITS);
    let ok = (2..=8).contains(&bits) || bits == FLOAT_BITS;
    check(ok, option, "2 to 8, or 16 (not quantized)", bits)
}
