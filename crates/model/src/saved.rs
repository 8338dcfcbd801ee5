//! What a backward pass needs of the forward pass of a block. All of it follows from the block's input, so that training may keep
//! the inputs alone and make the rest again, one block at a time.

use crate::arch::Order;
use crate::attention;
use crate::block::BlockWeights;
use crate::forward::{ATTENTION, MLP, Pass};
use crate::{Batch, Network};
use kerf_kernels::Compute;

/// Values inside a block, row by row for the tokens of a batch.
///
/// Probabilities of attention are not kept, since they take [heads, tokens, tokens]: they are the softmax of scores made of `heads`.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// The block's input: [tokens, hidden].
    pub input: Vec<f32>,
    /// What q, k and v see: [tokens, hidden]. The norm of `input`, or `input` itself where no norm goes before.
    pub attention_input: Vec<f32>,
    /// Queries, keys and values with their biases, before heads are normalised and turned: [tokens, query + 2 kv]. Only where the
    /// architecture normalises heads.
    pub bare_heads: Option<Vec<f32>>,
    /// Queries, keys and values as attention sees them, normalised and turned: [tokens, query + 2 kv].
    pub heads: Vec<f32>,
    /// What the output projection sees: [tokens, query].
    pub attended: Vec<f32>,
    /// What the norm behind attention sees: [tokens, hidden]. The projection's output where that is normalised before it is added,
    /// the sum in a block that normalises behind (post), `None` where there is neither.
    pub attention_before_norm: Option<Vec<f32>>,
    /// The residual stream after attention: [tokens, hidden].
    pub middle: Vec<f32>,
    /// What the MLP sees: [tokens, hidden].
    pub mlp_input: Vec<f32>,
    /// Outputs of the first matrices of the MLP with their biases, before the activation: [tokens, intermediate], and with a gate
    /// [tokens, 2 intermediate], gate first.
    pub mlp_products: Vec<f32>,
    /// What the last matrix of the MLP sees: [tokens, intermediate].
    pub mlp_inside: Vec<f32>,
    /// What the norm behind the MLP sees: as `attention_before_norm`.
    pub mlp_before_norm: Option<Vec<f32>>,
}

impl Network {
    /// f32 values that a token takes while a block learns: its [`Saved`], and what a backward pass has beside it. For the memory plan.
    pub fn learning_per_token(&self) -> usize {
        let settings = &self.settings;
        let (query, kv) = (settings.query_width(), settings.kv_width());
        self.saved_values() + 3 * settings.hidden + 2 * query + 4 * kv + 3 * settings.intermediate
    }

    /// Values that [`Saved`] has for a token, and those of the copy of its input.
    pub fn saved_values(&self) -> usize {
        let settings = &self.settings;
        let (query, kv) = (settings.query_width(), settings.kv_width());
        7 * settings.hidden + 3 * query + 4 * kv + 3 * settings.intermediate
    }

    /// [`Network::run_block`] without a cache, the same to the bit, which keeps what a backward pass needs. Takes memory for all
    /// tokens at once: about 6 hidden + 3 query + 4 kv + 3 intermediate values a token.
    pub fn forward_saving(
        &self,
        compute: &Compute,
        block: &BlockWeights,
        batch: &Batch,
        x: &mut [f32],
    ) -> Saved {
        Pass::new(self, compute, block, batch).run_saving(x)
    }
}

impl Pass<'_> {
    fn run_saving(&self, x: &mut [f32]) -> Saved {
        if x.is_empty() {
            return Saved::default();
        }
        let settings = &self.network.settings;
        let mut saved = Saved {
            input: x.to_vec(),
            attention_input: self.first_input(x),
            ..Saved::default()
        };
        let mut heads = self.projected(&saved.attention_input);
        if self.block.norms.query.is_some() {
            saved.bare_heads = Some(heads.clone());
        }
        self.norm_heads(&mut heads);
        self.turn(&mut heads);
        saved.attended = attention::attend(self.compute, &self.heads(), &heads, self.batch, None);
        saved.heads = heads;
        if settings.order == Order::Parallel {
            saved.mlp_input = self.before(x, MLP).into_owned();
        }
        let width = settings.query_width();
        self.add(
            &saved.attended,
            width,
            ATTENTION,
            x,
            Some(&mut saved.attention_before_norm),
        );
        saved.middle = x.to_vec();
        if settings.order != Order::Parallel {
            saved.mlp_input = self.before(x, MLP).into_owned();
        }
        saved.mlp_products = self.mlp_products(&saved.mlp_input);
        saved.mlp_inside = self.contiguous(self.activated(saved.mlp_products.clone()));
        let width = settings.intermediate;
        self.add(
            &saved.mlp_inside,
            width,
            MLP,
            x,
            Some(&mut saved.mlp_before_norm),
        );
        saved
    }
}
