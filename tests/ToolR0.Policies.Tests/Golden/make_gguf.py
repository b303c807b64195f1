#!/usr/bin/env python3
"""Writes gguf-blocks.json: blocks of each quantised type and what ggml itself expands them to.

    make_gguf.py LIBGGML_BASE_SO >gguf-blocks.json

The library is that of any build of llama.cpp without fused multiplications, such as native/noavx/libggml-base.so of
the NuGet package LLamaSharp.Backend.Cpu. Of each type there is a block that ggml made of numbers and one of random
bits, so that every bit of a block counts. Values are float32 in base64, little-endian.
"""
import base64
import ctypes
import json
import random
import struct
import sys

# id, elements of a block, bytes of a block, where its half-precision scales are
TYPES = {
    "F16": (1, 1, 2, []), "BF16": (30, 1, 2, []), "Q4_0": (2, 32, 18, [0]), "Q4_1": (3, 32, 20, [0, 2]), "Q5_0": (6, 32, 22, [0]),
    "Q5_1": (7, 32, 24, [0, 2]), "Q8_0": (8, 32, 34, [0]), "Q2_K": (10, 256, 84, [80, 82]), "Q3_K": (11, 256, 110, [108]),
    "Q4_K": (12, 256, 144, [0, 2]), "Q5_K": (13, 256, 176, [0, 2]), "Q6_K": (14, 256, 210, [208]),
}
EXPAND = {"F16": "ggml_fp16_to_fp32_row", "BF16": "ggml_bf16_to_fp32_row"}


def main(path):
    library = ctypes.CDLL(path)
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    library.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
    draw = random.Random(2026)
    made = {}
    for name, (kind, elements, size, scales) in TYPES.items():
        count = max(elements, 32)
        numbers = (ctypes.c_float * count)(*[draw.gauss(0, 0.05) for _ in range(count)])
        own = ctypes.create_string_buffer(count // elements * size)
        library.ggml_quantize_chunk(kind, numbers, own, 0, 1, count, None)
        bits = bytearray(draw.randbytes(count // elements * size))
        for at in scales:
            bits[at:at + 2] = struct.pack("<e", draw.uniform(-0.01, 0.01))
        if not scales:
            # No infinities and what is not a number: they have many patterns.
            bits = bytearray(b"".join(struct.pack("<e", draw.gauss(0, 1)) if name == "F16" else struct.pack("<f", draw.gauss(0, 1))[2:]
                                      for _ in range(count)))
        blocks = own.raw + bytes(bits)
        values = (ctypes.c_float * (2 * count))()
        expand = getattr(library, EXPAND.get(name, f"dequantize_row_{name[0].lower()}{name[1:]}"))
        expand.restype = None
        expand.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
        expand(blocks, values, 2 * count)
        made[name] = {"blocks": base64.b64encode(blocks).decode(), "values": base64.b64encode(bytes(values)).decode()}
    json.dump(made, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
