//! Coordinate descent on a quadratic form, for strips of rows.

use crate::dispatch::DescentPanel;
use crate::reference;
use crate::simd::Simd;

#[inline(always)]
pub(crate) fn descent_panel<S: Simd>(_: S, panel: DescentPanel<'_>) {
    reference::descent_panel(panel);
}
