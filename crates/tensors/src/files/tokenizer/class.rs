//! The class of a tokenizer in transformers 5, which decides how the tokenizer is built from its files.
//!
//! Most classes make their own normalizer, pre-tokenizer and decoder. From tokenizer.json they take only vocabulary, merges,
//! added tokens and post-processor. `PreTrainedTokenizerFast` takes all of tokenizer.json.

use super::class_table::{OF_MODEL_TYPE, OTHERS, WRONG_IN_FILES};

/// A class of transformers 5. Only what decides token ids is imitated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenizerClass {
    /// All of tokenizer.json is used (`PreTrainedTokenizerFast`, and names that transformers does not know).
    #[default]
    AsFile,
    /// `BertTokenizer` and related classes.
    Bert,
    /// `MPNetTokenizer`.
    MpNet,
    /// `GPT2Tokenizer`, `CodeGenTokenizer`.
    Gpt2,
    /// `RobertaTokenizer`.
    Roberta,
    /// `GPTNeoXTokenizer`.
    GptNeoX,
    /// `Qwen2Tokenizer`.
    Qwen2,
    /// `Qwen3_5Tokenizer`.
    Qwen35,
    /// `LlamaTokenizer`.
    Llama,
    /// `CodeLlamaTokenizer`.
    CodeLlama,
    /// `GemmaTokenizer`.
    Gemma,
    /// `XLMRobertaTokenizer`.
    XlmRoberta,
    /// The name of a class that transformers has and kerf does not imitate. All of tokenizer.json is used.
    Other(String),
}

/// The fields that decide about the class.
#[derive(Clone, Copy, Debug, Default)]
pub struct Declared<'a> {
    /// `tokenizer_class` of tokenizer_config.json, or else of config.json.
    pub name: Option<&'a str>,
    /// `model_type` of config.json.
    pub model_type: Option<&'a str>,
    /// Whether the tokenizer has Python code of its own (`auto_map`), which kerf does not run.
    pub own_code: bool,
}

impl TokenizerClass {
    /// The class that `AutoTokenizer` chooses.
    pub fn of(declared: Declared<'_>) -> Self {
        let model_type = declared.model_type.unwrap_or_default();
        let registered = registered(model_type);
        let (Some(name), Some(registered)) = (declared.name.map(bare), registered) else {
            let name = declared.name.map(bare).or(registered);
            return name.map_or(Self::AsFile, Self::named);
        };
        if declared.own_code || name == registered {
            return Self::named(name);
        }
        match (registered, WRONG_IN_FILES.contains(&model_type)) {
            ("TokenizersBackend", _) => Self::AsFile,
            (registered, true) => Self::named(registered),
            (_, false) => Self::named(name),
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "BertTokenizer"
            | "DistilBertTokenizer"
            | "ElectraTokenizer"
            | "LayoutLMTokenizer"
            | "LxmertTokenizer"
            | "MobileBertTokenizer"
            | "SqueezeBertTokenizer" => Self::Bert,
            "MPNetTokenizer" => Self::MpNet,
            "GPT2Tokenizer" | "CodeGenTokenizer" => Self::Gpt2,
            "RobertaTokenizer"
            | "BartTokenizer"
            | "LEDTokenizer"
            | "LongformerTokenizer"
            | "MvpTokenizer" => Self::Roberta,
            "GPTNeoXTokenizer" => Self::GptNeoX,
            "Qwen2Tokenizer" => Self::Qwen2,
            "Qwen3_5Tokenizer" => Self::Qwen35,
            "LlamaTokenizer" | "Phi3Tokenizer" => Self::Llama,
            "CodeLlamaTokenizer" => Self::CodeLlama,
            "GemmaTokenizer" => Self::Gemma,
            "XLMRobertaTokenizer" => Self::XlmRoberta,
            name if OTHERS.contains(&name) => Self::Other(name.into()),
            _ => Self::AsFile,
        }
    }

    /// Name of the class in transformers.
    pub fn name(&self) -> &str {
        match self {
            Self::AsFile => "PreTrainedTokenizerFast",
            Self::Bert => "BertTokenizer",
            Self::MpNet => "MPNetTokenizer",
            Self::Gpt2 => "GPT2Tokenizer",
            Self::Roberta => "RobertaTokenizer",
            Self::GptNeoX => "GPTNeoXTokenizer",
            Self::Qwen2 => "Qwen2Tokenizer",
            Self::Qwen35 => "Qwen3_5Tokenizer",
            Self::Llama => "LlamaTokenizer",
            Self::CodeLlama => "CodeLlamaTokenizer",
            Self::Gemma => "GemmaTokenizer",
            Self::XlmRoberta => "XLMRobertaTokenizer",
            Self::Other(name) => name,
        }
    }

    /// Whether the class makes its own normalizer, pre-tokenizer and decoder.
    pub fn builds(&self) -> bool {
        !matches!(self, Self::AsFile | Self::Other(_))
    }
}

fn bare(name: &str) -> &str {
    match name {
        "PreTrainedTokenizerFast" => name,
        name => name.strip_suffix("Fast").unwrap_or(name),
    }
}

fn registered(model_type: &str) -> Option<&'static str> {
    let row = OF_MODEL_TYPE
        .iter()
        .find(|(_, types)| types.contains(&model_type));
    row.map(|(class, _)| *class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_is_the_one_that_auto_tokenizer_takes() {
        use TokenizerClass::*;
        let rows: [(Option<&str>, Option<&str>, TokenizerClass); 16] = [
            (None, None, AsFile),
            (None, Some("bert"), Bert),
            (None, Some("llama"), AsFile),
            (Some("PreTrainedTokenizerFast"), Some("bert"), AsFile),
            (Some("DistilBertTokenizerFast"), Some("distilbert"), Bert),
            (Some("GPT2Tokenizer"), Some("llama"), Gpt2),
            (Some("LlamaTokenizer"), Some("mistral"), AsFile),
            (Some("LlamaTokenizerFast"), Some("llama"), Llama),
            (Some("LlamaTokenizer"), Some("phi3"), AsFile),
            (Some("PreTrainedTokenizerFast"), Some("qwen2"), Qwen2),
            (Some("PreTrainedTokenizerFast"), Some("qwen3"), AsFile),
            (Some("CodeGenTokenizer"), Some("phi"), Gpt2),
            (Some("OPTTokenizer"), Some("opt"), AsFile),
            (Some("BertTokenizer"), Some("modernbert"), AsFile),
            (Some("T5Tokenizer"), Some("t5"), Other("T5Tokenizer".into())),
            (Some("NoSuchTokenizer"), None, AsFile),
        ];
        for (name, model_type, class) in rows {
            let declared = Declared {
                name,
                model_type,
                own_code: false,
            };
            assert_eq!(TokenizerClass::of(declared), class, "{declared:?}");
        }
    }
}
