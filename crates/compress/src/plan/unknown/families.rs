//! What is guessed of tensors of real families: names and shapes as their files have them.

use super::Guess::{self, Embedding, Head, Kept, Linear, Small};
use super::{Named, guesses};
use kerf_tensors::DType;
use std::collections::BTreeMap;

type Tensor = (&'static str, &'static [usize], Guess);

const FAMILIES: &[(&str, &[Tensor])] = &[
    (
        "mixtral",
        &[
            ("model.embed_tokens.weight", &[32000, 4096], Embedding),
            ("lm_head.weight", &[32000, 4096], Head),
            (
                "model.layers.0.self_attn.q_proj.weight",
                &[4096, 4096],
                Linear,
            ),
            (
                "model.layers.0.self_attn.k_proj.weight",
                &[1024, 4096],
                Linear,
            ),
            (
                "model.layers.0.block_sparse_moe.gate.weight",
                &[8, 4096],
                Kept("routers"),
            ),
            (
                "model.layers.0.block_sparse_moe.experts.3.w1.weight",
                &[14336, 4096],
                Linear,
            ),
            (
                "model.layers.0.block_sparse_moe.experts.3.w2.weight",
                &[4096, 14336],
                Linear,
            ),
            (
                "model.layers.0.mlp.experts.gate_up_proj",
                &[8, 28672, 4096],
                Kept("stacks of experts"),
            ),
            (
                "model.layers.0.mlp.experts.down_proj",
                &[8, 4096, 14336],
                Kept("stacks of experts"),
            ),
            ("model.layers.0.input_layernorm.weight", &[4096], Small),
        ],
    ),
    (
        "qwen2_moe, qwen3_moe, qwen3_next",
        &[
            (
                "model.layers.0.mlp.gate.weight",
                &[128, 2048],
                Kept("routers"),
            ),
            (
                "model.layers.0.mlp.shared_expert_gate.weight",
                &[1, 2048],
                Kept("routers"),
            ),
            (
                "model.layers.0.mlp.experts.12.gate_proj.weight",
                &[768, 2048],
                Linear,
            ),
            (
                "model.layers.0.mlp.shared_expert.gate_proj.weight",
                &[5632, 2048],
                Linear,
            ),
            (
                "model.layers.0.linear_attn.in_proj_qkvz.weight",
                &[12288, 2048],
                Linear,
            ),
            (
                "model.layers.0.linear_attn.in_proj_ba.weight",
                &[64, 2048],
                Kept("matrices of a recurrent state"),
            ),
            (
                "model.layers.0.linear_attn.conv1d.weight",
                &[8192, 1, 4],
                Kept("matrices of a recurrent state"),
            ),
            ("model.layers.0.linear_attn.A_log", &[32], Small),
        ],
    ),
    (
        "deepseek_v2, deepseek_v3",
        &[
            (
                "model.layers.3.mlp.gate.weight",
                &[256, 7168],
                Kept("routers"),
            ),
            (
                "model.layers.3.mlp.gate.e_score_correction_bias",
                &[256],
                Small,
            ),
            (
                "model.layers.3.mlp.experts.7.up_proj.weight",
                &[2048, 7168],
                Linear,
            ),
            (
                "model.layers.0.self_attn.kv_a_proj_with_mqa.weight",
                &[576, 7168],
                Linear,
            ),
            (
                "model.layers.0.self_attn.kv_b_proj.weight",
                &[32768, 512],
                Linear,
            ),
            (
                "model.layers.0.self_attn.q_a_proj.weight",
                &[1536, 7168],
                Linear,
            ),
            ("model.layers.61.eh_proj.weight", &[7168, 14336], Linear),
            (
                "model.layers.61.embed_tokens.weight",
                &[129280, 7168],
                Kept("tables"),
            ),
            (
                "model.layers.61.shared_head.head.weight",
                &[129280, 7168],
                Kept("heads of a task"),
            ),
            (
                "model.layers.3.mlp.down_proj.weight_scale_inv",
                &[56, 144],
                Kept("scales"),
            ),
        ],
    ),
    (
        "mamba, mamba2, falcon_mamba",
        &[
            ("backbone.embeddings.weight", &[50280, 768], Embedding),
            (
                "backbone.layers.0.mixer.A_log",
                &[1536, 16],
                Kept("matrices of a recurrent state"),
            ),
            ("backbone.layers.0.mixer.D", &[1536], Small),
            (
                "backbone.layers.0.mixer.conv1d.weight",
                &[1536, 1, 4],
                Kept("matrices of a recurrent state"),
            ),
            (
                "backbone.layers.0.mixer.dt_proj.weight",
                &[1536, 48],
                Kept("matrices of a recurrent state"),
            ),
            ("backbone.layers.0.mixer.x_proj.weight", &[80, 1536], Linear),
            (
                "backbone.layers.0.mixer.in_proj.weight",
                &[3072, 768],
                Linear,
            ),
            (
                "backbone.layers.0.mixer.out_proj.weight",
                &[768, 1536],
                Linear,
            ),
            ("backbone.layers.0.mixer.dt_bias", &[24], Small),
        ],
    ),
    (
        "jamba",
        &[
            (
                "model.layers.0.mamba.A_log",
                &[8192, 16],
                Kept("matrices of a recurrent state"),
            ),
            (
                "model.layers.0.mamba.dt_proj.weight",
                &[8192, 256],
                Kept("matrices of a recurrent state"),
            ),
            (
                "model.layers.1.feed_forward.router.weight",
                &[16, 4096],
                Kept("routers"),
            ),
            (
                "model.layers.1.feed_forward.experts.0.up_proj.weight",
                &[14336, 4096],
                Linear,
            ),
        ],
    ),
    (
        "rwkv 4 to 7",
        &[
            ("rwkv.embeddings.weight", &[50277, 768], Embedding),
            ("head.weight", &[50277, 768], Head),
            ("rwkv.blocks.0.attention.key.weight", &[768, 768], Linear),
            (
                "rwkv.blocks.0.attention.receptance.weight",
                &[768, 768],
                Linear,
            ),
            (
                "rwkv.blocks.0.attention.time_mix_key",
                &[1, 1, 768],
                Kept("matrices of a recurrent state"),
            ),
            (
                "rwkv.blocks.0.attention.time_decay",
                &[64, 64],
                Kept("matrices of a recurrent state"),
            ),
            (
                "rwkv.blocks.0.attention.time_maa_w1",
                &[2048, 160],
                Kept("matrices of a recurrent state"),
            ),
            ("rwkv.blocks.0.attention.gate.weight", &[2048, 2048], Linear),
            (
                "rwkv.blocks.0.feed_forward.value.weight",
                &[768, 3072],
                Linear,
            ),
            (
                "model.layers.0.attn.w_lora.lora.0.weight",
                &[64, 2048],
                Kept("factors of low rank"),
            ),
        ],
    ),
    (
        "recurrent_gemma, xlstm",
        &[
            (
                "model.layers.0.temporal_block.rg_lru.input_gate_weight",
                &[10, 256, 256],
                Kept("matrices of a recurrent state"),
            ),
            (
                "model.layers.0.temporal_block.conv_1d.weight",
                &[2560, 1, 4],
                Kept("matrices of a recurrent state"),
            ),
            (
                "model.layers.0.temporal_block.linear_x.weight",
                &[2560, 2560],
                Linear,
            ),
            (
                "backbone.blocks.0.mlstm_layer.igate_preact.weight",
                &[8, 4096],
                Kept("matrices of a recurrent state"),
            ),
        ],
    ),
    (
        "t5",
        &[
            ("shared.weight", &[32128, 512], Embedding),
            (
                "encoder.block.0.layer.0.SelfAttention.q.weight",
                &[512, 512],
                Linear,
            ),
            (
                "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                &[32, 8],
                Kept("relative position biases"),
            ),
            (
                "encoder.block.0.layer.1.DenseReluDense.wi_0.weight",
                &[1024, 512],
                Linear,
            ),
            (
                "decoder.block.0.layer.1.EncDecAttention.o.weight",
                &[512, 512],
                Linear,
            ),
            ("lm_head.weight", &[32128, 512], Head),
        ],
    ),
    (
        "switch_transformers, nllb_moe",
        &[
            (
                "encoder.block.1.layer.1.mlp.router.classifier.weight",
                &[8, 768],
                Kept("routers"),
            ),
            (
                "model.encoder.layers.3.ffn.router.classifier.weight",
                &[128, 2048],
                Kept("routers"),
            ),
            (
                "encoder.block.1.layer.1.mlp.experts.expert_0.wi.weight",
                &[3072, 768],
                Linear,
            ),
        ],
    ),
    (
        "bart",
        &[
            ("model.shared.weight", &[50265, 1024], Embedding),
            (
                "model.encoder.embed_positions.weight",
                &[1026, 1024],
                Kept("tables of positions"),
            ),
            ("model.encoder.layers.0.fc1.weight", &[4096, 1024], Linear),
            ("final_logits_bias", &[1, 50265], Kept("biases")),
            (
                "classification_head.dense.weight",
                &[1024, 1024],
                Kept("heads of a task"),
            ),
            (
                "classification_head.out_proj.weight",
                &[3, 1024],
                Kept("heads of a task"),
            ),
        ],
    ),
    (
        "whisper",
        &[
            (
                "model.decoder.embed_tokens.weight",
                &[51865, 512],
                Embedding,
            ),
            (
                "model.encoder.conv1.weight",
                &[512, 80, 3],
                Kept("convolutions"),
            ),
            (
                "model.encoder.embed_positions.weight",
                &[1500, 512],
                Kept("tables of positions"),
            ),
            (
                "model.decoder.embed_positions.weight",
                &[448, 512],
                Kept("tables of positions"),
            ),
            (
                "model.decoder.layers.0.encoder_attn.k_proj.weight",
                &[512, 512],
                Linear,
            ),
            ("proj_out.weight", &[51865, 512], Head),
        ],
    ),
    (
        "vit, clip, siglip",
        &[
            (
                "vit.embeddings.position_embeddings",
                &[1, 197, 768],
                Kept("tables of positions"),
            ),
            ("vit.embeddings.cls_token", &[1, 1, 768], Kept("tables")),
            (
                "vit.embeddings.patch_embeddings.projection.weight",
                &[768, 3, 16, 16],
                Kept("patch embeddings"),
            ),
            (
                "vit.encoder.layer.0.attention.attention.query.weight",
                &[768, 768],
                Linear,
            ),
            (
                "vit.pooler.dense.weight",
                &[768, 768],
                Kept("heads of a task"),
            ),
            ("classifier.weight", &[1000, 768], Kept("heads of a task")),
            (
                "text_model.embeddings.token_embedding.weight",
                &[49408, 512],
                Embedding,
            ),
            (
                "text_model.embeddings.position_embedding.weight",
                &[77, 512],
                Kept("tables of positions"),
            ),
            (
                "vision_model.embeddings.patch_embedding.weight",
                &[768, 3, 32, 32],
                Kept("patch embeddings"),
            ),
            (
                "text_projection.weight",
                &[512, 512],
                Kept("heads of a task"),
            ),
            (
                "vision_model.head.attention.in_proj_weight",
                &[2304, 768],
                Kept("heads of a task"),
            ),
            (
                "transformer.resblocks.0.attn.in_proj_weight",
                &[1536, 512],
                Linear,
            ),
            ("text_projection", &[512, 512], Kept("heads of a task")),
            (
                "positional_embedding",
                &[77, 512],
                Kept("tables of positions"),
            ),
            ("logit_scale", &[], Small),
        ],
    ),
    (
        "swin, sam, detr",
        &[
            (
                "swin.encoder.layers.0.blocks.0.attention.self.relative_position_bias_table",
                &[169, 3],
                Kept("relative position biases"),
            ),
            (
                "swin.encoder.layers.0.downsample.reduction.weight",
                &[192, 384],
                Linear,
            ),
            (
                "swinv2.encoder.layers.0.blocks.0.attention.self.continuous_position_bias_mlp.0.weight",
                &[512, 2],
                Kept("relative position biases"),
            ),
            (
                "vision_encoder.layers.0.attn.rel_pos_h",
                &[27, 64],
                Kept("relative position biases"),
            ),
            ("mask_decoder.iou_token.weight", &[1, 256], Kept("tables")),
            (
                "shared_image_embedding.positional_embedding",
                &[2, 128],
                Kept("tables of positions"),
            ),
            (
                "model.query_position_embeddings.weight",
                &[100, 256],
                Kept("tables of positions"),
            ),
            (
                "class_labels_classifier.weight",
                &[92, 256],
                Kept("heads of a task"),
            ),
            (
                "bbox_predictor.layers.0.weight",
                &[256, 256],
                Kept("heads of a task"),
            ),
        ],
    ),
    (
        "falcon, bloom, mpt",
        &[
            (
                "transformer.word_embeddings.weight",
                &[65024, 4544],
                Embedding,
            ),
            (
                "transformer.h.0.self_attention.query_key_value.weight",
                &[4672, 4544],
                Linear,
            ),
            (
                "transformer.h.0.mlp.dense_h_to_4h.weight",
                &[18176, 4544],
                Linear,
            ),
            ("transformer.wte.weight", &[50432, 4096], Embedding),
            (
                "transformer.blocks.0.attn.Wqkv.weight",
                &[12288, 4096],
                Linear,
            ),
            (
                "transformer.blocks.0.ffn.up_proj.weight",
                &[16384, 4096],
                Linear,
            ),
        ],
    ),
    (
        "gemma3n",
        &[
            (
                "model.language_model.embed_tokens_per_layer.weight",
                &[262144, 8960],
                Embedding,
            ),
            (
                "model.language_model.per_layer_model_projection.weight",
                &[8960, 2048],
                Linear,
            ),
            (
                "model.language_model.layers.0.altup.prediction_coefs.weight",
                &[16, 4],
                Kept("small matrices that mix streams"),
            ),
            (
                "model.language_model.layers.0.altup.modality_router.weight",
                &[4, 2048],
                Kept("routers"),
            ),
            (
                "model.language_model.layers.0.laurel.linear_left.weight",
                &[64, 2048],
                Linear,
            ),
            (
                "model.language_model.layers.0.per_layer_input_gate.weight",
                &[256, 2048],
                Linear,
            ),
        ],
    ),
    (
        "llama4",
        &[
            (
                "language_model.model.layers.0.feed_forward.router.weight",
                &[16, 5120],
                Kept("routers"),
            ),
            (
                "language_model.model.layers.0.feed_forward.experts.gate_up_proj",
                &[16, 5120, 16384],
                Kept("stacks of experts"),
            ),
            (
                "language_model.model.layers.0.feed_forward.shared_expert.down_proj.weight",
                &[5120, 8192],
                Linear,
            ),
            (
                "vision_model.positional_embedding_vlm",
                &[577, 1408],
                Kept("tables of positions"),
            ),
            (
                "vision_model.patch_embedding.linear.weight",
                &[1408, 588],
                Kept("patch embeddings"),
            ),
            (
                "multi_modal_projector.linear_1.weight",
                &[5120, 4096],
                Linear,
            ),
        ],
    ),
    (
        "dbrx",
        &[
            (
                "transformer.blocks.0.ffn.router.layer.weight",
                &[16, 6144],
                Kept("routers"),
            ),
            (
                "transformer.blocks.0.norm_attn_norm.attn.Wqkv.weight",
                &[8192, 6144],
                Linear,
            ),
            (
                "transformer.blocks.0.norm_attn_norm.norm_1.weight",
                &[6144],
                Small,
            ),
            (
                "transformer.blocks.0.ffn.experts.mlp.w1",
                &[172032, 6144],
                Linear,
            ),
            (
                "transformer.blocks.0.ffn.experts.mlp.v1",
                &[172032, 6144],
                Linear,
            ),
        ],
    ),
    (
        "phimoe, granitemoe, hunyuan, ernie4_5_moe, gpt_oss",
        &[
            (
                "model.layers.0.block_sparse_moe.gate.weight",
                &[16, 4096],
                Kept("routers"),
            ),
            (
                "model.layers.0.block_sparse_moe.router.layer.weight",
                &[32, 1024],
                Kept("routers"),
            ),
            (
                "model.layers.0.block_sparse_moe.input_linear.weight",
                &[32, 1024, 1024],
                Kept("stacks of experts"),
            ),
            (
                "model.layers.0.mlp.gate.wg.weight",
                &[16, 6400],
                Kept("routers"),
            ),
            (
                "model.layers.0.mlp.moe_statics.e_score_correction_bias",
                &[1, 64],
                Kept("biases"),
            ),
            (
                "model.layers.0.mlp.router.weight",
                &[32, 2880],
                Kept("routers"),
            ),
            (
                "model.layers.0.mlp.experts.gate_up_proj_bias",
                &[32, 5760],
                Kept("biases"),
            ),
            ("model.layers.0.self_attn.sinks", &[64], Small),
        ],
    ),
    (
        "bert, roberta, deberta, xlnet",
        &[
            (
                "bert.embeddings.word_embeddings.weight",
                &[30522, 768],
                Embedding,
            ),
            (
                "bert.embeddings.position_embeddings.weight",
                &[512, 768],
                Kept("tables of positions"),
            ),
            (
                "bert.embeddings.token_type_embeddings.weight",
                &[2, 768],
                Kept("tables of token types"),
            ),
            (
                "bert.encoder.layer.0.intermediate.dense.weight",
                &[3072, 768],
                Linear,
            ),
            (
                "bert.pooler.dense.weight",
                &[768, 768],
                Kept("heads of a task"),
            ),
            (
                "cls.predictions.transform.dense.weight",
                &[768, 768],
                Kept("heads of a task"),
            ),
            ("cls.predictions.decoder.weight", &[30522, 768], Head),
            (
                "cls.seq_relationship.weight",
                &[2, 768],
                Kept("heads of a task"),
            ),
            ("lm_head.dense.weight", &[768, 768], Kept("heads of a task")),
            ("score.weight", &[2, 4096], Kept("heads of a task")),
            ("qa_outputs.weight", &[2, 768], Kept("heads of a task")),
            (
                "deberta.encoder.rel_embeddings.weight",
                &[512, 768],
                Kept("tables"),
            ),
            (
                "transformer.layer.0.rel_attn.r_w_bias",
                &[12, 64],
                Kept("biases"),
            ),
            (
                "transformer.layer.0.rel_attn.q",
                &[768, 12, 64],
                Kept("tensors of three or more dimensions"),
            ),
            (
                "albert.encoder.embedding_hidden_mapping_in.weight",
                &[768, 128],
                Kept("tables"),
            ),
        ],
    ),
    (
        "wav2vec2, encodec",
        &[
            (
                "wav2vec2.feature_extractor.conv_layers.1.conv.weight",
                &[512, 512, 3],
                Kept("convolutions"),
            ),
            ("quantizer.weight_proj.weight", &[640, 512], Kept("tables")),
            (
                "encoder.layers.13.lstm.weight_ih_l0",
                &[2048, 512],
                Kept("matrices of a recurrent state"),
            ),
            (
                "wav2vec2.feature_projection.projection.weight",
                &[768, 512],
                Linear,
            ),
        ],
    ),
    (
        "flax and others without dots",
        &[
            (
                "encoder.layer_0.attention.query.kernel",
                &[512, 512],
                Linear,
            ),
            ("blocks/3/mlp/wi/kernel", &[512, 2048], Linear),
        ],
    ),
    (
        "gpt2 of old files",
        &[
            ("h.0.attn.bias", &[1, 1, 1024, 1024], Kept("biases")),
            ("wpe.weight", &[1024, 768], Kept("tables of positions")),
            ("h.0.attn.c_attn.weight", &[768, 2304], Linear),
        ],
    ),
    (
        "nothing known",
        &[
            (
                "memory.weight",
                &[4096, 512],
                Kept("matrices that nothing tells to be linear layers"),
            ),
            ("table.weight", &[4096, 512], Kept("tables")),
            (
                "mixer.weight",
                &[512, 512],
                Kept("matrices that nothing tells to be linear layers"),
            ),
            ("layers.0.anything.weight", &[512, 512], Linear),
            (
                "layers.0.narrow.weight",
                &[8, 512],
                Kept("matrices of fewer than 16 rows or columns"),
            ),
            (
                "layers.0.anything",
                &[512, 512],
                Kept("matrices that are not named as weights"),
            ),
            ("projector.dense.weight", &[512, 512], Linear),
        ],
    ),
];

#[test]
fn tensors_of_real_families_are_what_they_are() {
    let mut wrong = Vec::new();
    for (family, tensors) in FAMILIES {
        let named: Vec<Named<'_>> = tensors.iter().map(|tensor| named(tensor)).collect();
        for ((name, _, expected), guess) in tensors.iter().zip(guesses(&named)) {
            if guess != *expected {
                wrong.push(format!("{family}: {name}: {guess:?}, not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn named(tensor: &Tensor) -> Named<'static> {
    Named {
        name: tensor.0,
        shape: tensor.1,
        dtype: DType::BF16,
    }
}

#[test]
fn a_bias_tells_a_linear_layer_outside_the_blocks() {
    let tensors: [Tensor; 2] = [
        ("mixer.weight", &[512, 256], Linear),
        ("mixer.bias", &[512], Small),
    ];
    let with_bias: Vec<Named<'_>> = tensors.iter().map(named).collect();
    assert_eq!(guesses(&with_bias), [Linear, Small]);
    assert!(matches!(guesses(&with_bias[..1])[0], Kept(_)));
}

#[test]
fn what_is_no_float_is_nothing() {
    let mut position_ids = named(&("embeddings.position_ids", &[1, 512], Small));
    position_ids.dtype = DType::I64;
    assert_eq!(guesses(&[position_ids]), [Small]);
    let mut double = named(&("layers.0.mlp.up.weight", &[512, 512], Linear));
    double.dtype = DType::F64;
    assert!(matches!(guesses(&[double])[0], Kept(_)));
}

/// What transformers' own modules say (made by test/golden/make_families_golden.py): no tensor of another module may be taken for the weight
/// of a linear layer, and of those that are, most must be found.
#[test]
fn modules_of_transformers_are_told_apart() {
    type Row = (String, Vec<usize>, bool);
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../test/golden/families.json"
    );
    let json = std::fs::read(path).unwrap();
    let families: BTreeMap<String, Vec<Row>> = serde_json::from_slice(&json).unwrap();
    let (mut wrong, mut found, mut missed) = (Vec::new(), 0, 0);
    for (family, rows) in &families {
        let named: Vec<Named<'_>> = rows
            .iter()
            .map(|(name, shape, _)| Named {
                name,
                shape,
                dtype: DType::BF16,
            })
            .collect();
        for ((name, shape, linear), guess) in rows.iter().zip(guesses(&named)) {
            match (guess, linear) {
                (Linear, false) => wrong.push(format!("{family}: {name} {shape:?}")),
                (Linear, true) => found += 1,
                (Kept(_), true) => missed += 1,
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        found > 200 && found > 8 * missed,
        "{found} found, {missed} missed"
    );
}
