//! A gate for prompts alone.

use super::{Gate, Kept, Phase, StandIn, View};

/// Another gate, but what is decoded goes through all blocks.
#[derive(Clone, Copy)]
pub struct PromptOnly<'a>(pub &'a dyn Gate);

impl Gate for PromptOnly<'_> {
    fn watches_attention(&self) -> bool {
        self.0.watches_attention()
    }

    fn splits_blocks(&self) -> bool {
        self.0.splits_blocks()
    }

    fn keeps_ends(&self) -> bool {
        self.0.keeps_ends()
    }

    fn stand_in(&self) -> Option<&StandIn> {
        self.0.stand_in()
    }

    fn keep(&self, view: &View<'_>) -> Kept {
        match view.phase {
            Phase::Prompt => self.0.keep(view),
            Phase::Decoding => Kept::All,
        }
    }
}
