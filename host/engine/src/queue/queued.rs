//! What lies in a queue: whole batches, and the parts over which a batch is dealt.
//!
//! A part is a list of rows of a batch that all its parts share; its records are copied once, when somebody takes them. The
//! bytes of such a batch are free when the last of its records is taken, because until then all of it is in memory.

use std::mem;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::record::{Batch, BatchBounds, Lineage, Payload, PayloadSize, RowsByHand, SharedClaims};

/// Records in the queue, and the room that they take up.
#[derive(Debug)]
pub(super) struct Queued {
    /// Ascends with the batches of a sender, where they are dealt; pieces of one batch have one number.
    pub(super) number: u64,
    pub(super) contents: Contents,
    pub(super) records: OwnedSemaphorePermit,
}

/// Records, and the room that their bytes take up.
#[derive(Debug)]
pub(super) enum Contents {
    Whole(Batch, OwnedSemaphorePermit),
    Picked(Picked),
}

/// Some records of a batch that is dealt out.
#[derive(Debug)]
pub(super) struct Picked {
    of: Arc<DealtBatch>,
    /// Which of its rows these are: nobody else has them. Empty when they have been taken.
    window: Range<usize>,
    size: PayloadSize,
}

/// A batch that is dealt out.
#[derive(Debug)]
struct DealtBatch {
    payload: Payload,
    claims: SharedClaims,
    rows: RowsByHand,
    /// Given back when the last part is gone.
    _room: [OwnedSemaphorePermit; 2],
}

impl Queued {
    /// Deals a whole batch out: record `i` goes to part `hands[i]`, which is below `count`. A part is not dealt
    /// again.
    pub(super) fn deal(self, hands: &[u16], count: usize) -> Vec<Self> {
        let Self { number, contents, mut records } = self;
        let Contents::Whole(batch, bytes) = contents else { return vec![Self { number, contents, records }] };
        // A batch larger than the queue has fewer permits than records: they are for all of it.
        let is_larger = records.num_permits() < batch.len();
        let together = portion(&mut records, if is_larger { batch.len() } else { 0 });
        let with_room = |picked: Picked| Self {
            number,
            records: portion(&mut records, picked.size.records),
            contents: Contents::Picked(picked),
        };
        Picked::deal(batch, [together, bytes], hands, count).into_iter().map(with_room).collect()
    }

    /// Cuts it into pieces that `bounds` allow, in order.
    pub(super) fn cut(self, bounds: &BatchBounds) -> Vec<Self> {
        let Self { number, contents, mut records } = self;
        let with_room =
            |contents: Contents| Self { number, records: portion(&mut records, contents.size().records), contents };
        // The last first: a batch larger than the queue holds fewer permits than it has records, and those are given back last.
        let mut pieces: Vec<Self> = contents.cut(bounds).into_iter().rev().map(with_room).collect();
        pieces.reverse();
        pieces
    }

    /// Takes the first records off. It gives back the permits that the rest does not need.
    pub(super) fn split_front(&mut self, count: usize) -> Contents {
        let front = match &mut self.contents {
            Contents::Picked(picked) => Contents::Picked(picked.split_front(count)),
            Contents::Whole(batch, bytes) => {
                let front = batch.split_front(count);
                Contents::Whole(front, spare(bytes, batch.bytes()))
            }
        };
        drop(spare(&mut self.records, self.contents.size().records));
        front
    }
}

impl Contents {
    pub(super) fn size(&self) -> PayloadSize {
        match self {
            Self::Whole(batch, _) => batch.payload().size(),
            Self::Picked(picked) => picked.size,
        }
    }

    /// Looks at the claims of its records.
    pub(super) fn claims(&self, look: impl FnOnce(&Lineage)) {
        match self {
            Self::Whole(batch, _) => look(batch.lineage()),
            Self::Picked(picked) => picked.of.claims.look(picked.rows(), look),
        }
    }

    /// Number of leading records that fit into `bounds`; at least one when there is any.
    pub(super) fn fitting(&self, bounds: &BatchBounds) -> usize {
        match self {
            Self::Whole(batch, _) => batch.payload().fitting(bounds),
            Self::Picked(picked) => picked.fitting(bounds),
        }
    }

    /// Bytes of its first records.
    pub(super) fn bytes_of(&self, count: usize) -> usize {
        match self {
            Self::Whole(batch, _) => (0..count).map(|index| batch.payload().size_of(index).bytes()).sum(),
            Self::Picked(picked) => picked.sizes().take(count).sum::<PayloadSize>().bytes(),
        }
    }

    fn cut(self, bounds: &BatchBounds) -> Vec<Self> {
        match self {
            Self::Whole(batch, mut bytes) => {
                let with_room = |batch: Batch| {
                    let room = portion(&mut bytes, batch.bytes());
                    Self::Whole(batch, room)
                };
                let mut pieces: Vec<Self> = batch.cut(bounds).into_iter().rev().map(with_room).collect();
                pieces.reverse();
                pieces
            }
            Self::Picked(picked) => picked.cut(bounds).into_iter().map(Self::Picked).collect(),
        }
    }

    /// One batch of all of them, by their numbers, and then in order. A whole one is not copied if there is no other.
    pub(super) fn join(mut all: Vec<(u64, Self)>) -> Batch {
        if let [(_, Self::Whole(..))] = all.as_slice()
            && let Some((_, Self::Whole(batch, _))) = all.pop()
        {
            return batch;
        }
        all.sort_by_key(|(number, _)| *number);
        let mut records = Payload::with_capacity(all.iter().map(|(_, contents)| contents.size()).sum());
        let mut claims = Lineage::default();
        for (_, contents) in all {
            match contents {
                Self::Whole(batch, _) => {
                    let (more, lineage) = batch.into_parts();
                    records.append(&more);
                    claims.append(lineage);
                }
                Self::Picked(picked) => picked.take(&mut records, &mut claims),
            }
        }
        Batch::new(records, claims)
    }
}

impl Picked {
    fn deal(batch: Batch, room: [OwnedSemaphorePermit; 2], hands: &[u16], count: usize) -> Vec<Self> {
        let (payload, lineage) = batch.into_parts();
        let sizes = payload.sizes_by_hand(hands, count);
        let rows = RowsByHand::new(hands, &sizes);
        let of = Arc::new(DealtBatch { payload, claims: lineage.share(), rows, _room: room });
        let parts = of.rows.windows().zip(sizes);
        parts.map(|(window, size)| Self { of: Arc::clone(&of), window, size }).collect()
    }

    /// Adds its records to others.
    fn take(mut self, records: &mut Payload, claims: &mut Lineage) {
        let rows = self.of.rows.get(mem::take(&mut self.window));
        records.append_rows(&self.of.payload, rows);
        claims.append(self.of.claims.take(rows));
    }

    fn rows(&self) -> &[u32] {
        self.of.rows.get(self.window.clone())
    }

    /// The size of each of its records, in order.
    fn sizes(&self) -> impl Iterator<Item = PayloadSize> {
        self.rows().iter().map(|row| self.of.payload.size_of(*row as usize))
    }

    fn fitting(&self, bounds: &BatchBounds) -> usize {
        if self.size.bytes() <= bounds.bytes.get() {
            return self.size.records.min(bounds.records.get());
        }
        let mut bytes = 0;
        let fits = |size: &PayloadSize| {
            bytes += size.bytes();
            bytes <= bounds.bytes.get()
        };
        self.sizes().take(bounds.records.get()).take_while(fits).count().max(1)
    }

    /// Cuts it into pieces that `bounds` allow, in order, and evenly.
    fn cut(mut self, bounds: &BatchBounds) -> Vec<Self> {
        let PayloadSize { records, .. } = self.size;
        let least = records.div_ceil(bounds.records.get()).max(self.size.bytes().div_ceil(bounds.bytes.get()));
        let even = NonZeroUsize::new(records.div_ceil(least.max(1))).unwrap_or(NonZeroUsize::MIN);
        let bounds = BatchBounds { records: even.min(bounds.records), ..*bounds };
        let mut pieces = Vec::new();
        while self.size.records > 0 {
            let count = self.fitting(&bounds);
            pieces.push(self.split_front(count));
        }
        pieces
    }

    /// Removes the first `count` records (or all) and returns them.
    fn split_front(&mut self, count: usize) -> Self {
        let size: PayloadSize = self.sizes().take(count).sum();
        let middle = self.window.start + size.records;
        let front = mem::replace(&mut self.window.start, middle)..middle;
        self.size = self.size.without(size);
        Self { of: Arc::clone(&self.of), window: front, size }
    }
}

/// Who has not been taken is in flight, as everything that is dropped.
impl Drop for Picked {
    fn drop(&mut self) {
        drop(self.of.claims.take(self.rows()));
    }
}

/// As much of a permit as there is, up to `wanted`.
fn portion(permit: &mut OwnedSemaphorePermit, wanted: usize) -> OwnedSemaphorePermit {
    let available = wanted.min(permit.num_permits());
    permit.split(available).expect("no more is split off than there is")
}

/// What a permit has beyond what is needed.
fn spare(permit: &mut OwnedSemaphorePermit, needed: usize) -> OwnedSemaphorePermit {
    let spare = permit.num_permits().saturating_sub(needed);
    portion(permit, spare)
}
