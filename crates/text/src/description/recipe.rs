//! What the classes of transformers 5 build, in the words of tokenizer.json. One function a class; the vocabulary comes from the
//! files.

use super::FILE;
use crate::error::TextError;
use kerf_tensors::files::tokenizer::patterns::QWEN2;
use kerf_tensors::files::tokenizer::{
    AddedToken, NAMED, Special, TokenizerClass, TokenizerSettings,
};
use serde_json::{Map, Value, json};

/// How Qwen 3.5 cuts text.
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const MARK: &str = "\u{2581}";
const END_OF_TEXT: &str = "<|endoftext|>";

/// Files that can stand in for tokenizer.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// vocab.txt.
    Lines,
    /// vocab.json and merges.txt.
    Merges,
    /// None.
    None,
}

/// Which tokens stand around a text.
pub(super) enum Ends {
    /// Those of the post-processor of tokenizer.json.
    OfFile,
    /// `cls_token` before a text, `sep_token` after it; the second of a pair is of type 1.
    Bert,
    /// `cls_token` and `sep_token`, in RoBERTa's form.
    Roberta,
    /// `bos_token` before a text, `eos_token` after it, two of them between a pair.
    XlmRoberta,
    /// Whatever tokenizer.json says, only what the settings ask for, and `bos_token` if `bos`.
    Flags { bos: bool },
}

/// All but the vocabulary.
pub(super) struct Recipe {
    pub class: TokenizerClass,
    pub name: String,
    pub vocabulary: Vocabulary,
    /// Fields of the model, with its `type`.
    pub model: Map<String, Value>,
    pub normalizer: Value,
    pub pre_tokenizer: Value,
    pub decoder: Value,
    pub ends: Ends,
    /// Special tokens of the files, and those that the class has by itself.
    pub special: Special,
    pub extra: Vec<AddedToken>,
    /// Whether the special tokens are added once more at the end, without flags.
    pub adds_special_again: bool,
}

/// What a class has of its own.
struct Own {
    vocabulary: Vocabulary,
    model: Value,
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
    ends: Ends,
    special: Vec<(&'static str, AddedToken)>,
}

impl Recipe {
    /// The recipe of a class; none if it takes tokenizer.json as it is.
    pub fn of(class: &TokenizerClass, settings: &TokenizerSettings) -> Option<Self> {
        let space = settings.add_prefix_space;
        let own = match class {
            TokenizerClass::AsFile | TokenizerClass::Other(_) => return None,
            TokenizerClass::Bert => bert(settings),
            TokenizerClass::MpNet => mpnet(settings),
            TokenizerClass::Gpt2 => gpt2(space),
            TokenizerClass::Roberta => roberta(space),
            TokenizerClass::GptNeoX => gpt_neox(space),
            TokenizerClass::Qwen2 => qwen(QWEN2, space),
            TokenizerClass::Qwen35 => qwen(QWEN35, space),
            TokenizerClass::Llama => llama(settings),
            TokenizerClass::CodeLlama => code_llama(space),
            TokenizerClass::Gemma => gemma(),
            TokenizerClass::XlmRoberta => xlm_roberta(space),
        };
        let special = special(settings, own.special);
        let mut recipe = Self {
            class: class.clone(),
            name: class.name().to_owned(),
            vocabulary: own.vocabulary,
            model: match own.model {
                Value::Object(fields) => fields,
                _ => Map::new(),
            },
            normalizer: own.normalizer,
            pre_tokenizer: own.pre_tokenizer,
            decoder: own.decoder,
            ends: own.ends,
            special,
            extra: settings.extra_special.clone(),
            adds_special_again: *class == TokenizerClass::Qwen2,
        };
        if recipe
            .model
            .get("unk_token")
            .is_some_and(|token| token == "")
        {
            let unknown = recipe.token("unk_token").map(Value::from);
            recipe
                .model
                .insert("unk_token".into(), unknown.unwrap_or(Value::Null));
        }
        Some(recipe)
    }

    /// Text of a special token.
    pub fn token(&self, name: &str) -> Option<&str> {
        let found = self.special.iter().find(|(other, _)| other == name);
        found.and_then(|(_, token)| Some(token.as_ref()?.content.as_str()))
    }

    /// Whether this class can take a model of tokenizer.json: ids by token also make word pieces, as in transformers.
    pub fn fits(&self, model: &Value) -> bool {
        let list = model["vocab"].is_array();
        match self.model["type"].as_str() {
            Some("Unigram") => list,
            Some("BPE") => !list && (model["type"] == "BPE" || !model["merges"].is_null()),
            _ => !list,
        }
    }

    /// The model of this class, with the vocabulary of `model`.
    pub fn model_of(&self, mut model: Value) -> Result<Value, TextError> {
        if !self.fits(&model) {
            return Err(TextError::of(
                FILE,
                format!(
                    "model.type is {}, which a {} (of type {}) cannot take; to take the file as it is, set tokenizer_class to \
                     PreTrainedTokenizerFast in tokenizer_config.json",
                    model["type"], self.name, self.model["type"]
                ),
            ));
        }
        let kind = &self.model["type"];
        let mut fields = self.model.clone();
        fields.insert("vocab".into(), model["vocab"].take());
        if kind == "BPE" {
            let merges = match model["merges"].take() {
                Value::Null => json!([]),
                merges => merges,
            };
            fields.insert("merges".into(), merges);
        }
        Ok(Value::Object(fields))
    }
}

/// The special tokens of the files before those of the class.
fn special(settings: &TokenizerSettings, own: Vec<(&'static str, AddedToken)>) -> Special {
    let mut all = settings.special.clone();
    for (name, token) in own {
        let place = all.iter_mut().find(|(other, _)| other == name);
        match place {
            None => all.push((name.into(), Some(token))),
            // A class that strips at its mask does so for a bare text as well.
            Some((_, Some(given)))
                if token.lstrip && *given == AddedToken::special(&given.content) =>
            {
                given.lstrip = true;
            }
            Some(_) => {}
        }
    }
    let rank = |name: &String| {
        NAMED
            .iter()
            .position(|usual| usual == name)
            .unwrap_or(NAMED.len())
    };
    all.sort_by_key(|(name, _)| rank(name));
    all
}

/// Special tokens in the order of `NAMED` without `mask_token`; empty where the class has none.
fn tokens(texts: [&'static str; 6], mask: &'static str) -> Vec<(&'static str, AddedToken)> {
    let all = NAMED.into_iter().zip(texts.into_iter().chain([mask]));
    all.filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name, AddedToken::special(text)))
        .collect()
}

fn word_pieces(settings: &TokenizerSettings, ends: Ends) -> Own {
    Own {
        vocabulary: Vocabulary::Lines,
        model: json!({
            "type": "WordPiece", "unk_token": "", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
        }),
        normalizer: json!({
            "type": "BertNormalizer", "clean_text": true,
            "handle_chinese_chars": settings.tokenize_chinese_chars.unwrap_or(true),
            "strip_accents": settings.strip_accents, "lowercase": settings.do_lower_case.unwrap_or(true),
        }),
        pre_tokenizer: json!({"type": "BertPreTokenizer"}),
        decoder: json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
        ends,
        special: Vec::new(),
    }
}

fn bert(settings: &TokenizerSettings) -> Own {
    Own {
        special: tokens(["", "", "[UNK]", "[SEP]", "[PAD]", "[CLS]"], "[MASK]"),
        ..word_pieces(settings, Ends::Bert)
    }
}

fn mpnet(settings: &TokenizerSettings) -> Own {
    let mut special = tokens(["<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>"], "<mask>");
    if let Some((_, mask)) = special.last_mut() {
        mask.lstrip = true;
    }
    Own {
        special,
        ..word_pieces(settings, Ends::Roberta)
    }
}

fn byte_level(space: bool, use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": space, "trim_offsets": true, "use_regex": use_regex})
}

fn bytes(normalizer: Value, pre_tokenizer: Value, ends: Ends) -> Own {
    Own {
        vocabulary: Vocabulary::Merges,
        model: json!({
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "", "end_of_word_suffix": "",
            "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
        }),
        normalizer,
        pre_tokenizer,
        decoder: byte_level(true, true),
        ends,
        special: Vec::new(),
    }
}

fn gpt2(space: Option<bool>) -> Own {
    let cut = byte_level(space.unwrap_or(false), true);
    Own {
        special: tokens([END_OF_TEXT, END_OF_TEXT, END_OF_TEXT, "", "", ""], ""),
        ..bytes(Value::Null, cut, Ends::OfFile)
    }
}

fn roberta(space: Option<bool>) -> Own {
    let cut = byte_level(space.unwrap_or(false), true);
    Own {
        special: tokens(["<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>"], "<mask>"),
        ..bytes(Value::Null, cut, Ends::Roberta)
    }
}

fn gpt_neox(space: Option<bool>) -> Own {
    let cut = byte_level(space.unwrap_or(false), true);
    Own {
        special: tokens(
            [END_OF_TEXT, END_OF_TEXT, END_OF_TEXT, "", "<|padding|>", ""],
            "",
        ),
        ..bytes(json!({"type": "NFC"}), cut, Ends::Flags { bos: false })
    }
}

fn qwen(pattern: &str, space: Option<bool>) -> Own {
    let cut = json!({"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
        byte_level(space.unwrap_or(false), false),
    ]});
    Own {
        special: tokens(["", END_OF_TEXT, END_OF_TEXT, "", END_OF_TEXT, ""], ""),
        ..bytes(json!({"type": "NFC"}), cut, Ends::OfFile)
    }
}

fn metaspace(scheme: &str, split: bool) -> Value {
    json!({"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme, "split": split})
}

/// Characters, and bytes for what is unknown. `strip`: the space that was put before a text is taken off again.
fn characters(pre_tokenizer: Value, strip: bool) -> Own {
    let mut steps = vec![
        json!({"type": "Replace", "pattern": {"String": MARK}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if strip {
        steps.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    Own {
        vocabulary: Vocabulary::None,
        model: json!({
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
        }),
        normalizer: Value::Null,
        pre_tokenizer,
        decoder: json!({"type": "Sequence", "decoders": steps}),
        ends: Ends::OfFile,
        special: tokens(["<s>", "</s>", "<unk>", "", "", ""], ""),
    }
}

fn llama(settings: &TokenizerSettings) -> Own {
    let space = settings.add_prefix_space.unwrap_or(true);
    let scheme = match (space, settings.legacy.unwrap_or(false)) {
        (false, _) => "never",
        (true, true) => "always",
        (true, false) => "first",
    };
    characters(metaspace(scheme, false), space)
}

/// Special tokens of Code Llama.
const CODE: [(&str, &str); 5] = [
    ("prefix_token", "\u{2581}<PRE>"),
    ("middle_token", "\u{2581}<MID>"),
    ("suffix_token", "\u{2581}<SUF>"),
    ("eot_token", "\u{2581}<EOT>"),
    ("fill_token", "<FILL_ME>"),
];

fn code_llama(space: Option<bool>) -> Own {
    let scheme = match space.unwrap_or(true) {
        true => "first",
        false => "never",
    };
    let mut own = characters(metaspace(scheme, false), true);
    own.model["unk_token"] = "".into();
    let code = CODE.map(|(name, text)| (name, AddedToken::special(text)));
    own.special.extend(code);
    own.ends = Ends::Flags { bos: true };
    own
}

fn gemma() -> Own {
    let cut = json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false});
    let mut own = characters(cut, false);
    own.model["unk_token"] = "".into();
    own.normalizer = json!({"type": "Replace", "pattern": {"String": " "}, "content": MARK});
    own.special = tokens(["<bos>", "<eos>", "<unk>", "", "<pad>", ""], "<mask>");
    own
}

fn xlm_roberta(space: Option<bool>) -> Own {
    let scheme = match space.unwrap_or(true) {
        true => "always",
        false => "never",
    };
    Own {
        vocabulary: Vocabulary::None,
        model: json!({"type": "Unigram", "unk_id": 3, "byte_fallback": false}),
        normalizer: Value::Null,
        pre_tokenizer: json!({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace(scheme, true)]}),
        decoder: metaspace(scheme, true),
        ends: Ends::XlmRoberta,
        special: tokens(["<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>"], "<mask>"),
    }
}
