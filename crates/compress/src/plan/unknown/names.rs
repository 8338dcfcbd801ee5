//! Words in the names of tensors, and what they say.

use NamePlace::{Ends, Has, Is, LastEnds, LastHas, LastIs, LastStarts};

/// Where in a name a word stands. A name is cut at its dots; the last part is the one before `weight`.
#[derive(Clone, Copy)]
pub(super) enum NamePlace {
    /// Some part is the word.
    Is,
    /// Some part contains it.
    Has,
    /// Some part ends in it.
    Ends,
    /// The last part is the word.
    LastIs,
    /// The last part contains it.
    LastHas,
    /// The last part begins with it.
    LastStarts,
    /// The last part ends in it.
    LastEnds,
}

pub(super) const ROUTERS: &str = "routers";
pub(super) const POSITIONS: &str = "tables of positions";
pub(super) const RELATIVE: &str = "relative position biases";
pub(super) const STATES: &str = "matrices of a recurrent state";
pub(super) const HEADS: &str = "heads of a task";
pub(super) const SCALES: &str = "scales";
pub(super) const BIASES: &str = "biases";
pub(super) const NORMS: &str = "norms";
pub(super) const TABLES: &str = "tables";
pub(crate) const STACKS: &str = "stacks of experts";
pub(super) const UNTOLD: &str = "matrices that nothing tells to be linear layers";

/// Names of what is no linear layer. The first row that fits decides.
pub(super) const NAMES: &[(NamePlace, &[&str], &str)] = &[
    (
        Has,
        &[
            "relative_attention_bias",
            "relative_position_bias",
            "position_bias",
            "rel_pos",
            "rel_bias",
            "rel_attn_bias",
            "alibi",
        ],
        RELATIVE,
    ),
    (LastHas, &["mask"], "masks"),
    (
        LastIs,
        &["bias", "r_w_bias", "r_r_bias", "r_s_bias"],
        BIASES,
    ),
    (LastEnds, &["_bias", "_biases"], BIASES),
    (LastStarts, &["bias_"], BIASES),
    (
        LastIs,
        &["scale", "scales", "zeros", "zero_point", "amax"],
        SCALES,
    ),
    (
        LastEnds,
        &[
            "_scale",
            "_scales",
            "scale_inv",
            "_zero_point",
            "_zeros",
            "_amax",
            "_absmax",
        ],
        SCALES,
    ),
    (LastHas, &["layer_scale", "layerscale"], SCALES),
    (Has, &["router", "routing"], ROUTERS),
    (
        LastIs,
        &["wg", "gating", "gate_inp", "switch", "moe_gate"],
        ROUTERS,
    ),
    (LastEnds, &["expert_gate", "experts_gate"], ROUTERS),
    (Is, &["altup"], "small matrices that mix streams"),
    (
        LastIs,
        &[
            "a_log",
            "d",
            "dt_proj",
            "a_proj",
            "in_proj_a",
            "in_proj_b",
            "in_proj_ba",
            "b_proj",
            "f_a_proj",
            "f_b_proj",
            "igate",
            "fgate",
            "igate_preact",
            "fgate_preact",
            "input_gate_weight",
            "recurrent_gate_weight",
        ],
        STATES,
    ),
    (
        LastStarts,
        &[
            "time_",
            "dt_",
            "conv1d",
            "conv_1d",
            "weight_ih",
            "weight_hh",
        ],
        STATES,
    ),
    (Has, &["rg_lru"], STATES),
    (LastHas, &["norm"], NORMS),
    (LastIs, &["ln", "ln1", "ln2"], NORMS),
    (LastStarts, &["ln_"], NORMS),
    (LastHas, &["position", "pos_emb", "posemb"], POSITIONS),
    (LastIs, &["wpe"], POSITIONS),
    (Has, &["rotary", "inv_freq"], POSITIONS),
    (LastStarts, &["rope", "freqs_c"], POSITIONS),
    (
        LastHas,
        &["token_type", "type_embed", "segment", "seg_emb"],
        "tables of token types",
    ),
    (
        Is,
        &[
            "classifier",
            "classification",
            "score",
            "cls",
            "pooler",
            "predictions",
            "pre_classifier",
            "qa_outputs",
            "lm_head",
            "head",
            "heads",
            "text_projection",
            "visual_projection",
        ],
        HEADS,
    ),
    (
        Ends,
        &[
            "_head",
            "_heads",
            "_classifier",
            "_predictor",
            "_predictions",
            "_pooler",
        ],
        HEADS,
    ),
    (
        LastEnds,
        &["_token", "_tokens", "latents", "_queries"],
        TABLES,
    ),
    (Has, &["codebook", "codevector", "quantizer"], TABLES),
    (Has, &["patch_embed"], "patch embeddings"),
    (LastHas, &["embed", "table"], TABLES),
    (Has, &["lora_", "_lora"], "factors of low rank"),
];

/// Last parts of the names of token tables.
pub(super) const TOKEN_TABLES: [&str; 14] = [
    "embed_tokens",
    "embed_tokens_per_layer",
    "tok_embeddings",
    "token_embedding",
    "token_embeddings",
    "token_embd",
    "word_embedding",
    "word_embeddings",
    "embed_in",
    "wte",
    "shared",
    "embeddings",
    "embedding",
    "emb",
];

/// Parts of the names of linear layers, for those outside the blocks.
pub(super) const LINEAR_WORDS: [&str; 7] =
    ["proj", "dense", "linear", "mlp", "fc", "qkv", "mapping"];
