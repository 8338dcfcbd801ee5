//! The shared battery: every row of the table, on every instruction set of this machine, against [`crate::reference`].
//!
//! The arguments of a kernel are drawn by their types: slices are of one length, numbers are positive, bitmaps and ranges
//! fit. A kernel that asks for more (a size that follows from another argument, a result that is specified in parts) has
//! an arm in `case!` and a function in `by_hand`.

mod argument;
mod by_hand;
mod codes;
#[path = "../../tests/common/mod.rs"]
mod common;

use crate::Kernels;
use crate::table::kernel_table;
use argument::{Argument, Numbers};
use common::{Noise, all_instances, lengths, wild};

/// What arguments are drawn from.
pub(super) struct Draw {
    noise: Noise,
    /// Elements of each slice.
    len: usize,
    /// Values may be any bits, NaN and infinities too. Else they lie between -1 and 1.
    wild: bool,
}

impl Draw {
    /// `n` values.
    pub(super) fn values(&mut self, n: usize) -> Vec<f32> {
        match self.wild {
            true => wild(&mut self.noise, n),
            false => self.noise.fill(n),
        }
    }

    /// `n` whole numbers of any bits.
    pub(super) fn bits<T>(&mut self, n: usize, from: impl Fn(u32) -> T) -> Vec<T> {
        (0..n).map(|_| from(self.noise.bits())).collect()
    }
}

/// What one instruction set made of the arguments: every number that the kernel may have written, and its result.
type Outcome = Vec<f64>;

/// How far instruction sets may differ, as the row says.
#[derive(Clone, Copy, Debug)]
enum Class {
    Exact,
    Close(f64),
}

impl Class {
    /// Panics where an outcome is further from that of the plain form than the row allows.
    fn check(self, what: &str, got: &[f64], plain: &[f64]) {
        assert_eq!(got.len(), plain.len(), "{what}");
        let finite = plain.iter().map(|x| x.abs()).filter(|x| x.is_finite());
        let largest = finite.fold(1.0, f64::max);
        for (at, (got, plain)) in got.iter().zip(plain).enumerate() {
            // IEEE 754 leaves open which NaN an operation gives.
            let same = got.to_bits() == plain.to_bits() || got.is_nan() && plain.is_nan();
            let good = match self {
                Class::Exact => same,
                Class::Close(tolerance) => same || (got - plain).abs() <= tolerance * largest,
            };
            assert!(good, "{what}, number {at}: {got} instead of {plain}");
        }
    }
}

/// One row of the table, ready to run.
struct Case {
    name: &'static str,
    module: &'static str,
    class: Class,
    /// The outcome of each instruction set, from the same arguments.
    run: fn(&[Kernels], &mut Draw) -> Vec<Outcome>,
}

/// How a row is run: by hand where its arguments depend on one another, else by the types of its arguments.
macro_rules! case {
    (histogram $($row:tt)*) => { by_hand::histogram };
    (fit_scale $($row:tt)*) => { by_hand::fit_scale };
    (compact_codes $($row:tt)*) => { by_hand::compact_codes };
    (compact_values $($row:tt)*) => { by_hand::compact_values };
    (pack_bits $($row:tt)*) => { by_hand::pack_bits };
    (unpack_bits $($row:tt)*) => { by_hand::unpack_bits };
    (obs_panel $($row:tt)*) => { by_hand::obs_panel };
    (descent_panel $($row:tt)*) => { by_hand::descent_panel };
    (transpose $($row:tt)*) => { by_hand::transpose };
    (adamw_step $($row:tt)*) => { by_hand::adamw_step };
    (sparse_pack $($row:tt)*) => { by_hand::sparse_pack };
    (sparse_tile $($row:tt)*) => { by_hand::sparse_tile };
    (sparse_row $($row:tt)*) => { by_hand::sparse_row };
    (spread_nibbles $($row:tt)*) => { codes::spread_nibbles };
    (spread_bytes $($row:tt)*) => { codes::spread_bytes };
    (compact_product $($row:tt)*) => { codes::compact_product };
    (compact_decode $($row:tt)*) => { codes::compact_decode };
    ($name:ident $($arg:ident: $ty:ty),*) => {
        |instances, draw| {
            $(let $arg = <$ty as Argument>::draw(draw);)*
            let run = |kernels: &Kernels| {
                $(let mut $arg = $arg.clone();)*
                let result = kernels.$name($(Argument::lend(&mut $arg)),*);
                let mut outcome = Outcome::new();
                result.append_to(&mut outcome);
                $($arg.append_to(&mut outcome);)*
                outcome
            };
            instances.iter().map(run).collect()
        }
    };
}

macro_rules! class {
    (exact) => {
        Class::Exact
    };
    (close $tolerance:literal) => {
        Class::Close($tolerance)
    };
}

/// All rows as cases.
macro_rules! battery {
    ([] $($module:ident {$(
        $(#[$doc:meta])*
        $vis:vis $class:ident $(($tolerance:literal))? fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;
    )*})*) => {
        const CASES: &[Case] = {
            use crate::table::types::*;

            &[$($(Case {
                name: stringify!($name),
                module: stringify!($module),
                class: class!($class $($tolerance)?),
                run: case!($name $($arg: $ty),*),
            },)*)*]
        };

        /// The source of each module of the generic algorithms.
        const MODULES: &[(&str, &str)] = &[$((
            stringify!($module),
            include_str!(concat!("../generic/", stringify!($module), ".rs")),
        ),)*];
    };
}

kernel_table!(battery);

#[test]
fn every_kernel_agrees_with_its_plain_form() {
    // The plain form is the last of them.
    let instances = all_instances();
    let (others, _) = instances.split_at(instances.len() - 1);
    for case in CASES {
        let wild = matches!(case.class, Class::Exact);
        let noise = Noise(0x2545_f491_4f6c_dd1d);
        let mut draw = Draw {
            noise,
            len: 0,
            wild,
        };
        for len in lengths() {
            draw.len = len;
            let outcomes = (case.run)(&instances, &mut draw);
            let plain = &outcomes[others.len()];
            for (kernels, got) in others.iter().zip(&outcomes) {
                let what = format!("{} on {}, length {len}", case.name, kernels.isa().id());
                case.class.check(&what, got, plain);
            }
        }
    }
}

#[test]
fn every_generic_kernel_names_its_plain_form() {
    for case in CASES {
        let source = MODULES.iter().find(|(module, _)| *module == case.module);
        let (_, source) = source.expect("every row has a module");
        let link = format!("[`crate::reference::{}::{}`]", case.module, case.name);
        let (module, name) = (case.module, case.name);
        assert!(
            source.contains(&link),
            "generic/{module}.rs: {name} has no link to {link}"
        );
    }
}

#[test]
#[should_panic(expected = "number 1")]
fn an_exact_row_may_not_differ_by_a_bit() {
    Class::Exact.check("a row", &[1.0, 0.0], &[1.0, -0.0]);
}

#[test]
#[should_panic(expected = "number 0")]
fn a_close_row_may_not_differ_by_more_than_its_tolerance() {
    Class::Close(1e-3).check("a row", &[2.01, 5.0], &[2.0, 5.0]);
}
