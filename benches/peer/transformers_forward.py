"""The same peer over the modules of transformers (sdpa attention), to show that the lean forward is not the slower one."""

import torch
from bert import GROUPS, Encoder


class TransformersEncoder(Encoder):
    """Encoder whose blocks are run by transformers; weights are shared with it, not copied."""

    def __init__(self, folder):
        super().__init__(folder)
        from transformers import BertModel

        self.model = BertModel.from_pretrained(folder, attn_implementation="sdpa", dtype=torch.float32).eval()
        self.modules = dict(self.model.named_modules())
        self.tensors.update({k: p.data for k, p in self.model.named_parameters()})

    def set_weight(self, block, role, value):
        super().set_weight(block, role, value)
        self.modules[self.name(block, role)].weight.data = value

    def block(self, index, inputs, batches, observe=None):
        layer = self.model.encoder.layer[index]
        outputs = []
        for x, batch in zip(inputs, batches):
            handles = self.hooks(index, batch, observe) if observe else []
            y = layer(batch.pad(x), attention_mask=batch.mask)
            for handle in handles:
                handle.remove()
            outputs.append(batch.pack(y[0] if isinstance(y, tuple) else y))
        return outputs

    def hooks(self, index, batch, observe):
        def seen(group):
            return lambda _module, args: observe(group, batch.pack(args[0]))

        return [
            self.modules[self.name(index, roles[0])].register_forward_pre_hook(seen(group)) for group, roles in enumerate(GROUPS)
        ]
