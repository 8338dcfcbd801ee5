//! What a format of a result must know of the network, as plain data: which tensors are linear layers, and how llama.cpp names and
//! counts what it runs.

use crate::arch::{Gguf, Norm, Positions, Role};
use crate::{Kind, ModelError, Network, Use, WeightSource};
use kerf_tensors::Catalog;
use kerf_tensors::formats::{GgufInfo, GgufName, ModelInfo, Value};

impl Network {
    /// What formats must know of this model, whose tensors `catalog` has. Errors are those of [`Network::uses`].
    pub fn model_info(&self, catalog: &Catalog) -> Result<ModelInfo, ModelError> {
        let linears = (0..self.blocks()).flat_map(|block| self.linears(block));
        let linears: Vec<_> = linears.collect();
        let transposed = linears.iter().find(|linear| linear.transposed);
        let uses = self.uses(catalog)?;
        let of_use = |wanted: Use| {
            let tensors = catalog.tensors.iter().zip(&uses);
            let tensors = tensors.filter(|(_, of)| **of == wanted);
            tensors.map(|(entry, _)| entry.name.clone()).collect()
        };
        Ok(ModelInfo {
            architecture: self.architecture().into(),
            known: true,
            dead: of_use(Use::Dead),
            unread: of_use(Use::Unread),
            encoder: self.kind() == Kind::Encoder,
            transposed: transposed.map(|linear| linear.weight.clone()),
            linears: linears.into_iter().map(|linear| linear.weight).collect(),
            embeddings: self.embeddings().into_iter().collect(),
            heads: self.head_modules(),
            unopened: self.arch.unopened.map(str::to_owned),
            gguf: self.arch.gguf.map(|gguf| self.gguf(&gguf, catalog)),
            tokenizer: None,
        })
    }

    /// Names of the module of the head, also where it is tied.
    fn head_modules(&self) -> Vec<String> {
        let head = self.arch.head.iter();
        let names = head.flat_map(|head| std::iter::once(&head.stem).chain(self.arch.head_aliases));
        names.map(|name| (*name).to_owned()).collect()
    }

    /// The reason if llama.cpp computes something else.
    fn gguf(&self, gguf: &Gguf, weights: &Catalog) -> Result<GgufInfo, String> {
        let mut model_info = GgufInfo {
            architecture: gguf.architecture.into(),
            values: self.gguf_values()?,
            ..GgufInfo::default()
        };
        self.gguf_rope(gguf, &mut model_info)?;
        self.gguf_window(gguf, &mut model_info);
        self.gguf_tensors(gguf, weights, &mut model_info);
        Ok(model_info)
    }

    fn gguf_values(&self) -> Result<Vec<(String, Value)>, String> {
        let settings = &self.settings;
        let usual = 1.0 / (settings.head_dim as f32).sqrt();
        if (settings.score_scale - usual).abs() > 1e-6 * usual {
            return Err("llama.cpp divides its attention scores by another number".into());
        }
        let count = |count: usize| Value::U32(count as u32);
        let mut values = vec![
            ("vocab_size", count(settings.vocab)),
            ("context_length", count(settings.positions)),
            ("embedding_length", count(settings.hidden)),
            ("block_count", count(self.blocks())),
            ("feed_forward_length", count(settings.intermediate)),
            ("attention.head_count", count(settings.heads)),
            ("attention.head_count_kv", count(settings.kv_heads)),
            ("attention.key_length", count(settings.head_dim)),
            ("attention.value_length", count(settings.head_dim)),
            ("attention.layer_norm_rms_epsilon", Value::F32(settings.eps)),
        ];
        if let Some(cap) = settings.score_cap {
            values.push(("attn_logit_softcapping", Value::F32(cap)));
        }
        if let Some(cap) = settings.logit_cap {
            values.push(("final_logit_softcapping", Value::F32(cap)));
        }
        let named = values.into_iter();
        Ok(named.map(|(key, value)| (key.to_owned(), value)).collect())
    }

    fn gguf_rope(&self, gguf: &Gguf, model_info: &mut GgufInfo) -> Result<(), String> {
        let (Some(ropes), Positions::Rope(_)) = (&self.settings.ropes, &self.arch.positions) else {
            return Err("it has no rotary positions".into());
        };
        let (theta, factors) = ropes.base_and_factors();
        let factors = factors.ok_or("llama.cpp scales its rotary positions in another way")?;
        let turned = 2 * factors.len();
        model_info
            .values
            .push(("rope.dimension_count".into(), Value::U32(turned as u32)));
        model_info
            .values
            .push(("rope.freq_base".into(), Value::F32(theta as f32)));
        let first = factors.first().copied().unwrap_or(1.0);
        let is_linear = factors
            .iter()
            .all(|factor| (factor - first).abs() <= 1e-6 * first);
        match (is_linear, gguf.rope_factors) {
            (true, _) if (first - 1.0).abs() < 1e-6 => {}
            (true, _) => {
                model_info
                    .values
                    .push(("rope.scaling.type".into(), "linear".into()));
                model_info
                    .values
                    .push(("rope.scaling.factor".into(), Value::F32(first)));
            }
            (false, true) => model_info.rope_factors = Some(factors),
            (false, false) => {
                return Err(
                    "llama.cpp does not scale the rotary positions of this architecture".into(),
                );
            }
        }
        Ok(())
    }

    fn gguf_window(&self, gguf: &Gguf, model_info: &mut GgufInfo) {
        let reach = self.settings.layers.iter().find_map(|layer| layer.reach);
        let Some(width) = reach.map(|reach| reach.before + 1) else {
            return;
        };
        if gguf.window {
            let width = Value::U32(width as u32);
            model_info
                .values
                .push(("attention.sliding_window".into(), width));
        } else if width < self.max_context() {
            model_info.notes.push(format!(
                "llama.cpp has no window for {}: beyond {width} tokens it sees the whole text",
                model_info.architecture
            ));
        }
    }

    fn gguf_tensors(&self, gguf: &Gguf, weights: &Catalog, model_info: &mut GgufInfo) {
        let mut add = |tensor: String, name: String, head_rows: usize, plus_one: bool| {
            if weights.contains(&tensor) {
                let name = GgufName {
                    name,
                    head_rows,
                    plus_one,
                };
                model_info.tensors.insert(tensor, name);
            }
        };
        let plus_one = self.arch.norm == Norm::RmsPlusOne;
        add(self.token_embedding(), "token_embd.weight".into(), 0, false);
        if let Some(stem) = self.arch.final_norm {
            let (scale, _) = self.norm_names(&self.name(stem, 0));
            add(scale, "output_norm.weight".into(), 0, plus_one);
        }
        if let Some(head) = self.head().filter(|head| *head != self.token_embedding()) {
            add(head.to_owned(), "output.weight".into(), 0, false);
        }
        for block in 0..self.blocks() {
            for (index, row) in self.arch.block.linears.iter().enumerate() {
                let Some(role) = linear_name(row.role) else {
                    continue;
                };
                let moved = gguf.moved_rows && matches!(row.role, Role::Q | Role::K);
                let head_rows = if moved { self.settings.head_dim } else { 0 };
                let stem = format!("blk.{block}.{role}");
                let weight = format!("{}.weight", self.name(row.stem, block));
                add(weight, format!("{stem}.weight"), head_rows, false);
                if let Some(bias) = self.bias(weights as &dyn WeightSource, index, block) {
                    add(bias, format!("{stem}.bias"), head_rows, false);
                }
            }
            let names = &self.arch.block;
            for (stem, name) in [
                (Some(names.attention_norm), "attn_norm"),
                (names.mlp_norm, "ffn_norm"),
                (names.attention_output_norm, "post_attention_norm"),
                (names.mlp_output_norm, "post_ffw_norm"),
                (names.query_norm, "attn_q_norm"),
                (names.key_norm, "attn_k_norm"),
            ] {
                if let Some(stem) = stem {
                    let (scale, _) = self.norm_names(&self.name(stem, block));
                    add(scale, format!("blk.{block}.{name}.weight"), 0, plus_one);
                }
            }
        }
    }
}

/// llama.cpp's name of a linear layer; it has none for matrices that do the work of several here.
fn linear_name(role: Role) -> Option<&'static str> {
    Some(match role {
        Role::Q => "attn_q",
        Role::K => "attn_k",
        Role::V => "attn_v",
        Role::O => "attn_output",
        Role::Gate => "ffn_gate",
        Role::Up => "ffn_up",
        Role::Down => "ffn_down",
        Role::Qkv | Role::QkvByHead | Role::GateUp => return None,
    })
}
