//! A tokenizer in the form of tokenizer.json, as transformers 5 makes it of all files of a folder.
//!
//! Most classes of transformers take from tokenizer.json only vocabulary, merges, added tokens and post-processor, and build the
//! rest by rules of their own ([`recipe`]); `PreTrainedTokenizerFast` takes the file as it is. Both then get the added and
//! special tokens that the small files name ([`tokens`]).

mod ends;
mod recipe;
mod tokens;
mod vocabulary_files;

use crate::check;
use crate::error::TextError;
use kerf_tensors::files::tokenizer::{
    Added, AddedToken, Side, Special, TokenizerClass, TokenizerSettings, in_order,
};
use kerf_tensors::{Folder, TensorsError};
use recipe::Recipe;
use serde_json::{Map, Value, json};
use tokens::Batches;

/// Name of the file that describes a whole tokenizer.
pub const FILE: &str = "tokenizer.json";

/// Vocabularies that are read by libraries that kerf does not have.
const UNREADABLE: [&str; 6] = [
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "spm.model",
    "tekken.json",
    "tiktoken.model",
];

/// The files that hold the vocabulary of a tokenizer.
#[derive(Clone, Debug, Default)]
pub struct TokenizerFiles {
    /// tokenizer.json: the whole tokenizer.
    pub json: Option<Vec<u8>>,
    /// vocab.txt: a token a line.
    pub vocab_txt: Option<Vec<u8>>,
    /// vocab.json: ids by token.
    pub vocab_json: Option<Vec<u8>>,
    /// merges.txt: a pair a line.
    pub merges_txt: Option<Vec<u8>>,
    /// The name of a vocabulary that kerf cannot read, if one is there.
    pub unreadable: Option<String>,
}

impl TokenizerFiles {
    /// Reads the files of a folder.
    pub fn read(folder: &dyn Folder) -> Result<Self, TensorsError> {
        let read = |file: &str| match folder.read(file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(TensorsError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let json = read(FILE)?;
        if json.is_some() {
            return Ok(Self {
                json,
                ..Self::default()
            });
        }
        let files = folder.list()?;
        let unreadable = UNREADABLE
            .iter()
            .find(|name| files.iter().any(|file| file == *name));
        Ok(Self {
            json,
            vocab_txt: read("vocab.txt")?,
            vocab_json: read("vocab.json")?,
            merges_txt: read("merges.txt")?,
            unreadable: unreadable.map(|name| name.to_string()),
        })
    }

    /// Whether there is no vocabulary at all.
    pub fn is_empty(&self) -> bool {
        self.json.is_none()
            && self.vocab_txt.is_none()
            && self.vocab_json.is_none()
            && self.unreadable.is_none()
    }
}

/// A tokenizer, described. Nothing in it makes the library that runs it fail other than by an error.
#[derive(Clone, Debug)]
pub struct Description {
    /// In the form of tokenizer.json, without padding and truncation; `added_tokens` has the ids that the tokens really get.
    pub(crate) json: Value,
    /// The added tokens, in the steps in which they are added.
    pub(crate) added: Vec<Vec<AddedToken>>,
    /// Special tokens by name, with those that the class has by itself.
    pub(crate) special: Special,
    /// The side of a longer text that is cut off.
    pub(crate) side: Side,
    /// Whether special tokens in a text are cut like other text.
    pub(crate) split_special: bool,
    /// Whether spaces before punctuation are taken out when ids become text.
    pub(crate) clean_up: bool,
}

impl Description {
    /// The tokenizer that the files and settings of a folder describe. The error names the file, and what is wrong in it.
    pub fn of(files: &TokenizerFiles, settings: &TokenizerSettings) -> Result<Self, TextError> {
        let file = match &files.json {
            Some(bytes) => Some(parse(bytes)?),
            None => None,
        };
        let side = settings.truncation_side.or(side(file.as_ref()));
        let mut class = settings.class.clone();
        if class == TokenizerClass::Llama && file.as_ref().is_some_and(has_byte_level) {
            class = TokenizerClass::AsFile;
        }
        let fits = |recipe: &Recipe| {
            let model = file.as_ref().map(|file| &file["model"]);
            settings.class_is_named || model.is_none_or(|model| recipe.fits(model))
        };
        let recipe = Recipe::of(&class, settings).filter(fits);
        let (mut json, batches, special) = match recipe {
            Some(recipe) => build(recipe, file, files, settings)?,
            None => as_file(file.ok_or_else(|| refusal(files, &class))?, settings)?,
        };
        json.insert("added_tokens".into(), batches.json());
        let json = Value::Object(json);
        check::check(&json)?;
        let bpe = json["model"]["type"] == "BPE";
        Ok(Self {
            added: batches.into_steps(),
            json,
            special,
            side: side.unwrap_or_default(),
            split_special: settings.split_special_tokens,
            clean_up: settings.clean_up_spaces && (!bpe || settings.clean_up_spaces_of_bpe),
        })
    }

    /// Text of the special token of a name, such as `bos_token`.
    pub fn special(&self, name: &str) -> Option<&str> {
        let found = self.special.iter().find(|(other, _)| other == name);
        found.and_then(|(_, token)| Some(token.as_ref()?.content.as_str()))
    }
}

fn parse(bytes: &[u8]) -> Result<Value, TextError> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let value: Value = serde_json::from_slice(text)
        .map_err(|error| TextError::of(FILE, format!("it is not valid JSON: {error}")))?;
    match value.is_object() && value["model"].is_object() {
        true => Ok(value),
        false => Err(TextError::of(FILE, "it has no object \"model\"")),
    }
}

/// The side that tokenizer.json cuts off.
fn side(file: Option<&Value>) -> Option<Side> {
    match file?["truncation"]["direction"].as_str()? {
        "Left" => Some(Side::Left),
        _ => Some(Side::Right),
    }
}

/// Whether `ByteLevel` stands anywhere beside the vocabulary: a class that makes SentencePiece's rules is wrong then.
fn has_byte_level(file: &Value) -> bool {
    match file {
        Value::String(text) => text == "ByteLevel",
        Value::Array(values) => values.iter().any(has_byte_level),
        Value::Object(values) => values
            .iter()
            .any(|(name, value)| name != "model" && has_byte_level(value)),
        _ => false,
    }
}

type Built = (Map<String, Value>, Batches, Special);

/// tokenizer.json as it is, with what the small files add.
fn as_file(mut file: Value, settings: &TokenizerSettings) -> Result<Built, TextError> {
    let own = tokens_of(&file)?;
    // Dropout is for training: ids would be drawn at random.
    if let Some(dropout) = file["model"].get_mut("dropout") {
        *dropout = Value::Null;
    }
    let mut batches = Batches::of(&mut file["model"])?;
    let special = settings.special.clone();
    batches.add(own.iter().map(|(_, token)| token.clone()).collect());
    batches.add_named(from_files(settings, own), &special, &settings.extra_special);
    let parts = [
        "normalizer",
        "pre_tokenizer",
        "post_processor",
        "decoder",
        "model",
    ];
    let parts = parts.map(|part| (part.to_owned(), file[part].take()));
    Ok((parts.into_iter().collect(), batches, special))
}

/// By the rules of a class: vocabulary and post-processor from the file, or from the older vocabulary files.
fn build(
    mut recipe: Recipe,
    file: Option<Value>,
    files: &TokenizerFiles,
    settings: &TokenizerSettings,
) -> Result<Built, TextError> {
    let (own, post, mut model) = match file {
        Some(mut file) if recipe.class == TokenizerClass::XlmRoberta => {
            recipe.normalizer = charsmap(&file["normalizer"]);
            of_file(&recipe, &mut file)?
        }
        Some(mut file) => of_file(&recipe, &mut file)?,
        None => {
            let model = vocabulary_files::model(&recipe, files)?;
            (Vec::new(), None, recipe.model_of(model)?)
        }
    };
    let mut batches = Batches::of(&mut model)?;
    batches.add_named(from_files(settings, own), &recipe.special, &recipe.extra);
    if recipe.adds_special_again {
        let again = recipe
            .special
            .iter()
            .filter_map(|(_, token)| token.as_ref());
        let again = again.chain(&recipe.extra);
        batches.add(
            again
                .map(|token| AddedToken::special(&token.content))
                .collect(),
        );
    }
    let post = ends::post_processor(&recipe, post, settings, &batches)?;
    let mut parts = Map::new();
    parts.insert("normalizer".into(), recipe.normalizer);
    parts.insert("pre_tokenizer".into(), recipe.pre_tokenizer);
    parts.insert("post_processor".into(), post);
    parts.insert("decoder".into(), recipe.decoder);
    parts.insert("model".into(), model);
    Ok((parts, batches, recipe.special))
}

type OfFile = (Vec<(u32, AddedToken)>, Option<Value>, Value);

/// Added tokens, post-processor and model of tokenizer.json.
fn of_file(recipe: &Recipe, file: &mut Value) -> Result<OfFile, TextError> {
    let model = recipe.model_of(file["model"].take())?;
    Ok((tokens_of(file)?, Some(file["post_processor"].take()), model))
}

/// The table of SentencePiece in a normalizer, if there is one.
fn charsmap(normalizer: &Value) -> Value {
    let steps = normalizer["normalizers"].as_array();
    let mut steps = steps
        .map_or(vec![normalizer], |steps| steps.iter().collect())
        .into_iter();
    let found = steps.find(|step| step["type"] == "Precompiled");
    found.cloned().unwrap_or(Value::Null)
}

/// `added_tokens` of tokenizer.json, with their ids.
fn tokens_of(file: &Value) -> Result<Vec<(u32, AddedToken)>, TextError> {
    let bad = |index: usize| {
        TextError::of(
            FILE,
            format!("added_tokens[{index}] is no token with id, content and flags"),
        )
    };
    let list = match &file["added_tokens"] {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list,
        _ => return Err(TextError::of(FILE, "added_tokens is no list")),
    };
    let token = |(index, value): (usize, &Value)| {
        let id = value["id"].as_u64().and_then(|id| u32::try_from(id).ok());
        match (id, AddedToken::of_json(value)) {
            (Some(id), Some(token)) => Ok((id, token)),
            _ => Err(bad(index)),
        }
    };
    list.iter().enumerate().map(token).collect()
}

/// The added tokens that the small files decide on, in the order of their ids. `own`: those of tokenizer.json.
fn from_files(settings: &TokenizerSettings, own: Vec<(u32, AddedToken)>) -> Vec<AddedToken> {
    match &settings.added {
        Added::Only(tokens) => tokens.clone(),
        Added::Beside(tokens) => in_order(tokens.iter().cloned().chain(own).collect()),
    }
}

/// Why a folder without tokenizer.json is refused, and what helps.
fn refusal(files: &TokenizerFiles, class: &TokenizerClass) -> TextError {
    const CONVERT: &str = "in Python, transformers' AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) writes tokenizer.json";
    match &files.unreadable {
        Some(name) => TextError::of(
            name,
            format!("kerf does not read this vocabulary: {CONVERT}"),
        ),
        None => TextError::of(
            FILE,
            format!(
                "it is not there, and kerf builds no {} from other files; name the class in tokenizer_class of \
                 tokenizer_config.json (BertTokenizer, MPNetTokenizer: vocab.txt; GPT2Tokenizer, RobertaTokenizer, \
                 GPTNeoXTokenizer, Qwen2Tokenizer: vocab.json and merges.txt), or: {CONVERT}",
                class.name()
            ),
        ),
    }
}

/// The post-processor that puts tokens around one text, and around each of a pair. `between` stands before the second text, which is
/// of type `second` with the tokens around it.
pub(crate) fn template(
    before: &[(&str, u32)],
    after: &[(&str, u32)],
    (between, second): (&[(&str, u32)], u32),
) -> Value {
    let special =
        |(text, _): &(&str, u32), kind| json!({"SpecialToken": {"id": text, "type_id": kind}});
    let text = |id: &str, kind| json!({"Sequence": {"id": id, "type_id": kind}});
    let part = |before: &[(&str, u32)], id, kind| {
        let before = before.iter().map(|token| special(token, kind));
        let after = after.iter().map(|token| special(token, kind));
        before
            .chain([text(id, kind)])
            .chain(after)
            .collect::<Vec<_>>()
    };
    let single = part(before, "A", 0);
    let pair = [single.clone(), part(between, "B", second)].concat();
    let tokens = before.iter().chain(after).map(|(text, id)| {
        (
            text.to_string(),
            json!({"id": text, "ids": [id], "tokens": [text]}),
        )
    });
    json!({
        "type": "TemplateProcessing",
        "single": single,
        "pair": pair,
        "special_tokens": tokens.collect::<Map<_, _>>(),
    })
}
