//! The tokenizer of a model in the values of llama.cpp, for formats that hold it.

use crate::open_model::OpenModel;
use kerf_model::Network;
use kerf_tensors::formats::{Format, TokenizerValues, Value};
use kerf_text::{Cutting, TokenKind, Tokenizer, Vocabulary};

/// What a format that holds the tokenizer gets; nothing for the others, and for models whose architecture is not known.
pub fn values(opened: &OpenModel, format: &dyn Format) -> TokenizerValues {
    if !format.holds_tokenizer() {
        return None;
    }
    let network = opened.network().ok()?;
    let template = opened.catalog.files.tokenizer.chat_template.as_deref();
    Some(read(opened, &network).map(|vocabulary| of(vocabulary, template)))
}

fn read(opened: &OpenModel, network: &Network) -> Result<Vocabulary, String> {
    let description = opened.tokenizer_description("the format");
    let description = description.map_err(|error| error.to_string())?;
    let built = Tokenizer::with(description).map_err(|error| error.to_string())?;
    let (tokenizer, description) = built;
    let special = tokenizer.special();
    let special = special.ok_or("its post-processor has no form in GGUF")?;
    let mut vocabulary = Vocabulary::of(&description, network.vocab(), special)
        .map_err(|error| error.to_string())?;
    vocabulary.bos = vocabulary.bos.or(network.bos());
    vocabulary.eos = vocabulary.eos.or(network.eos().first().copied());
    Ok(vocabulary)
}

fn of(vocabulary: Vocabulary, chat_template: Option<&str>) -> Vec<(String, Value)> {
    let kinds = vocabulary.kinds.iter().map(|kind| match kind {
        TokenKind::Normal => 1,
        TokenKind::Unknown => 2,
        TokenKind::Control => 3,
        TokenKind::UserDefined => 4,
        TokenKind::Unused => 5,
        TokenKind::Byte => 6,
    });
    let kinds = Value::I32s(kinds.collect());
    let mut values: Vec<(&str, Value)> = match vocabulary.cutting {
        Cutting::Scores { add_space_prefix } => vec![
            ("model", "llama".into()),
            ("pre", "default".into()),
            ("tokens", Value::Texts(vocabulary.tokens)),
            ("scores", Value::F32s(vocabulary.scores)),
            ("add_space_prefix", Value::Bool(add_space_prefix)),
        ],
        Cutting::Merges { rule, merges } => vec![
            ("model", "gpt2".into()),
            ("pre", rule.into()),
            ("tokens", Value::Texts(vocabulary.tokens)),
            ("merges", Value::Texts(merges)),
        ],
    };
    values.push(("token_type", kinds));
    let ids = [
        ("bos_token_id", vocabulary.bos),
        ("eos_token_id", vocabulary.eos),
        ("unknown_token_id", vocabulary.unknown),
        ("padding_token_id", vocabulary.pad),
    ];
    values.extend(
        ids.into_iter()
            .filter_map(|(key, id)| Some((key, Value::U32(id?)))),
    );
    values.push(("add_bos_token", Value::Bool(vocabulary.add_bos)));
    values.push(("add_eos_token", Value::Bool(vocabulary.add_eos)));
    let named = values
        .into_iter()
        .map(|(key, value)| (format!("tokenizer.ggml.{key}"), value));
    let mut named: Vec<_> = named.collect();
    if let Some(template) = chat_template {
        named.push((
            "tokenizer.chat_template".into(),
            Value::Text(template.to_owned()),
        ));
    }
    named
}
