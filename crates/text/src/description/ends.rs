//! The post-processor of a tokenizer that a class builds: which tokens stand around a text.

use super::FILE;
use super::recipe::{Ends, Recipe};
use super::template;
use super::tokens::Batches;
use crate::error::TextError;
use kerf_tensors::files::tokenizer::TokenizerSettings;
use serde_json::{Value, json};

/// The post-processor. `file`: that of tokenizer.json; `None` without such a file, when the settings decide.
pub(super) fn post_processor(
    recipe: &Recipe,
    file: Option<Value>,
    settings: &TokenizerSettings,
    tokens: &Batches,
) -> Result<Value, TextError> {
    let find = |name: &str| {
        let token = recipe.token(name).ok_or_else(|| {
            TextError::of(
                "tokenizer_config.json",
                format!(
                    "{name} is null, and a {} puts it around every text",
                    recipe.name
                ),
            )
        })?;
        let id = tokens.id(token);
        let id = id.ok_or_else(|| TextError::of(FILE, format!("{name} {token:?} has no id")))?;
        Ok((token, id))
    };
    match (&recipe.ends, file) {
        (Ends::Bert, _) => {
            let (cls, sep) = (find("cls_token")?, find("sep_token")?);
            Ok(template(&[cls], &[sep], (&[], 1)))
        }
        (Ends::XlmRoberta, _) => {
            let (bos, eos) = (find("bos_token")?, find("eos_token")?);
            Ok(template(&[bos], &[eos], (&[eos], 0)))
        }
        (Ends::Roberta, _) => {
            let ((cls, cls_id), (sep, sep_id)) = (find("cls_token")?, find("sep_token")?);
            Ok(json!({
                "type": "RobertaProcessing", "sep": [sep, sep_id], "cls": [cls, cls_id],
                "trim_offsets": true, "add_prefix_space": settings.add_prefix_space.unwrap_or(false),
            }))
        }
        (Ends::OfFile, Some(file)) => Ok(file),
        (Ends::Flags { bos }, Some(_)) => flagged(*bos, false, find),
        (Ends::OfFile, None) => flagged(
            settings.add_bos_token.unwrap_or(false) && recipe.token("bos_token").is_some(),
            settings.add_eos_token.unwrap_or(false) && recipe.token("eos_token").is_some(),
            find,
        ),
        (Ends::Flags { bos }, None) => flagged(
            settings.add_bos_token.unwrap_or(*bos) && recipe.token("bos_token").is_some(),
            settings.add_eos_token.unwrap_or(false) && recipe.token("eos_token").is_some(),
            find,
        ),
    }
}

fn flagged<'a>(
    bos: bool,
    eos: bool,
    find: impl Fn(&str) -> Result<(&'a str, u32), TextError>,
) -> Result<Value, TextError> {
    let before = match bos {
        true => vec![find("bos_token")?],
        false => Vec::new(),
    };
    let after = match eos {
        true => vec![find("eos_token")?],
        false => Vec::new(),
    };
    Ok(template(&before, &after, (&before, 1)))
}
