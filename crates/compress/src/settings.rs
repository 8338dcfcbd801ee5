//! What options resolve to: presets and defaults filled in, names looked up, everything checked.

use crate::CompressError;
use crate::methods::{self, Method};
use crate::options::{Options, bad_option};
use crate::pattern::Pattern;
use crate::presets::{self, Preset};
use crate::rules::Rule;
use crate::schedules::{self, Asked, Granularity, LossScale, Schedule};
use crate::solve::effort::Effort;
use crate::solve::rounding_at_rate;
use crate::statistics::Needs;
use kerf_kernels::Isa;
use kerf_tensors::Grid;
use kerf_tensors::formats::{self, Format, Misfit, Scope};

/// Bits a weight of a method that works under a budget, if none is given.
const USUAL_TARGET_BITS: f64 = 2.0;

/// With fewer bits of the head a language model loses what its linear layers keep: excess of 0.02 nats at 4 bits on classics-6M.
const LEAST_HEAD_BITS: u8 = 6;

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
    /// How hard the iterative solvers try.
    pub effort: Effort,
    /// Instruction set, if one was asked for.
    pub isa: Option<Isa>,
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

/// What the result may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// Bits per weight of the target matrices, with all their bytes.
    Bits(f64),
    /// Bytes of all files.
    Bytes(u64),
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

fn check(
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

fn lookup<T>(
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
        options.choose_entropy(format)?;
        let budget = options.resolve_budget(format)?;
        options.fill(format)?;
        options.check_numbers()?;
        let solving = options.solving("", format, Scope::Targets)?;
        options.check_embeddings(format)?;
        let rules = options.resolve_rules(format)?;
        let schedule = options.schedule.as_deref().unwrap_or_default();
        let schedule = lookup(
            schedules::by_id(schedule),
            "schedule",
            schedules::ids(),
            schedule,
        )?;
        if schedule.needs() > schedules::Needs::Nothing && solving.pattern.sparsity().is_some() {
            let expected = "uniform, since an N:M pattern fixes the sparsity of every matrix";
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
            effort: options.effort(),
            options,
            solving,
            rules,
            schedule,
            spreading,
            budget,
            format,
            isa,
        })
    }

    /// What the format implies, then presets, then defaults, where nothing is given.
    fn fill(&mut self, format: &dyn Format) -> Result<(), CompressError> {
        let implied = format.defaults();
        self.bits = self.bits.or(implied.bits);
        self.group_size = self.group_size.or(implied.group_size);
        self.embedding_bits = self.embedding_bits.or(implied.embedding_bits);
        let tables = [
            ("preset", &self.preset, presets::sizes()),
            ("quality", &self.quality, presets::qualities()),
        ];
        let mut named: Vec<&Preset> = Vec::new();
        for (option, id, table) in tables {
            if let Some(id) = id {
                let row = table.iter().find(|preset| preset.id == id);
                named.push(lookup(row, option, presets::ids(table), id)?);
            }
        }
        for preset in named {
            preset.fill(self);
        }
        self.method.get_or_insert_with(|| "joint".into());
        self.granularity.get_or_insert_with(|| "nested".into());
        self.levels.get_or_insert(6);
        self.slope.get_or_insert(0.15);
        self.loss_scale.get_or_insert_with(|| "output".into());
        self.generations.get_or_insert(40);
        let bits = *self.bits.get_or_insert(4);
        self.group_size.get_or_insert(128);
        let of_embeddings = format.usual_embedding_bits(bits);
        let least = match self.embedding_bits {
            None if format.codes_entropy() => LEAST_HEAD_BITS,
            _ => 0,
        };
        let of_embeddings = *self.embedding_bits.get_or_insert(of_embeddings);
        self.head_bits.get_or_insert(of_embeddings.max(least));
        presets::default_quality().fill(self);
        self.blend = self.blend.or(Some(self.default_blend()));
        let schedule = self.default_schedule();
        self.schedule.get_or_insert_with(|| schedule.into());
        Ok(())
    }

    /// That of the method, where the pattern leaves anything to a schedule.
    fn default_schedule(&self) -> &'static str {
        let pattern = self.pattern.as_deref().and_then(Pattern::parse);
        let fixed = pattern.and_then(Pattern::sparsity).is_some();
        let method = self.method.as_deref().and_then(methods::by_id);
        match method.filter(|_| !fixed) {
            Some(method) => method.default_schedule(),
            None => "uniform",
        }
    }

    /// That of the first calibrated method, the whole's or a rule's: one number holds for all, as there is one stream.
    fn default_blend(&self) -> f64 {
        let ruled = self.rules.iter().filter_map(|rule| rule.method.as_ref());
        let mut methods = self
            .method
            .iter()
            .chain(ruled)
            .filter_map(|id| methods::by_id(id));
        let calibrated = methods.find(|method| method.needs() > Needs::Nothing);
        calibrated.map_or(0.0, Method::default_blend)
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
            grid,
            blend: match method.needs() {
                Needs::Nothing => 0.0,
                Needs::Gram => self.blend.unwrap_or_default(),
            },
        })
    }

    fn effort(&self) -> Effort {
        Effort {
            iterations: self.iterations.unwrap_or_default(),
            sweeps: self.sweeps.unwrap_or_default(),
        }
    }

    /// A budget without anything that says how it shall be met is for the method that meets it best; and that method works under a
    /// budget.
    fn choose_entropy(&mut self, format: &dyn Format) -> Result<(), CompressError> {
        let asked = self.target_bits.is_some() || self.target_bytes.is_some();
        let free = self.method.is_none() && self.preset.is_none() && self.sparsity.is_none();
        if asked && free && self.pattern.is_none() && format.codes_entropy() {
            self.method = Some("entropy".into());
        }
        let method = self.method.as_deref().and_then(methods::by_id);
        if !method.is_some_and(Method::chooses_rate) {
            return Ok(());
        }
        if !format.codes_entropy() {
            let expected = "another method, or the format kerf: no other is smaller for codes that are mostly zero";
            let actual = self.method.as_deref().unwrap_or_default();
            return Err(bad_option("method", expected, actual));
        }
        let given = [
            (
                "sparsity",
                self.sparsity.map(|sparsity| sparsity.to_string()),
            ),
            ("bits", self.bits.map(|bits| bits.to_string())),
            ("pattern", self.pattern.clone()),
        ];
        for (option, given) in given {
            if let Some(given) = given {
                let expected = "nothing, since entropy chooses it: say targetBits or targetBytes";
                return Err(bad_option(option, expected, given));
            }
        }
        if !asked {
            self.target_bits = Some(USUAL_TARGET_BITS);
        }
        Ok(())
    }

    /// Before defaults are filled in, since a budget changes them.
    fn resolve_budget(&mut self, format: &dyn Format) -> Result<Option<Budget>, CompressError> {
        let (option, budget) = match (self.target_bits, self.target_bytes) {
            (None, None) => return Ok(None),
            (Some(bits), None) => ("targetBits", Budget::Bits(bits)),
            (None, Some(bytes)) => ("targetBytes", Budget::Bytes(bytes)),
            (Some(_), Some(bytes)) => {
                let expected = "targetBits or targetBytes, not both";
                return Err(bad_option("targetBytes", expected, bytes));
            }
        };
        if let Budget::Bits(bits) = budget {
            check(
                (0.5..=16.0).contains(&bits),
                option,
                "a number from 0.5 to 16",
                bits,
            )?;
        }
        if let Some(bits) = self.bits {
            let expected = format!("nothing, since {option} chooses the bits of each matrix");
            return Err(bad_option("bits", &expected, bits));
        }
        if format.foreseeable() {
            let expected = "a format whose size follows the bits of each matrix, such as kerf";
            return Err(bad_option("format", expected, format.id()));
        }
        let pattern = self.pattern.as_deref().and_then(Pattern::parse);
        if pattern.and_then(Pattern::sparsity).is_none() {
            self.sparsity.get_or_insert(0.0);
        }
        Ok(Some(budget))
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

    fn grid(&self, bits: Option<u8>) -> Option<Grid> {
        let bits = bits.filter(|bits| *bits != FLOAT_BITS)?;
        let group_size = self.group_size.unwrap_or_default();
        Some(Grid::new(bits, group_size))
    }

    fn check_embeddings(&self, format: &dyn Format) -> Result<(), CompressError> {
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
    fn check_solving(&self, prefix: &str) -> Result<(), CompressError> {
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

    fn check_numbers(&self) -> Result<(), CompressError> {
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
            "at least 1048576",
            self.max_shard_bytes,
        )
    }

    fn resolve_pattern(&self, prefix: &str, method: &dyn Method) -> Result<Pattern, CompressError> {
        match &self.pattern {
            None => Ok(method.default_pattern()),
            Some(text) => Pattern::parse(text).ok_or_else(|| {
                let option = format!("{prefix}pattern");
                bad_option(&option, Pattern::EXPECTED, format!("{text:?}"))
            }),
        }
    }

    fn resolve_sparsity(
        &self,
        prefix: &str,
        method: &dyn Method,
        pattern: Pattern,
    ) -> Result<f64, CompressError> {
        let option = format!("{prefix}sparsity");
        if !method.prunes() {
            let none = self.sparsity.unwrap_or(0.0);
            let expected = format!(
                "0, since method {} removes nothing (magnitude, wanda and obs do)",
                method.id()
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
            return Ok(self.sparsity.unwrap_or(0.7));
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
        Err(Misfit::Bits(expected)) => {
            Err(bad_option(&names[0], expected, bits.unwrap_or(FLOAT_BITS)))
        }
        Err(Misfit::GroupSize(expected)) => Err(bad_option(&names[1], expected, group_size)),
    }
}

const SHARE: &str = "a number from 0 to 0.99";

fn check_bits(option: &str, bits: Option<u8>) -> Result<(), CompressError> {
    let bits = bits.unwrap_or(FLOAT_BITS);
    let ok = (2..=8).contains(&bits) || bits == FLOAT_BITS;
    check(ok, option, "2 to 8, or 16 (not quantized)", bits)
}

#[cfg(test)]
mod tests;
