//! Reads forward through a header, which may be hostile. Every number is checked against the file and the limits before it is
//! used.

use super::metadata::Found;
use super::value::types;
use crate::safetensors::limits;
use crate::{Source, TensorsError};

/// Number of bytes in one read of the file.
const PIECE: usize = 1 << 16;

pub(super) struct Cursor<'a> {
    pub source: &'a dyn Source,
    /// The bytes of the last read. They begin at `start` in the file.
    piece: Vec<u8>,
    start: u64,
    /// Position of the next byte.
    pub at: u64,
}

impl<'a> Cursor<'a> {
    pub fn new(source: &'a dyn Source) -> Self {
        Self {
            source,
            piece: Vec::new(),
            start: 0,
            at: 0,
        }
    }

    pub fn bad(&self, reason: impl Into<String>) -> TensorsError {
        TensorsError::BadHeader {
            path: self.source.name().to_owned(),
            reason: reason.into(),
        }
    }

    pub fn truncated(&self, expected_bytes: u64) -> TensorsError {
        TensorsError::Truncated {
            path: self.source.name().to_owned(),
            expected_bytes,
            actual_bytes: self.source.len_bytes(),
        }
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&[u8], TensorsError> {
        let end = self.at.saturating_add(len as u64);
        if end > limits::HEADER_BYTES {
            let limit = limits::HEADER_BYTES;
            return Err(self.bad(format!("a header of more than {limit} bytes")));
        }
        if end > self.source.len_bytes() {
            return Err(self.truncated(end));
        }
        if end > self.start + self.piece.len() as u64 {
            let rest = self.source.len_bytes() - self.at;
            let size = (len.max(PIECE) as u64).min(rest) as usize;
            self.piece.resize(size, 0);
            self.source.read_at(self.at, &mut self.piece)?;
            self.start = self.at;
        }
        let from = (self.at - self.start) as usize;
        self.at = end;
        Ok(&self.piece[from..from + len])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TensorsError> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("as many bytes as were taken"))
    }

    pub fn u32(&mut self) -> Result<u32, TensorsError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, TensorsError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A number of items, each of which takes at least one byte.
    pub fn count(&mut self, what: &str) -> Result<u64, TensorsError> {
        let count = self.u64()?;
        match count > limits::HEADER_BYTES {
            true => Err(self.bad(format!("{count} {what}"))),
            false => Ok(count),
        }
    }

    pub fn text(&mut self) -> Result<String, TensorsError> {
        let len = self.count("bytes of a text")? as usize;
        let text = std::str::from_utf8(self.take(len)?).map(str::to_owned);
        text.map_err(|_| self.bad("a text is not UTF-8"))
    }

    /// A value with its type in front.
    pub fn value(&mut self) -> Result<Found, TensorsError> {
        let kind = self.u32()?;
        match kind {
            types::ARRAY => self.elements(),
            types::F32 => Ok(Found::Float(shortest(f32::from_le_bytes(self.array()?)))),
            types::F64 => Ok(Found::Float(f64::from_le_bytes(self.array()?))),
            types::BOOL => Ok(Found::Flag(self.take(1)?[0] != 0)),
            types::TEXT => Ok(Found::Text(self.text()?)),
            kind => Ok(Found::Whole(self.whole(kind)?)),
        }
    }

    /// An integer of type `kind`.
    fn whole(&mut self, kind: u32) -> Result<i128, TensorsError> {
        Ok(match kind {
            types::U8 => i128::from(self.take(1)?[0]),
            types::I8 => i128::from(self.take(1)?[0] as i8),
            types::U16 => i128::from(u16::from_le_bytes(self.array()?)),
            types::I16 => i128::from(i16::from_le_bytes(self.array()?)),
            types::U32 => i128::from(self.u32()?),
            types::I32 => i128::from(self.u32()? as i32),
            types::U64 => i128::from(self.u64()?),
            types::I64 => i128::from(self.u64()? as i64),
            other => return Err(self.bad(format!("a value of type {other}"))),
        })
    }

    /// An array: element type, number and elements. Memory grows only with the bytes that the file really has. Arrays of arrays
    /// are refused.
    fn elements(&mut self) -> Result<Found, TensorsError> {
        let kind = self.u32()?;
        let count = self.count("elements")? as usize;
        Ok(match kind {
            types::TEXT => Found::Texts(self.list(count, Self::text)?),
            types::F32 => {
                Found::Floats(self.list(count, |cursor| Ok(f32::from_le_bytes(cursor.array()?)))?)
            }
            types::BOOL => Found::Flags(self.list(count, |cursor| Ok(cursor.take(1)?[0] != 0))?),
            types::U8 => Found::Bytes(self.list(count, |cursor| Ok(cursor.take(1)?[0]))?),
            types::F64 | types::ARRAY => {
                return Err(self.bad(format!("an array of values of type {kind}")));
            }
            kind => Found::Wholes(self.list(count, |cursor| {
                let value = cursor.whole(kind)?;
                i64::try_from(value).map_err(|_| cursor.bad(format!("{value} in an array")))
            })?),
        })
    }

    fn list<T>(
        &mut self,
        count: usize,
        mut next: impl FnMut(&mut Self) -> Result<T, TensorsError>,
    ) -> Result<Vec<T>, TensorsError> {
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(next(self)?);
        }
        Ok(list)
    }
}

/// The shortest decimal number that is the same f32: 1e-5 for 0.000009999999747378752.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}
