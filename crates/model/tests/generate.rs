//! Decoding.

mod common;

use common::*;
use kerf_model::Network;
use kerf_model::evaluate::Runner;
use kerf_model::generate::{Sampling, generate};
use serde_json::json;

const GREEDY: Sampling = Sampling {
    temperature: 0.0,
    top_p: 1.0,
    top_k: 0,
    repetition_penalty: 1.0,
    seed: 0,
};

fn top(row: &[f32]) -> u32 {
    (0..row.len())
        .rev()
        .max_by(|a, b| row[*a].total_cmp(&row[*b]))
        .unwrap() as u32
}

#[test]
fn greedy_decoding_equals_taking_the_top_of_the_whole_sequence_each_time() {
    let (mut config, weights) = small_llama();
    config["eos_token_id"] = json!(null);
    let (network, compute) = (Network::open(&config, &weights).unwrap(), compute());
    let mut runner = Runner::new(&network, &weights, &compute, 1 << 20);
    let mut ids = some_ids(7, 50);
    let mut told = Vec::new();
    let new = generate(&mut runner, &ids, 40, GREEDY, &mut |id| {
        told.push(id);
        true
    })
    .unwrap();
    assert_eq!(new, told);
    assert_eq!(new.len(), 40);
    for id in new {
        let logits = runner.logits(&ids).unwrap();
        assert_eq!(id, top(&logits[logits.len() - 50..]));
        ids.push(id);
    }
}

#[test]
fn a_real_model_writes_the_story_that_transformers_writes() {
    let folder = root().join("test/fixtures/stories260K");
    let (model, compute) = (Model::open(&folder), compute());
    let json = std::fs::read(folder.join("tokenizer.json")).unwrap();
    let tokenizer = kerf_text::Tokenizer::from_bytes(&json).unwrap();
    let prompt = tokenizer.encode("Once upon a time", true).unwrap();
    let mut runner = Runner::new(&model.network, &model.catalog, &compute, 1 << 30);
    let new = generate(&mut runner, &prompt, 60, GREEDY, &mut |_| true).unwrap();
    let text = tokenizer.decode(&[prompt, new].concat()).unwrap();
    // model.generate(..., do_sample=False, max_new_tokens=60) of transformers.
    assert_eq!(text, STORY);
}

const STORY: &str = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too high.\nLily";

#[test]
fn it_stops_at_an_end_token_at_the_limit_at_the_context_and_when_told() {
    let (mut config, weights) = small_llama();
    let compute = compute();
    config["eos_token_id"] = json!(null);
    let free = Network::open(&config, &weights).unwrap();
    let prompt = some_ids(5, 50);
    let mut runner = Runner::new(&free, &weights, &compute, 1 << 20);
    let new = generate(&mut runner, &prompt, 20, GREEDY, &mut |_| true).unwrap();
    let first_time = (1..20).find(|at| !new[..*at].contains(&new[*at])).unwrap();
    config["eos_token_id"] = json!([new[first_time]]);
    let ending = Network::open(&config, &weights).unwrap();
    let mut ends = Runner::new(&ending, &weights, &compute, 1 << 20);
    assert_eq!(
        generate(&mut ends, &prompt, 20, GREEDY, &mut |_| true).unwrap(),
        new[..first_time]
    );
    let mut count = 0;
    let stopped = generate(&mut runner, &prompt, 20, GREEDY, &mut |_| {
        count += 1;
        count < 4
    });
    assert_eq!(stopped.unwrap(), new[..4]);
    assert!(
        generate(&mut runner, &prompt, 0, GREEDY, &mut |_| true)
            .unwrap()
            .is_empty()
    );
    let long = some_ids(398, 50);
    assert_eq!(
        generate(&mut runner, &long, 20, GREEDY, &mut |_| true)
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_seed_gives_its_text_again() {
    let (mut config, weights) = small_llama();
    config["eos_token_id"] = json!(null);
    let (network, compute) = (Network::open(&config, &weights).unwrap(), compute());
    let mut runner = Runner::new(&network, &weights, &compute, 1 << 20);
    let mut write = |seed| {
        let sampling = Sampling {
            temperature: 2.0,
            top_p: 0.95,
            seed,
            ..GREEDY
        };
        generate(&mut runner, &[1, 7], 30, sampling, &mut |_| true).unwrap()
    };
    assert_eq!(write(1), write(1));
    assert_ne!(write(1), write(2));
}

#[test]
fn what_cannot_be_continued_is_an_error() {
    let (config, weights) = small_llama();
    let (network, compute) = (Network::open(&config, &weights).unwrap(), compute());
    let mut runner = Runner::new(&network, &weights, &compute, 0);
    let mut code = |prompt: &[u32]| {
        generate(&mut runner, prompt, 3, GREEDY, &mut |_| true)
            .unwrap_err()
            .code()
    };
    assert_eq!(code(&[]), "EMPTY");
    assert_eq!(code(&[50]), "BAD_TOKEN");
    assert_eq!(code(&[1; 401]), "TOO_LONG");
    let bert = Model::open(&golden("bert-relu"));
    let mut encoder = Runner::new(&bert.network, &bert.catalog, &compute, 0);
    let error = generate(&mut encoder, &[1], 3, GREEDY, &mut |_| true).unwrap_err();
    assert_eq!(error.code(), "WRONG_KIND");
}
