//! Typed values of a GGUF header.

/// A value that kerf writes.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The names are the types.
pub enum Value {
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(String),
    U32s(Vec<u32>),
    I32s(Vec<i32>),
    F32s(Vec<f32>),
    Bools(Vec<bool>),
    Texts(Vec<String>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Numbers of the value types.
pub(super) mod types {
    pub const U8: u32 = 0;
    pub const I8: u32 = 1;
    pub const U16: u32 = 2;
    pub const I16: u32 = 3;
    pub const U32: u32 = 4;
    pub const I32: u32 = 5;
    pub const F32: u32 = 6;
    pub const BOOL: u32 = 7;
    pub const TEXT: u32 = 8;
    pub const ARRAY: u32 = 9;
    pub const U64: u32 = 10;
    pub const I64: u32 = 11;
    pub const F64: u32 = 12;
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

impl Value {
    /// Appends the number of the type, then the content.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let number = |out: &mut Vec<u8>, number: u32| out.extend_from_slice(&number.to_le_bytes());
        let array = |out: &mut Vec<u8>, kind: u32, len: usize| {
            number(out, types::ARRAY);
            number(out, kind);
            out.extend_from_slice(&(len as u64).to_le_bytes());
        };
        match self {
            Self::U32(value) => {
                number(out, types::U32);
                number(out, *value);
            }
            Self::F32(value) => {
                number(out, types::F32);
                number(out, value.to_bits());
            }
            Self::Bool(value) => {
                number(out, types::BOOL);
                out.push(u8::from(*value));
            }
            Self::Text(text) => {
                number(out, types::TEXT);
                put_text(out, text);
            }
            Self::U32s(values) => {
                array(out, types::U32, values.len());
                values.iter().for_each(|value| number(out, *value));
            }
            Self::I32s(values) => {
                array(out, types::I32, values.len());
                values.iter().for_each(|value| number(out, *value as u32));
            }
            Self::F32s(values) => {
                array(out, types::F32, values.len());
                values.iter().for_each(|value| number(out, value.to_bits()));
            }
            Self::Bools(values) => {
                array(out, types::BOOL, values.len());
                out.extend(values.iter().map(|value| u8::from(*value)));
            }
            Self::Texts(values) => {
                array(out, types::TEXT, values.len());
                values.iter().for_each(|text| put_text(out, text));
            }
        }
    }
}
