"""GGUF files as other programs write them, and what is in them by the packages that made the originals: test/golden/gguf.

    HF_HUB_OFFLINE=1 python make_gguf_goldens.py        (gguf 0.19, transformers 5, tokenizers, safetensors, torch)

types.safetensors    random blocks of every type that kerf reads, with the values of gguf.dequantize; sizes of all types in the metadata
NAME.gguf            a tiny model of random weights, written by gguf.GGUFWriter as llama.cpp's converter lays it out
NAME.safetensors     ids, and the logits (encoders: hidden states) that transformers gives for the model before it was converted;
                     where NAME.gguf is quantized, for the dequantized weights
parts/               tokenizer-smollm.gguf in several files
tokenizers.json      texts and the ids of each tokenizer by the tokenizers library, of the tokenizer before it was converted
"""

import json
import pathlib

import gguf
import numpy as np
import torch
import transformers
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).parent / "gguf"
OUT.mkdir(exist_ok=True)
READ = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
# First bytes of the f16 numbers of a block.
HALVES = {"Q4_1": [0, 2], "Q5_1": [0, 2], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def random_blocks(name, count, random):
    _, size = gguf.GGML_QUANT_SIZES[Type[name]]
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    for at in HALVES.get(name, [0]):
        scales = (random.standard_normal(count) * 0.01).astype(np.float16)
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(count, 2)
    return blocks


def types():
    random, tensors = np.random.default_rng(3), {}
    for name in READ:
        blocks = random_blocks(name, 10, random)
        tensors[f"{name}.blocks"] = blocks
        tensors[f"{name}.values"] = gguf.dequantize(blocks, Type[name])
        assert np.isfinite(tensors[f"{name}.values"]).all()
    sizes = [(kind.name, kind.value, *size) for kind, size in gguf.GGML_QUANT_SIZES.items()]
    save_file(tensors, OUT / "types.safetensors", {"sizes": json.dumps(sizes)})


VOCAB, CONTEXT = 48, 96
LLAMA = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=CONTEXT, initializer_range=0.2, bos_token_id=1, eos_token_id=2, pad_token_id=None)
GEMMA = {**LLAMA, "head_dim": 8, "pad_token_id": 0}
BERT = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=CONTEXT, initializer_range=0.2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def rope(**parameters):
    return {"rope_type": "default", "rope_theta": 10000.0, **parameters}


# name: class, configuration, name in GGUF, own metadata
MODELS = {
    "llama": ("LlamaForCausalLM", {**LLAMA, "tie_word_embeddings": False, "rope_parameters": rope(rope_theta=500.0)}, "llama", {}),
    "llama-tied": ("LlamaForCausalLM", {**LLAMA, "tie_word_embeddings": True, "attention_bias": True, "head_dim": 12}, "llama", {}),
    "llama3": ("LlamaForCausalLM", {**LLAMA, "tie_word_embeddings": True, "rope_parameters": rope(rope_type="llama3", factor=8.0,
               low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)}, "llama", {}),
    "llama-linear": ("LlamaForCausalLM", {**LLAMA, "tie_word_embeddings": True, "rope_parameters": rope(rope_type="linear", factor=4.0)},
                     "llama", {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}),
    "mistral": ("MistralForCausalLM", {**LLAMA, "sliding_window": None}, "llama", {}),
    "qwen2": ("Qwen2ForCausalLM", {**LLAMA, "tie_word_embeddings": True, "rope_parameters": rope(rope_type="yarn", factor=4.0,
              original_max_position_embeddings=24)}, "qwen2", {"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
              "rope.scaling.original_context_length": 24}),
    "qwen3": ("Qwen3ForCausalLM", {**LLAMA, "head_dim": 16, "tie_word_embeddings": False}, "qwen3", {}),
    "gemma": ("GemmaForCausalLM", {**GEMMA, "head_dim": 12}, "gemma", {}),
    "gemma2": ("Gemma2ForCausalLM", {**GEMMA, "query_pre_attn_scalar": 8, "sliding_window": 5, "attn_logit_softcapping": 2.0,
               "final_logit_softcapping": 3.0}, "gemma2",
               {"attention.sliding_window": 5, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}),
    "gemma3": ("Gemma3ForCausalLM", {**GEMMA, "num_hidden_layers": 7, "query_pre_attn_scalar": 8, "sliding_window": 5, "rope_parameters": {
               "sliding_attention": rope(), "full_attention": rope(rope_type="linear", factor=8.0, rope_theta=1e6)}}, "gemma3",
               {"attention.sliding_window": 5, "rope.scaling.type": "linear", "rope.scaling.factor": 8.0}),
    "phi2": ("PhiForCausalLM", {**LLAMA, "num_key_value_heads": 4, "rope_parameters": rope(partial_rotary_factor=0.5)}, "phi2", {}),
    "phi3": ("Phi3ForCausalLM", {**LLAMA, "sliding_window": 5}, "phi3",
             {"attention.sliding_window": 5, "rope.scaling.original_context_length": 4096}),
    "smollm3": ("SmolLM3ForCausalLM", {**LLAMA, "num_hidden_layers": 4, "pad_token_id": 0, "tie_word_embeddings": True}, "smollm3", {}),
    "bert": ("BertModel", BERT, "bert", {"attention.causal": False, "pooling_type": 1}),
    "nomic-bert": ("NomicBertModel", {**BERT, "rope_parameters": rope(rope_theta=1000.0)}, "nomic-bert",
                   {"attention.causal": False, "pooling_type": 1}),
}


def make(name):
    kind, config, _, _ = MODELS[name]
    kind = getattr(transformers, kind)
    torch.manual_seed(len(name) + 7)
    model = kind(kind.config_class(**config, attn_implementation="eager")).float().eval()
    for key, tensor in model.named_parameters():
        if "norm" in key.lower():  # As they are made norms do nothing, biases nothing either.
            torch.nn.init.normal_(tensor, 0.0 if name.startswith("gemma") or key.endswith("bias") else 1.0, 0.2)
        elif key.endswith("bias"):
            torch.nn.init.normal_(tensor, 0.0, 0.2)
    return model


def permuted(weight, heads):
    """llama.cpp rotates neighbours where transformers rotates halves."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def rope_factors(config):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    inverse, _ = ROPE_INIT_FUNCTIONS["llama3"](config, None)
    dim = config.head_dim or config.hidden_size // config.num_attention_heads
    base = config.rope_parameters["rope_theta"]
    plain = 1.0 / base ** (np.arange(0, dim, 2, dtype=np.float32) / dim)
    return (plain / inverse.numpy()).astype(np.float32)


def tensors_of(name, model):
    """Tensors under llama.cpp's names, in its layout."""
    arch, config = MODELS[name][2], model.config
    kind = next(kind for kind, known in gguf.MODEL_ARCH_NAMES.items() if known == arch)
    names = gguf.get_tensor_name_map(kind, config.num_hidden_layers)
    heads = config.num_attention_heads
    found, fused = {}, {}
    if getattr(config, "rope_parameters", {}).get("rope_type") == "llama3":
        found["rope_freqs.weight"] = rope_factors(config)
    for key, tensor in model.state_dict().items():
        tensor = tensor.detach().numpy()
        if key.startswith("pooler") or (key == "lm_head.weight" and config.tie_word_embeddings) or key.endswith(("inv_freq", "position_ids")):
            continue
        if arch in ("llama", "smollm3") and ".q_proj." in key:
            tensor = permuted(tensor, heads)
        if arch in ("llama", "smollm3") and ".k_proj." in key:
            tensor = permuted(tensor, config.num_key_value_heads)
        if arch.startswith("gemma") and "norm" in key:
            tensor = tensor + 1
        if arch == "phi2" and any(part in key for part in (".q_proj.", ".k_proj.", ".v_proj.")):
            block, end = key.split(".")[2], key.rsplit(".", 1)[1]
            fused.setdefault(f"blk.{block}.attn_qkv.{end}", []).append(tensor)
            continue
        if name == "nomic-bert":
            tensor, key = nomic(key, tensor, fused)
            if key is None:
                continue
        mapped = names.get_name(key, (".weight", ".bias"))
        assert mapped, key
        found[mapped] = np.ascontiguousarray(tensor)
    for key, parts in fused.items():
        assert len(parts) == 3
        found[key] = np.concatenate(parts)
    return found


def nomic(key, tensor, fused):
    """transformers 5 has modules of its own names where the files on the hub, which llama.cpp converts, have others."""
    key = key.replace("encoder.layers.", "layers.").replace("layers.", "encoder.layers.")
    for part in (".q_proj.", ".k_proj.", ".v_proj."):
        if part in key:
            fused.setdefault(f"blk.{key.split('.')[2]}.attn_qkv.weight", []).append(tensor)
            return tensor, None
    for old, new in (("self_attn.o_proj", "attn.out_proj"), ("mlp.gate_proj", "mlp.fc12"), ("mlp.up_proj", "mlp.fc11"),
                     ("mlp.down_proj", "mlp.fc2"), ("post_attention_layernorm", "norm1"), ("post_mlp_layernorm", "norm2"),
                     ("embeddings.LayerNorm", "emb_ln"), ("embeddings.layer_norm", "emb_ln")):
        key = key.replace(old, new)
    return tensor, key


def metadata(writer, name, model):
    config, arch = model.config, MODELS[name][2]
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    if getattr(config, "num_key_value_heads", None):
        writer.add_head_count_kv(config.num_key_value_heads)
    dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if arch in ("gemma", "gemma2", "gemma3", "qwen3") or dim * config.num_attention_heads != config.hidden_size:
        writer.add_key_length(dim)
        writer.add_value_length(dim)
    if arch in ("bert", "nomic-bert", "phi2"):
        writer.add_layer_norm_eps(config.layer_norm_eps)
    else:
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    parameters = getattr(config, "rope_parameters", None) or {}
    parameters = parameters.get("full_attention", parameters)
    if parameters:
        writer.add_rope_freq_base(parameters["rope_theta"])
    if arch in ("llama", "phi2", "phi3", "smollm3"):
        writer.add_rope_dimension_count(int(dim * parameters.get("partial_rotary_factor", 1.0)))
    for key, value in MODELS[name][3].items():
        add = {str: writer.add_string, bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32}[type(value)]
        add(f"{arch}.{key}", value)


def write(name, model, out=None, quantized=None):
    writer = gguf.GGUFWriter(OUT / f"{out or name}.gguf", MODELS[name][2])
    writer.add_type("model")
    writer.add_name("random")
    metadata(writer, name, model)
    for key, tensor in tensors_of(name, model).items():
        kind = (quantized or {}).get(key)
        if kind is None:
            writer.add_tensor(key, tensor)
        else:
            writer.add_tensor(key, kind[1], raw_dtype=Type[kind[0]])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def reference(name, model):
    random = np.random.default_rng(11)
    ids = random.integers(3, VOCAB, (2, 24))
    with torch.no_grad():
        out = model(torch.from_numpy(ids))
    values = out.logits if hasattr(out, "logits") else out.last_hidden_state
    save_file({"ids": ids.astype(np.int64), "values": values.numpy()}, OUT / f"{name}.safetensors")


def unpermuted(weight, heads):
    return weight.reshape(heads, weight.shape[0] // heads // 2, 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def quantized():
    """A LLaMA with rows of 256 weights, each matrix in another type of blocks."""
    MODELS["llama-blocks"] = ("LlamaForCausalLM", {**LLAMA, "hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 1,
                              "num_attention_heads": 4, "tie_word_embeddings": False}, "llama", {})
    model, random = make("llama-blocks"), np.random.default_rng(5)
    kinds = ["Q8_0", "Q4_K", "Q6_K", "Q5_K", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "IQ4_NL"]
    stored, state = {}, model.state_dict()
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 1)
    matrices = [key for key, tensor in state.items() if tensor.dim() == 2]
    for key, kind in zip(matrices, kinds):
        rows, cols = state[key].shape
        weights, size = gguf.GGML_QUANT_SIZES[Type[kind]]
        blocks = random_blocks(kind, rows * cols // weights, random).reshape(rows, -1)
        values = gguf.dequantize(blocks, Type[kind])
        # Weights as large as those of a model.
        scale = np.float16(0.05 / values.std())
        per = blocks.reshape(-1, size)
        for at in HALVES.get(kind, [0]):
            halves = per[:, at : at + 2].copy().view(np.float16) * scale
            per[:, at : at + 2] = halves.astype(np.float16).view(np.uint8).reshape(-1, 2)
        blocks = per.reshape(rows, -1)
        values = gguf.dequantize(blocks, Type[kind])
        stored[names.get_name(key, (".weight",))] = (kind, blocks)
        heads = {"q_proj": 4, "k_proj": 2}.get(key.split(".")[-2])
        state[key].copy_(torch.from_numpy(unpermuted(values, heads) if heads else values))
    write("llama-blocks", model, quantized=stored)
    reference("llama-blocks", model)


def halves_of_float():
    """F16 and BF16, and moved rows of both."""
    MODELS["llama-halves"] = MODELS["llama"]
    model = make("llama-halves")
    stored, state = {}, model.state_dict()
    for number, (key, tensor) in enumerate(tensors_of("llama-halves", model).items()):
        if tensor.ndim == 2:
            kind = ("F16", "BF16")[number % 2]
            stored[key] = (kind, gguf.quantize(tensor, Type[kind]))
    for key, tensor in state.items():
        mapped = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2).get_name(key, (".weight",))
        if mapped in stored:
            kind, values = stored[mapped]
            values = gguf.dequantize(values, Type[kind]) if kind == "BF16" else values.astype(np.float32)
            heads = {"q_proj": 4, "k_proj": 2}.get(key.split(".")[-2])
            tensor.copy_(torch.from_numpy(unpermuted(values, heads) if heads else np.ascontiguousarray(values)))
    write("llama-halves", model, quantized=stored)
    reference("llama-halves", model)


TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "  two  spaces, and\ttabs\n\nand lines  ",
    "It's 12345 o'clock; they'd've said 3.14!",
    "Ünïcödé: caf\u00e9 cafe\u0301 na\u00efve \u4f60\u597d \U0001f642",
    "<s>begin</s> <|im_start|>user [MASK] end",
    "HELLO World UPPER lower CamelCase snake_case",
    "",
    "a",
]
SAMPLE = pathlib.Path(__file__).parent.parent / "fixtures" / "tinystories-sample.txt"


def with_tokenizer(name, arch, rows, add, parts=None):
    """A model of one block around a tokenizer, in files of at most `parts` tensors."""
    path = OUT / f"tokenizer-{name}.gguf" if parts is None else OUT / "parts" / f"{name}.gguf"
    path.parent.mkdir(exist_ok=True)
    writer = gguf.GGUFWriter(path, arch, **({} if parts is None else {"split_max_tensors": parts}))
    random = np.random.default_rng(1)
    matrix = lambda *shape: random.standard_normal(shape).astype(np.float32)
    writer.add_context_length(64)
    writer.add_embedding_length(8)
    writer.add_block_count(1)
    writer.add_feed_forward_length(8)
    writer.add_head_count(2)
    (writer.add_layer_norm_eps if arch == "bert" else writer.add_layer_norm_rms_eps)(1e-5)
    add(writer)
    if arch == "bert":
        writer.add_pooling_type(gguf.PoolingType.MEAN)
        names = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"]
        norms = ["attn_output_norm", "layer_output_norm"]
        writer.add_tensor("position_embd.weight", matrix(64, 8))
        writer.add_tensor("token_types.weight", matrix(2, 8))
        top = "token_embd_norm"
    else:
        names = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
        norms, top = ["attn_norm", "ffn_norm"], "output_norm"
    writer.add_tensor("token_embd.weight", matrix(rows, 8))
    for stem, shape in [(f"blk.0.{stem}", (8, 8)) for stem in names] + [(f"blk.0.{stem}", (8,)) for stem in norms] + [(top, (8,))]:
        writer.add_tensor(f"{stem}.weight", matrix(*shape))
        if arch == "bert" or (arch == "qwen2" and stem[6:] in ("attn_q", "attn_k", "attn_v")):
            writer.add_tensor(f"{stem}.bias", matrix(shape[0]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def byte_level(name, arch, pre, cut, begin=None, nfc=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=begin is not None))
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer, tokenizer.decoder = cut, decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train([str(SAMPLE)], trainer)
    tokenizer.add_tokens([AddedToken("UPPER", normalized=False)])
    if begin:
        id = tokenizer.token_to_id(begin)
        tokenizer.post_processor = processors.TemplateProcessing(single=f"{begin} $A", pair=f"{begin} $A {begin} $B", special_tokens=[(begin, id)])
    model = json.loads(tokenizer.to_str())["model"]
    size = tokenizer.get_vocab_size()
    tokens = [tokenizer.id_to_token(id) for id in range(size)]
    kinds = [gguf.TokenType.CONTROL if token in special else gguf.TokenType.USER_DEFINED if token == "UPPER" else gguf.TokenType.NORMAL for token in tokens]

    def add(writer):
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list(tokens)
        writer.add_token_types(kinds)
        writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
        writer.add_bos_token_id(tokenizer.token_to_id(begin or special[1]))
        writer.add_eos_token_id(tokenizer.token_to_id(special[2]))
        writer.add_chat_template("{{ messages }}")
        if begin is None:
            writer.add_add_bos_token(False)

    with_tokenizer(name, arch, size + 3, add)
    if name == "smollm":
        with_tokenizer(name, arch, size + 3, add, parts=4)
    return {text: tokenizer.encode(text).ids for text in TEXTS}


def sentence_piece(name, arch, prefix):
    import io
    import sentencepiece as spm

    out = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(SAMPLE.read_text().splitlines()), model_writer=out, vocab_size=500, model_type="bpe", byte_fallback=True,
        add_dummy_prefix=prefix, remove_extra_whitespaces=False, normalization_rule_name="identity", minloglevel=2, num_threads=1)
    model = spm.SentencePieceProcessor(model_proto=out.getvalue())
    size = model.get_piece_size()
    kinds = [gguf.TokenType.UNKNOWN if model.is_unknown(id) else gguf.TokenType.CONTROL if model.is_control(id) else
             gguf.TokenType.BYTE if model.is_byte(id) else gguf.TokenType.NORMAL for id in range(size)]

    def add(writer):
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list([model.id_to_piece(id) for id in range(size)])
        writer.add_token_scores([model.get_score(id) for id in range(size)])
        writer.add_token_types(kinds)
        writer.add_bos_token_id(model.bos_id())
        writer.add_eos_token_id(model.eos_id())
        writer.add_unk_token_id(model.unk_id())
        writer.add_add_bos_token(True)
        writer.add_add_eos_token(False)
        writer.add_add_space_prefix(prefix)

    with_tokenizer(name, arch, size, add)
    # Special tokens in a text are SentencePiece's to ignore: such a text is left out.
    return {text: [model.bos_id(), *model.encode(text)] for text in TEXTS if "<s>" not in text}


def word_pieces(name, lower):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train([str(SAMPLE)], trainers.WordPieceTrainer(vocab_size=420, special_tokens=special, show_progress=False))
    ids = {token: tokenizer.token_to_id(token) for token in special}
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[
        ("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
    size = tokenizer.get_vocab_size()
    tokens = [tokenizer.id_to_token(id) for id in range(size)]
    kinds = [gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens]

    def mark(token):  # As llama.cpp's converter does.
        return token if token in special else token[2:] if token.startswith("##") else "\u2581" + token

    def add(writer):
        writer.add_tokenizer_model("bert")
        writer.add_tokenizer_pre("jina-v2-en")
        writer.add_token_list([mark(token) for token in tokens])
        writer.add_token_types(kinds)
        writer.add_token_type_count(2)
        writer.add_unk_token_id(ids["[UNK]"])
        writer.add_sep_token_id(ids["[SEP]"])
        writer.add_pad_token_id(ids["[PAD]"])
        writer.add_mask_token_id(ids["[MASK]"])
        writer.add_uint32("tokenizer.ggml.cls_token_id", ids["[CLS]"])

    with_tokenizer(name, "bert", size, add)
    return {text: tokenizer.encode(text).ids for text in TEXTS}


def tokenizers():
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

    bytes_of = lambda regex: ByteLevel(add_prefix_space=False, use_regex=regex)
    pattern = lambda text: Sequence([Split(Regex(text), "isolated"), bytes_of(False)])
    ends = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    start = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
    upper, lower = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
    edge = r"[^\r\n\p{L}\p{N}]?"
    tekken = f"{edge}{upper}*{lower}+|{edge}{upper}+{lower}*|" + r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    found = {
        "gpt-2": byte_level("gpt-2", "llama", "gpt-2", bytes_of(True)),
        "smollm": byte_level("smollm", "llama", "smollm", Sequence([Digits(individual_digits=True), bytes_of(True)])),
        "llama-bpe": byte_level("llama-bpe", "llama", "llama-bpe", pattern(start + r"\p{N}{1,3}" + ends), "<|im_start|>"),
        "qwen2": byte_level("qwen2", "qwen2", "qwen2", pattern(start + r"\p{N}" + ends), nfc=True),
        "tekken": byte_level("tekken", "llama", "tekken", pattern(tekken), "<|im_start|>"),
        "scores": sentence_piece("scores", "llama", True),
        "scores-bare": sentence_piece("scores-bare", "llama", False),
        "bert": word_pieces("bert", True),
        "bert-cased": word_pieces("bert-cased", False),
    }
    cases = [{"name": name, "texts": [[text, ids] for text, ids in texts.items()]} for name, texts in found.items()]
    (OUT / "tokenizers.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    types()
    tokenizers()
    for name in list(MODELS):
        model = make(name)
        write(name, model)
        reference(name, model)
    with torch.no_grad():
        quantized()
        halves_of_float()
