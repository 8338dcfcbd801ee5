//! Text that grows token by token.

use crate::{TextError, Tokenizer};

/// Tokens of the context that are decoded again with each new one, so that spaces and multi-byte characters join correctly.
const CONTEXT_TOKENS: usize = 6;

/// Turns new tokens into pieces of text that join to the text of the tokens before. A piece never ends inside a character.
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    ids: Vec<u32>,
    /// First token that is decoded again.
    context: usize,
    /// Number of tokens whose text has been handed out.
    read: usize,
}

impl<'a> TextStream<'a> {
    /// `prompt`: the tokens before.
    pub fn new(tokenizer: &'a Tokenizer, prompt: &[u32]) -> Self {
        Self {
            tokenizer,
            ids: prompt.to_vec(),
            context: prompt.len().saturating_sub(CONTEXT_TOKENS),
            read: prompt.len(),
        }
    }

    /// The text that this token completes; empty inside a character.
    pub fn push(&mut self, id: u32) -> Result<String, TextError> {
        self.ids.push(id);
        let new = self.unread()?;
        if new.ends_with(char::REPLACEMENT_CHARACTER) {
            return Ok(String::new());
        }
        self.context = self.read.saturating_sub(CONTEXT_TOKENS);
        self.read = self.ids.len();
        Ok(new)
    }

    /// What is left: a character that never became complete, as replacement characters.
    pub fn finish(&mut self) -> Result<String, TextError> {
        let new = self.unread()?;
        self.read = self.ids.len();
        Ok(new)
    }

    fn unread(&self) -> Result<String, TextError> {
        let before = self.tokenizer.decode(&self.ids[self.context..self.read])?;
        let after = self.tokenizer.decode(&self.ids[self.context..])?;
        // A prompt that ends inside a character changes its last character; then only the longest common start is old.
        let common = before
            .char_indices()
            .zip(after.chars())
            .find(|((_, a), b)| a != b)
            .map_or(before.len().min(after.len()), |((at, _), _)| at);
        Ok(after[common..].to_string())
    }
}
