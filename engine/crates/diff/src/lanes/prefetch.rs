//! Memory that is asked for before it is read.

/// Bytes of a line of cache.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Asks for the memory of the item that lies `ahead` items after `item`, whatever is there, if
/// anything: it will be in the second level of the caches when it is read soon. Changes nothing.
#[inline(always)]
pub fn prefetch<A>(item: &A, ahead: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};

        let place = std::ptr::from_ref(item).wrapping_add(ahead).cast::<i8>();
        for at in (0..size_of::<A>()).step_by(LINE) {
            // SAFETY: every processor of this kind has the instruction; it reads nothing, and an
            // address that is not mapped is ignored.
            #[expect(unsafe_code, reason = "the pointer is not followed")]
            unsafe {
                _mm_prefetch::<_MM_HINT_T1>(place.wrapping_add(at));
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (item, ahead);
}
