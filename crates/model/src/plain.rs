//! The plain form of a block: one sequence, one value after the other in f64, read from the definition. The oracle of the tests of
//! this crate. It shares the reading of config.json with the block that it checks, and nothing else.

use crate::arch::{Activation, Norm, Order, Role};
use crate::{Kind, Network, WeightSource};
use kerf_kernels::Compute;
use kerf_tensors::Catalog;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a block computes.
pub(crate) struct Outcome {
    /// Its output, [tokens, hidden].
    pub out: Vec<f64>,
    /// Probability that each token gets as a key, summed over all heads and queries.
    pub received: Vec<f64>,
}

/// One block at work on one sequence.
pub(crate) struct Plain<'a> {
    pub network: &'a Network,
    pub weights: &'a dyn WeightSource,
    pub compute: &'a Compute,
    pub block: usize,
    /// Position of each token.
    pub positions: &'a [usize],
}

type Rows = Vec<Vec<f64>>;

impl Plain<'_> {
    /// Runs the block on `x`, [tokens, hidden].
    pub fn run(&self, x: &[f64]) -> Outcome {
        let names = &self.network.arch.block;
        let settings = &self.network.settings;
        let x: Rows = x.chunks(settings.hidden).map(<[f64]>::to_vec).collect();
        let own = self.network.attention_norm(self.block);
        let pre = settings.order != Order::Post;
        let seen = self.normed(&x, own.filter(|_| pre));
        let (attended, received) = self.attention(&seen);
        let mut added = self.normed(&attended, names.attention_output_norm);
        if settings.order == Order::Parallel {
            let seen = self.normed(&x, names.mlp_norm.or(own));
            let mlp = self.normed(&self.mlp(&seen), names.mlp_output_norm);
            added = sum(&added, &mlp);
            let out = sum(&x, &added).concat();
            return Outcome { out, received };
        }
        let mut middle = sum(&x, &added);
        if !pre {
            middle = self.normed(&middle, own);
        }
        let seen = self.normed(&middle, names.mlp_norm.filter(|_| pre));
        let mlp = self.normed(&self.mlp(&seen), names.mlp_output_norm);
        let mut out = sum(&middle, &mlp);
        if !pre {
            out = self.normed(&out, names.mlp_norm);
        }
        let out = out.concat();
        Outcome { out, received }
    }

    fn tensor(&self, name: &str) -> Vec<f64> {
        let values = self.weights.read(self.compute, name).unwrap();
        values.into_iter().map(f64::from).collect()
    }

    fn normed(&self, x: &[Vec<f64>], stem: Option<&str>) -> Rows {
        let Some(stem) = stem else {
            return x.to_vec();
        };
        let (scale, shift) = self
            .network
            .norm_names(&self.network.name(stem, self.block));
        let scale = self.tensor(&scale);
        let shift = shift.map(|shift| self.tensor(&shift));
        let kind = self.network.arch.norm;
        let row = |row: &Vec<f64>| -> Vec<f64> {
            let count = row.len() as f64;
            let mean = match kind {
                Norm::Layer => row.iter().sum::<f64>() / count,
                _ => 0.0,
            };
            let squares = row.iter().map(|value| (value - mean).powi(2));
            let variance = squares.sum::<f64>() / count;
            let root = (variance + f64::from(self.network.settings.eps)).sqrt();
            let one = if kind == Norm::RmsPlusOne { 1.0 } else { 0.0 };
            let values = row.iter().enumerate();
            values
                .map(|(index, value)| {
                    let shift = shift.as_ref().map_or(0.0, |shift| shift[index]);
                    (value - mean) / root * (scale[index] + one) + shift
                })
                .collect()
        };
        x.iter().map(row).collect()
    }

    /// Outputs of the linear layers with one of these roles, one after the other.
    fn linear(&self, x: &[Vec<f64>], roles: &[Role]) -> Rows {
        let mut out = vec![Vec::new(); x.len()];
        for (index, row) in self.network.arch.block.linears.iter().enumerate() {
            if !roles.contains(&row.role) {
                continue;
            }
            let (rows, cols) = self.network.shape(row.role);
            let stem = self.network.name(row.stem, self.block);
            let weight = self.tensor(&format!("{stem}.weight"));
            let bias = self.network.bias(self.weights, index, self.block);
            let bias = bias.map(|bias| self.tensor(&bias));
            for (x, out) in x.iter().zip(&mut out) {
                out.extend((0..rows).map(|to| {
                    let at = |from: usize| match row.transposed {
                        true => weight[from * rows + to],
                        false => weight[to * cols + from],
                    };
                    let terms = x.iter().enumerate().map(|(from, x)| x * at(from));
                    terms.sum::<f64>() + bias.as_ref().map_or(0.0, |bias| bias[to])
                }));
            }
        }
        out
    }

    /// Heads of queries, keys and values of one token: normed and turned.
    fn heads(&self, row: &[f64], position: usize) -> [Rows; 3] {
        let settings = &self.network.settings;
        let (dim, heads, kv) = (settings.head_dim, settings.heads, settings.kv_heads);
        let all: Rows = row.chunks(dim).map(<[f64]>::to_vec).collect();
        let linears = &self.network.arch.block.linears;
        let by_head = linears.iter().any(|row| row.role == Role::QkvByHead);
        let [queries, keys, values] = match by_head {
            true => [0, 1, 2].map(|part| all.iter().skip(part).step_by(3).cloned().collect()),
            false => [
                all[..heads].to_vec(),
                all[heads..heads + kv].to_vec(),
                all[heads + kv..].to_vec(),
            ],
        };
        let names = &self.network.arch.block;
        let turned = |heads: Rows| heads.into_iter().map(|head| self.turned(head, position));
        [
            turned(self.normed(&queries, names.query_norm)).collect(),
            turned(self.normed(&keys, names.key_norm)).collect(),
            values,
        ]
    }

    fn turned(&self, mut head: Vec<f64>, position: usize) -> Vec<f64> {
        let settings = &self.network.settings;
        let turn = settings.layers[self.block].turn;
        let Some(rope) = settings.ropes.as_ref().and_then(|ropes| ropes.of(turn)) else {
            return head;
        };
        let (inverse, scale) = rope.inverse_and_scale();
        let pairs = inverse.len();
        for (pair, inverse) in inverse.iter().enumerate() {
            let (a, b) = (head[pair], head[pair + pairs]);
            let angle = position as f64 * f64::from(*inverse);
            let (sin, cos) = (angle.sin() * scale, angle.cos() * scale);
            head[pair] = a * cos - b * sin;
            head[pair + pairs] = b * cos + a * sin;
        }
        head
    }

    fn sees(&self, query: usize, key: usize) -> bool {
        let causal = self.network.arch.kind == Kind::Decoder;
        let reach = self.network.settings.layers[self.block].reach;
        let (query, key) = (self.positions[query], self.positions[key]);
        let far = match reach {
            Some(reach) => key + reach.before < query || key > query + reach.after,
            None => false,
        };
        !(far || causal && key > query)
    }

    fn attention(&self, x: &[Vec<f64>]) -> (Rows, Vec<f64>) {
        let settings = &self.network.settings;
        let rows = self.linear(x, &[Role::Q, Role::K, Role::V, Role::Qkv, Role::QkvByHead]);
        let rows = rows.iter().zip(self.positions);
        let tokens: Vec<[Rows; 3]> = rows.map(|(row, at)| self.heads(row, *at)).collect();
        let mut received = vec![0.0; tokens.len()];
        let mut out = vec![Vec::new(); tokens.len()];
        let group = settings.heads / settings.kv_heads;
        for head in 0..settings.heads {
            for (query, out) in out.iter_mut().enumerate() {
                let of_query = &tokens[query][0][head];
                let score = |key: usize| -> f64 {
                    let of_key = &tokens[key][1][head / group];
                    let dot: f64 = of_query.iter().zip(of_key).map(|(a, b)| a * b).sum();
                    let score = dot * f64::from(settings.score_scale);
                    let cap = settings.score_cap.map(f64::from);
                    let score = cap.map_or(score, |cap| cap * (score / cap).tanh());
                    score + self.distance(head, query, key)
                };
                let weight = |key: usize| match self.sees(query, key) {
                    true => score(key).exp(),
                    false => 0.0,
                };
                let weights: Vec<f64> = (0..tokens.len()).map(weight).collect();
                let total: f64 = weights.iter().sum();
                let mut mixed = vec![0.0; settings.head_dim];
                for (key, weight) in weights.iter().enumerate() {
                    received[key] += weight / total;
                    let values = &tokens[key][2][head / group];
                    for (mixed, value) in mixed.iter_mut().zip(values) {
                        *mixed += weight / total * value;
                    }
                }
                out.extend(mixed);
            }
        }
        (self.linear(&out, &[Role::O]), received)
    }

    /// What is added to a score by the distance of two tokens, by the buckets of T5.
    fn distance(&self, head: usize, query: usize, key: usize) -> f64 {
        let (Some(bias), Some(name)) = (
            self.network.arch.attention.distance_bias,
            self.network.distance_bias(),
        ) else {
            return 0.0;
        };
        let table = self.tensor(&name);
        let half = self.network.settings.buckets / 2;
        let ahead = self.positions[key] as f64 - self.positions[query] as f64;
        let (near, far) = (half as f64 / 2.0, ahead.abs());
        let in_half = if far < near {
            far
        } else {
            let ratio = (far / near).ln() / (bias.max_distance as f64 / near).ln();
            (near + (ratio * (half as f64 - near)).floor()).min(half as f64 - 1.0)
        };
        let bucket = in_half as usize + if ahead > 0.0 { half } else { 0 };
        table[bucket * self.network.settings.heads + head]
    }

    fn mlp(&self, x: &[Vec<f64>]) -> Rows {
        let width = self.network.settings.intermediate;
        let activation = self.network.settings.activation;
        let mut inside = self.linear(x, &[Role::Gate, Role::GateUp]);
        let up = self.linear(x, &[Role::Up]);
        for (row, up) in inside.iter_mut().zip(up) {
            row.extend(up);
            let rest = row.split_off(width);
            for (index, value) in row.iter_mut().enumerate() {
                *value = activated(activation, *value) * rest.get(index).unwrap_or(&1.0);
            }
        }
        self.linear(&inside, &[Role::Down])
    }
}

fn activated(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Relu => x.max(0.0),
        Activation::GeluErf => 0.5 * x * (1.0 + libm::erf(x / 2.0f64.sqrt())),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
    }
}

fn sum(a: &[Vec<f64>], b: &[Vec<f64>]) -> Rows {
    let rows = a.iter().zip(b);
    rows.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect())
        .collect()
}

/// A model folder that the tests of this crate run on.
pub(crate) struct Model {
    pub name: String,
    pub weights: Catalog,
    pub network: Network,
}

/// One model of each architecture that test/golden/model and the shape fixtures of the shared folder have.
pub(crate) fn models() -> Vec<Model> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shapes = root.join("../shared/models/shape-fixtures");
    let mut parents = vec![root.join("test/golden/model")];
    match shapes.exists() {
        true => parents.push(shapes),
        false => skipped(&shapes),
    }
    let mut folders: Vec<PathBuf> = parents
        .iter()
        .flat_map(|parent| std::fs::read_dir(parent).unwrap())
        .map(|folder| folder.unwrap().path())
        .filter(|folder| folder.join("config.json").exists())
        .collect();
    folders.sort();
    let mut models: BTreeMap<String, Model> = BTreeMap::new();
    for folder in folders {
        let weights = Catalog::open_path(&folder).unwrap();
        let network = Network::of_catalog(&weights).unwrap();
        let parent = folder.parent().unwrap().file_name().unwrap();
        let name = folder.file_name().unwrap();
        let name = format!("{}/{}", parent.display(), name.display());
        let model = Model {
            name: name.clone(),
            weights,
            network,
        };
        models.insert(name, model);
    }
    models.into_values().collect()
}

fn skipped(path: &Path) {
    use std::io::Write;
    // Not println: the test harness would keep it to itself.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED: {} is not there",
        path.display()
    );
}

/// Largest difference, in units of the largest value (at least 1).
pub(crate) fn difference(computed: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(computed.len(), expected.len());
    let pairs = computed.iter().zip(expected);
    let size = expected
        .iter()
        .fold(1.0f64, |most, value| most.max(value.abs()));
    let worst = pairs.map(|(a, b)| (f64::from(*a) - b).abs());
    let worst = worst.fold(0.0, |most, value| {
        if value > most || value.is_nan() {
            value
        } else {
            most
        }
    });
    worst / size
}

/// Values that repeat nothing obvious, between -1 and 1.
pub(crate) fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}
