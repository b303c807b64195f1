#!/usr/bin/env python3
"""Writes the golden files beside this script: a random Qwen2 model, its logits, one GRPO update and one cross-entropy update.

Independent of the C# sources: plain PyTorch in float64, one sequence at a time, no cache, no shared prefix, torch.optim.AdamW.
Run with any PyTorch from 1.13 on: python3 make_golden.py
"""
import json
import math
import os
import struct

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu", "vocab_size": 61, "hidden_size": 16,
    "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
    "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": False, "use_sliding_window": False,
}
H, KV, D = 4, 2, 4


def parameters(tied):
    g = torch.Generator().manual_seed(20 + tied)
    w, ff, v = CONFIG["hidden_size"], CONFIG["intermediate_size"], CONFIG["vocab_size"]
    p = {"model.embed_tokens.weight": (v, w), "model.norm.weight": (w,)}
    if not tied:
        p["lm_head.weight"] = (v, w)
    for i in range(CONFIG["num_hidden_layers"]):
        a = f"model.layers.{i}."
        p.update({
            a + "input_layernorm.weight": (w,), a + "post_attention_layernorm.weight": (w,),
            a + "self_attn.q_proj.weight": (H * D, w), a + "self_attn.q_proj.bias": (H * D,),
            a + "self_attn.k_proj.weight": (KV * D, w), a + "self_attn.k_proj.bias": (KV * D,),
            a + "self_attn.v_proj.weight": (KV * D, w), a + "self_attn.v_proj.bias": (KV * D,),
            a + "self_attn.o_proj.weight": (w, H * D), a + "mlp.gate_proj.weight": (ff, w),
            a + "mlp.up_proj.weight": (ff, w), a + "mlp.down_proj.weight": (w, ff),
        })
    out = {}
    for name in sorted(p):
        x = torch.randn(p[name], generator=g)
        x = 1 + 0.2 * x if "norm" in name else 0.3 * x
        out[name] = x.float().double().requires_grad_(True)
    return out


def rms(x, weight):
    return weight * x / torch.sqrt((x * x).mean(-1, keepdim=True) + CONFIG["rms_norm_eps"])


def rotate(x):  # [heads, time, D]
    t = torch.arange(x.shape[1], dtype=torch.float64)
    inverse = CONFIG["rope_theta"] ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    angle = t[:, None] * inverse[None, :]
    cos, sin = torch.cat([angle.cos(), angle.cos()], -1), torch.cat([angle.sin(), angle.sin()], -1)
    half = torch.cat([-x[..., D // 2:], x[..., : D // 2]], -1)
    return x * cos + half * sin


def logits(p, tokens):
    x = p["model.embed_tokens.weight"][torch.tensor(tokens)]
    n = len(tokens)
    causal = torch.full((n, n), -math.inf, dtype=torch.float64).triu(1)
    for i in range(CONFIG["num_hidden_layers"]):
        a = f"model.layers.{i}."
        h = rms(x, p[a + "input_layernorm.weight"])

        def heads(name, count):
            y = h @ p[a + f"self_attn.{name}.weight"].T + p[a + f"self_attn.{name}.bias"]
            return y.view(n, count, D).transpose(0, 1)

        q, k, v = rotate(heads("q_proj", H)), rotate(heads("k_proj", KV)), heads("v_proj", KV)
        k, v = k.repeat_interleave(H // KV, 0), v.repeat_interleave(H // KV, 0)
        att = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(D) + causal, -1) @ v
        x = x + att.transpose(0, 1).reshape(n, H * D) @ p[a + "self_attn.o_proj.weight"].T
        h = rms(x, p[a + "post_attention_layernorm.weight"])
        gate, up = h @ p[a + "mlp.gate_proj.weight"].T, h @ p[a + "mlp.up_proj.weight"].T
        x = x + (gate * torch.sigmoid(gate) * up) @ p[a + "mlp.down_proj.weight"].T
    head = p.get("lm_head.weight", p["model.embed_tokens.weight"])
    return rms(x, p["model.norm.weight"]) @ head.T


def save(path, tensors):
    header, data, at = {"__metadata__": {"format": "pt"}}, b"", 0
    for name in sorted(tensors):
        x = tensors[name].detach().float().contiguous()
        raw = struct.pack(f"<{x.numel()}f", *x.flatten().tolist())
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + len(raw)]}
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


def grpo(p, groups, temperature, clip, lr, max_norm, decay, steps):
    optimiser = adamw(p, lr, decay)
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
        norm = torch.nn.utils.clip_grad_norm_(list(p.values()), max_norm)
        optimiser.step()
        metrics.append({
            "loss": loss.item(), "gradientNorm": norm.item(), "tokens": len(ratios), "ratioMean": sum(ratios) / len(ratios),
            "clippedShare": clipped / len(ratios), "entropy": sum(entropies) / len(entropies),
        })
    return metrics


def main():
    torch.manual_seed(5)
    for tied in (False, True):
        folder = os.path.join(HERE, "tied" if tied else "untied")
        os.makedirs(folder, exist_ok=True)
        CONFIG["tie_word_embeddings"] = tied
        p = parameters(tied)
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(CONFIG, f, indent=2)
            f.write("\n")
        save(os.path.join(folder, "model.safetensors"), p)
        sequences = [torch.randint(0, 61, (n,)).tolist() for n in (1, 5, 11)]
        golden = {"sequences": sequences, "logits": [logits(p, s).tolist() for s in sequences]}

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

        p = parameters(tied)
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
        golden["crossEntropy"] = {"weights": weights, "learningRate": 3e-3, "loss": loss.item(), "gradientNorm": norm.item()}
        save(os.path.join(folder, "after-cross-entropy.safetensors"), p)
        with open(os.path.join(folder, "golden.json"), "w") as f:
            json.dump(golden, f)
            f.write("\n")


main()
