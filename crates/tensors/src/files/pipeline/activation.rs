//! Activation functions of a Dense module, by the name of their class.

/// An activation function of one number. Its parameters are the defaults of torch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // torch.nn says what each is
pub enum Activation {
    Identity,
    Tanh,
    Relu,
    Relu6,
    Gelu,
    Sigmoid,
    LogSigmoid,
    Silu,
    Elu,
    Selu,
    Celu,
    LeakyRelu,
    Softplus,
    Softsign,
    Tanhshrink,
    Mish,
    Hardtanh,
    Hardsigmoid,
    Hardswish,
}

impl Activation {
    /// All functions, with the names of their classes.
    pub const ALL: [(&'static str, Self); 19] = [
        ("Identity", Self::Identity),
        ("Tanh", Self::Tanh),
        ("ReLU", Self::Relu),
        ("ReLU6", Self::Relu6),
        ("GELU", Self::Gelu),
        ("Sigmoid", Self::Sigmoid),
        ("LogSigmoid", Self::LogSigmoid),
        ("SiLU", Self::Silu),
        ("ELU", Self::Elu),
        ("SELU", Self::Selu),
        ("CELU", Self::Celu),
        ("LeakyReLU", Self::LeakyRelu),
        ("Softplus", Self::Softplus),
        ("Softsign", Self::Softsign),
        ("Tanhshrink", Self::Tanhshrink),
        ("Mish", Self::Mish),
        ("Hardtanh", Self::Hardtanh),
        ("Hardsigmoid", Self::Hardsigmoid),
        ("Hardswish", Self::Hardswish),
    ];

    /// The function of a class, by its full name, such as `torch.nn.modules.activation.Tanh`.
    pub fn of_class(class: &str) -> Option<Self> {
        let name = class.strip_prefix("torch.nn.")?.rsplit('.').next()?;
        let row = Self::ALL.iter().find(|(known, _)| *known == name);
        row.map(|(_, activation)| *activation)
    }
}
