//! Tests of what training works on: weights that change, blocks with names, forward passes that keep their values.

use crate::forward::Pass;
use crate::plain::{Model, difference, models, values};
use crate::{Batch, MemoryWeights, Network, Saved, TensorPlace, WeightSource};
use kerf_kernels::Compute;
use std::sync::LazyLock;

/// One for all tests: starting threads takes longer than what they compute.
fn compute() -> &'static Compute {
    static COMPUTE: LazyLock<Compute> = LazyLock::new(|| Compute::new(None, 2).unwrap());
    &COMPUTE
}

/// Two sequences of a model, of different lengths, the second with a gap.
fn batch(model: &Model) -> Batch {
    let length = model.network.max_context().min(30);
    let whole = Batch::new(&[vec![0; length], vec![0; length - 1]]);
    let kept: Vec<usize> = (0..whole.tokens()).filter(|at| *at != length + 2).collect();
    whole.gather(&kept)
}

fn saved(model: &Model, block: usize, x: &mut [f32]) -> Saved {
    let loaded = model
        .network
        .load_block_dense(compute(), &model.weights, block)
        .unwrap();
    model
        .network
        .forward_saving(compute(), &loaded, &batch(model), x)
}

#[test]
fn a_pass_that_saves_computes_the_same_to_the_bit() {
    for model in models() {
        let (network, batch) = (&model.network, batch(&model));
        let input = values(batch.tokens() * network.hidden(), 11);
        for block in 0..network.blocks() {
            let dense = network.load_block_dense(compute(), &model.weights, block);
            let dense = dense.unwrap();
            let (mut plain, mut x) = (input.clone(), input.clone());
            network.run_block(compute(), &dense, &batch, &mut plain, None);
            let saved = saved(&model, block, &mut x);
            assert_eq!(x, plain, "{} block {block}", model.name);
            assert_eq!(saved.input, input);
            let pass = Pass::new(network, compute(), &dense, &batch);
            let width = batch.tokens() * network.settings.intermediate;
            let mut inside = vec![0.0; width];
            pass.activated(&saved.mlp_products, &mut inside);
            // The values at shared inputs are those of the walk that calibration takes.
            let mut stream = input.clone();
            let mut seen = network.first_input(compute(), &dense, &batch, &stream);
            for (at, own) in [
                saved.attention_input(),
                &saved.attended,
                saved.mlp_input(),
                &inside,
            ]
            .into_iter()
            .enumerate()
            {
                assert_eq!(*own, seen, "{} block {block} input {at}", model.name);
                seen = network.next_input(compute(), &dense, &batch, at, &mut stream, seen);
                let middle = saved.middle.as_ref().filter(|_| at == 1);
                if let Some(middle) = middle {
                    assert_eq!(*middle, stream, "{}", model.name);
                }
            }
        }
    }
}

/// Everything but the input follows from the input.
#[test]
fn what_was_saved_can_be_made_again() {
    for model in models() {
        let mut x = values(batch(&model).tokens() * model.network.hidden(), 12);
        let first = saved(&model, 0, &mut x);
        let again = saved(&model, 0, &mut first.input.clone());
        assert_eq!(first.heads, again.heads);
        assert_eq!(first.mlp_products, again.mlp_products);
        assert_eq!(first.attention_before_norm, again.attention_before_norm);
    }
}

#[test]
fn shapes_and_steps_are_what_the_fields_say() {
    let (mut with_heads, mut with_norm) = (0, 0);
    for model in models() {
        let (settings, norms) = (&model.network.settings, &model.network.arch.block);
        let tokens = batch(&model).tokens();
        let mut x = values(tokens * settings.hidden, 13);
        let saved = saved(&model, 0, &mut x);
        let cols = settings.query_width() + 2 * settings.kv_width();
        assert_eq!(saved.heads.len(), tokens * cols);
        assert_eq!(saved.bare_heads.is_some(), norms.query_norm.is_some());
        with_heads += usize::from(saved.bare_heads.is_some());
        let gates = if model.network.gated() { 2 } else { 1 };
        let products = tokens * gates * settings.intermediate;
        assert_eq!(saved.mlp_products.len(), products, "{}", model.name);
        // Values are neither turned nor normalised: the last columns of both are the same.
        if let Some(bare) = &saved.bare_heads {
            for (bare, done) in bare.chunks(cols).zip(saved.heads.chunks(cols)) {
                let values = cols - settings.kv_width()..;
                assert_eq!(bare[values.clone()], done[values]);
                assert_ne!(bare, done);
            }
        }
        let block = model
            .network
            .load_block(compute(), &model.weights, 0)
            .unwrap();
        let behind = match settings.order {
            crate::arch::Order::Post => block.norms.attention.as_ref(),
            _ => block.norms.attention_output.as_ref(),
        };
        assert_eq!(saved.attention_before_norm.is_some(), behind.is_some());
        let (Some(norm), Some(before)) = (behind, &saved.attention_before_norm) else {
            continue;
        };
        with_norm += 1;
        let mut after = norm.applied(compute(), before);
        if settings.order != crate::arch::Order::Post {
            for (after, input) in after.iter_mut().zip(&saved.input) {
                *after += input;
            }
        }
        let Some(middle) = &saved.middle else {
            continue;
        };
        let middle: Vec<f64> = middle.iter().map(|value| f64::from(*value)).collect();
        assert!(difference(&after, &middle) <= 1e-6, "{}", model.name);
    }
    assert!(
        with_heads >= 2 && with_norm >= 3,
        "{with_heads} {with_norm}"
    );
}

/// All tensors of a model in memory.
fn in_memory(model: &Model) -> MemoryWeights {
    let names: Vec<&str> = (model.weights.tensors.iter())
        .map(|entry| entry.name.as_str())
        .collect();
    MemoryWeights::copy_of(&model.weights, compute(), names).unwrap()
}

#[test]
fn the_tensors_of_a_block_come_back_as_their_file_has_them() {
    for model in models() {
        for block in 0..model.network.blocks() {
            let loaded = model
                .network
                .load_block_dense(compute(), &model.weights, block)
                .unwrap();
            let tensors = model.network.block_tensors(&model.weights, block);
            for linear in model.network.linears(block) {
                assert!(tensors.iter().any(|tensor| tensor.name == linear.weight));
            }
            for tensor in &tensors {
                let stored = model.weights.read(compute(), &tensor.name).unwrap();
                assert_eq!(
                    model.weights.shape(&tensor.name).as_ref(),
                    Some(&tensor.shape)
                );
                let own = loaded.values(&tensor.place).unwrap();
                let mut values = tensor.in_file_layout(compute(), own);
                let plus_one = model.network.arch.norm == crate::arch::Norm::RmsPlusOne;
                if plus_one && matches!(tensor.place, TensorPlace::Scale(_)) {
                    let stored: Vec<f64> = stored.iter().map(|value| f64::from(*value)).collect();
                    values.iter_mut().for_each(|value| *value -= 1.0);
                    assert!(difference(&values, &stored) <= 1e-6);
                    continue;
                }
                assert_eq!(values, stored, "{} {}", model.name, tensor.name);
            }
        }
    }
}

#[test]
fn a_changed_weight_reaches_the_next_block_that_is_loaded() {
    for model in models() {
        let mut weights = in_memory(&model);
        let config = model.weights.files.config.as_ref().unwrap();
        let network = Network::open(config, &weights).unwrap();
        let batch = batch(&model);
        let input = values(batch.tokens() * network.hidden(), 14);
        let run = |weights: &dyn WeightSource| {
            let block = network.load_block_dense(compute(), weights, 0).unwrap();
            let mut x = input.clone();
            network.run_block(compute(), &block, &batch, &mut x, None);
            x
        };
        let before = run(&model.weights);
        assert_eq!(run(&weights), before, "{}", model.name);
        for tensor in network.block_tensors(&model.weights, 0) {
            let values = weights.get_mut(&tensor.name).unwrap();
            values.iter_mut().for_each(|value| *value += 0.25);
        }
        assert_ne!(run(&weights), before, "{}", model.name);
    }
}

#[test]
fn what_memory_does_not_have_is_an_error() {
    let mut weights = MemoryWeights::new();
    weights.insert("a", vec![2, 2], vec![1.0; 4]).unwrap();
    let code = |result: Result<Vec<f32>, crate::ModelError>| result.unwrap_err().code();
    assert_eq!(
        weights
            .insert("b", vec![2, 2], vec![1.0; 3])
            .unwrap_err()
            .code(),
        "WRONG_SHAPE"
    );
    assert_eq!(code(weights.read(compute(), "b")), "TENSOR_MISSING");
    assert_eq!(code(weights.read_rows(compute(), "a", 1..3)), "WRONG_SHAPE");
    assert_eq!(weights.read_rows(compute(), "a", 1..2).unwrap(), [1.0; 2]);
    weights.get_mut("a").unwrap()[3] = f32::NAN;
    assert_eq!(code(weights.read(compute(), "a")), "NON_FINITE");
    assert_eq!(code(weights.read_rows(compute(), "a", 1..2)), "NON_FINITE");
    assert!(weights.read_rows(compute(), "a", 0..1).is_ok());
}
