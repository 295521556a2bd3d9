//! The transfers with the machine's instructions against those without any in particular.

use backflow_diff::{
    Real,
    lanes::{Kernel, Level, available, portably},
};

use crate::{
    grid::block::Node,
    material::Strain,
    particle::{Cloud, Motion},
};

mod block;
mod grid;

/// A scalar that has instructions of its own.
trait Twin: Real {
    /// Relative to the largest of the numbers that are compared: some hundred round-offs.
    const TOLERANCE: f64;

    /// Runs a kernel at AVX2, if the machine has it.
    fn at_avx2<K: Kernel<Self>>(kernel: K) -> Option<K::Output>;
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::marker::PhantomData;

    use backflow_diff::lanes::{Avx2F32, Avx2F64, Kernel, Lanes};
    use pulp::{NullaryFnOnce, x86::V3};

    use super::Twin;

    struct AtAvx2<K, L>(K, V3, PhantomData<L>);

    macro_rules! twin {
        ($scalar:ty, $lanes:ty, $tolerance:expr) => {
            impl<K: Kernel<$scalar>> NullaryFnOnce for AtAvx2<K, $lanes> {
                type Output = K::Output;

                #[inline(always)]
                fn call(self) -> K::Output {
                    self.0.run::<$lanes>(self.1)
                }
            }

            impl Twin for $scalar {
                const TOLERANCE: f64 = $tolerance;

                fn at_avx2<K: Kernel<Self>>(kernel: K) -> Option<K::Output> {
                    let isa: <$lanes as Lanes<$scalar>>::Isa = V3::try_new()?;
                    Some(isa.vectorize(AtAvx2::<K, $lanes>(kernel, isa, PhantomData)))
                }
            }
        };
    }

    twin!(f32, Avx2F32, 2e-5);
    twin!(f64, Avx2F64, 1e-12);
}

#[cfg(not(target_arch = "x86_64"))]
mod wide {
    use backflow_diff::lanes::Kernel;

    use super::Twin;

    macro_rules! twin {
        ($scalar:ty, $tolerance:expr) => {
            impl Twin for $scalar {
                const TOLERANCE: f64 = $tolerance;

                fn at_avx2<K: Kernel<Self>>(_kernel: K) -> Option<K::Output> {
                    None
                }
            }
        };
    }

    twin!(f32, 2e-5);
    twin!(f64, 1e-12);
}

/// Runs a kernel at the machine's level and at AVX2, and checks what they return against
/// what it returns portably.
fn compare<T: Twin, K: Kernel<T> + Copy>(kernel: K, mut check: impl FnMut(&K::Output, &K::Output)) {
    let expected = portably(kernel);
    check(&expected, &T::launch(kernel));
    if let Some(found) = T::at_avx2(kernel) {
        check(&expected, &found);
    } else {
        assert!(!available(Level::Avx2));
    }
}

/// Compares numbers of a kind: each is a sum of terms as large as the largest of them.
fn assert_near<T: Twin>(
    what: &str,
    expected: impl Iterator<Item = T> + Clone,
    found: impl Iterator<Item = T>,
) {
    let size = expected
        .clone()
        .map(|number| number.to_f64().abs())
        .fold(0.0, f64::max);
    assert!(size > 0.0, "{what}: nothing to compare");
    let mut worst = 0.0_f64;
    for (expected, found) in expected.zip(found) {
        let error = (expected.to_f64() - found.to_f64()).abs();
        assert!(!error.is_nan(), "{what}");
        worst = worst.max(error);
    }
    assert!(
        worst <= T::TOLERANCE * size,
        "{what}: {worst:e} of {size:e}"
    );
}

fn assert_near_nodes<T: Twin>(what: &str, expected: &[Node<T>], found: &[Node<T>]) {
    let vectors = |nodes: &[Node<T>]| -> Vec<T> {
        nodes
            .iter()
            .flat_map(|node| [node[0], node[1], node[2]])
            .collect()
    };
    assert_near(
        what,
        vectors(expected).into_iter(),
        vectors(found).into_iter(),
    );
}

fn assert_near_fourths<T: Twin>(what: &str, expected: &[Node<T>], found: &[Node<T>]) {
    let fourth = |node: &Node<T>| node[3];
    assert_near(what, expected.iter().map(fourth), found.iter().map(fourth));
}

fn assert_near_clouds<T: Twin, S: Strain<T>>(
    what: &str,
    expected: &Cloud<T, S>,
    found: &Cloud<T, S>,
) {
    let unused = |cloud: &Cloud<T, S>| {
        cloud
            .motion
            .iter()
            .all(|motion| motion.lanes()[0] == T::zero())
    };
    assert!(unused(expected) && unused(found), "{what}");
    for (part, lanes) in [("x", 1..4), ("v", 4..7), ("C", 7..16)] {
        let numbers = |cloud: &Cloud<T, S>| -> Vec<T> {
            let lanes = |motion: &Motion<T>| motion.lanes()[lanes.clone()].to_vec();
            cloud.motion.iter().flat_map(lanes).collect()
        };
        let (expected, found) = (numbers(expected), numbers(found));
        assert_near(
            &format!("{what}, {part}"),
            expected.into_iter(),
            found.into_iter(),
        );
    }
    let strains = |cloud: &Cloud<T, S>| -> Vec<T> {
        let components = |strain: &S| strain.components().to_vec();
        cloud.strain.iter().flat_map(components).collect()
    };
    let (expected, found) = (strains(expected), strains(found));
    assert_near(
        &format!("{what}, strain"),
        expected.into_iter(),
        found.into_iter(),
    );
}
