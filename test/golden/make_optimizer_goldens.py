"""Steps of torch.optim.AdamW with clipping by the global norm, for crates/train/tests/optimizer.rs. No random numbers of torch: the values are
made by `made_up`, which the test has too.
/work/venv/bin/python test/golden/make_optimizer_goldens.py   writes test/golden/optimizer.json"""
import json, pathlib, torch

STEPS, CLIP, BETAS, EPS, DECAY = 6, 0.75, (0.9, 0.98), 1e-6, 0.1
RATES = [0.01, 0.02, 0.02, 0.015, 0.01, 0.005]

def made_up(count, seed):
    out = []
    for _ in range(count):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((seed >> 40) / 2**23 - 1.0)
    return torch.tensor(out, dtype=torch.float32)

torch.set_num_threads(1)
matrix = torch.nn.Parameter(made_up(24, 1).reshape(6, 4))
vector = torch.nn.Parameter(made_up(5, 2))
optimizer = torch.optim.AdamW(
    [{"params": [matrix], "weight_decay": DECAY}, {"params": [vector], "weight_decay": 0.0}],
    lr=1.0, betas=BETAS, eps=EPS,
)
norms, after = [], []
for step in range(STEPS):
    matrix.grad = made_up(24, 100 + step).reshape(6, 4) * 10.0 ** (step % 3 - 1)
    vector.grad = made_up(5, 200 + step) * 0.1
    norms.append(float(torch.nn.utils.clip_grad_norm_([matrix, vector], CLIP)))
    for group in optimizer.param_groups:
        group["lr"] = RATES[step]
    optimizer.step()
    after.append({"matrix": matrix.detach().flatten().tolist(), "vector": vector.detach().tolist()})
out = pathlib.Path(__file__).parent / "optimizer.json"
out.write_text(json.dumps({"norms": norms, "after": after}) + "\n")
