//! What the compressed model computes so far, for all calibration tokens, in memory or spilled to the work folder; and beside
//! it what the dense model computes, if a layer aims at that. Both streams are always at the same place, and lie in one file.

use crate::job::records::{Findings, Journal, Record};
use kerf_model::{Batch, Walker};
use kerf_tensors::{Digest, Sink, TensorsError, Workspace};
use std::sync::Arc;

/// How far the activations have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Progress {
    /// The block that they are in.
    pub block: usize,
    /// Shared inputs of the block that were reached: with none there is the block's own input alone, else the last of them is at hand.
    pub inputs_done: usize,
}

impl Progress {
    /// Before the first shared input of a block.
    pub fn at_block(block: usize) -> Self {
        Self {
            block,
            inputs_done: 0,
        }
    }

    /// The shared input that is at hand.
    pub fn input(self) -> Option<usize> {
        self.inputs_done.checked_sub(1)
    }
}

/// Values of one batch at a place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Streams {
    /// What the model computes as far as it is compressed.
    pub compressed: Walker,
    /// What the dense model computes from its own inputs.
    pub dense: Option<Walker>,
}

impl Streams {
    /// In the order of the file.
    fn pieces(&self) -> impl Iterator<Item = &[f32]> {
        let both = std::iter::once(&self.compressed).chain(&self.dense);
        both.flat_map(|values| [values.x.as_slice(), values.input.as_slice()])
    }

    /// The opposite of [`Streams::pieces`].
    fn of_pieces(mut pieces: impl Iterator<Item = Vec<f32>>) -> Self {
        let mut next = || {
            let (x, input) = (pieces.next()?, pieces.next()?);
            Some(Walker { x, input })
        };
        Self {
            compressed: next().unwrap_or_default(),
            dense: next(),
        }
    }
}

/// Values of all batches, as the models compute them up to some place.
pub struct Activations {
    /// How far they are.
    pub progress: Progress,
    data: Data,
}

enum Data {
    Memory(Vec<Streams>),
    Spilled {
        file: String,
        /// For each batch the lengths of its pieces.
        lengths: Vec<Vec<usize>>,
    },
}

/// Where the values of each batch lie, and where files go.
pub struct Store<'a> {
    /// Sequences, in batches.
    pub batches: &'a [Batch],
    /// Width of the residual stream.
    pub hidden: usize,
    /// Batches that run at the same time.
    pub at_once: usize,
    /// Keep values in the work folder instead of memory.
    pub spill: bool,
    /// Whether there is a stream of the dense model.
    pub dense: bool,
    /// The work folder.
    pub workspace: &'a Arc<dyn Workspace>,
}

impl Store<'_> {
    /// Inputs of the first block, made batch by batch.
    pub fn first<E: From<TensorsError>>(
        &self,
        mut embed: impl FnMut(&Batch) -> Result<Streams, E>,
    ) -> Result<Activations, E> {
        let mut output = self.output(Progress::at_block(0), None)?;
        for batch in self.batches {
            output.push(embed(batch)?)?;
        }
        Ok(output.finish()?)
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
        let lengths = self
            .batches
            .iter()
            .map(|batch| [batch.tokens() * self.hidden, 0].repeat(1 + usize::from(self.dense)))
            .collect();
        let mut spilled = Data::Spilled {
            file: record.file.clone(),
            lengths,
        };
        if self.spill {
            return Ok(Some(Activations {
                progress: Progress::at_block(block),
                data: spilled,
            }));
        }
        let values = (0..self.batches.len())
            .map(|i| self.take(&mut spilled, i))
            .collect::<Result<_, _>>()?;
        Ok(Some(Activations {
            progress: Progress::at_block(block),
            data: Data::Memory(values),
        }))
    }

    /// Moves the values of the batches on, some at a time and in order. With a journal they are kept, so that a
    /// resumed job need not compute them again; only the start of a block (no shared input) can be.
    pub fn advance<E: From<TensorsError>>(
        &self,
        mut activations: Activations,
        to: Progress,
        journal: Option<&mut Journal>,
        mut run: impl FnMut(&[Batch], &mut [Streams]) -> Result<(), E>,
    ) -> Result<Activations, E> {
        let keep = journal.is_some().then_some(to.block);
        let mut output = self.output(to, keep)?;
        for (group, batches) in self.batches.chunks(self.at_once).enumerate() {
            let first = group * self.at_once;
            let mut values = (first..first + batches.len())
                .map(|i| self.take(&mut activations.data, i))
                .collect::<Result<Vec<_>, _>>()?;
            run(batches, &mut values)?;
            for values in values {
                output.push(values)?;
            }
        }
        if let Some(journal) = journal {
            output.commit(journal)?;
            journal.forget(&unit(to.block.wrapping_sub(1)))?;
        }
        if let Data::Spilled { file, .. } = &activations.data
            && !file.starts_with(CHECKPOINT)
        {
            self.workspace.remove(file)?;
        }
        Ok(output.finish()?)
    }

    /// A piece of the residual streams of a batch, of the compressed and of the dense model: of each the values of that range.
    #[cfg(feature = "train")]
    pub fn read(
        &self,
        activations: &Activations,
        batch: usize,
        values: std::ops::Range<usize>,
    ) -> Result<[Vec<f32>; 2], TensorsError> {
        let (file, lengths) = match &activations.data {
            Data::Memory(all) => {
                let streams = &all[batch];
                let dense = streams.dense.as_ref().map(|dense| &dense.x);
                let of = |x: &Vec<f32>| x[values.clone()].to_vec();
                return Ok([of(&streams.compressed.x), dense.map(of).unwrap_or_default()]);
            }
            Data::Spilled { file, lengths } => (file, lengths),
        };
        let missing = || TensorsError::NotFound { path: file.clone() };
        let source = self.workspace.open(file)?.ok_or_else(missing)?;
        let before: usize = lengths[..batch].iter().flatten().sum();
        let own = &lengths[batch];
        let of = |from: usize| {
            let mut bytes = vec![0; values.len() * 4];
            source.read_at((before + from + values.start) as u64 * 4, &mut bytes)?;
            let (numbers, _) = bytes.as_chunks::<4>();
            Ok::<Vec<f32>, TensorsError>(numbers.iter().map(|b| f32::from_le_bytes(*b)).collect())
        };
        let dense = match own.len() {
            4 => of(own[0] + own[1])?,
            _ => Vec::new(),
        };
        Ok([of(0)?, dense])
    }

    /// Removes the file of activations that are of no more use. One that a resumed job reads stays.
    #[cfg(feature = "train")]
    pub fn discard(&self, activations: Activations) -> Result<(), TensorsError> {
        match &activations.data {
            Data::Spilled { file, .. } if !file.starts_with(CHECKPOINT) => {
                self.workspace.remove(file)
            }
            _ => Ok(()),
        }
    }

    fn output(&self, progress: Progress, keep: Option<usize>) -> Result<Output, TensorsError> {
        let name = match keep {
            Some(block) => Some(format!("{CHECKPOINT}{block}.f32")),
            None if self.spill => {
                let Progress { block, inputs_done } = progress;
                Some(format!("spill-{block}-{inputs_done}.f32"))
            }
            None => None,
        };
        let file = name
            .map(|name| File::create(self.workspace, name))
            .transpose()?;
        Ok(Output {
            progress,
            file,
            lengths: Vec::new(),
            values: (!self.spill).then(Vec::new),
        })
    }

    /// The values of one batch; those in memory are moved out.
    fn take(&self, data: &mut Data, batch: usize) -> Result<Streams, TensorsError> {
        let (file, lengths) = match data {
            Data::Memory(values) => return Ok(std::mem::take(&mut values[batch])),
            Data::Spilled { file, lengths } => (file, lengths),
        };
        let missing = || TensorsError::NotFound { path: file.clone() };
        let source = self.workspace.open(file)?.ok_or_else(missing)?;
        let before: usize = lengths[..batch].iter().flatten().sum();
        let mut bytes = vec![0; lengths[batch].iter().sum::<usize>() * 4];
        source.read_at(before as u64 * 4, &mut bytes)?;
        let mut rest = bytes.as_slice();
        Ok(Streams::of_pieces(lengths[batch].iter().map(|length| {
            let (piece, after) = rest.split_at(length * 4);
            rest = after;
            let (numbers, _) = piece.as_chunks::<4>();
            numbers.iter().map(|b| f32::from_le_bytes(*b)).collect()
        })))
    }
}

const CHECKPOINT: &str = "activations-";

/// The unit of the inputs of a block.
pub(super) fn unit(block: usize) -> String {
    format!("activations:{block}")
}

/// Walker on their way: into memory, into a file, or both.
struct Output {
    progress: Progress,
    file: Option<File>,
    lengths: Vec<Vec<usize>>,
    values: Option<Vec<Streams>>,
}

impl Output {
    fn push(&mut self, values: Streams) -> Result<(), TensorsError> {
        self.lengths
            .push(values.pieces().map(<[f32]>::len).collect());
        if let Some(file) = &mut self.file {
            for piece in values.pieces() {
                file.write(piece)?;
            }
        }
        if let Some(kept) = &mut self.values {
            kept.push(values);
        }
        Ok(())
    }

    fn commit(&mut self, journal: &mut Journal) -> Result<(), TensorsError> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let (file, digest) = file.close()?;
        journal.commit(Record {
            unit: unit(self.progress.block),
            file,
            digest,
            payload: Findings::default(),
        })
    }

    fn finish(mut self) -> Result<Activations, TensorsError> {
        let file = self
            .file
            .as_mut()
            .map(File::close)
            .transpose()?
            .map(|(file, _)| file);
        let data = match (self.values, file) {
            (Some(values), _) => Data::Memory(values),
            (None, file) => Data::Spilled {
                file: file.unwrap_or_default(),
                lengths: self.lengths,
            },
        };
        Ok(Activations {
            progress: self.progress,
            data,
        })
    }
}

/// A file of activations while it is written.
struct File {
    name: String,
    sink: Option<Box<dyn Sink>>,
    digest: Digest,
    bytes: Vec<u8>,
}

impl File {
    fn create(workspace: &Arc<dyn Workspace>, name: String) -> Result<Self, TensorsError> {
        let sink = Some(workspace.create(&name)?);
        Ok(Self {
            name,
            sink,
            digest: Digest::default(),
            bytes: Vec::new(),
        })
    }

    fn write(&mut self, values: &[f32]) -> Result<(), TensorsError> {
        let Some(sink) = &mut self.sink else {
            return Ok(());
        };
        for part in values.chunks(1 << 18) {
            self.bytes.resize(part.len() * 4, 0);
            for (bytes, value) in self.bytes.chunks_exact_mut(4).zip(part) {
                bytes.copy_from_slice(&value.to_le_bytes());
            }
            self.digest.update(&self.bytes);
            sink.write(&self.bytes)?;
        }
        Ok(())
    }

    /// Name and digest. Closing twice is harmless.
    fn close(&mut self) -> Result<(String, String), TensorsError> {
        if let Some(sink) = self.sink.take() {
            sink.finish()?;
        }
        Ok((self.name.clone(), self.digest.hex()))
    }
}
