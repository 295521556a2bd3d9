//! The scalars that a substep is compiled for, once, in this crate.

use backflow_diff::Real;

use super::{
    g2p::Moved,
    grid_update::Scenery,
    press::{self, PressBar, Pressed},
    reaction::{self, Impulses},
    substep::{self, Grid, Stride},
    substep_vjp::{self, BackStride, SubstepBar},
    workspace::Workspace,
};
use crate::{
    particle::{Order, Particles},
    rigid::{RigidBar, RigidState},
    world::World,
};

/// A scalar that runs are made in.
///
/// The kernels of a substep are generic and large: instances of every instruction set in every
/// crate that starts a run would take minutes to build. These methods are not generic, so that
/// a crate that is generic over `Compiled` only calls them.
pub trait Compiled: Real + crate::gas::Compiled {
    /// See [`substep::substep`].
    fn substep(
        world: &World<Self>,
        scenery: &Scenery<'_, Self>,
        order: &Order,
        particles: &mut Particles<Self>,
        rigids: &mut [RigidState<Self::Wide>],
        workspace: &mut Workspace<Self>,
        stride: Stride,
        copy: Option<&mut Particles<Self>>,
    ) -> Moved;

    /// See [`substep_vjp::substep_vjp`].
    fn substep_vjp(
        world: &World<Self>,
        scenery: &Scenery<'_, Self>,
        order: &Order,
        particles: &Particles<Self>,
        bars: &mut Particles<Self>,
        rigids: &[RigidState<Self::Wide>],
        rigid_bars: &mut [RigidBar<Self::Wide>],
        workspace: &mut Workspace<Self>,
        grid: Grid,
        stride: BackStride<'_, Self>,
        rest: &mut SubstepBar<Self>,
    );

    /// See [`substep_vjp::finish_vjp`].
    fn finish_vjp(
        world: &World<Self>,
        order: &Order,
        particles: &Particles<Self>,
        bars: &mut Particles<Self>,
        workspace: &mut Workspace<Self>,
        rest: &mut SubstepBar<Self>,
    );

    /// See [`press::press`].
    fn press(
        world: &World<Self>,
        scenery: &Scenery<'_, Self>,
        order: &Order,
        particles: &mut Particles<Self>,
    ) -> Pressed<Self::Wide>;

    /// See [`press::press_vjp`].
    fn press_vjp(
        world: &World<Self>,
        scenery: &Scenery<'_, Self>,
        order: &Order,
        particles: &Particles<Self>,
        bars: &mut Particles<Self>,
        impulses: Option<&Impulses<Self>>,
    ) -> PressBar<Self>;

    /// See [`reaction::reactions`].
    fn reactions(
        world: &World<Self>,
        scenery: &Scenery<'_, Self>,
        order: &Order,
        workspace: &Workspace<Self>,
    ) -> Impulses<Self::Wide>;
}

macro_rules! compiled {
    ($scalar:ty) => {
        impl Compiled for $scalar {
            #[inline(never)]
            fn substep(
                world: &World<Self>,
                scenery: &Scenery<'_, Self>,
                order: &Order,
                particles: &mut Particles<Self>,
                rigids: &mut [RigidState<Self::Wide>],
                workspace: &mut Workspace<Self>,
                stride: Stride,
                copy: Option<&mut Particles<Self>>,
            ) -> Moved {
                substep::substep(
                    world, scenery, order, particles, rigids, workspace, stride, copy,
                )
            }

            #[inline(never)]
            fn substep_vjp(
                world: &World<Self>,
                scenery: &Scenery<'_, Self>,
                order: &Order,
                particles: &Particles<Self>,
                bars: &mut Particles<Self>,
                rigids: &[RigidState<Self::Wide>],
                rigid_bars: &mut [RigidBar<Self::Wide>],
                workspace: &mut Workspace<Self>,
                grid: Grid,
                stride: BackStride<'_, Self>,
                rest: &mut SubstepBar<Self>,
            ) {
                substep_vjp::substep_vjp(
                    world, scenery, order, particles, bars, rigids, rigid_bars, workspace, grid,
                    stride, rest,
                );
            }

            #[inline(never)]
            fn finish_vjp(
                world: &World<Self>,
                order: &Order,
                particles: &Particles<Self>,
                bars: &mut Particles<Self>,
                workspace: &mut Workspace<Self>,
                rest: &mut SubstepBar<Self>,
            ) {
                substep_vjp::finish_vjp(world, order, particles, bars, workspace, rest);
            }

            #[inline(never)]
            fn press(
                world: &World<Self>,
                scenery: &Scenery<'_, Self>,
                order: &Order,
                particles: &mut Particles<Self>,
            ) -> Pressed<Self::Wide> {
                press::press(world, scenery, order, particles)
            }

            #[inline(never)]
            fn press_vjp(
                world: &World<Self>,
                scenery: &Scenery<'_, Self>,
                order: &Order,
                particles: &Particles<Self>,
                bars: &mut Particles<Self>,
                impulses: Option<&Impulses<Self>>,
            ) -> PressBar<Self> {
                press::press_vjp(world, scenery, order, particles, bars, impulses)
            }

            #[inline(never)]
            fn reactions(
                world: &World<Self>,
                scenery: &Scenery<'_, Self>,
                order: &Order,
                workspace: &Workspace<Self>,
            ) -> Impulses<Self::Wide> {
                reaction::reactions(world, scenery, order, workspace)
            }
        }
    };
}

compiled!(f32);
compiled!(f64);
#[cfg(any(test, feature = "dual"))]
compiled!(num_dual::Dual64);
