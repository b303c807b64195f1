#!/usr/bin/env python3
"""The comparison of docs/performance.md: rollouts and a GRPO step as a plain PyTorch program does them.

The model is written as transformers writes it (separate projections, rotate_half, repeat_kv, eager attention with an fp32 softmax), the cache
grows by torch.cat at every token as DynamicCache does, logits are computed for the last position only, finished rows keep their place until
all are done, and the GRPO step encodes prompt and completion of every sample. Weights are random. Prints one JSON line per measurement.

Any PyTorch from 1.13 on. Run by docs/benchmarks/compare.sh beside `toolr0 bench`; by hand:
  python3 docs/benchmarks/pytorch_loop.py --work rollouts --threads 2
"""
import argparse
import json
import time

import torch
import torch.nn.functional as F

SHAPES = {
    "bench-small": dict(vocab=32000, width=512, inner=1408, layers=12, heads=8, kv=2, theta=1e4),
    "nano": dict(vocab=1000, width=128, inner=320, layers=4, heads=4, kv=2, theta=1e4),
    "qwen2.5-1.5b": dict(vocab=151936, width=1536, inner=8960, layers=28, heads=12, kv=2, theta=1e6),
}


class RMSNorm(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * y.to(x.dtype)


def rotate_half(x):
    a, b = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2:]
    return torch.cat((-b, a), dim=-1)


def repeat_kv(x, n):
    if n == 1:
        return x
    b, h, t, d = x.shape
    return x[:, :, None].expand(b, h, n, t, d).reshape(b, h * n, t, d)


class Layer(torch.nn.Module):
    def __init__(self, s):
        super().__init__()
        self.heads, self.kv, self.size = s["heads"], s["kv"], s["width"] // s["heads"]
        w, linear = s["width"], torch.nn.Linear
        self.q_proj, self.o_proj = linear(w, w), linear(w, w, bias=False)
        self.k_proj, self.v_proj = linear(w, self.kv * self.size), linear(w, self.kv * self.size)
        self.gate_proj, self.up_proj = linear(w, s["inner"], bias=False), linear(w, s["inner"], bias=False)
        self.down_proj = linear(s["inner"], w, bias=False)
        self.norm1, self.norm2 = RMSNorm(w), RMSNorm(w)

    def forward(self, x, cos, sin, mask, cache):
        b, t, _ = x.shape
        h = self.norm1(x)
        q = self.q_proj(h).view(b, t, -1, self.size).transpose(1, 2)
        k = self.k_proj(h).view(b, t, -1, self.size).transpose(1, 2)
        v = self.v_proj(h).view(b, t, -1, self.size).transpose(1, 2)
        q = q * cos + rotate_half(q) * sin
        k = k * cos + rotate_half(k) * sin
        if cache is not None:
            if cache:
                k, v = torch.cat((cache[0], k), dim=2), torch.cat((cache[1], v), dim=2)
            cache[:] = k, v
        keys, values = repeat_kv(k, self.heads // self.kv), repeat_kv(v, self.heads // self.kv)
        scores = q @ keys.transpose(2, 3) * self.size ** -0.5
        if mask is not None:
            scores = scores + mask
        a = F.softmax(scores, dim=-1, dtype=torch.float32).to(q.dtype) @ values
        x = x + self.o_proj(a.transpose(1, 2).reshape(b, t, -1))
        h = self.norm2(x)
        return x + self.down_proj(F.silu(self.gate_proj(h)) * self.up_proj(h))


class Model(torch.nn.Module):
    def __init__(self, s):
        super().__init__()
        self.embedding = torch.nn.Embedding(s["vocab"], s["width"])
        torch.nn.init.normal_(self.embedding.weight, std=0.02)
        self.layers = torch.nn.ModuleList([Layer(s) for _ in range(s["layers"])])
        self.norm = RMSNorm(s["width"])
        size = s["width"] // s["heads"]
        self.register_buffer("inverse", s["theta"] ** (-torch.arange(0, size, 2).float() / size))

    def forward(self, ids, start=0, caches=None, last_only=False):
        x = self.embedding(ids)
        t = ids.shape[1]
        angle = torch.arange(start, start + t, device=ids.device).float()[:, None] * self.inverse
        angle = torch.cat((angle, angle), dim=-1)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        mask = torch.full((t, t), float("-inf"), dtype=x.dtype, device=x.device).triu(1) if t > 1 else None
        for i, layer in enumerate(self.layers):
            x = layer(x, cos, sin, mask, caches[i] if caches is not None else None)
        if last_only:
            x = x[:, -1:]
        return F.linear(self.norm(x), self.embedding.weight)


def rollouts(model, s, args):
    """--batch rows; --group of them share a prompt, which is encoded for each of them, as generate does with num_return_sequences."""
    prompts = torch.randint(s["vocab"], (args.batch // args.group, args.prompt), device=args.device)
    ids = prompts.repeat_interleave(args.group, 0)
    with torch.no_grad():
        caches = [[] for _ in model.layers]
        chosen, logps = [], []
        finished = torch.zeros(args.batch, dtype=torch.bool, device=args.device)
        logits = model(ids, 0, caches, last_only=True)
        for step in range(args.new):
            logp = logits[:, -1].float().log_softmax(-1)
            token = torch.multinomial(logp.exp(), 1)
            chosen.append(token)
            logps.append(logp.gather(1, token))
            finished |= token[:, 0] == s["vocab"] - 1
            if bool(finished.all()) or step == args.new - 1:
                break
            logits = model(token, args.prompt + step, caches, last_only=True)
    return args.batch * len(chosen)


def grpo_step(model, s, args, optimiser):
    """One update on --batch samples of --prompt + --new tokens, as one forward over whole sequences, --micro sequences at a time."""
    prompts = torch.randint(s["vocab"], (args.batch // args.group, args.prompt), device=args.device).repeat_interleave(args.group, 0)
    ids = torch.cat((prompts, torch.randint(s["vocab"], (args.batch, args.new), device=args.device)), dim=1)
    advantages = torch.randn(args.batch, 1, device=args.device)
    old = torch.full((args.batch, args.new), -10.3, device=args.device)
    optimiser.zero_grad()
    for part in range(0, args.batch, args.micro):
        rows = slice(part, part + args.micro)
        logits = model(ids[rows])[:, args.prompt - 1: -1].float()
        logp = logits.log_softmax(-1).gather(2, ids[rows, args.prompt:, None]).squeeze(2)
        ratio = (logp - old[rows]).exp()
        loss = -torch.minimum(ratio * advantages[rows], ratio.clamp(0.8, 1.2) * advantages[rows]).mean(1).sum() / args.batch
        loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return args.batch * args.new


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--work", choices=["rollouts", "step"], default="rollouts")
    p.add_argument("--shape", choices=sorted(SHAPES), default="bench-small")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--group", type=int, default=1)
    p.add_argument("--prompt", type=int, default=128)
    p.add_argument("--new", type=int, default=128)
    p.add_argument("--micro", type=int, default=8)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--repeat", type=int, default=1)
    p.add_argument("--device", default="cpu")
    p.add_argument("--bf16", action="store_true")
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    shape = SHAPES[args.shape]
    model = Model(shape).to(args.device)
    if args.bf16:
        model = model.to(torch.bfloat16)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-6) if args.work == "step" else None
    for i in range(args.repeat + 1):
        began = time.perf_counter()
        tokens = rollouts(model, shape, args) if args.work == "rollouts" else grpo_step(model, shape, args, optimiser)
        if args.device != "cpu":
            torch.cuda.synchronize()
        took = time.perf_counter() - began
        if i > 0:
            print(json.dumps(dict(program="pytorch " + torch.__version__, work=args.work, shape=args.shape, seconds=took, tokensPerSecond=tokens / took)), flush=True)


main()
