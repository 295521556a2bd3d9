//! Memory: how many states a gradient may keep does not show in it.

use backflow_sim::Compiled;

use crate::{
    bits::of_gradient,
    fixture::{Setup, setup},
};

fn gradient_has_the_same_bits<T: Compiled>() {
    let setup: Setup<T> = setup();
    let all = of_gradient(&setup.gradient(setup.steps()));
    for slots in [1, 2, 7] {
        assert!(of_gradient(&setup.gradient(slots)) == all, "{slots} slots");
    }
}

#[test]
fn a_gradient_has_the_same_bits_for_any_memory_budget() {
    gradient_has_the_same_bits::<f64>();
    gradient_has_the_same_bits::<f32>();
}
