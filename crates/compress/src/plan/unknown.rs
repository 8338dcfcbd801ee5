//! What the tensors of a model of unknown architecture are, by their names and shapes. A matrix is compressed only if it can be the weight
//! of a linear layer; what is something else, or may be, is kept as it is and listed. To take a table or a router for a linear layer
//! destroys a model, to keep a matrix costs bytes: so doubt keeps.

mod names;

use NamePlace::{Ends, Has, Is, LastEnds, LastHas, LastIs, LastStarts};
use kerf_tensors::{Catalog, DType, TensorEntry};
pub(super) use names::STACKS;
use names::{HEADS, LINEAR_WORDS, NAMES, NamePlace, ROUTERS, TOKEN_TABLES, UNTOLD};
use std::collections::HashMap;

/// What a tensor is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guess {
    /// The weight of a linear layer.
    Linear,
    /// Rows that are looked up by token id.
    Embedding,
    /// The matrix that gives logits over the tokens.
    Head,
    /// Something that is kept as it is: what it is, in the plural.
    Kept(&'static str),
    /// A vector, a number, or no floats: nothing that anybody would compress.
    Small,
}

/// A tensor as its header has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub name: &'a str,
    pub shape: &'a [usize],
    pub dtype: DType,
}

impl<'a> Named<'a> {
    pub(crate) fn of(entry: &'a TensorEntry) -> Self {
        Self {
            name: &entry.name,
            shape: &entry.shape,
            dtype: entry.dtype,
        }
    }
}

/// No linear layer that is worth it has fewer outputs or inputs.
const FEWEST: usize = 16;
/// A matrix called `gate` is a router unless it has so many rows, and as many as columns: it may gate an MLP then.
const ROWS_OF_A_GATE: usize = 512;

/// What each tensor of a model is.
pub(crate) fn guesses(tensors: &[Named<'_>]) -> Vec<Guess> {
    let biases: HashMap<&str, usize> = tensors
        .iter()
        .filter(|tensor| tensor.shape.len() == 1)
        .filter_map(|tensor| Some((tensor.name.strip_suffix("bias")?, tensor.shape[0])))
        .collect();
    let token_tables: Vec<&[usize]> = tensors
        .iter()
        .filter(|tensor| guess(tensor, &biases, &[]) == Guess::Embedding)
        .map(|tensor| tensor.shape)
        .collect();
    let of = |tensor: &Named<'_>| guess(tensor, &biases, &token_tables);
    tensors.iter().map(of).collect()
}

/// [`guesses`] of a catalog, in its order.
pub(crate) fn guesses_of(catalog: &Catalog) -> Vec<Guess> {
    let tensors: Vec<Named<'_>> = catalog.tensors.iter().map(Named::of).collect();
    guesses(&tensors)
}

/// `biases`: lengths of vectors by what stands before `bias`; `token_tables`: shapes of the token tables.
fn guess(tensor: &Named<'_>, biases: &HashMap<&str, usize>, token_tables: &[&[usize]]) -> Guess {
    let is_float = tensor.dtype.is_computable() || tensor.dtype == DType::F64;
    if tensor.shape.len() < 2 || !is_float || tensor.shape.contains(&0) {
        return Guess::Small;
    }
    let name = Parts::of(tensor.name);
    let [rows, cols] = tensor.shape[..] else {
        return Guess::Kept(name.reason().unwrap_or_else(|| name.of_many_dimensions()));
    };
    if !tensor.dtype.is_computable() {
        return Guess::Kept("matrices of a type that kerf does not compute on");
    }
    let reason = name.reason();
    if !name.in_block && name.is_weight {
        if name.is_token_table() {
            return Guess::Embedding;
        }
        let is_named = matches!(reason, None | Some(HEADS)) || name.last() == "embed_out";
        if name.last() == "lm_head" || is_named && token_tables.contains(&tensor.shape) {
            return Guess::Head;
        }
    }
    if let Some(reason) = reason {
        return Guess::Kept(reason);
    }
    if name.last() == "gate" && (rows < cols || rows < ROWS_OF_A_GATE) {
        return Guess::Kept(ROUTERS);
    }
    if !name.is_weight {
        return Guess::Kept("matrices that are not named as weights");
    }
    if rows < FEWEST || cols < FEWEST {
        return Guess::Kept("matrices of fewer than 16 rows or columns");
    }
    let bias = tensor
        .name
        .strip_suffix("weight")
        .and_then(|stem| biases.get(stem));
    let told = name.in_block || bias.is_some_and(|len| *len == rows) || name.is_called_linear();
    match told {
        true => Guess::Linear,
        false => Guess::Kept(UNTOLD),
    }
}

/// A name, cut into its parts.
struct Parts {
    /// In small letters, without `weight` at the end.
    parts: Vec<String>,
    /// Whether it says that it is a weight.
    is_weight: bool,
    /// Whether some part is a number: that of a block, or of something that there are several of.
    in_block: bool,
}

impl Parts {
    fn of(name: &str) -> Self {
        let lower = name.to_lowercase();
        let mut parts: Vec<String> = lower.split(['.', '/']).map(str::to_owned).collect();
        let in_block = parts.iter().any(|part| is_number(part) || is_block(part));
        let last = parts.last().map_or("", String::as_str);
        // Experts of dbrx lie one below the other in matrices of these names.
        let of_experts =
            parts.iter().any(|part| part == "experts") && ["w1", "w2", "w3", "v1"].contains(&last);
        let is_weight =
            of_experts || matches!(last, "weight" | "kernel") || last == "in_proj_weight";
        if matches!(last, "weight" | "kernel") && parts.len() > 1 {
            parts.pop();
        }
        Self {
            parts,
            is_weight,
            in_block,
        }
    }

    /// The last part that is no number: layers in a sequence are only counted.
    fn last(&self) -> &str {
        let named = |part: &&String| !is_number(part);
        self.parts
            .iter()
            .rev()
            .find(named)
            .map_or("", String::as_str)
    }

    fn is_token_table(&self) -> bool {
        TOKEN_TABLES.contains(&self.last())
    }

    fn is_called_linear(&self) -> bool {
        let last = self.last();
        ["query", "key", "value"].contains(&last)
            || LINEAR_WORDS.iter().any(|word| last.contains(word))
    }

    /// What it is by its name, if that is no linear layer.
    fn reason(&self) -> Option<&'static str> {
        let fits = |place: NamePlace, word: &str| {
            let some = |test: &dyn Fn(&str) -> bool| self.parts.iter().any(|part| test(part));
            match place {
                Is => some(&|part| part == word),
                Has => some(&|part| part.contains(word)),
                Ends => some(&|part| part.ends_with(word)),
                LastIs => self.last() == word,
                LastHas => self.last().contains(word),
                LastStarts => self.last().starts_with(word),
                LastEnds => self.last().ends_with(word),
            }
        };
        let row = NAMES
            .iter()
            .find(|(place, words, _)| words.iter().any(|word| fits(*place, word)));
        let of_attention = ["q_head", "k_head", "v_head"].contains(&self.last());
        row.map(|(.., reason)| *reason).filter(|_| !of_attention)
    }

    /// What a tensor of three or more dimensions is.
    fn of_many_dimensions(&self) -> &'static str {
        let has = |word: &str| self.parts.iter().any(|part| part.contains(word));
        match () {
            () if has("expert") || has("moe") => STACKS,
            () if has("conv") || has("patch") || has("downsample") => "convolutions",
            () => "tensors of three or more dimensions",
        }
    }
}

/// Whether a part only counts.
fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// `layer_0`, `block12`: blocks that are counted without a dot.
fn is_block(part: &str) -> bool {
    let is_named = ["layer", "block", "stage", "h_"]
        .iter()
        .any(|word| part.starts_with(word));
    is_named && part.ends_with(|end: char| end.is_ascii_digit())
}

#[cfg(test)]
#[path = "unknown/families.rs"]
mod families;
