//! How a model reads a text that it gives a vector for: after which prompt, in which case, and where it is cut.

use crate::Error;
use crate::open_model::{OpenModel, Runnable};
use kerf_kernels::Compute;
use kerf_tensors::files::Side;
use kerf_text::Tokenizer;
use std::sync::Arc;

/// How a text becomes token ids, as the sentence-transformers files of a model say, or those of its tokenizer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Most tokens of a text, special tokens counted.
    pub max_tokens: usize,
    /// Which side of a longer text is cut off, if the pipeline says; else the tokenizer does.
    pub truncation_side: Option<Side>,
    /// Whether a text is lowercased before it is tokenised.
    pub lower_case: bool,
    /// What goes before each text; may be empty.
    pub prompt: String,
    /// What a user should know.
    pub notes: Vec<String>,
}

impl Encoding {
    /// Without a prompt. The maximum is what the pipeline says, else the tokenizer, and never more than the positions of the
    /// network.
    pub fn of(model: &Runnable) -> Self {
        let files = &model.opened.catalog.files;
        let input = files.pipeline.as_ref().map(|pipeline| &pipeline.input);
        let longest = model.network.max_context();
        let said = input.and_then(|input| input.max_length);
        let max_tokens = said.or(files.tokenizer.max_length).unwrap_or(longest);
        let mut notes = Vec::new();
        if said.is_some_and(|said| said > longest) {
            notes.push(format!(
                "the model says that a text has up to {max_tokens} tokens, but its network has {longest} positions: texts are cut there"
            ));
        }
        Self {
            max_tokens: max_tokens.clamp(1, longest.max(1)),
            truncation_side: input.and_then(|input| input.truncation_side),
            lower_case: input.is_some_and(|input| input.lower_case),
            prompt: String::new(),
            notes,
        }
    }

    /// With a prompt before each text.
    pub fn after(mut self, prompt: &str) -> Self {
        prompt.clone_into(&mut self.prompt);
        self
    }

    /// The tokenizer of the model, which lowercases if this says so; `operation` says in the error what needs it.
    pub fn tokenizer(&self, opened: &OpenModel, operation: &str) -> Result<Arc<Tokenizer>, Error> {
        let variant = (self.truncation_side, self.lower_case);
        opened.tokenizers.get(variant, || {
            let mut tokenizer = opened.new_tokenizer(operation)?;
            if let Some(side) = self.truncation_side {
                tokenizer = tokenizer.cutting_off(side);
            }
            match self.lower_case {
                true => Ok(tokenizer.lowercased()?),
                false => Ok(tokenizer),
            }
        })
    }

    /// Token ids of all texts, cut at the maximum, and how many were cut.
    pub fn encode<S: AsRef<str> + Sync>(
        &self,
        tokenizer: &Tokenizer,
        compute: &Compute,
        texts: &[S],
    ) -> Result<(Vec<Vec<u32>>, usize), Error> {
        let encoded = compute.pool.map(texts.len(), |index| {
            let text = texts[index].as_ref();
            match self.prompt.as_str() {
                "" => tokenizer.encode_truncated(text, self.max_tokens),
                prompt => tokenizer.encode_truncated(&format!("{prompt}{text}"), self.max_tokens),
            }
        });
        let (mut ids, mut truncated) = (Vec::with_capacity(texts.len()), 0);
        for result in encoded {
            let (tokens, cut) = result?;
            truncated += usize::from(cut);
            ids.push(tokens);
        }
        Ok((ids, truncated))
    }

    /// Tokens that the prompt takes, as sentence-transformers counts them: those of the prompt by itself, special tokens
    /// included, but not one that ends it.
    pub fn prompt_tokens(&self, tokenizer: &Tokenizer) -> Result<usize, Error> {
        if self.prompt.is_empty() {
            return Ok(0);
        }
        let (ids, _) = tokenizer.encode_truncated(&self.prompt, self.max_tokens)?;
        let ends = ids.last().is_some_and(|id| tokenizer.is_special(*id));
        Ok(ids.len() - usize::from(ends))
    }
}
