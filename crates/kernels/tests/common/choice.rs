//! Whether a value that a column loop chose is the right one, by definition.

use kerf_kernels::dispatch::{CodeRange, Price, Product};

/// The grid of one weight, and what its codes cost.
pub struct Grid<'a> {
    pub scale: f32,
    pub range: CodeRange,
    pub product: Product,
    pub price: Option<Price<'a>>,
}

impl Grid<'_> {
    /// `code` and its `value` were chosen where the best value is `t`, known up to `allowed`, and where a deviation x
    /// costs `weight` x^2.
    pub fn check(&self, name: &str, (code, value): (i8, f32), t: f64, weight: f64, allowed: f64) {
        let exact = f32::from(code) * self.scale;
        let (rounded, bits) = match self.product {
            Product::F32 => (exact, 24),
            Product::F16 => (half::f16::from_f32(value).to_f32(), 11),
            Product::BF16 => (half::bf16::from_f32(value).to_f32(), 8),
        };
        assert_eq!(value, rounded, "{name}: not a value of the type");
        // One of the two nearest where the product is halfway between them.
        let allowed_product = exact.abs() / (1u32 << bits) as f32;
        assert!(
            (value - exact).abs() <= allowed_product,
            "{name}: the code is not the value"
        );
        if self.scale == 0.0 {
            assert_eq!(code, 0, "{name}: code on a grid without a scale");
            return;
        }
        match self.price {
            None => self.check_nearest(name, code, t, allowed),
            Some(price) => self.check_cheapest(name, code, t, weight, allowed, price),
        }
    }

    /// Number of steps from zero, inside the range.
    fn place(&self, t: f64) -> f64 {
        (t / f64::from(self.scale)).clamp(self.range.lo.into(), self.range.hi.into())
    }

    pub fn check_nearest(&self, name: &str, code: i8, t: f64, allowed: f64) {
        let steps = (f64::from(code) - self.place(t)).abs();
        let slack = allowed / f64::from(self.scale.abs());
        assert!(
            steps <= 0.5 + slack,
            "{name}: code {code} is not nearest to {t}"
        );
    }

    /// No candidate costs less, but for what `allowed` makes of the costs and for the roundings of their two terms.
    fn check_cheapest(
        &self,
        name: &str,
        code: i8,
        t: f64,
        weight: f64,
        allowed: f64,
        price: Price<'_>,
    ) {
        let near = [t - allowed, t, t + allowed].map(|t| self.place(t));
        let is_candidate =
            |code: f64| code == 0.0 || near.iter().any(|t| t.floor() == code || t.ceil() == code);
        assert!(
            is_candidate(code.into()),
            "{name}: code {code} is not beside {t}"
        );
        let cost = |code: f64| {
            let d = (code * f64::from(self.scale) - t).abs();
            let length = f64::from(price.lambda) * f64::from(price.bits[code as i8 as u8 as usize]);
            let slack = weight * (2.0 * d + allowed) * allowed;
            (
                weight * d * d + length,
                slack + 1e-5 * (weight * d * d + length.abs()),
            )
        };
        let (got, slack) = cost(code.into());
        for other in [near[1].floor(), near[1].ceil(), 0.0] {
            let (best, other_slack) = cost(other);
            assert!(
                got <= best + slack + other_slack,
                "{name}: code {code} costs {got}, {other} costs {best}"
            );
        }
    }
}

/// Lengths that fall off towards zero, as those of a real table, with some that are out of order.
pub fn code_lengths(noise: &mut super::Noise) -> [f32; 256] {
    std::array::from_fn(|index| {
        let code = f32::from((index as u8 as i8).unsigned_abs());
        1.0 + 2.0 * (1.0 + code).log2() + noise.value()
    })
}
