//! Backward of the generic block; forward: [`crate::forward`], whose parts it takes in the opposite order.

use super::activation::activation_grad;
use super::attention::attention_grad;
use super::gradients::Gradients;
use super::linear::{input_grad, weight_grads};
use super::norm::{head_norms_grad, norm_grad};
use crate::arch::Order;
use crate::block_tensors::{BlockTensor, NormOf, TensorPlace};
use crate::forward::{ATTENTION, MLP, Pass, Sublayer, rows_per_chunk};
use crate::{Batch, BlockWeights, Network, Saved};
use kerf_kernels::Compute;

impl Network {
    /// Backward of one block: the gradient of its input [tokens, hidden] from that of its output. Adds the gradients of the tensors of
    /// the block that learn, and of the table of distance biases, to `gradients`.
    ///
    /// `block` is dense ([`Network::load_block_dense`]), `tensors` are those of [`Network::block_tensors`], and `saved` is what
    /// [`Network::forward_saving`] gave for the same block, batch and input. Takes memory for about 2 hidden + 2 query + 4 kv + 2 rows of
    /// the MLP a token beside it. The result is the same bits for any number of threads.
    #[allow(clippy::too_many_arguments)]
    pub fn backward_block(
        &self,
        compute: &Compute,
        block: &BlockWeights,
        tensors: &[BlockTensor],
        batch: &Batch,
        saved: &Saved,
        grad: Vec<f32>,
        gradients: &mut Gradients,
    ) -> Vec<f32> {
        if grad.is_empty() {
            return grad;
        }
        gradients.buffers.adopt(&grad);
        let mut back = Back {
            pass: Pass::new(self, compute, block, batch),
            tensors,
            saved,
            gradients,
        };
        let out = back.run(grad);
        gradients.buffers.release(&out);
        out
    }
}

/// One block on its way back.
struct Back<'a> {
    pass: Pass<'a>,
    tensors: &'a [BlockTensor],
    saved: &'a Saved,
    gradients: &'a mut Gradients,
}

impl Back<'_> {
    fn run(&mut self, mut stream: Vec<f32>) -> Vec<f32> {
        let order = self.pass.network.settings.order;
        let (saved, norms) = (self.saved, &self.pass.block.norms);
        let seen = self.sublayer(MLP, &mut stream);
        // What goes back through the norm before attention, beside attention itself.
        let mut beside = None;
        match (order, norms.mlp.is_some()) {
            (Order::Post, _) => self.add(seen, &mut stream),
            (Order::Parallel, true) => {
                // The gradient of the sum reaches attention as it is; that of the norm's input waits.
                let mut of_input = self.gradients.buffers.zeros(stream.len());
                self.norm(NormOf::Mlp, &saved.input, &seen, &mut of_input);
                self.gradients.buffers.give(seen);
                let seen = self.sublayer(ATTENTION, &mut stream);
                self.add(of_input, &mut stream);
                self.norm(NormOf::Attention, &saved.input, &seen, &mut stream);
                self.gradients.buffers.give(seen);
                return stream;
            }
            (Order::Parallel, false) => beside = Some(seen),
            _ => {
                let middle = saved.middle.as_deref().unwrap_or_default();
                self.norm(NormOf::Mlp, middle, &seen, &mut stream);
                self.gradients.buffers.give(seen);
            }
        }
        let mut seen = self.sublayer(ATTENTION, &mut stream);
        if let Some(beside) = beside {
            self.add(beside, &mut seen);
        }
        match order {
            Order::Post => self.add(seen, &mut stream),
            _ => {
                self.norm(NormOf::Attention, &saved.input, &seen, &mut stream);
                self.gradients.buffers.give(seen);
            }
        }
        stream
    }

    /// `out += what`.
    fn add(&mut self, what: Vec<f32>, out: &mut [f32]) {
        add_to(self.pass.compute, &what, out);
        self.gradients.buffers.give(what);
    }

    /// Backward of a sublayer with the norm behind it: the gradient of what it sees, from that of the stream.
    fn sublayer(&mut self, sublayer: Sublayer, stream: &mut Vec<f32>) -> Vec<f32> {
        let added = self.behind(sublayer, stream);
        let grad = added.as_deref().unwrap_or(stream);
        let seen = match sublayer {
            ATTENTION => self.attention(grad),
            _ => self.mlp(grad),
        };
        if let Some(added) = added {
            self.gradients.buffers.give(added);
        }
        seen
    }

    /// Backward of the norm behind a sublayer: the gradient of what the sublayer gives, where it is not that of the stream.
    fn behind(&mut self, sublayer: Sublayer, stream: &mut Vec<f32>) -> Option<Vec<f32>> {
        let (own, of_output, before) = match sublayer {
            ATTENTION => (
                NormOf::Attention,
                NormOf::AttentionOutput,
                &self.saved.attention_before_norm,
            ),
            _ => (NormOf::Mlp, NormOf::MlpOutput, &self.saved.mlp_before_norm),
        };
        let before = before.as_ref()?;
        let mut grad = self.gradients.buffers.zeros(stream.len());
        if self.pass.block.norm(of_output).is_some() {
            self.norm(of_output, before, stream, &mut grad);
            return Some(grad);
        }
        self.norm(own, before, stream, &mut grad);
        self.gradients.buffers.give(std::mem::replace(stream, grad));
        None
    }

    /// `out` gets the gradient of a norm's input `x` added; without the norm, that of its output.
    fn norm(&mut self, of: NormOf, x: &[f32], grad: &[f32], out: &mut [f32]) {
        let compute = self.pass.compute;
        let Some(norm) = self.pass.block.norm(of) else {
            return add_to(compute, grad, out);
        };
        let (scale, shift) = norm_grad(compute, norm, x, grad, out);
        self.keep(TensorPlace::Scale(of), &scale);
        if let Some(shift) = shift {
            self.keep(TensorPlace::Shift(of), &shift);
        }
    }

    fn keep(&mut self, place: TensorPlace, values: &[f32]) {
        if let Some(tensor) = self.tensors.iter().find(|tensor| tensor.place == place) {
            self.gradients.add_loaded(self.pass.compute, tensor, values);
        }
    }

    /// Backward of the linear layers of one shared input.
    fn linear(&mut self, at: usize, input: &[f32], grad: &[f32]) -> Vec<f32> {
        let (compute, stack) = (self.pass.compute, &self.pass.block.stacks[at]);
        let (input, grads) = ((input, stack.cols), (grad, stack.rows));
        weight_grads(compute, self.tensors, at, input, grads, self.gradients);
        let tokens = grad.len() / stack.rows;
        let mut out = self.gradients.buffers.take(tokens * stack.cols);
        input_grad(compute, stack, grad, &mut out);
        out
    }

    /// The gradient of what the MLP sees, from that of what it gives.
    fn mlp(&mut self, grad: &[f32]) -> Vec<f32> {
        let (saved, settings) = (self.saved, &self.pass.network.settings);
        let (rows, width) = (self.pass.block.stacks[2].rows, settings.intermediate);
        let products = (&saved.mlp_products[..], rows);
        let mut inside = (self.gradients.buffers).take(products.0.len() / rows * width);
        self.pass.activated(products.0, &mut inside);
        let of_inside = self.linear(MLP, &inside, grad);
        self.gradients.buffers.give(inside);
        let mut out = self.gradients.buffers.take(products.0.len());
        let (compute, activation) = (self.pass.compute, settings.activation);
        activation_grad(compute, activation, products, (&of_inside, width), &mut out);
        self.gradients.buffers.give(of_inside);
        let seen = self.linear(2, saved.mlp_input(), &out);
        self.gradients.buffers.give(out);
        seen
    }

    /// The gradient of what attention sees, from that of what it gives.
    fn attention(&mut self, grad: &[f32]) -> Vec<f32> {
        let saved = self.saved;
        let attended = self.linear(ATTENTION, &saved.attended, grad);
        if let Some(waiting) = &mut self.gradients.attended {
            waiting.clone_from(&attended);
        }
        let pass = &self.pass;
        let (network, compute) = (pass.network, pass.compute);
        let (heads, buffers) = (pass.heads(), &mut self.gradients.buffers);
        let from = (&saved.heads[..], &attended[..]);
        let (mut qkv, distances) = attention_grad(compute, &heads, pass.batch, from, buffers);
        buffers.give(attended);
        if let Some((table, name)) = heads.distance.zip(network.distance_bias())
            && let Some(out) = self.gradients.get_mut(&name)
        {
            table.fold(&distances, out);
        }
        pass.turn_back(&mut qkv);
        if let Some(bare) = &saved.bare_heads {
            let (settings, block) = (&network.settings, pass.block);
            if let Some((query, key)) = head_norms_grad(compute, settings, block, bare, &mut qkv) {
                self.keep(TensorPlace::Scale(NormOf::Query), &query);
                self.keep(TensorPlace::Scale(NormOf::Key), &key);
            }
        }
        let seen = self.linear(0, saved.attention_input(), &qkv);
        self.gradients.buffers.give(qkv);
        seen
    }
}

/// `out += what`, on all threads.
fn add_to(compute: &Compute, what: &[f32], out: &mut [f32]) {
    let chunk = rows_per_chunk(1);
    compute.pool.chunks_mut(out, chunk, |index, out| {
        compute
            .kernels
            .add(&what[index * chunk..][..out.len()], out);
    });
}
