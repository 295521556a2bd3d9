//! Acceptance numbers of the methods of optimisation, on problems with known answers.
//!
//! Each file is one method: it says where its number comes from, prints what it measured, and
//! holds it to the number.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests fail by panicking, and print what they measured"
)]

mod ada_grad;
mod adam_p;
mod augmented_lagrangian;
mod bilevel;
mod boosting;
mod cma_es;
mod consensus;
mod constrained;
mod continuous;
mod convergent;
mod coreset;
mod diff_grad;
mod gaussian_process;
mod grad_sign;
mod hessian_alignment;
mod implicit;
mod lanczos;
mod m_fac;
mod planning;
mod policy_gradient;
mod rectified;
mod refined;
mod resume;
mod sample_weights;
mod sampled;
mod surrogate;
mod toys;
