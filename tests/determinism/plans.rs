//! Memory: how many states a gradient may keep does not show in it.

use backflow_sim::Compiled;

use crate::{
    bits::of_gradient,
    fixture::{Setup, setup, setup_on_grid},
};

fn gradient_has_the_same_bits<T: Compiled>(setup: Setup<T>) {
    let all = of_gradient(&setup.gradient(setup.steps()));
    for slots in [1, 2, 7] {
        assert!(of_gradient(&setup.gradient(slots)) == all, "{slots} slots");
    }
}

#[test]
fn a_gradient_has_the_same_bits_for_any_memory_budget() {
    gradient_has_the_same_bits::<f64>(setup());
    gradient_has_the_same_bits::<f32>(setup());
    gradient_has_the_same_bits::<f64>(setup_on_grid());
    gradient_has_the_same_bits::<f32>(setup_on_grid());
}
