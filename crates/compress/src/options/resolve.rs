//! What options resolve to: presets and defaults filled in, names looked up, everything checked.

pub use super::budget::Budget;
pub(crate) use super::checks::accepts;
use super::checks::lookup;

use crate::CompressError;
use crate::methods::{self, Method};
use crate::options::presets;
use crate::options::recover::Recovery;
use crate::options::rules::Rule;
use crate::options::{Options, bad_option};
use crate::schedules::{self, Asked, Granularity, LossScale, Schedule};
use crate::solve::param::Params;
use crate::solve::pattern::Pattern;
use crate::solve::rounding_at_rate;
use crate::solve::statistics::Needs;
use kerf_kernels::Isa;
use kerf_tensors::Grid;
use kerf_tensors::formats::{self, Format, Scope};

/// Bits that mean "not quantized".
pub const FLOAT_BITS: u8 = 16;

/// Options with names looked up and defaults filled in.
#[derive(Clone)]
pub struct Settings {
    /// The options with every default filled in.
    pub options: Options,
    /// How a target matrix is solved that no rule is for.
    pub solving: Solving,
    /// Rules, in order.
    pub rules: Vec<ResolvedRule>,
    /// Row of the schedule table.
    pub schedule: &'static dyn Schedule,
    /// How the schedule is asked.
    pub spreading: Spreading,
    /// What the result may take, if bits are to be chosen so.
    pub budget: Option<Budget>,
    /// Row of the format table.
    pub format: &'static dyn formats::Format,
    /// Grid of embeddings; `None` keeps them as they are.
    pub embedding_grid: Option<Grid>,
    /// Grid of the head, also where it is an embedding.
    pub head_grid: Option<Grid>,
    /// Most calibration tokens.
    pub tokens: usize,
    /// Values of the parameters of all methods.
    params: Vec<(&'static str, f64)>,
    /// Instruction set, if one was asked for.
    pub isa: Option<Isa>,
    /// How what survived is taught.
    pub recovery: Option<Recovery>,
}

impl Settings {
    /// What the parameters of methods are.
    pub fn params(&self) -> Params<'_> {
        Params::new(&self.params)
    }
}

/// How a schedule is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spreading {
    /// What gets a share of its own.
    pub granularity: Granularity,
    /// What makes losses comparable.
    pub scale: LossScale,
    /// The share of all, and how it is spread.
    pub asked: Asked,
}

/// How a matrix is solved.
#[derive(Clone, Copy)]
pub struct Solving {
    /// Row of the method table.
    pub method: &'static dyn Method,
    /// Shape of sparsity.
    pub pattern: Pattern,
    /// Share of weights to remove.
    pub sparsity: f64,
    /// Whether the zeros of the source are what is removed; the share is 0 then.
    pub keep_mask: bool,
    /// Grid of the survivors; `None` keeps them as floats.
    pub grid: Option<Grid>,
    /// How much of what the dense model computes it aims at; 0 without calibration.
    pub blend: f64,
}

impl Solving {
    /// The step of a method that chooses its rate, before a budget moves it.
    pub fn step(&self) -> Option<f64> {
        self.method.chooses_rate().then_some(1.0)
    }
}

/// A rule with names looked up.
#[derive(Clone)]
pub struct ResolvedRule {
    /// As it was given.
    pub rule: Rule,
    /// What it does.
    pub action: Action,
}

impl ResolvedRule {
    /// How its matrices are solved, if it does not keep them.
    fn solving(&self) -> Option<&Solving> {
        match &self.action {
            Action::Keep => None,
            Action::Solve { solving, .. } => Some(solving),
        }
    }
}

/// What a rule does.
#[derive(Clone, Copy)]
pub enum Action {
    /// The matrix stays as it is.
    Keep,
    /// The matrix is solved so.
    Solve {
        /// How.
        solving: Solving,
        /// Whether the schedule says the sparsity, and not the rule.
        scheduled: bool,
    },
}

impl Options {
    /// Checks every field and looks up every name. The first bad one is a `BAD_OPTION` that names it.
    pub fn resolve(&self) -> Result<Settings, CompressError> {
        let mut options = self.clone();
        let format_ids = formats::table().iter().map(|format| format.id()).collect();
        let format = lookup(
            formats::by_id(&options.format),
            "format",
            format_ids,
            &options.format,
        )?;
        options.check_keep_mask()?;
        options.fill_sizes(format)?;
        options.choose_entropy(format)?;
        let asked = self.target_bits.is_some();
        let budget = options.resolve_budget(format, asked)?;
        options.fill(format)?;
        options.check_numbers()?;
        let solving = options.solving("", format, Scope::Targets)?;
        options.check_embeddings(format)?;
        let rules = options.resolve_rules(format)?;
        let calibrates = |solving: &Solving| solving.method.needs() > Needs::Nothing;
        let ruled = || rules.iter().filter_map(ResolvedRule::solving);
        let calibrated = calibrates(&solving) || ruled().any(calibrates);
        options.check_limit(calibrated)?;
        let recovery = options.resolve_recover(calibrated)?;
        let mut used = vec![solving.method];
        used.extend(ruled().map(|solving| solving.method));
        let quality = presets::quality_index(options.quality.as_deref());
        let params = options.params.resolve(&used, quality)?;
        let schedule = options.schedule.as_deref().unwrap_or_default();
        let schedule = lookup(
            schedules::by_id(schedule),
            "schedule",
            schedules::ids(),
            schedule,
        )?;
        let fixed = solving.pattern.sparsity().is_some() || solving.keep_mask;
        if schedule.needs() > schedules::Knowledge::Nothing && fixed {
            let expected = match solving.keep_mask {
                true => "uniform, since `keepMask` leaves every matrix the zeros that it has",
                false => "uniform, since an N:M pattern fixes the sparsity of every matrix",
            };
            return Err(bad_option(
                "schedule",
                expected,
                format!("{:?}", schedule.id()),
            ));
        }
        let spreading = options.resolve_spreading(solving.sparsity)?;
        let isa = match &options.isa {
            None => None,
            Some(id) => Some(lookup(
                Isa::from_id(id),
                "isa",
                Isa::ALL.iter().map(|isa| isa.id()).collect(),
                id,
            )?),
        };
        options.sparsity = Some(solving.sparsity);
        options.pattern = Some(solving.pattern.to_string());
        Ok(Settings {
            embedding_grid: options.grid(options.embedding_bits),
            head_grid: options.grid(options.head_bits),
            tokens: options.tokens.unwrap_or_default(),
            params,
            options,
            solving,
            rules,
            schedule,
            spreading,
            budget,
            format,
            isa,
            recovery,
        })
    }

    fn resolve_rules(&self, format: &dyn Format) -> Result<Vec<ResolvedRule>, CompressError> {
        let rules = self.rules.iter().enumerate();
        rules
            .map(|(index, rule)| {
                let place = format!("rules[{index}]");
                rule.check(&place)?;
                let action = if rule.keep {
                    Action::Keep
                } else {
                    let options = rule.over(self);
                    let prefix = format!("{place}.");
                    options.check_solving(&prefix)?;
                    let solving = options.solving(&prefix, format, Scope::Rule)?;
                    let fixed = rule.sparsity.is_some() || solving.pattern.sparsity().is_some();
                    let scheduled = !fixed && solving.method.prunes();
                    Action::Solve { solving, scheduled }
                };
                let rule = rule.clone();
                Ok(ResolvedRule { rule, action })
            })
            .collect()
    }

    /// How a matrix is solved under filled in options. `prefix` stands before the names of options in errors.
    fn solving(
        &self,
        prefix: &str,
        format: &dyn Format,
        scope: Scope,
    ) -> Result<Solving, CompressError> {
        let id = self.method.as_deref().unwrap_or_default();
        let option = format!("{prefix}method");
        let method = lookup(methods::by_id(id), &option, methods::ids(), id)?;
        let grid = match method.chooses_rate() {
            true => Some(rounding_at_rate::GRID),
            false => self.grid(self.bits),
        };
        let names = [format!("{prefix}bits"), format!("{prefix}groupSize")];
        accepts(format, scope, grid, self.group_size, &names)?;
        let pattern = self.resolve_pattern(prefix, method)?;
        Ok(Solving {
            method,
            pattern,
            sparsity: self.resolve_sparsity(prefix, method, pattern)?,
            keep_mask: self.keep_mask && !method.chooses_rate(),
            grid,
            blend: match method.needs() {
                Needs::Nothing => 0.0,
                Needs::Gram => self.blend.unwrap_or_default(),
            },
        })
    }

    fn resolve_spreading(&self, sparsity: f64) -> Result<Spreading, CompressError> {
        let granularity = self.granularity.as_deref().unwrap_or_default();
        let scale = self.loss_scale.as_deref().unwrap_or_default();
        let (granularities, scales) = (Granularity::IDS.to_vec(), LossScale::IDS.to_vec());
        let found = Granularity::by_id(granularity);
        Ok(Spreading {
            granularity: lookup(found, "granularity", granularities, granularity)?,
            scale: lookup(LossScale::by_id(scale), "lossScale", scales, scale)?,
            asked: Asked {
                sparsity,
                levels: self.levels.unwrap_or_default(),
                slope: self.slope.unwrap_or_default(),
            },
        })
    }

    pub(super) fn grid(&self, bits: Option<u8>) -> Option<Grid> {
        let bits = bits.filter(|bits| *bits != FLOAT_BITS)?;
        let group_size = self.group_size.unwrap_or_default();
        Some(Grid::new(bits, group_size))
    }
}

#[cfg(test)]
mod tests;
