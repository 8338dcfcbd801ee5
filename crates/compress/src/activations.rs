//! The inputs of a block for all calibration tokens, in memory or spilled to the work folder.

use crate::journal::{Journal, Record, hex};
use kerf_model::Batch;
use kerf_tensors::{Sink, TensorsError, Workspace};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Hidden states [tokens, hidden] of each batch, as the compressed model computes them up to some block.
///
/// A second stream, what the dense model computes, belongs beside it as soon as a solver aims at it: `dense: Option<Activations>`
/// in the job, advanced by the same `forward`, counted by the same memory plan.
pub struct Activations {
    /// Block whose inputs these are.
    pub block: usize,
    data: Data,
}

enum Data {
    Memory(Vec<Vec<f32>>),
    Spilled(String),
}

/// Where the values of each batch lie, and where files go.
pub struct Store<'a> {
    /// Sequences, in batches.
    pub batches: &'a [Batch],
    /// Width of the residual stream.
    pub hidden: usize,
    /// Keep values in the work folder instead of memory.
    pub spill: bool,
    /// The work folder.
    pub workspace: &'a Arc<dyn Workspace>,
}

impl Store<'_> {
    fn offset(&self, batch: usize) -> u64 {
        self.batches[..batch]
            .iter()
            .map(|batch| self.len(batch) as u64 * 4)
            .sum()
    }

    fn len(&self, batch: &Batch) -> usize {
        batch.tokens() * self.hidden
    }

    /// Inputs of the first block, made batch by batch.
    pub fn first<E: From<TensorsError>>(
        &self,
        journal: &mut Journal,
        mut embed: impl FnMut(&Batch) -> Result<Vec<f32>, E>,
    ) -> Result<Activations, E> {
        if self.spill {
            let mut file = Checkpoint::create(self.workspace, 0)?;
            for batch in self.batches {
                file.write(&embed(batch)?)?;
            }
            return Ok(Activations {
                block: 0,
                data: Data::Spilled(file.finish(journal)?),
            });
        }
        let values = self.batches.iter().map(embed).collect::<Result<_, E>>()?;
        Ok(Activations {
            block: 0,
            data: Data::Memory(values),
        })
    }

    /// Inputs of `block` from an earlier run, if they were journalled.
    pub fn resume(
        &self,
        journal: &Journal,
        block: usize,
    ) -> Result<Option<Activations>, TensorsError> {
        let Some(record) = journal.get(&unit(block)) else {
            return Ok(None);
        };
        if self.spill {
            return Ok(Some(Activations {
                block,
                data: Data::Spilled(record.file.clone()),
            }));
        }
        let values = (0..self.batches.len())
            .map(|i| self.read(&record.file, i))
            .collect::<Result<_, _>>()?;
        Ok(Some(Activations {
            block,
            data: Data::Memory(values),
        }))
    }

    /// Shows the values of each batch in order.
    pub fn for_each<E: From<TensorsError>>(
        &self,
        activations: &Activations,
        mut show: impl FnMut(&Batch, &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        for (i, batch) in self.batches.iter().enumerate() {
            match &activations.data {
                Data::Memory(values) => show(batch, &values[i])?,
                Data::Spilled(file) => show(batch, &self.read(file, i)?)?,
            }
        }
        Ok(())
    }

    /// Replaces the values by what `run` makes of them: the inputs of the next block. They are journalled as well, so that a
    /// resumed job need not compute them again.
    pub fn advance<E: From<TensorsError>>(
        &self,
        activations: &mut Activations,
        journal: &mut Journal,
        mut run: impl FnMut(&Batch, &mut [f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = activations.block;
        let mut file = Checkpoint::create(self.workspace, before + 1)?;
        for (i, batch) in self.batches.iter().enumerate() {
            match &mut activations.data {
                Data::Memory(values) => {
                    run(batch, &mut values[i])?;
                    file.write(&values[i])?;
                }
                Data::Spilled(old) => {
                    let mut values = self.read(old, i)?;
                    run(batch, &mut values)?;
                    file.write(&values)?;
                }
            }
        }
        let file = file.finish(journal)?;
        if let Data::Spilled(old) = &mut activations.data {
            *old = file;
        }
        activations.block = before + 1;
        Ok(journal.forget(&unit(before))?)
    }

    fn read(&self, file: &str, batch: usize) -> Result<Vec<f32>, TensorsError> {
        let missing = || TensorsError::NotFound { path: file.into() };
        let source = self.workspace.open(file)?.ok_or_else(missing)?;
        let mut bytes = vec![0; self.len(&self.batches[batch]) * 4];
        source.read_at(self.offset(batch), &mut bytes)?;
        Ok(bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect())
    }
}

fn unit(block: usize) -> String {
    format!("activations:{block}")
}

/// A file of activations while it is written.
struct Checkpoint {
    block: usize,
    file: String,
    sink: Box<dyn Sink>,
    hasher: Sha256,
    bytes: Vec<u8>,
}

impl Checkpoint {
    fn create(workspace: &Arc<dyn Workspace>, block: usize) -> Result<Self, TensorsError> {
        let file = format!("activations-{block}.f32");
        let sink = workspace.create(&file)?;
        Ok(Self {
            block,
            file,
            sink,
            hasher: Sha256::new(),
            bytes: Vec::new(),
        })
    }

    fn write(&mut self, values: &[f32]) -> Result<(), TensorsError> {
        for part in values.chunks(1 << 18) {
            self.bytes.resize(part.len() * 4, 0);
            for (bytes, value) in self.bytes.chunks_exact_mut(4).zip(part) {
                bytes.copy_from_slice(&value.to_le_bytes());
            }
            self.hasher.update(&self.bytes);
            self.sink.write(&self.bytes)?;
        }
        Ok(())
    }

    fn finish(self, journal: &mut Journal) -> Result<String, TensorsError> {
        self.sink.finish()?;
        let record = Record {
            unit: unit(self.block),
            file: self.file.clone(),
            sha256: hex(&self.hasher.finalize()),
            layer: None,
            repairs: Vec::new(),
        };
        journal.commit(record)?;
        Ok(self.file)
    }
}
