//! What walls, colliders and tools feel, frame by frame.

use backflow_diff::Real;
use nalgebra::Vector3;

use crate::{
    contact::PlacedBar,
    loss::Reactions,
    tool::Frames,
    transfer::{
        grid_update::Scenery,
        reaction::{Impulses, Wrench},
    },
    world::World,
};

/// Impulses over the frames of a run so far.
///
/// They are taken once, when a substep is first done: one that is done again to be pulled
/// back does not count twice.
#[derive(Debug, Clone)]
pub struct Felt<W: Real> {
    /// The substep that is taken next.
    next: usize,
    /// The first frame of `frames`.
    first: Option<usize>,
    frames: Vec<Reactions<W>>,
}

impl<W: Real> Felt<W> {
    /// Nothing yet; the first substep that counts is `from`.
    pub fn new(from: usize) -> Self {
        Self {
            next: from,
            first: None,
            frames: Vec::new(),
        }
    }

    /// Whether a substep has still to be taken.
    pub fn wants(&self, step: usize) -> bool {
        step == self.next
    }

    /// Takes what was felt in the next substep, which belongs to `frame`.
    pub fn add(&mut self, frame: usize, found: Reactions<W>) {
        self.next += 1;
        let first = *self.first.get_or_insert(frame);
        match self.frames.get_mut(frame - first) {
            Some(sum) => sum.add(&found),
            None => self.frames.push(found),
        }
    }

    /// Mean forces and torques of a frame of `duration` (s), if it was recorded.
    pub fn read(&self, frame: usize, duration: W, into: &mut Reactions<W>) {
        let place = self.first.and_then(|first| frame.checked_sub(first));
        if let Some(found) = place.and_then(|place| self.frames.get(place)) {
            *into = found.clone().scaled(W::one() / duration);
        }
    }
}

fn widen<T: Real>(point: &Vector3<T>) -> Vector3<T::Wide> {
    point.map(Real::widen)
}

/// What colliders and tools feel about their own origins, from the impulses of a substep
/// about the origin of the world.
pub fn reactions<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    frames: &Frames<T>,
    impulses: &Impulses<T::Wide>,
) -> Reactions<T::Wide> {
    let mut found = Reactions::zero(0, frames.len());
    found.walls = impulses.walls;
    for ((collider, placed), wrench) in world.colliders.iter().zip(scenery).zip(&impulses.colliders)
    {
        found
            .colliders
            .push(wrench.about(&widen(&placed.pose.position)));
        if let Some((sum, links)) = collider
            .mount
            .and_then(|mount| found.tools.get_mut(mount.tool).zip(frames.get(mount.tool)))
        {
            sum.add(&wrench.about(&widen(&links[0].0.position)));
        }
    }
    found
}

/// Cotangents of the impulses, of where the colliders stand and of where the tools are of
/// [`reactions`].
pub fn reactions_vjp<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    frames: &Frames<T>,
    impulses: &Impulses<T::Wide>,
    bars: &Reactions<T::Wide>,
) -> (Impulses<T::Wide>, Vec<PlacedBar<T>>, Vec<Vector3<T::Wide>>) {
    let mut impulses_bar = Impulses::zero(0);
    impulses_bar.walls = bars.walls;
    let mut placed_bars = Vec::with_capacity(scenery.len());
    let mut tools = vec![Vector3::zeros(); frames.len()];
    for (index, (collider, placed)) in world.colliders.iter().zip(scenery).enumerate() {
        let wrench = &impulses.colliders[index];
        let own = widen(&placed.pose.position);
        let (mut sum, own_bar) = wrench.about_vjp(&own, &bars.colliders[index]);
        let mut placed_bar = PlacedBar::zero();
        placed_bar.pose.position = own_bar.map(T::narrow);
        placed_bars.push(placed_bar);
        if let Some((tool, links)) = (collider.mount)
            .and_then(|mount| frames.get(mount.tool).map(|links| (mount.tool, links)))
        {
            let origin = widen(&links[0].0.position);
            let (part, origin_bar): (Wrench<T::Wide>, _) =
                wrench.about_vjp(&origin, &bars.tools[tool]);
            sum.add(&part);
            tools[tool] += origin_bar;
        }
        impulses_bar.colliders.push(sum);
    }
    (impulses_bar, placed_bars, tools)
}
