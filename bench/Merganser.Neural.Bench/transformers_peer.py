"""Prefill and greedy decoding with transformers: FOLDER TYPE PROMPT NEW REPEATS THREADS -> one JSON line. BLAS libraries with threads of their own take their number from the environment."""
import json, sys, time

import torch
from transformers import AutoModelForCausalLM

folder, kind = sys.argv[1:3]
prompt, new, repeats, threads = map(int, sys.argv[3:7])
model = AutoModelForCausalLM.from_pretrained(folder, dtype={"fp32": torch.float32, "bf16": torch.bfloat16}[kind], attn_implementation="sdpa").eval()
ids = torch.arange(prompt).mul(7919).remainder(model.config.vocab_size)[None]
torch.set_num_threads(threads)
prefill, decode = float("inf"), float("inf")
with torch.inference_mode():
    model(ids[:, :16], use_cache=True)
    for _ in range(repeats):
        began = time.perf_counter()
        out = model(ids, use_cache=True, logits_to_keep=1)
        prefill = min(prefill, time.perf_counter() - began)
        began = time.perf_counter()
        for _ in range(new):
            out = model(out.logits[:, -1:].argmax(-1), past_key_values=out.past_key_values, use_cache=True)
        decode = min(decode, time.perf_counter() - began)
print(json.dumps({"prefill": prompt / prefill, "decode": new / decode}))
