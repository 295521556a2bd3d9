//! Lanes in the registers of x86-64.

mod avx2;
mod avx512;

use pulp::{
    NullaryFnOnce,
    x86::{V3, V4},
};

use super::{Kernel, Lanes, Level, level, portably};
pub use avx2::{Avx2F32, Avx2F64};
pub use avx512::Avx512F32;

/// `_CMP_NLE_UQ`: not at most, true for NaN.
const NOT_AT_MOST: i32 = 6;

/// A kernel with the proof that it can run on the lanes `L`. Closures would not do: they
/// are not sure to be compiled with the instructions of their caller.
struct Wide<K, T: Copy, L: Lanes<T>>(K, L::Isa);

impl<K: Kernel<T>, T: Copy, L: Lanes<T>> NullaryFnOnce for Wide<K, T, L> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> K::Output {
        self.0.run::<L>(self.1)
    }
}

/// Runs a kernel of `f32` at the machine's level.
#[inline(always)]
pub(crate) fn launch_f32<K: Kernel<f32>>(kernel: K) -> K::Output {
    match level() {
        Level::Avx512 => {
            if let Some(isa) = V4::try_new() {
                return isa.vectorize(Wide::<K, f32, Avx512F32>(kernel, isa));
            }
        }
        Level::Avx2 => {
            if let Some(isa) = V3::try_new() {
                return isa.vectorize(Wide::<K, f32, Avx2F32>(kernel, isa));
            }
        }
        Level::Portable => {}
    }
    portably(kernel)
}

/// Runs a kernel of `f64` at the machine's level. Wider instructions than AVX2 would bring it more
/// registers and nothing else, and cost a third of the time that its kernels take to build.
#[inline(always)]
pub(crate) fn launch_f64<K: Kernel<f64>>(kernel: K) -> K::Output {
    if level() != Level::Portable
        && let Some(isa) = V3::try_new()
    {
        return isa.vectorize(Wide::<K, f64, Avx2F64>(kernel, isa));
    }
    portably(kernel)
}

/// Every way in which a kernel can run here, for tests.
#[cfg(test)]
pub(super) mod every {
    use super::*;

    /// What a kernel of `f32` returns on each of the lanes that the machine has.
    pub fn run_f32<K: Kernel<f32> + Copy>(kernel: K) -> Vec<(&'static str, K::Output)> {
        let mut found = Vec::new();
        if let Some(isa) = V3::try_new() {
            let output = isa.vectorize(Wide::<K, f32, Avx2F32>(kernel, isa));
            found.push(("Avx2F32", output));
        }
        if let Some(isa) = V4::try_new() {
            let output = isa.vectorize(Wide::<K, f32, Avx512F32>(kernel, isa));
            found.push(("Avx512F32", output));
        }
        found
    }

    /// What a kernel of `f64` returns on each of the lanes that the machine has.
    pub fn run_f64<K: Kernel<f64> + Copy>(kernel: K) -> Vec<(&'static str, K::Output)> {
        let mut found = Vec::new();
        if let Some(isa) = V3::try_new() {
            let output = isa.vectorize(Wide::<K, f64, Avx2F64>(kernel, isa));
            found.push(("Avx2F64", output));
        }
        found
    }
}
