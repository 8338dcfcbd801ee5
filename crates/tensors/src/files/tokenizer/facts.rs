//! Facts about the settings of a tokenizer.

use super::{FILE, TokenizerClass, TokenizerSettings};
use crate::files::Reader;
use crate::files::fact::Fact;
use crate::files::fields::Fields;

/// Fields that change no token id: housekeeping, padding (kerf pads by itself), and settings of Python classes that the fast
/// tokenizers do not have.
const NEUTRAL: [&str; 43] = [
    "backend",
    "do_basic_tokenize",
    "errors",
    "extra_ids",
    "files_loaded",
    "from_slow",
    "init_inputs",
    "is_local",
    "keep_accents",
    "local_files_only",
    "max_length",
    "merges_file",
    "model_input_names",
    "name_or_path",
    "never_split",
    "pad_to_multiple_of",
    "pad_token_type_id",
    "padding",
    "padding_side",
    "processor_class",
    "remove_space",
    "response_schema",
    "response_template",
    "return_token_type_ids",
    "revision",
    "sp_model_kwargs",
    "spaces_between_special_tokens",
    "special_tokens_map_file",
    "stride",
    "tokenizer_file",
    "tokenizer_type",
    "transformers_version",
    "trim_offsets",
    "truncation",
    "truncation_strategy",
    "trust_remote_code",
    "unk_id",
    "use_default_system_prompt",
    "use_fast",
    "verbose",
    "vocab_file",
    "vocab_size",
    "chat_control_tokens",
];

/// Facts about the class, about settings that have no effect on it, and about fields that kerf does not know.
pub(super) fn tell(
    settings: &TokenizerSettings,
    fields: &Fields<'_>,
    reader: &Reader<'_>,
    facts: &mut Vec<Fact>,
) {
    tell_class(&settings.class, fields, reader, facts);
    tell_flags(settings, reader, facts);
    if fields.get("auto_map").is_some() {
        let says = "the tokenizer has Python code of its own, which kerf does not run: it takes tokenizer.json";
        facts.push(Fact::noted(FILE, "auto_map", "", says));
    }
    facts.extend(fields.unread(&NEUTRAL));
}

fn tell_class(
    class: &TokenizerClass,
    fields: &Fields<'_>,
    reader: &Reader<'_>,
    facts: &mut Vec<Fact>,
) {
    let named = fields.get("tokenizer_class").is_some();
    let (file, field) = match named {
        true => (FILE, "tokenizer_class"),
        false => ("config.json", "model_type"),
    };
    if class.builds() {
        let says = "normalizer, pre-tokenizer and decoder are those of this class in transformers 5, vocabulary and post-processor \
                    those of the files";
        facts.push(Fact::used(file, field, class.name(), says));
    } else if let TokenizerClass::Other(name) = class
        && reader.has("tokenizer.json")
    {
        let says = format!(
            "transformers builds a {name} by its own rules, which kerf does not know; it takes tokenizer.json as it is"
        );
        facts.push(Fact::noted(file, field, name, says));
    }
}

/// Facts about settings that transformers reads but that have no effect for this class.
fn tell_flags(settings: &TokenizerSettings, reader: &Reader<'_>, facts: &mut Vec<Fact>) {
    use TokenizerClass::*;
    let class = &settings.class;
    let lower = matches!(class, Bert | MpNet);
    let space = class.builds() && !matches!(class, Bert | MpNet | Gemma);
    let flags = [
        ("do_lower_case", settings.do_lower_case, lower),
        ("strip_accents", settings.strip_accents, lower),
        (
            "tokenize_chinese_chars",
            settings.tokenize_chinese_chars,
            lower,
        ),
        ("add_prefix_space", settings.add_prefix_space, space),
        ("legacy", settings.legacy, matches!(class, Llama)),
    ];
    for (name, value, acts) in flags {
        let Some(value) = value else { continue };
        facts.push(match acts {
            true => Fact::used(FILE, name, value, "kerf does as it says"),
            false => Fact::used(FILE, name, value, format!(
                "nothing: {} has no such setting in transformers 5, what tokenizer.json says holds",
                class.name()
            )),
        });
    }
    let ends = [
        ("add_bos_token", settings.add_bos_token),
        ("add_eos_token", settings.add_eos_token),
    ];
    for (name, value) in ends {
        let Some(value) = value else { continue };
        let says = match reader.has("tokenizer.json") {
            true => "nothing: the post-processor of tokenizer.json decides, as in transformers 5",
            false => "kerf does as it says",
        };
        facts.push(Fact::used(FILE, name, value, says));
    }
}
