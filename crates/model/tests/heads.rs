//! Which tensor is the head, under which names, and what is said about it. The rules are those of transformers 5; test/conformance
//! compares whole models with it.

mod common;

use common::*;
use kerf_model::evaluate::Runner;
use kerf_model::{Network, WeightSource};
use serde_json::{Value, json};

const TOKEN: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

/// The small llama with a class and a tie; `change` changes its weights.
fn open(
    tied: bool,
    class: &str,
    change: impl Fn(&mut Memory),
) -> (Result<Network, String>, Memory) {
    let (mut config, mut weights) = small_llama();
    config["tie_word_embeddings"] = json!(tied);
    config["architectures"] = json!([class]);
    change(&mut weights);
    let network = Network::open(&config, &weights).map_err(|error| error.code().to_string());
    (network, weights)
}

fn renamed(weights: &Memory, rename: impl Fn(&str) -> String) -> Memory {
    let tensors = weights.tensors.iter();
    Memory {
        tensors: tensors
            .map(|(name, tensor)| (rename(name), tensor.clone()))
            .collect(),
    }
}

#[test]
fn a_tie_holds_unless_another_head_is_stored() {
    let class = "LlamaForCausalLM";
    let head = |network: Result<Network, String>| network.unwrap().head().map(str::to_owned);
    let alone = open(true, class, |weights| {
        weights.tensors.remove(HEAD);
    });
    assert_eq!(head(alone.0).as_deref(), Some(TOKEN));
    let copy = open(true, class, |weights| {
        let token = weights.tensors[TOKEN].clone();
        weights.tensors.insert(HEAD.into(), token);
    });
    let network = copy.0.unwrap();
    assert_eq!((network.head(), network.facts().len()), (Some(TOKEN), 0));
    let other = open(true, class, |_| {}).0.unwrap();
    assert_eq!(other.head(), Some(HEAD));
    assert_eq!(other.facts()[0].field, "tie_word_embeddings");
    // One value apart is another head.
    let near = open(true, class, |weights| {
        let mut token = weights.tensors[TOKEN].clone();
        *token.1.last_mut().unwrap() += 1e-6;
        weights.tensors.insert(HEAD.into(), token);
    });
    assert_eq!(head(near.0).as_deref(), Some(HEAD));
}

#[test]
fn a_head_that_is_stored_alone_is_the_embedding_too() {
    let (network, weights) = open(true, "LlamaForCausalLM", |weights| {
        weights.tensors.remove(TOKEN);
    });
    let network = network.unwrap();
    assert_eq!(network.head(), Some(HEAD));
    assert_eq!(network.embeddings(), [HEAD]);
    let compute = compute();
    let logits = Runner::new(&network, &weights, &compute, 0).logits(&[1, 2]);
    assert_eq!(logits.unwrap().len(), 2 * 50);
}

#[test]
fn a_decoder_without_head_is_refused_unless_it_is_a_body() {
    let without = |weights: &mut Memory| {
        weights.tensors.remove(HEAD);
    };
    let bare = |weights: &mut Memory| {
        weights.tensors.remove(HEAD);
        *weights = renamed(weights, |name| name.replace("model.", ""));
    };
    let code = |network: Result<Network, String>| network.err();
    let missing = Some("TENSOR_MISSING".to_string());
    assert_eq!(code(open(false, "LlamaForCausalLM", without).0), missing);
    assert_eq!(code(open(false, "LlamaForCausalLM", bare).0), missing);
    assert_eq!(open(false, "LlamaModel", bare).0.unwrap().head(), None);
    let (config, mut weights) = small_llama();
    without(&mut weights);
    let text = Network::open(&config, &weights).unwrap_err().to_string();
    assert!(
        text.contains(HEAD) && text.contains("tie_word_embeddings"),
        "{text}"
    );
}

#[test]
fn a_class_that_gives_labels_has_no_head_of_words_and_says_so() {
    let compute = compute();
    for class in [
        "LlamaForSequenceClassification",
        "LlamaForTokenClassification",
    ] {
        for tied in [true, false] {
            let (network, weights) = open(tied, class, |weights| {
                weights.tensors.remove(HEAD);
                weights.add("score.weight", &[3, 16], 0.0, 1.0);
            });
            let network = network.unwrap();
            assert_eq!(network.head(), None, "{class} {tied}");
            let error =
                Runner::new(&network, &weights, &compute, 0)
                    .perplexity(&[1, 2], 2, &mut |_, _| true);
            let error = error.unwrap_err();
            assert!(
                error.code() == "WRONG_KIND" && error.to_string().contains(class),
                "{error}"
            );
            assert!(network.facts()[0].sentence().contains(class));
        }
    }
}

/// Names as torch.compile, DataParallel and models of several parts leave them, one in another too.
#[test]
fn names_that_a_wrapper_left_are_found_and_told() {
    let (mut config, weights) = small_llama();
    let compute = compute();
    let logits = |config: &Value, weights: &Memory| {
        let network = Network::open(config, weights).unwrap();
        let facts = network.facts().len();
        let logits = Runner::new(&network, weights, &compute, 0).logits(&[4, 9, 2]);
        (logits.unwrap(), facts)
    };
    let plain = logits(&config, &weights);
    assert_eq!(plain.1, 0);
    for wrapper in [
        "_orig_mod.",
        "module.",
        "language_model.",
        "module._orig_mod.",
    ] {
        let wrapped = renamed(&weights, |name| format!("{wrapper}{name}"));
        assert_eq!(logits(&config, &wrapped), (plain.0.clone(), 1), "{wrapper}");
    }
    config["tie_word_embeddings"] = json!(true);
    let mut tied = weights;
    tied.tensors.remove(HEAD);
    let wrapped = renamed(&tied, |name| format!("module.{name}"));
    assert_eq!(logits(&config, &wrapped).0, logits(&config, &tied).0);
}

#[test]
fn a_field_that_kerf_does_not_know_is_told() {
    let (mut config, weights) = small_llama();
    for (field, value) in [
        ("initializer_range", json!(0.02)),
        ("attention_dropout", json!(0.1)),
        ("transformers_version", json!("5.0")),
    ] {
        config[field] = value;
    }
    assert_eq!(Network::open(&config, &weights).unwrap().facts(), []);
    config["logit_scale"] = json!(0.25);
    let facts = Network::open(&config, &weights).unwrap().facts().to_vec();
    assert_eq!(facts.len(), 1);
    assert_eq!(
        (facts[0].field.as_str(), facts[0].value.as_str()),
        ("logit_scale", "0.25")
    );
}

#[test]
fn equal_tensors_are_told_from_others() {
    let (_, mut weights) = small_llama();
    let token = weights.tensors[TOKEN].clone();
    weights.tensors.insert("copy".into(), token);
    assert!(weights.same(TOKEN, "copy").unwrap());
    assert!(!weights.same(TOKEN, HEAD).unwrap());
    assert!(!weights.same(TOKEN, "model.norm.weight").unwrap());
    assert!(!weights.same(TOKEN, "nothing").unwrap());
}

/// What transformers writes into configurations is read or known to change nothing.
#[test]
fn the_configurations_of_transformers_give_no_notes() {
    let mut notes = Vec::new();
    for folder in goldens() {
        let model = Model::open(&folder);
        let told = model.network.facts().iter();
        notes.extend(told.map(|fact| (folder.clone(), fact.sentence())));
    }
    // The golden model of gemma has a window that transformers does not read either.
    let [(folder, note)] = &notes[..] else {
        panic!("{notes:?}");
    };
    assert!(folder.ends_with("gemma") && note.contains("sliding_window"));
}
