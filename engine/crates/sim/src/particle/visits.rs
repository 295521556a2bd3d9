//! The order in which the particles of a block are visited: by the cell they are in.
//!
//! Particles of the same cell share the 27 nodes of their stencils. Visited one after the
//! other, they scatter into registers, which are added to the tile once a cell. The order in
//! memory is older: particles move between two sorts.

use crate::grid::block::TILE;

/// Bits of a visit that hold the particle's place in its block.
const PLACE_BITS: u32 = 23;

/// A particle to visit: where in the tile its stencil starts, then its place in the block.
pub type Visit = u32;

/// Blocks with fewer particles are sorted by comparison.
const FEW: usize = 96;

/// Tile nodes that a stencil can start at.
const STARTS: usize = TILE * TILE * TILE;

const _: () = assert!(STARTS <= 1 << (u32::BITS - PLACE_BITS));

/// Lists the particles of a block by where in the tile their stencils start, which is
/// `starts`, then by their place in the block.
#[inline(always)]
pub fn plan_visits(starts: &[u16], visits: &mut [Visit]) {
    if starts.len() < FEW {
        for (place, (&start, visit)) in starts.iter().zip(&mut *visits).enumerate() {
            *visit = u32::from(start) << PLACE_BITS | place as u32;
        }
        visits.sort_unstable();
        return;
    }
    // A counting sort. Neighbours in memory mostly start at the same node, and adding to a
    // number that was just written is slow: so the two halves are counted by turns, apart.
    let half = starts.len() / 2;
    let (low, high) = starts.split_at(half);
    let mut next = [[0_u32; 2]; STARTS];
    for (&low, &high) in low.iter().zip(high) {
        next[usize::from(low) % STARTS][0] += 1;
        next[usize::from(high) % STARTS][1] += 1;
    }
    for &odd in &high[half..] {
        next[usize::from(odd) % STARTS][1] += 1;
    }
    let mut sum = 0;
    for [low, high] in &mut next {
        let after_low = sum + *low;
        let after_high = after_low + *high;
        (*low, *high, sum) = (sum, after_low, after_high);
    }
    let mut put = |side: usize, start: u16, place: usize| {
        let slot = &mut next[usize::from(start) % STARTS][side];
        if let Some(visit) = visits.get_mut(*slot as usize) {
            *visit = u32::from(start) << PLACE_BITS | place as u32;
        }
        *slot += 1;
    };
    for (place, (&low, &high)) in low.iter().zip(high).enumerate() {
        put(0, low, place);
        put(1, high, half + place);
    }
    for (place, &odd) in high[half..].iter().enumerate() {
        put(1, odd, 2 * half + place);
    }
}

/// Where in the tile the stencil starts.
#[inline(always)]
pub fn start_of(visit: Visit) -> usize {
    (visit >> PLACE_BITS) as usize
}

/// The particle's place in its block.
#[inline(always)]
pub fn place_of(visit: Visit) -> usize {
    (visit & ((1 << PLACE_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Visits as pairs of start and place.
    fn planned(starts: &[u16]) -> Vec<(usize, usize)> {
        // A visit that is not written would be the last of all.
        let mut visits = vec![Visit::MAX; starts.len()];
        plan_visits(starts, &mut visits);
        let pair = |&visit: &Visit| (start_of(visit), place_of(visit));
        visits.iter().map(pair).collect()
    }

    /// The same by a comparison sort of pairs.
    fn expected(starts: &[u16]) -> Vec<(usize, usize)> {
        let pair = |(place, &start): (usize, &u16)| (usize::from(start), place);
        let mut pairs: Vec<_> = starts.iter().enumerate().map(pair).collect();
        pairs.sort();
        pairs
    }

    /// Sizes on both sides of where the way of sorting changes, odd and even.
    fn any_size() -> impl Strategy<Value = usize> {
        prop_oneof![
            0..4_usize,
            FEW - 3..FEW + 4,
            2 * FEW - 2..2 * FEW + 3,
            0..700_usize
        ]
    }

    /// Any starts, few different ones, or runs of equal ones as after a sort.
    fn any_starts() -> impl Strategy<Value = Vec<u16>> {
        let last = STARTS as u16 - 1;
        any_size().prop_flat_map(move |size| {
            prop_oneof![
                prop::collection::vec(0..=last, size),
                prop::collection::vec(prop_oneof![Just(0), Just(73), Just(last)], size),
                prop::collection::vec(0..=last, size).prop_map(|mut starts| {
                    starts.sort();
                    starts
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn visits_list_each_place_once_by_start_then_place(starts in any_starts()) {
            let found = planned(&starts);
            prop_assert!(found.is_sorted_by(|a, b| a < b));
            let mut places: Vec<_> = found.iter().map(|&(_, place)| place).collect();
            places.sort();
            prop_assert!(places.into_iter().eq(0..starts.len()));
            for (start, place) in found {
                prop_assert_eq!(start, usize::from(starts[place]));
            }
        }

        #[test]
        fn both_ways_of_sorting_agree_with_a_sort_of_pairs(starts in any_starts()) {
            prop_assert_eq!(planned(&starts), expected(&starts));
        }
    }

    #[test]
    fn visits_of_one_cell_keep_their_order_at_every_size() {
        for size in 0..3 * FEW {
            for start in [0, 291, STARTS as u16 - 1] {
                let found = planned(&vec![start; size]);
                let place = |place| (usize::from(start), place);
                assert!(found.into_iter().eq((0..size).map(place)), "{size} {start}");
            }
        }
    }

    #[test]
    fn the_last_start_and_place_fit_a_visit() {
        let (start, place) = (STARTS as u32 - 1, (1 << PLACE_BITS) - 1);
        let visit = start << PLACE_BITS | place;
        assert_eq!(
            (start_of(visit), place_of(visit)),
            (STARTS - 1, place as usize)
        );
    }
}
