#!/usr/bin/env python3
"""Rollouts as transformers' generate does them on a GPU: the shape of Qwen2.5-1.5B with random weights in bf16, sampling at temperature 1.

Prints one JSON line. Needs transformers 4.56 or newer and a CUDA build of PyTorch; run by infra/gpu-check.sh.
"""
import argparse
import json
import time

import torch
import transformers

p = argparse.ArgumentParser()
p.add_argument("--batch", type=int, default=128)
p.add_argument("--prompt", type=int, default=512)
p.add_argument("--new", type=int, default=256)
p.add_argument("--repeat", type=int, default=3)
args = p.parse_args()

torch.manual_seed(1)
config = transformers.Qwen2Config(
    vocab_size=151936, hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12, num_key_value_heads=2,
    max_position_embeddings=32768, rope_theta=1e6, rms_norm_eps=1e-6, tie_word_embeddings=True, bos_token_id=None, eos_token_id=None, pad_token_id=0)
with torch.device("cuda"):
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
ids = torch.randint(1, 151936, (args.batch, args.prompt), device="cuda")
times = []
for i in range(args.repeat + 1):
    torch.cuda.synchronize()
    began = time.perf_counter()
    made = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=1.0, top_k=0, top_p=1.0, min_new_tokens=args.new, max_new_tokens=args.new)
    torch.cuda.synchronize()
    times.append(time.perf_counter() - began)
    assert made.shape[1] == args.prompt + args.new
seconds = sorted(times[1:])[len(times[1:]) // 2]
print(json.dumps(dict(
    program=f"transformers {transformers.__version__}, PyTorch {torch.__version__}", seconds=seconds, tokensPerSecond=args.batch * args.new / seconds,
    peakGigabytes=torch.cuda.max_memory_allocated() / 1e9)))
