//! The small files that complete or contradict tokenizer.json: tokenizer_config.json, special_tokens_map.json, added_tokens.json
//! and chat_template.jinja. `kerf_text` builds a tokenizer from them in the same way as transformers 5.

mod class;
mod class_table;
mod facts;
pub mod patterns;
mod tokens;

pub use class::{Declared, TokenizerClass};
pub use tokens::{AddedToken, NAMED, Special, in_order};

use super::Reader;
use super::fact::Fact;
use super::fields::Fields;
use super::parse::not_finite_of;
use crate::TensorsError;
use serde_json::Value;
use tokens::Extra;

/// Name of the file.
pub const FILE: &str = "tokenizer_config.json";
const SPECIAL_MAP: &str = "special_tokens_map.json";
const ADDED: &str = "added_tokens.json";
const TEMPLATE: &str = "chat_template.jinja";

/// A larger length means "no limit". Some programs write numbers such as 1e30.
const NO_LIMIT: f64 = 1e12;

/// The side on which a long text is truncated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// The end.
    #[default]
    Right,
    /// The start.
    Left,
}

/// Added tokens. They are found in a text before the text is split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// Only these tokens, in the order of their ids. A class that builds its tokenizer then ignores the added tokens of
    /// tokenizer.json.
    Only(Vec<AddedToken>),
    /// These tokens with their ids, and the added tokens of tokenizer.json. If both have an id, tokenizer.json wins.
    Beside(Vec<(u32, AddedToken)>),
}

impl Default for Added {
    fn default() -> Self {
        Self::Beside(Vec::new())
    }
}

/// Settings of a tokenizer from the files beside tokenizer.json. A flag is `None` if no file mentions it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenizerSettings {
    /// Most tokens of a text, including special tokens. `None` for no limit.
    pub max_length: Option<usize>,
    /// The side on which a longer text is truncated. `None` for the side that tokenizer.json gives, or else the end.
    pub truncation_side: Option<Side>,
    /// Text of the token that begins a text, if a file names it.
    pub bos_token: Option<String>,
    /// Text of the token that ends a text, if a file names it.
    pub eos_token: Option<String>,
    /// Text of the token for padding, if a file names it.
    pub pad_token: Option<String>,
    /// Jinja template of a conversation.
    pub chat_template: Option<String>,
    /// How the tokenizer is built.
    pub class: TokenizerClass,
    /// Whether a file names the class. Otherwise the class follows from the model type, and a tokenizer.json of another type
    /// overrides it.
    pub class_is_named: bool,
    /// Special tokens by name.
    pub special: Special,
    /// Special tokens without a name.
    pub extra_special: Vec<AddedToken>,
    /// Added tokens.
    pub added: Added,
    /// Whether text becomes lower case (BERT and its relatives).
    pub do_lower_case: Option<bool>,
    /// Whether accents are removed (BERT and its relatives). `None` for the value of `do_lower_case`.
    pub strip_accents: Option<bool>,
    /// Whether each Chinese character is a word (BERT and its relatives).
    pub tokenize_chinese_chars: Option<bool>,
    /// Whether a space is put before a text.
    pub add_prefix_space: Option<bool>,
    /// LLaMA: whether the space is put behind special tokens too.
    pub legacy: Option<bool>,
    /// Whether the begin token is put before a text. It has an effect only without tokenizer.json, whose post-processor decides
    /// otherwise.
    pub add_bos_token: Option<bool>,
    /// Whether the end token is put behind a text. It has an effect only without tokenizer.json.
    pub add_eos_token: Option<bool>,
    /// Whether spaces before punctuation are removed when ids become text.
    pub clean_up_spaces: bool,
    /// Whether a BPE tokenizer removes them too. It does harm there, so it needs a flag of its own.
    pub clean_up_spaces_of_bpe: bool,
    /// Whether special tokens in a text are split like other text.
    pub split_special_tokens: bool,
}

impl TokenizerSettings {
    /// Reads the small files of a tokenizer. `BAD_CONFIG` names file and field.
    pub(super) fn read(
        reader: &Reader<'_>,
        config: Option<&Value>,
        facts: &mut Vec<Fact>,
    ) -> Result<Self, TensorsError> {
        let json = reader
            .json(FILE)?
            .unwrap_or_else(|| Value::Object(Default::default()));
        let fields = Fields::of(FILE, &json)?;
        let mut settings = Self::of_fields(&fields)?;
        (settings.class, settings.class_is_named) = class(&fields, config)?;
        tokens::named(&fields, false, &mut settings.special)?;
        let mut extra = Extra::of_config(&fields, &mut settings.special)?;
        settings.added = match tokens::decoder(&fields)? {
            Some(tokens) => Added::Only(tokens),
            None => Added::Beside(settings.read_legacy(reader, &mut extra)?),
        };
        settings.extra_special = extra.into_tokens();
        if let Some(template) = reader.text(TEMPLATE)? {
            settings.chat_template = Some(template);
        }
        let text = |name: &str| Some(settings.token(name)?.content.clone());
        let texts = (text("bos_token"), text("eos_token"), text("pad_token"));
        (settings.bos_token, settings.eos_token, settings.pad_token) = texts;
        facts::tell(&settings, &fields, reader, facts);
        Ok(settings)
    }

    /// The special token with a given name, if a file has one.
    pub fn token(&self, name: &str) -> Option<&AddedToken> {
        let found = self.special.iter().find(|(other, _)| other == name);
        found.and_then(|(_, token)| token.as_ref())
    }

    fn of_fields(fields: &Fields<'_>) -> Result<Self, TensorsError> {
        const OF_BPE: &str =
            "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output";
        Ok(Self {
            max_length: max_length(fields)?,
            truncation_side: side(fields)?,
            chat_template: template(fields),
            do_lower_case: fields.flag("do_lower_case")?,
            strip_accents: fields.flag("strip_accents")?,
            tokenize_chinese_chars: fields.flag("tokenize_chinese_chars")?,
            add_prefix_space: fields.flag("add_prefix_space")?,
            legacy: fields.flag("legacy")?,
            add_bos_token: fields.flag("add_bos_token")?,
            add_eos_token: fields.flag("add_eos_token")?,
            clean_up_spaces: fields
                .flag("clean_up_tokenization_spaces")?
                .unwrap_or(false),
            clean_up_spaces_of_bpe: fields.flag(OF_BPE)?.unwrap_or(false),
            split_special_tokens: fields.flag("split_special_tokens")?.unwrap_or(false),
            ..Self::default()
        })
    }

    /// Reads the older files. They have an effect if tokenizer_config.json has no `added_tokens_decoder`.
    fn read_legacy(
        &mut self,
        reader: &Reader<'_>,
        extra: &mut Extra,
    ) -> Result<Vec<(u32, AddedToken)>, TensorsError> {
        if let Some(map) = reader.json(SPECIAL_MAP)? {
            let fields = Fields::of(SPECIAL_MAP, &map)?;
            tokens::named(&fields, true, &mut self.special)?;
            extra.add_map(&fields, &mut self.special)?;
        }
        match reader.json(ADDED)? {
            None => Ok(Vec::new()),
            Some(added) => {
                let fields = Fields::of(ADDED, &added)?;
                tokens::legacy(&fields, &self.special, extra)
            }
        }
    }
}

/// The class of the tokenizer. `tokenizer_class` of tokenizer_config.json takes precedence over config.json.
fn class(
    fields: &Fields<'_>,
    config: Option<&Value>,
) -> Result<(TokenizerClass, bool), TensorsError> {
    let of_config = |field: &str| config.and_then(|config| config[field].as_str());
    let declared = Declared {
        name: fields
            .text("tokenizer_class")?
            .or(of_config("tokenizer_class")),
        model_type: of_config("model_type"),
        own_code: fields.get("auto_map").is_some(),
    };
    Ok((TokenizerClass::of(declared), declared.name.is_some()))
}

fn max_length(fields: &Fields<'_>) -> Result<Option<usize>, TensorsError> {
    let name = match fields.get("model_max_length") {
        Some(_) => "model_max_length",
        None => "max_len",
    };
    if fields.get(name).and_then(not_finite_of) == Some("Infinity") {
        return Ok(None);
    }
    let length = fields.number(name, 1.0..=f64::MAX)?;
    Ok(length
        .filter(|length| *length < NO_LIMIT)
        .map(|length| length as usize))
}

fn side(fields: &Fields<'_>) -> Result<Option<Side>, TensorsError> {
    match fields.text("truncation_side")? {
        None => Ok(None),
        Some("right") => Ok(Some(Side::Right)),
        Some("left") => Ok(Some(Side::Left)),
        Some(_) => Err(fields.bad("truncation_side", "left or right")),
    }
}

/// The chat template: a text, or the one called `default` in a list of named texts.
fn template(fields: &Fields<'_>) -> Option<String> {
    match fields.get("chat_template")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(several) => {
            let default = several.iter().find(|one| one["name"] == "default")?;
            default["template"].as_str().map(str::to_owned)
        }
        _ => None,
    }
}
