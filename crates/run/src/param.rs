//! Parameters of the rows of a table: what a method may be told beside what all rows are told. Each is an option of its own.

/// One parameter. A row lists it; the option, its check, its default, its flag, its type in TypeScript and its row in
/// docs/options.md come from here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Param {
    /// Name of the option, in camelCase. Methods that share a name share the whole parameter.
    pub name: &'static str,
    /// What it is, in one sentence without its full stop. Range, default and methods are added to it.
    pub about: &'static str,
    /// Which values there are.
    pub kind: Kind,
    /// Least value; 0 for a flag.
    pub least: f64,
    /// Greatest value; 1 for a flag.
    pub most: f64,
    /// Values where nothing is given, by quality: `fast`, `balanced`, `best`.
    pub defaults: [f64; 3],
}

/// Which values a parameter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Integer,
    /// Any number.
    Real,
    /// Yes (1) or no (0).
    Flag,
}

impl Param {
    /// A whole number from `least` to `most`.
    pub const fn integer(
        name: &'static str,
        about: &'static str,
        [least, most]: [u32; 2],
        default: u32,
    ) -> Self {
        let kind = Kind::Integer;
        let range = [least as f64, most as f64];
        Self::new(name, about, kind, range, default as f64)
    }

    /// A number from `least` to `most`.
    pub const fn real(
        name: &'static str,
        about: &'static str,
        range: [f64; 2],
        default: f64,
    ) -> Self {
        Self::new(name, about, Kind::Real, range, default)
    }

    /// Yes or no; no where nothing is given.
    pub const fn flag(name: &'static str, about: &'static str) -> Self {
        Self::new(name, about, Kind::Flag, [0.0, 1.0], 0.0)
    }

    const fn new(
        name: &'static str,
        about: &'static str,
        kind: Kind,
        [least, most]: [f64; 2],
        default: f64,
    ) -> Self {
        Self {
            name,
            about,
            kind,
            least,
            most,
            defaults: [default; 3],
        }
    }

    /// The same with a default for each quality: `fast`, `balanced`, `best`.
    pub const fn by_quality(self, [fast, balanced, best]: [f64; 3]) -> Self {
        Self {
            defaults: [fast, balanced, best],
            ..self
        }
    }

    /// Whether it may be that value.
    pub fn has(&self, value: f64) -> bool {
        let whole = self.kind == Kind::Real || value.fract() == 0.0;
        whole && (self.least..=self.most).contains(&value)
    }

    /// What it may be, in words.
    pub fn expected(&self) -> String {
        match self.kind {
            Kind::Integer => format!("a whole number from {} to {}", self.least, self.most),
            Kind::Real => format!("a number from {} to {}", self.least, self.most),
            Kind::Flag => "true or false".into(),
        }
    }
}

/// Values of parameters, by name. A parameter that is not among them has its default of the quality `balanced`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Params<'a>(&'a [(&'static str, f64)]);

impl<'a> Params<'a> {
    /// These values, each of which its parameter may have.
    pub const fn new(values: &'a [(&'static str, f64)]) -> Self {
        Self(values)
    }

    /// The value of a whole number.
    pub fn integer(&self, param: &Param) -> usize {
        self.real(param) as usize
    }

    /// The value of a number.
    pub fn real(&self, param: &Param) -> f64 {
        let mut values = self.0.iter();
        let found = values.find(|(name, _)| *name == param.name);
        found.map_or(param.defaults[1], |(_, value)| *value)
    }

    /// The value of a flag.
    pub fn flag(&self, param: &Param) -> bool {
        self.real(param) != 0.0
    }
}
