//! The fingerprint of a model's content. A resumed job compares it to notice that the model has changed.

use super::{Catalog, sidecars};
use crate::files::adapter;
use crate::{Digest, Source, TensorsError};

/// Files above this size are sampled.
const WHOLE_BYTES: u64 = 256 << 20;
const SAMPLES: u64 = 64;
const SAMPLE_BYTES: u64 = 64 << 10;
/// Files above this size are sampled where a cheap digest is enough.
const CHEAP_BYTES: u64 = SAMPLES * SAMPLE_BYTES;

impl Catalog {
    /// Digest of the sidecars (without README and licence), the settings of an adapter, and the files with weights: names, sizes,
    /// headers and content. Of a file over 256 MiB it takes the header and 64 evenly spread samples of 64 KiB each.
    pub fn fingerprint(&self) -> Result<String, TensorsError> {
        let mut hash = Digest::default();
        for (file, _) in &self.sidecars {
            if !sidecars::is_prose(file) {
                add_file(
                    &mut hash,
                    file,
                    self.folder.open(file)?.as_ref(),
                    0,
                    WHOLE_BYTES,
                )?;
            }
        }
        if self.files.adapter.is_some() {
            let source = self.folder.open(adapter::FILE)?;
            add_file(&mut hash, adapter::FILE, source.as_ref(), 0, WHOLE_BYTES)?;
        }
        for (shard, source) in self.shards.iter().zip(&self.sources) {
            let header_bytes = shard.header_bytes;
            add_file(
                &mut hash,
                &shard.file,
                source.as_ref(),
                header_bytes,
                WHOLE_BYTES,
            )?;
        }
        Ok(hash.hex())
    }

    /// A cheap digest of the weights alone, by which what was made for a model knows the model again: sizes, headers and content of
    /// the files with weights, of a file over 4 MiB its header and 64 evenly spread samples of 64 KiB. Names of files do not count.
    pub fn weights_digest(&self) -> Result<String, TensorsError> {
        let mut hash = Digest::default();
        for (shard, source) in self.shards.iter().zip(&self.sources) {
            add_file(
                &mut hash,
                "",
                source.as_ref(),
                shard.header_bytes,
                CHEAP_BYTES,
            )?;
        }
        Ok(hash.hex())
    }
}

/// Adds the name and the size of a file, and its content. Of a file of more than `whole_bytes` only the first `header_bytes` and the
/// samples are added.
fn add_file(
    hash: &mut Digest,
    file: &str,
    source: &dyn Source,
    header_bytes: u64,
    whole_bytes: u64,
) -> Result<(), TensorsError> {
    let len = source.len_bytes();
    hash.update(&(file.len() as u64).to_le_bytes())
        .update(file.as_bytes())
        .update(&len.to_le_bytes());
    if len <= whole_bytes {
        return hash.update_from(source, 0, len);
    }
    hash.update_from(source, 0, header_bytes)?;
    let step = (len - SAMPLE_BYTES) / (SAMPLES - 1);
    (0..SAMPLES).try_for_each(|sample| hash.update_from(source, sample * step, SAMPLE_BYTES))
}
