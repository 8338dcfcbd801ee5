import { defineConfig } from 'kerf'

export default defineConfig({
  model: './model',
  out: './small',
  preset: 'small',
  rules: [
    // The first block sees raw embeddings and suffers most: prune it less.
    { match: { blocks: 0 }, sparsity: 0.5 },
    // Eight bits where the MLP ends.
    { match: { role: 'down' }, bits: 8 },
    // Embeddings take a good part of a small model.
    { match: { role: 'embedding' }, bits: 6 },
  ],
})
