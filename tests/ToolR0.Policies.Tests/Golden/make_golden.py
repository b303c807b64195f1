#!/usr/bin/env python3
"""Writes the golden files beside this script: random models of each family, their logits and greedy tokens, GRPO updates of all weights and of a LoRA
adapter, and one cross-entropy update.

Independent of the C# sources: plain PyTorch in float64, one sequence at a time, no cache, no shared prefix, torch.optim.AdamW.
Run with any PyTorch from 1.13 on: python3 make_golden.py
"""
import json
import math
import os
import struct

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPE = {
    "hidden_act": "silu", "vocab_size": 61, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
}
QWEN2 = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", **SHAPE, "tie_word_embeddings": False, "use_sliding_window": False}
# name: config, type on disk, number of files. The newer ones have room for the small tokenizers in ../Tokenization/Golden. A Qwen 3 has heads of their own width; the Llama's frequencies fall into all three ranges of its scaling.
MODELS = {
    "untied": (QWEN2, "F32", 1),
    "tied": ({**QWEN2, "tie_word_embeddings": True}, "F32", 1),
    "qwen3": ({
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", **SHAPE, "vocab_size": 368, "head_dim": 6, "attention_bias": False, "rope_theta": 1000000.0,
        "rope_scaling": None, "tie_word_embeddings": True, "use_sliding_window": False, "sliding_window": None, "torch_dtype": "float16",
    }, "F16", 1),
    "llama": ({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", **SHAPE, "vocab_size": 368, "head_dim": 12, "attention_bias": False, "mlp_bias": False, "rms_norm_eps": 1e-5,
        "rope_theta": 500.0, "rope_scaling": {
            "factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 64, "rope_type": "llama3",
        }, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    }, "BF16", 2),
}
TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
CONFIG, H, KV, D = {}, 0, 0, 0
# name: rank, alpha, targets, type on disk.
ADAPTERS = {
    "untied": (3, 12, ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], "F32"),
    "llama": (2, 5, ["v_proj", "q_proj", "down_proj"], "F16"),
}
LORA_SCALE = 0.0


def choose(name):
    global CONFIG, H, KV, D
    CONFIG = MODELS[name][0]
    H, KV = CONFIG["num_attention_heads"], CONFIG["num_key_value_heads"]
    D = CONFIG.get("head_dim", CONFIG["hidden_size"] // H)


def parameters(name):
    g = torch.Generator().manual_seed(20 + list(MODELS).index(name))
    w, ff, v = CONFIG["hidden_size"], CONFIG["intermediate_size"], CONFIG["vocab_size"]
    tied, biased, normed = CONFIG["tie_word_embeddings"], CONFIG["model_type"] == "qwen2", CONFIG["model_type"] == "qwen3"
    p = {"model.embed_tokens.weight": (v, w), "model.norm.weight": (w,)}
    if not tied:
        p["lm_head.weight"] = (v, w)
    for i in range(CONFIG["num_hidden_layers"]):
        a = f"model.layers.{i}."
        p.update({
            a + "input_layernorm.weight": (w,), a + "post_attention_layernorm.weight": (w,),
            a + "self_attn.q_proj.weight": (H * D, w), a + "self_attn.k_proj.weight": (KV * D, w), a + "self_attn.v_proj.weight": (KV * D, w),
            a + "self_attn.o_proj.weight": (w, H * D), a + "mlp.gate_proj.weight": (ff, w),
            a + "mlp.up_proj.weight": (ff, w), a + "mlp.down_proj.weight": (w, ff),
        })
        if biased:
            p.update({a + "self_attn.q_proj.bias": (H * D,), a + "self_attn.k_proj.bias": (KV * D,), a + "self_attn.v_proj.bias": (KV * D,)})
        if normed:
            p.update({a + "self_attn.q_norm.weight": (D,), a + "self_attn.k_norm.weight": (D,)})
    dtype, out = TYPES[MODELS[name][1]], {}
    for name in sorted(p):
        x = torch.randn(p[name], generator=g)
        x = 1 + 0.2 * x if "norm" in name else 0.3 * x
        out[name] = x.to(dtype).double().requires_grad_(True)
    return out


def rms(x, weight):
    return weight * x / torch.sqrt((x * x).mean(-1, keepdim=True) + CONFIG["rms_norm_eps"])


def rotate(x):  # [heads, time, D]
    t = torch.arange(x.shape[1], dtype=torch.float64)
    inverse = CONFIG["rope_theta"] ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    scaling = CONFIG.get("rope_scaling")
    if scaling:
        low, high, length = scaling["low_freq_factor"], scaling["high_freq_factor"], scaling["original_max_position_embeddings"]
        for i in range(D // 2):
            wavelength = 2 * math.pi / inverse[i].item()
            if wavelength > length / low:
                inverse[i] /= scaling["factor"]
            elif wavelength >= length / high:
                smooth = (length / wavelength - low) / (high - low)
                inverse[i] = (1 - smooth) * inverse[i] / scaling["factor"] + smooth * inverse[i]
    angle = t[:, None] * inverse[None, :]
    cos, sin = torch.cat([angle.cos(), angle.cos()], -1), torch.cat([angle.sin(), angle.sin()], -1)
    half = torch.cat([-x[..., D // 2:], x[..., : D // 2]], -1)
    return x * cos + half * sin


def lora_name(name, part):
    return f"base_model.model.{name}.lora_{part}.weight"


def linear(p, name, x):
    y = x @ p[name + ".weight"].T
    if lora_name(name, "A") in p:
        y = y + LORA_SCALE * (x @ p[lora_name(name, "A")].T @ p[lora_name(name, "B")].T)
    return y


def logits(p, tokens):
    x = p["model.embed_tokens.weight"][torch.tensor(tokens)]
    n = len(tokens)
    causal = torch.full((n, n), -math.inf, dtype=torch.float64).triu(1)
    for i in range(CONFIG["num_hidden_layers"]):
        a = f"model.layers.{i}."
        h = rms(x, p[a + "input_layernorm.weight"])

        def heads(name, count):
            y = linear(p, a + f"self_attn.{name}", h)
            if a + f"self_attn.{name}.bias" in p:
                y = y + p[a + f"self_attn.{name}.bias"]
            y = y.view(n, count, D)
            norm = p.get(a + f"self_attn.{name[0]}_norm.weight")
            return (y if norm is None else rms(y, norm)).transpose(0, 1)

        q, k, v = rotate(heads("q_proj", H)), rotate(heads("k_proj", KV)), heads("v_proj", KV)
        k, v = k.repeat_interleave(H // KV, 0), v.repeat_interleave(H // KV, 0)
        att = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(D) + causal, -1) @ v
        x = x + linear(p, a + "self_attn.o_proj", att.transpose(0, 1).reshape(n, H * D))
        h = rms(x, p[a + "post_attention_layernorm.weight"])
        gate, up = linear(p, a + "mlp.gate_proj", h), linear(p, a + "mlp.up_proj", h)
        x = x + linear(p, a + "mlp.down_proj", gate * torch.sigmoid(gate) * up)
    head = p.get("lm_head.weight", p["model.embed_tokens.weight"])
    return rms(x, p["model.norm.weight"]) @ head.T


def greedy(p, prompt, count):
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(int(logits(p, tokens)[-1].argmax()))
    return tokens[len(prompt):]


def raw_bytes(x, kind):
    x = x.detach().to(TYPES[kind]).contiguous().flatten()
    if kind == "F32":
        return struct.pack(f"<{x.numel()}f", *x.tolist())
    if kind == "F16":
        return struct.pack(f"<{x.numel()}e", *x.tolist())
    return b"".join(struct.pack("<f", v)[2:] for v in x.tolist())  # BF16: the upper half of F32


def save_model(folder, tensors, kind, files):
    if files == 1:
        save(os.path.join(folder, "model.safetensors"), tensors, kind)
        return
    names, index = sorted(tensors), {"metadata": {"total_size": 0}, "weight_map": {}}
    for i in range(files):
        file = f"model-{i + 1:05d}-of-{files:05d}.safetensors"
        part = names[i * len(names) // files: (i + 1) * len(names) // files]
        save(os.path.join(folder, file), {n: tensors[n] for n in part}, kind)
        index["weight_map"].update({n: file for n in part})
        index["metadata"]["total_size"] += sum(len(raw_bytes(tensors[n], kind)) for n in part)
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
        json.dump(index, f, indent=2, sort_keys=True)
        f.write("\n")


def save(path, tensors, kind="F32"):
    header, data, at = {"__metadata__": {"format": "pt"}}, b"", 0
    for name in sorted(tensors):
        raw = raw_bytes(tensors[name], kind)
        header[name] = {"dtype": kind, "shape": list(tensors[name].shape), "data_offsets": [at, at + len(raw)]}
        data, at = data + raw, at + len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def adamw(p, lr, decay):
    matrices = [x for x in p.values() if x.dim() >= 2]
    vectors = [x for x in p.values() if x.dim() < 2]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}], lr=lr, betas=(0.9, 0.95), eps=1e-8)


def sample_logps(p, prompt, completion, temperature):
    z = logits(p, prompt + completion)[len(prompt) - 1: -1] / temperature
    return torch.log_softmax(z, -1)


def grpo(p, groups, temperature, clip, lr, max_norm, decay, steps, trained=None):
    trained = p if trained is None else trained
    optimiser = adamw(trained, lr, decay)
    metrics = []
    for _ in range(steps):
        total, sequences, ratios, clipped, entropies = 0.0, 0, [], 0, []
        for group in groups:
            for s in group["samples"]:
                sequences += 1
                if s["advantage"] == 0:
                    continue
                all_logps = sample_logps(p, group["prompt"], s["tokens"], temperature)
                logp = all_logps[torch.arange(len(s["tokens"])), torch.tensor(s["tokens"])]
                ratio = torch.exp(logp - torch.tensor(s["logProbs"], dtype=torch.float64))
                first, second = ratio * s["advantage"], ratio.clamp(1 - clip, 1 + clip) * s["advantage"]
                total = total - torch.minimum(first, second).mean()
                ratios += ratio.tolist()
                clipped += int((second < first).sum())
                entropies += (-(all_logps.exp() * all_logps).sum(-1)).tolist()
        loss = total / sequences
        optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(list(trained.values()), max_norm)
        optimiser.step()
        metrics.append({
            "loss": loss.item(), "gradientNorm": norm.item(), "tokens": len(ratios), "ratioMean": sum(ratios) / len(ratios),
            "clippedShare": clipped / len(ratios), "entropy": sum(entropies) / len(entropies),
        })
    return metrics


def cross_entropy(folder, sequences, p):
    weights = [[0.0] * 2 + [1.0] * 3, [0.0, 1.0, 0.5, 0.0] + [2.0] * 7]
    nll = 0.0
    for s, w in zip(sequences[1:], weights):
        logp = torch.log_softmax(logits(p, s), -1)
        nll = nll - sum(w[t] * logp[t - 1, s[t]] for t in range(1, len(s)))
    loss = nll / sum(sum(w[1:]) for w in weights)
    optimiser = adamw(p, 3e-3, 0.1)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(list(p.values()), 0.5)
    optimiser.step()
    save(os.path.join(folder, "after-cross-entropy.safetensors"), p)
    return {"weights": weights, "learningRate": 3e-3, "loss": loss.item(), "gradientNorm": norm.item()}


def lora(folder, name, sequences, groups, temperature, clip):
    """An adapter in PEFT's layout whose B is not zero, the logits with it, and two updates of it alone."""
    global LORA_SCALE
    rank, alpha, targets, kind = ADAPTERS[name]
    LORA_SCALE = alpha / rank
    base = {n: x.detach() for n, x in parameters(name).items()}
    g, adapter = torch.Generator().manual_seed(40 + list(MODELS).index(name)), {}
    for n in sorted(base):
        module = n[: -len(".weight")]
        if n.endswith(".weight") and module.split(".")[-1] in targets:
            for part, shape in (("A", (rank, base[n].shape[1])), ("B", (base[n].shape[0], rank))):
                x = 0.3 * torch.randn(shape, generator=g)
                adapter[lora_name(module, part)] = x.to(TYPES[kind]).double().requires_grad_(True)
    os.makedirs(os.path.join(folder, "lora"), exist_ok=True)
    save(os.path.join(folder, "lora", "adapter_model.safetensors"), adapter, kind)
    config = {
        "alpha_pattern": {}, "base_model_name_or_path": name, "bias": "none", "fan_in_fan_out": False, "inference_mode": True, "init_lora_weights": True,
        "layers_to_transform": None, "lora_alpha": alpha, "lora_dropout": 0.05, "modules_to_save": None, "peft_type": "LORA", "r": rank, "rank_pattern": {},
        "target_modules": targets, "task_type": "CAUSAL_LM", "use_dora": False, "use_rslora": False,
    }
    with open(os.path.join(folder, "lora", "adapter_config.json"), "w") as f:
        json.dump(config, f, indent=2)
        f.write("\n")
    p = {**base, **adapter}
    golden = {"logits": [[[round(v, 7) for v in row] for row in logits(p, s).tolist()] for s in sequences]}
    golden["metrics"] = grpo(p, groups, temperature, clip, 1e-2, 0.5, 0.1, steps=2, trained=adapter)
    save(os.path.join(folder, "lora", "after-grpo.safetensors"), adapter)
    return golden


def main():
    torch.manual_seed(5)
    for name, (_, kind, files) in MODELS.items():
        folder = os.path.join(HERE, name)
        os.makedirs(folder, exist_ok=True)
        choose(name)
        p = parameters(name)
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(CONFIG, f, indent=2)
            f.write("\n")
        save_model(folder, p, kind, files)
        sequences = [torch.randint(0, 61, (n,)).tolist() for n in (1, 5, 11)]
        exact = CONFIG["model_type"] == "qwen2"
        rows = [[[v if exact else round(v, 7) for v in row] for row in logits(p, s).tolist()] for s in sequences]
        golden = {"sequences": sequences, "logits": rows, "greedy": [greedy(p, s, 24) for s in sequences]}

        temperature, clip = 0.8, 0.2
        groups = []
        for g, (prompt_length, lengths, advantages) in enumerate([(6, (5, 3, 7), (1.2, -0.7, -0.5)), (3, (4, 4), (0, 0)), (9, (1, 6), (-1, 1))]):
            prompt = torch.randint(0, 61, (prompt_length,)).tolist()
            samples = []
            for n, advantage in zip(lengths, advantages):
                tokens = torch.randint(0, 61, (n,)).tolist()
                logps = sample_logps(p, prompt, tokens, temperature)[torch.arange(n), torch.tensor(tokens)]
                old = (logps.detach() + 0.25 * torch.randn(n, dtype=torch.float64)).float().tolist()
                samples.append({"tokens": tokens, "logProbs": old, "advantage": advantage})
            groups.append({"prompt": prompt, "samples": samples})
        golden["grpo"] = {"groups": groups, "temperature": temperature, "clip": clip, "learningRate": 1e-2, "maxNorm": 0.5, "weightDecay": 0.1, "beta2": 0.95}
        golden["grpo"]["metrics"] = grpo(p, groups, temperature, clip, 1e-2, 0.5, 0.1, steps=2)
        save(os.path.join(folder, "after-grpo.safetensors"), p)

        if name in ADAPTERS:
            golden["lora"] = lora(folder, name, sequences, groups, temperature, clip)
        if exact:
            golden["crossEntropy"] = cross_entropy(folder, sequences, parameters(name))
        with open(os.path.join(folder, "golden.json"), "w") as f:
            json.dump(golden, f)
            f.write("\n")


main()
