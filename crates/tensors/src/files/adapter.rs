//! adapter_config.json of PEFT. It describes a LoRA adapter beside the model, which kerf merges into the weights when they are
//! read. An adapter that PEFT can train but that cannot be merged in this way is refused. The fields are those of `LoraConfig` in
//! `peft` 0.21.

use super::fact::Fact;
use super::fields::{Fields, integer};
use super::pattern::Pattern;
use crate::TensorsError;
use serde_json::Value;

/// Name of the file.
pub const FILE: &str = "adapter_config.json";
/// Name of the file with the adapter's tensors.
pub const WEIGHTS: &str = "adapter_model.safetensors";

/// The fix in errors about an adapter that kerf does not merge.
pub const MERGE: &str = "merge it into the model in Python and use the result: \
     PeftModel.from_pretrained(BASE_MODEL, DIR).merge_and_unload().save_pretrained(OUT)";

/// Fields that do not change the merged weights: the origin of the model, and how the adapter was trained.
const NEUTRAL: [&str; 16] = [
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "eva_config",
    "inference_mode",
    "lora_dropout",
    "lora_ga_config",
    "loftq_config",
    "megatron_core",
    "merge_weights",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type",
    "velora_config",
];

/// Fields that turn a LoRA adapter into something else than `W + scale B A`, with the reason. They are refused unless they are
/// off.
const REFUSED: [(&str, &str); 12] = [
    ("use_dora", "DoRA scales each row as well"),
    ("use_qalora", "QALoRA pools the inputs"),
    (
        "use_bdlora",
        "block-diagonal LoRA has factors of another shape",
    ),
    ("lora_bias", "the factors have biases"),
    ("alora_invocation_tokens", "it acts on a part of a text"),
    ("arrow_config", "it chooses among adapters by the input"),
    ("monteclora_config", "its weights are drawn at random"),
    ("kasa_config", "KaSA changes the model's own weights"),
    ("layer_replication", "it repeats layers of the model"),
    (
        "megatron_config",
        "its layers are split as Megatron does it",
    ),
    (
        "target_parameters",
        "it changes parameters that are no linear layers",
    ),
    ("trainable_token_indices", "it replaces rows of embeddings"),
];

/// Values of `init_lora_weights` that leave the model's own weights unchanged.
const INNOCENT: [&str; 4] = ["gaussian", "eva", "orthogonal", "mica"];

/// The modules that a list or a pattern selects.
#[derive(Clone, Debug)]
enum Modules {
    /// All modules.
    All,
    /// Modules whose name is an item of the list, or ends with `.` and an item.
    Ends(Vec<String>),
    /// Modules whose whole name matches the pattern.
    Pattern(Pattern),
}

/// A LoRA adapter, as its configuration describes it. Methods take the name of a module as in the adapter's file, without
/// `base_model.model.`.
#[derive(Clone, Debug)]
pub struct Adapter {
    rank: u64,
    alpha: f64,
    rank_stabilized: bool,
    ranks: Vec<(Pattern, u64)>,
    alphas: Vec<(Pattern, f64)>,
    targets: Modules,
    excluded: Option<Modules>,
    layers: Vec<u64>,
    layer_patterns: Vec<Pattern>,
    saved: Vec<String>,
    /// Whether the configuration says that matrices are stored as [inputs, outputs].
    pub fan_in_fan_out: bool,
    /// Whether embedding and head stay one matrix under the adapter.
    pub keeps_tie: bool,
}

impl Adapter {
    /// Reads adapter_config.json. `BAD_ADAPTER` for an adapter that cannot be merged, `BAD_CONFIG` for a value that a field
    /// cannot have.
    pub(super) fn read(value: &Value, facts: &mut Vec<Fact>) -> Result<Self, TensorsError> {
        let fields = Fields::of(FILE, value)?;
        refuse_others(&fields)?;
        let list = fields.get("target_modules").and_then(Value::as_array);
        let adapter = Self {
            rank: fields.size("r", 1..=1 << 20)?.unwrap_or(8),
            alpha: fields.number("lora_alpha", NUMBERS)?.unwrap_or(8.0),
            rank_stabilized: fields.flag("use_rslora")?.unwrap_or(false),
            ranks: by_pattern(&fields, "rank_pattern", |value| {
                integer(value).filter(|rank| (1..=1 << 20).contains(rank))
            })?,
            alphas: by_pattern(&fields, "alpha_pattern", |value| {
                value.as_f64().filter(|alpha| NUMBERS.contains(alpha))
            })?,
            targets: modules(&fields, "target_modules")?.unwrap_or(Modules::All),
            excluded: modules(&fields, "exclude_modules")?,
            layers: layers(&fields)?,
            layer_patterns: layer_patterns(&fields)?,
            saved: texts(&fields, "modules_to_save")?.unwrap_or_default(),
            fan_in_fan_out: fields.flag("fan_in_fan_out")?.unwrap_or(false),
            keeps_tie: fields.flag("ensure_weight_tying")?.unwrap_or(false),
        };
        if !adapter.layers.is_empty() && fields.get("target_modules").is_some() && list.is_none() {
            return Err(fields.bad("layers_to_transform", "nothing beside a pattern of modules"));
        }
        let is_off = |fact: &Fact| OFF.contains(&fact.value.as_str());
        let mut unread = fields.unread(&NEUTRAL);
        unread.retain(|fact| !is_off(fact));
        facts.extend(unread);
        Ok(adapter)
    }

    /// Rank of the factors of a module.
    pub fn rank(&self, module: &str) -> u64 {
        of_module(&self.ranks, module).unwrap_or(self.rank)
    }

    /// The factor that multiplies the product of a module's factors.
    pub fn scale(&self, module: &str) -> f64 {
        let (rank, alpha) = (self.rank(module) as f64, of_module(&self.alphas, module));
        let alpha = alpha.unwrap_or(self.alpha);
        match self.rank_stabilized {
            true => alpha / rank.sqrt(),
            false => alpha / rank,
        }
    }

    /// Whether PEFT adds factors to a module.
    pub fn is_target(&self, module: &str) -> bool {
        let excluded = self.excluded.as_ref();
        if excluded.is_some_and(|excluded| excluded.has(module)) || self.is_saved(module) {
            return false;
        }
        let layer = |module| match self.layer_patterns.is_empty() {
            true => first_number(module),
            false => {
                let mut patterns = self.layer_patterns.iter();
                patterns.find_map(|pattern| pattern.number(module))
            }
        };
        self.targets.has(module)
            && (self.layers.is_empty()
                || layer(module).is_some_and(|layer| self.layers.contains(&layer)))
    }

    /// Whether the adapter stores a module as a whole: `modules_to_save` names the module, or a module around it.
    pub fn is_saved(&self, module: &str) -> bool {
        let parts: Vec<&str> = module.split('.').collect();
        let is_part = |saved: &String| {
            let saved: Vec<&str> = saved.split('.').collect();
            parts.windows(saved.len()).any(|window| window == saved)
        };
        self.saved.iter().any(is_part)
    }
}

impl Modules {
    fn has(&self, module: &str) -> bool {
        let ends = |end: &String| match module.strip_suffix(end.as_str()) {
            Some(before) => before.is_empty() || before.ends_with('.'),
            None => false,
        };
        match self {
            Self::All => true,
            Self::Ends(list) => list.iter().any(ends),
            Self::Pattern(pattern) => pattern.matches(module),
        }
    }
}

const NUMBERS: std::ops::RangeInclusive<f64> = -1e9..=1e9;

/// Values that turn a field off.
const OFF: [&str; 5] = ["false", "[]", "{}", "\"\"", "0"];

/// The number of the layer that a module is in. Like PEFT, it takes the first piece that is a number, behind at least two other
/// pieces.
fn first_number(module: &str) -> Option<u64> {
    let parts: Vec<&str> = module.split('.').collect();
    let inside = parts.get(2..parts.len().saturating_sub(1))?;
    let is_number = |part: &&&str| part.bytes().all(|byte| byte.is_ascii_digit());
    inside.iter().find(is_number)?.parse().ok()
}

fn of_module<T: Copy>(patterns: &[(Pattern, T)], module: &str) -> Option<T> {
    let mut patterns = patterns.iter();
    let found = patterns.find(|(pattern, _)| pattern.matches(module));
    found.map(|(_, value)| *value)
}

/// `BAD_ADAPTER` for an adapter that is not LoRA, or that has a feature which cannot be merged.
fn refuse_others(fields: &Fields<'_>) -> Result<(), TensorsError> {
    let bad = |field: &str, reason: String| Err(bad_adapter(FILE, field, reason, MERGE));
    match fields.text("peft_type")? {
        Some("LORA") => {}
        Some(other) => {
            let reason = format!("kerf merges LoRA adapters, and this is of type {other}");
            return bad("peft_type", reason);
        }
        None => {
            let reason = "it does not say of which type the adapter is (LORA is merged)";
            return bad("peft_type", reason.to_owned());
        }
    }
    for (field, why) in REFUSED {
        let value = fields.get(field);
        if let Some(value) = value.filter(|value| !OFF.contains(&value.to_string().as_str())) {
            return bad(field, format!("kerf cannot merge {value}: {why}"));
        }
    }
    let begun = fields.get("init_lora_weights");
    let innocent = |value: &Value| match value {
        Value::Bool(_) => true,
        Value::String(how) => INNOCENT.contains(&how.to_ascii_lowercase().as_str()),
        _ => false,
    };
    if let Some(value) = begun.filter(|value| !innocent(value)) {
        let reason =
            format!("{value} changed the model's own weights before the adapter was trained");
        return bad("init_lora_weights", reason);
    }
    match fields.text("bias")? {
        None | Some("none" | "all" | "lora_only") => Ok(()),
        Some(_) => Err(fields.bad("bias", "none, all or lora_only")),
    }
}

/// A list of strings, where one string counts as a list of one. `None` if the field is absent.
fn texts(fields: &Fields<'_>, field: &str) -> Result<Option<Vec<String>>, TensorsError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = match fields.get(field) {
        None => return Ok(None),
        Some(Value::Array(list)) => list.iter().map(text).collect::<Option<Vec<_>>>(),
        Some(value) => text(value).map(|text| vec![text]),
    };
    match list {
        Some(list) => Ok(Some(list)),
        None => Err(fields.bad(field, "a list of texts")),
    }
}

fn modules(fields: &Fields<'_>, field: &str) -> Result<Option<Modules>, TensorsError> {
    Ok(match fields.get(field) {
        Some(Value::String(all)) if all == "all-linear" => Some(Modules::All),
        Some(Value::String(text)) => {
            let pattern = Pattern::new(fields, field, "^(?:{})$", text)?;
            Some(Modules::Pattern(pattern))
        }
        _ => texts(fields, field)?.map(Modules::Ends),
    })
}

/// Numbers by patterns over modules, in the order of the file. For a module the first pattern that matches counts.
fn by_pattern<T>(
    fields: &Fields<'_>,
    field: &str,
    number: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<(Pattern, T)>, TensorsError> {
    let object = fields.object(field)?;
    let mut patterns = Vec::new();
    for name in object.names() {
        let pattern = Pattern::new(&object, name, r"^(.*\.)?({})$", name)?;
        match object.get(name).and_then(&number) {
            Some(value) => patterns.push((pattern, value)),
            None => return Err(object.bad(name, "a number")),
        }
    }
    Ok(patterns)
}

fn layers(fields: &Fields<'_>) -> Result<Vec<u64>, TensorsError> {
    let field = "layers_to_transform";
    let layers = match fields.get(field) {
        None => Some(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(integer).collect(),
        Some(value) => integer(value).map(|layer| vec![layer]),
    };
    layers.ok_or_else(|| fields.bad(field, "a number of a layer or a list of them"))
}

fn layer_patterns(fields: &Fields<'_>) -> Result<Vec<Pattern>, TensorsError> {
    let field = "layers_pattern";
    let texts = texts(fields, field)?.unwrap_or_default();
    let texts = texts.iter().filter(|text| !text.is_empty());
    let form = r"^(?:|.*?\.){}\.(?P<index>\d+)\.";
    texts
        .map(|text| Pattern::new(fields, field, form, text))
        .collect()
}

/// The error `BAD_ADAPTER`.
pub(crate) fn bad_adapter(
    file: &str,
    field: &str,
    reason: impl Into<String>,
    fix: &str,
) -> TensorsError {
    TensorsError::BadAdapter {
        file: file.into(),
        field: field.into(),
        reason: reason.into(),
        fix: fix.into(),
    }
}

#[cfg(test)]
#[path = "adapter_tests.rs"]
mod tests;
