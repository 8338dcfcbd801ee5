//! What a backward pass needs of the forward pass of a block. All of it follows from the block's input, so that training may keep
//! the inputs alone and make the rest again, one block at a time.

use crate::arch::Order;
use crate::attention;
use crate::block::BlockWeights;
use crate::buffers::Buffers;
use crate::forward::{ATTENTION, MLP, Pass};
use crate::{Batch, Network};
use kerf_kernels::Compute;

/// Values inside a block, row by row for the tokens of a batch.
///
/// Probabilities of attention are not kept, since they take [heads, tokens, tokens]: they are the softmax of scores made of `heads`. Nor
/// is what the last matrix of the MLP sees, which follows from `mlp_products` value by value.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// The block's input: [tokens, hidden].
    pub input: Vec<f32>,
    /// What q, k and v see: [tokens, hidden], the norm of `input`. `None` where no norm goes before: it is `input` itself.
    pub attention_input: Option<Vec<f32>>,
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
    /// The residual stream after attention: [tokens, hidden]. `None` in a parallel block, where nothing sees it.
    pub middle: Option<Vec<f32>>,
    /// What the MLP sees where that is the result of a norm of its own: [tokens, hidden].
    pub normed_for_mlp: Option<Vec<f32>>,
    /// Outputs of the first matrices of the MLP with their biases, before the activation: [tokens, intermediate], and with a gate
    /// [tokens, 2 intermediate], gate first.
    pub mlp_products: Vec<f32>,
    /// What the norm behind the MLP sees: as `attention_before_norm`.
    pub mlp_before_norm: Option<Vec<f32>>,
}

impl Saved {
    /// What q, k and v see: [tokens, hidden].
    pub fn attention_input(&self) -> &[f32] {
        self.attention_input.as_deref().unwrap_or(&self.input)
    }

    /// What the MLP sees: [tokens, hidden].
    pub fn mlp_input(&self) -> &[f32] {
        let own = self.normed_for_mlp.as_deref().or(self.middle.as_deref());
        own.unwrap_or_else(|| self.attention_input())
    }

    /// Gives its memory back.
    pub(crate) fn give(self, buffers: &mut Buffers) {
        let maybe = [
            self.attention_input,
            self.bare_heads,
            self.attention_before_norm,
            self.middle,
            self.normed_for_mlp,
            self.mlp_before_norm,
        ];
        let always = [self.input, self.heads, self.attended, self.mlp_products];
        for buffer in always.into_iter().chain(maybe.into_iter().flatten()) {
            buffers.give(buffer);
        }
    }
}

impl Network {
    /// [`Network::run_block`] without a cache, the same to the bit, which keeps what a backward pass needs. Takes memory for all
    /// tokens at once: up to 6 hidden + 3 query + 4 kv + 3 intermediate values a token.
    pub fn forward_saving(
        &self,
        compute: &Compute,
        block: &BlockWeights,
        batch: &Batch,
        x: &mut [f32],
    ) -> Saved {
        self.forward_saving_in(compute, block, batch, x, &mut Buffers::default())
    }

    /// [`Network::forward_saving`] in memory of earlier steps.
    pub(crate) fn forward_saving_in(
        &self,
        compute: &Compute,
        block: &BlockWeights,
        batch: &Batch,
        x: &mut [f32],
        buffers: &mut Buffers,
    ) -> Saved {
        if x.is_empty() {
            return Saved::default();
        }
        Pass::new(self, compute, block, batch).run_saving(x, buffers)
    }
}

impl Pass<'_> {
    fn run_saving(&self, x: &mut [f32], buffers: &mut Buffers) -> Saved {
        let (settings, block) = (&self.network.settings, self.block);
        let tokens = x.len() / settings.hidden;
        let mut saved = Saved {
            input: buffers.copy(x),
            attention_input: self.normed_before(x, ATTENTION, buffers),
            ..Saved::default()
        };
        let mut heads = buffers.take(tokens * block.stacks[0].rows);
        self.products(0, saved.attention_input(), &mut heads);
        if block.norms.query.is_some() {
            saved.bare_heads = Some(buffers.copy(&heads));
        }
        self.norm_heads(&mut heads);
        self.turn(&mut heads);
        saved.attended = buffers.take(tokens * settings.query_width());
        let (own, out) = (self.heads(), &mut saved.attended);
        attention::attend_into(self.compute, &own, &heads, self.batch, None, out);
        saved.heads = heads;
        let parallel = settings.order == Order::Parallel;
        if parallel && block.norms.mlp.is_some() {
            saved.normed_for_mlp = self.normed_before(x, MLP, buffers);
        }
        let width = settings.query_width();
        saved.attention_before_norm =
            self.add_saving((&saved.attended, width), ATTENTION, x, buffers);
        if !parallel {
            saved.middle = Some(buffers.copy(x));
            saved.normed_for_mlp = self.normed_before(x, MLP, buffers);
        }
        let mut products = buffers.take(tokens * block.stacks[2].rows);
        self.products(2, saved.mlp_input(), &mut products);
        saved.mlp_products = products;
        let width = settings.intermediate;
        let mut inside = buffers.take(tokens * width);
        self.activated(&saved.mlp_products, &mut inside);
        saved.mlp_before_norm = self.add_saving((&inside, width), MLP, x, buffers);
        buffers.give(inside);
        saved
    }

    /// The norm of `x` that goes before a sublayer, if there is one.
    fn normed_before(&self, x: &[f32], sublayer: usize, buffers: &mut Buffers) -> Option<Vec<f32>> {
        let norm = self.norm_before(sublayer)?;
        let mut out = buffers.take(x.len());
        norm.apply_to(self.compute, x, &mut out);
        Some(out)
    }

    /// [`Pass::add`] of rows that lie `input.1` apart; gives what the norm behind it sees.
    fn add_saving(
        &self,
        (input, stride): (&[f32], usize),
        sublayer: usize,
        x: &mut [f32],
        buffers: &mut Buffers,
    ) -> Option<Vec<f32>> {
        let mut kept = (self.norm_behind(sublayer)).then(|| buffers.take(x.len()));
        self.add(input, stride, sublayer, x, kept.as_deref_mut());
        kept
    }
}
