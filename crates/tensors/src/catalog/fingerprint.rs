//! What identifies the content of a model, so that a resumed job notices that it changed.

use super::{Catalog, sidecars};
use crate::bytes::hex;
use crate::{Source, TensorsError};
use sha2::{Digest, Sha256};

/// Larger files are sampled.
const WHOLE_BYTES: u64 = 256 << 20;
const SAMPLES: u64 = 64;
const SAMPLE_BYTES: u64 = 64 << 10;
const PIECE_BYTES: u64 = 1 << 20;

impl Catalog {
    /// SHA-256 (lower-case hex) of what identifies the model's content: sidecars (without README and licence), headers, file
    /// sizes and content; files over 256 MiB are sampled (64 evenly spread pieces of 64 KiB each).
    pub fn fingerprint(&self) -> Result<String, TensorsError> {
        let mut hash = Sha256::new();
        for (file, _) in &self.sidecars {
            if !sidecars::is_prose(file) {
                add_file(&mut hash, file, self.folder.open(file)?.as_ref(), 0)?;
            }
        }
        for (shard, source) in self.shards.iter().zip(&self.sources) {
            add_file(&mut hash, &shard.file, source.as_ref(), shard.header_bytes)?;
        }
        Ok(hex(&hash.finalize()))
    }
}

/// Adds name, size, the first `header_bytes` and the (sampled) content of a file.
fn add_file(
    hash: &mut Sha256,
    file: &str,
    source: &dyn Source,
    header_bytes: u64,
) -> Result<(), TensorsError> {
    let len = source.len_bytes();
    hash.update((file.len() as u64).to_le_bytes());
    hash.update(file);
    hash.update(len.to_le_bytes());
    if len <= WHOLE_BYTES {
        return add_range(hash, source, 0, len);
    }
    add_range(hash, source, 0, header_bytes)?;
    let step = (len - SAMPLE_BYTES) / (SAMPLES - 1);
    (0..SAMPLES).try_for_each(|sample| add_range(hash, source, sample * step, SAMPLE_BYTES))
}

fn add_range(
    hash: &mut Sha256,
    source: &dyn Source,
    begin: u64,
    len: u64,
) -> Result<(), TensorsError> {
    let mut piece = vec![0; len.min(PIECE_BYTES) as usize];
    let mut done = 0;
    while done < len {
        let count = (len - done).min(PIECE_BYTES) as usize;
        source.read_at(begin + done, &mut piece[..count])?;
        hash.update(&piece[..count]);
        done += count as u64;
    }
    Ok(())
}
