//! What the battery knows of the types of arguments: how to draw one, how to lend it to a kernel, which numbers it has.

use super::{Draw, Outcome};
use crate::dispatch::CodeRange;

/// A type of an argument.
pub(super) trait Argument<'a>: Sized {
    /// What the battery keeps: each instruction set gets a copy of its own.
    type Owned: Clone;
    /// A value that every kernel takes which has no arm in `case!`.
    fn draw(draw: &mut Draw) -> Self::Owned;
    /// The argument itself.
    fn lend(owned: &'a mut Self::Owned) -> Self;
}

/// A slice that does not begin where its memory begins, as slices of rows do.
#[derive(Clone)]
pub(super) struct Slice<T> {
    memory: Vec<T>,
    from: usize,
}

impl<T: Copy> Slice<T> {
    fn new(draw: &mut Draw, values: Vec<T>) -> Self {
        let from = draw.noise.below(4).min(values.len());
        let mut memory = values[..from].to_vec();
        memory.extend(values);
        Self { memory, from }
    }

    fn get(&mut self) -> &mut [T] {
        &mut self.memory[self.from..]
    }
}

/// Bytes of a bitmap for `len` bits that starts at any of the first 16.
fn bitmap(draw: &mut Draw) -> Vec<u8> {
    let bytes = (draw.len + MOST_MASK_BIT).div_ceil(8);
    draw.bits(bytes, |bits| bits as u8)
}

const MOST_MASK_BIT: usize = 16;

/// Slices of one type of elements, read and written.
macro_rules! slices {
    ($element:ty, $draw:ident => $read:expr, $written:expr) => {
        impl<'a> Argument<'a> for &'a [$element] {
            type Owned = Slice<$element>;
            fn draw($draw: &mut Draw) -> Self::Owned {
                let values = $read;
                Slice::new($draw, values)
            }
            fn lend(owned: &'a mut Self::Owned) -> Self {
                owned.get()
            }
        }

        impl<'a> Argument<'a> for &'a mut [$element] {
            type Owned = Slice<$element>;
            fn draw($draw: &mut Draw) -> Self::Owned {
                let values = $written;
                Slice::new($draw, values)
            }
            fn lend(owned: &'a mut Self::Owned) -> Self {
                owned.get()
            }
        }
    };
}

slices!(f32, draw => draw.values(draw.len), draw.values(draw.len));
slices!(i8, draw => draw.bits(draw.len, |bits| bits as i8), draw.bits(draw.len, |bits| bits as i8));
slices!(u16, draw => draw.bits(draw.len, |bits| bits as u16), draw.bits(draw.len, |bits| bits as u16));
slices!(u8, draw => bitmap(draw), draw.bits(draw.len.div_ceil(8), |bits| bits as u8));

impl<'a, T: Copy> Argument<'a> for Option<&'a [T]>
where
    &'a [T]: Argument<'a, Owned = Slice<T>>,
{
    type Owned = Option<Slice<T>>;
    fn draw(draw: &mut Draw) -> Self::Owned {
        let some = draw.noise.below(3) > 0;
        some.then(|| <&[T] as Argument>::draw(draw))
    }
    fn lend(owned: &'a mut Self::Owned) -> Self {
        owned.as_mut().map(|slice| &*slice.get())
    }
}

/// Types that are their own owners.
macro_rules! plain {
    ($ty:ty, $draw:ident => $value:expr) => {
        impl Argument<'_> for $ty {
            type Owned = Self;
            fn draw($draw: &mut Draw) -> Self {
                $value
            }
            fn lend(owned: &mut Self) -> Self {
                *owned
            }
        }
    };
}

// A factor, a threshold, a scale.
plain!(f32, draw => 0.05 + draw.noise.value().abs());
// The first bit of a bitmap.
plain!(usize, draw => draw.noise.below(MOST_MASK_BIT + 1));
plain!(CodeRange, draw => {
    let half = 1i32 << (1 + draw.noise.below(7));
    CodeRange { lo: -half as i8, hi: (half - 1) as i8 }
});

/// What can stand in an outcome.
pub(super) trait Numbers {
    fn append_to(&self, outcome: &mut Outcome);
}

macro_rules! numbers {
    ($($ty:ty),*) => {$(
        impl Numbers for $ty {
            fn append_to(&self, outcome: &mut Outcome) {
                outcome.push(f64::from(*self));
            }
        }
    )*};
}

numbers!(f32, i8, u8, u16, u32);

impl Numbers for () {
    fn append_to(&self, _: &mut Outcome) {}
}

impl Numbers for usize {
    fn append_to(&self, outcome: &mut Outcome) {
        outcome.push(*self as f64);
    }
}

impl Numbers for CodeRange {
    fn append_to(&self, _: &mut Outcome) {}
}

impl<T: Numbers> Numbers for [T] {
    fn append_to(&self, outcome: &mut Outcome) {
        self.iter().for_each(|number| number.append_to(outcome));
    }
}

impl<T: Numbers> Numbers for Vec<T> {
    fn append_to(&self, outcome: &mut Outcome) {
        self.as_slice().append_to(outcome);
    }
}

/// What lies before the slice too: a kernel that writes there is found out.
impl<T: Numbers> Numbers for Slice<T> {
    fn append_to(&self, outcome: &mut Outcome) {
        self.memory.append_to(outcome);
    }
}

impl<T: Numbers> Numbers for Option<T> {
    fn append_to(&self, outcome: &mut Outcome) {
        match self {
            Some(number) => number.append_to(outcome),
            None => outcome.push(f64::NEG_INFINITY),
        }
    }
}
