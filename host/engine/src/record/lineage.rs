//! The claims of a batch's records on their sources. A claim is linear: it is neither copied nor forgotten, and ends in
//! the ledger exactly once. What is dropped unsettled is counted as in flight.

mod rows;

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use self::rows::{Listed, Rows};
use super::{Fate, Place, RecordId, Ticket, id};
use crate::time::Instant;

/// The claims of a batch: one per record, in the order of the records.
#[derive(Debug, Default)]
pub struct Lineage {
    spans: Vec<Span>,
    len: usize,
}

/// Claims of neighbouring records on the same ticket.
#[derive(Debug)]
struct Span {
    ticket: Arc<Ticket>,
    rows: Rows,
    /// Which of the records that were made of its row each is, where no list says so.
    part: u64,
    /// How many stages these records have come through.
    depth: u32,
}

/// The claims of a batch that is dealt out, until they are taken by row. They are linear as all claims are: whoever deals the
/// rows takes each of them once.
#[derive(Debug)]
pub(crate) struct SharedClaims {
    spans: Vec<Span>,
    /// The row after the last one of each span.
    ends: Vec<u32>,
}

/// The claims of an invocation's input, divided by outcome.
#[derive(Debug)]
pub struct Divided {
    /// The claims of the outputs, in their order.
    pub outputs: Lineage,
    /// The claims of the failed records, in ascending order of input record.
    pub failed: Lineage,
    /// The claims of the records that had neither output nor failure.
    pub dropped: Lineage,
}

impl Lineage {
    pub(super) fn of(ticket: Arc<Ticket>, records: usize) -> Self {
        let end = u32::try_from(records).expect("bounds on batches keep a chunk under 2^32 records");
        Self { spans: vec![Span { ticket, rows: Rows::Range(0..end), part: 0, depth: 0 }], len: records }
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Ends the claims: this is what became of the records.
    pub fn settle(mut self, fate: Fate) {
        self.close(fate);
    }

    /// No checkpoint waits for these claims any more.
    pub(super) fn stop(&self) {
        self.spans.iter().for_each(|span| span.ticket.stop(span.rows.len()));
    }

    /// Checkpoints wait for these claims again.
    pub(super) fn start(&self) {
        self.spans.iter().for_each(|span| span.ticket.start(span.rows.len()));
    }

    /// These records wait by the user's wish: for a fuller batch, or for another attempt. Until they are woken, they do
    /// not count among what their source has on its way.
    pub(crate) fn rest(&self) {
        self.spans.iter().for_each(|span| span.ticket.rest(span.rows.len()));
    }

    /// The records that were at rest are worked on.
    pub(crate) fn wake(&self) {
        self.spans.iter().for_each(|span| span.ticket.wake(span.rows.len()));
    }

    /// These records wait for another attempt: how long their chunks take does not show how fast the work is.
    pub(crate) fn excuse(&self) {
        self.spans.iter().for_each(|span| span.ticket.excuse());
    }

    /// The place that record `index` came from.
    #[must_use]
    pub fn place(&self, index: usize) -> Option<Place> {
        let (ticket, row) = self.claim(index)?;
        Some(ticket.place(row))
    }

    /// Who record `index` is. `None` if a stage made it of several.
    #[must_use]
    pub fn id(&self, index: usize) -> Option<RecordId> {
        let (span, index) = self.span(index)?;
        span.ticket.id(span.rows.get(index)?, span.part(index))
    }

    /// Each record's ticket and its row there, in order.
    pub fn claims(&self) -> impl Iterator<Item = (&Arc<Ticket>, u32)> {
        self.spans.iter().flat_map(|span| span.rows.iter().map(|row| (&span.ticket, row)))
    }

    /// Adds the claims of `other` after its own.
    pub fn append(&mut self, mut other: Self) {
        self.len += mem::take(&mut other.len);
        self.spans.append(&mut other.spans);
    }

    /// Removes the claims of the first `count` records (or of all) and returns them.
    #[must_use]
    pub fn split_front(&mut self, count: usize) -> Self {
        let mut front = Self::default();
        let mut wanted = count.min(self.len);
        let mut rest = mem::take(&mut self.spans).into_iter();
        while wanted > 0 {
            let Some(mut span) = rest.next() else { break };
            let rows = span.rows.split_front(wanted);
            wanted -= rows.len();
            front.push(Span { ticket: Arc::clone(&span.ticket), rows, ..span });
            if span.rows.len() > 0 {
                self.spans.push(span);
            }
        }
        self.spans.extend(rest);
        self.len -= front.len;
        front
    }

    /// The same claims once more, for consumer `copy` beside the first. The ledger counts the copies as created.
    #[must_use]
    pub fn duplicate(&self, copy: u16) -> Self {
        let mut copies = Self::default();
        for span in &self.spans {
            span.ticket.create(span.rows.len());
            if span.ticket.is_answered() {
                span.rows.iter().for_each(|row| span.ticket.open_again(row));
            }
            copies.push(span.copied(copy));
        }
        copies
    }

    /// Divides the claims of an invocation's input among what came out. `origins[i]` is the input record of output `i`;
    /// `failed` are the input records that failed. Both ascend (`origins` may repeat itself), are in range and share no
    /// record: the contract check has seen to that. Outputs beyond the first of an input record are counted as created.
    ///
    /// # Panics
    /// When an index is out of range.
    #[must_use]
    pub fn divide(mut self, origins: &[u32], failed: &[u32]) -> Divided {
        let mut outputs = Self::default();
        let mut failures = Self::default();
        let mut dropped = Self::default();
        let (mut origins, mut failed) = (origins, failed);
        let mut first = 0_u32;
        let spans = mem::take(&mut self.spans);
        self.len = 0;
        for span in spans {
            let end = first + u32::try_from(span.rows.len()).expect("a batch has under 2^32 records");
            let origins_here = split_below(&mut origins, end);
            let failed_here = split_below(&mut failed, end);
            let distinct = origins_here.chunk_by(|a, b| a == b).count();
            span.ticket.create(origins_here.len() - distinct);
            if span.ticket.is_answered() {
                let again = origins_here.iter().zip(origins_here.iter().skip(1)).filter(|(a, b)| a == b);
                again
                    .filter_map(|(index, _)| span.rows.get((index - first) as usize))
                    .for_each(|row| span.ticket.open_again(row));
            }
            if distinct + failed_here.len() < span.rows.len() {
                dropped.push(span.chosen(&absent(first..end, origins_here, failed_here), first));
            }
            let outputs_here = span.chosen(origins_here, first);
            outputs.push(Span { depth: span.depth + 1, ..outputs_here });
            failures.push(span.chosen(failed_here, first));
            first = end;
        }
        assert!(origins.is_empty() && failed.is_empty(), "origins and failures lie within the input");
        Divided { outputs, failed: failures, dropped }
    }

    /// Deals the claims out: record `i` goes to `lineages[hands[i]]`, in order.
    ///
    /// # Panics
    /// When a hand is not below `count`, or there are not as many hands as records.
    #[must_use]
    pub fn deal(mut self, hands: &[u16], count: usize) -> Vec<Self> {
        assert_eq!(hands.len(), self.len, "every record goes to one hand");
        let mut dealt: Vec<Self> = std::iter::repeat_with(Self::default).take(count).collect();
        let spans = mem::take(&mut self.spans);
        self.len = 0;
        let mut hands = hands.iter();
        // What a span costs depends on its own records, and not on how many hands there are: after several deals, spans are
        // short.
        let (mut rows, mut touched) = (vec![Vec::new(); count], Vec::new());
        for span in spans {
            for (index, &hand) in (0_u32..).zip(hands.by_ref().take(span.rows.len())) {
                let rows = rows.get_mut(usize::from(hand)).expect("a hand is below the count");
                if rows.is_empty() {
                    touched.push(usize::from(hand));
                }
                rows.push(index);
            }
            for hand in touched.drain(..) {
                if let (Some(lineage), Some(rows)) = (dealt.get_mut(hand), rows.get_mut(hand)) {
                    lineage.push(span.chosen(rows, 0));
                    rows.clear();
                }
            }
        }
        dealt
    }

    /// The same claims, to be taken by row.
    pub(crate) fn share(mut self) -> SharedClaims {
        self.len = 0;
        let spans = mem::take(&mut self.spans);
        let mut end = 0;
        let ends = spans.iter().map(|span| {
            end += u32::try_from(span.rows.len()).expect("a batch has under 2^32 records");
            end
        });
        SharedClaims { ends: ends.collect(), spans }
    }

    fn claim(&self, index: usize) -> Option<(&Arc<Ticket>, u32)> {
        let (span, index) = self.span(index)?;
        Some((&span.ticket, span.rows.get(index)?))
    }

    /// The span of record `index`, and which record of the span it is.
    fn span(&self, index: usize) -> Option<(&Span, usize)> {
        let mut before = 0;
        for span in &self.spans {
            if index - before < span.rows.len() {
                return Some((span, index - before));
            }
            before += span.rows.len();
        }
        None
    }

    fn push(&mut self, span: Span) {
        if span.rows.len() > 0 {
            self.len += span.rows.len();
            self.spans.push(span);
        }
    }

    fn close(&mut self, fate: Fate) {
        self.len = 0;
        if self.spans.is_empty() {
            return;
        }
        // One look at the clock for a batch, whatever its number of tickets.
        let now = Instant::now();
        for span in self.spans.drain(..) {
            span.ticket.settle(fate, span.rows.len(), now);
            span.ticket.end(span.rows.iter(), fate);
        }
    }
}

impl SharedClaims {
    /// The claims of the records in these rows, which ascend and are taken only once. What it takes depends on them, and not on
    /// how many spans there are: after several deals, spans are short.
    ///
    /// # Panics
    /// When there is no such row.
    pub(crate) fn take(&self, rows: &[u32]) -> Lineage {
        let (mut taken, mut rows) = (Lineage::default(), rows);
        while let Some(first) = rows.first() {
            let index = self.ends.partition_point(|end| end <= first);
            let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
            let (span, end) = self.spans.get(index).zip(self.ends.get(index)).expect("rows are in range");
            taken.push(span.chosen(split_below(&mut rows, *end), start));
        }
        taken
    }

    /// Looks at the claims of these rows, without taking them.
    pub(crate) fn look(&self, rows: &[u32], look: impl FnOnce(&Lineage)) {
        let mut claims = self.take(rows);
        look(&claims);
        claims.spans.clear();
    }
}

impl Drop for Lineage {
    fn drop(&mut self) {
        self.close(Fate::InFlight);
    }
}

impl Span {
    /// The claims at `indices`, which count from the batch's first record; this span begins at `first`.
    fn chosen(&self, indices: &[u32], first: u32) -> Self {
        let everything = indices.len() == self.rows.len() && indices.iter().zip(first..).all(|(a, b)| *a == b);
        let rows = if everything {
            self.rows.copy()
        } else {
            Rows::List(Listed::new(self.rows.at(indices, first), self.parts(indices, first)))
        };
        Self { ticket: Arc::clone(&self.ticket), rows, ..*self }
    }

    /// The parts of the outputs of the records at `indices`, unless they are those of the span: the first output of a
    /// record has its part, and each of the others one of its own.
    fn parts(&self, indices: &[u32], first: u32) -> Option<Arc<[u64]>> {
        let are_several = indices.iter().zip(indices.iter().skip(1)).any(|(a, b)| a == b);
        let are_listed = matches!(&self.rows, Rows::List(Listed { parts: Some(_), .. }));
        let (mut before, mut k) = (None, 0);
        let part = |index: &u32| {
            k = if before == Some(*index) { k + 1 } else { 0 };
            before = Some(*index);
            let part = self.part((index - first) as usize);
            if k == 0 { part } else { id::part(part, self.depth, k) }
        };
        (are_several || are_listed).then(|| indices.iter().map(part).collect())
    }

    /// Which of the records that were made of its row record `index` of the span is.
    fn part(&self, index: usize) -> u64 {
        let listed = match &self.rows {
            Rows::List(Listed { parts: Some(parts), window, .. }) => parts.get(window.start + index),
            Rows::List(_) | Rows::Range(_) => None,
        };
        listed.copied().unwrap_or(self.part)
    }

    /// The same records, with parts of their own: consumer `copy` beside the first may make something else of them, and
    /// that may come to the same sink.
    fn copied(&self, copy: u16) -> Self {
        let own = |part: u64| id::part(part, self.depth, u32::MAX - u32::from(copy));
        let rows = match &self.rows {
            Rows::Range(range) => Rows::Range(range.clone()),
            Rows::List(listed) => {
                let parts = listed.parts.as_ref().map(|parts| parts.iter().map(|part| own(*part)).collect());
                Rows::List(Listed { parts, ..listed.clone() })
            }
        };
        Self { ticket: Arc::clone(&self.ticket), rows, part: own(self.part), depth: self.depth }
    }
}

/// The indices of `all` that are in neither of two ascending lists.
fn absent(all: Range<u32>, mut first: &[u32], mut second: &[u32]) -> Vec<u32> {
    all.filter(|&index| {
        let present = |list: &mut &[u32]| !split_below(list, index + 1).is_empty();
        // Both lists are moved on, whichever holds the index.
        !(present(&mut first) | present(&mut second))
    })
    .collect()
}

/// Cuts off and returns the leading part of ascending `indices` that is below `end`.
fn split_below<'a>(indices: &mut &'a [u32], end: u32) -> &'a [u32] {
    let (below, rest) = indices.split_at(indices.partition_point(|&index| index < end));
    *indices = rest;
    below
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Issuer, Ledger, Lines, Places};
    use proptest::prelude::*;

    fn claims(ledger: &Arc<Ledger>, sizes: &[usize]) -> Lineage {
        let source = Arc::from("numbers");
        let mut whole = Lineage::default();
        let mut first = 1;
        for &size in sizes {
            let places = Places { path: None, lines: Lines::From(first), ..Places::default() };
            whole.append(Ticket::issue(ledger, &source, first, size, places));
            first += size as u64;
        }
        whole
    }

    fn records(lineage: &Lineage) -> Vec<u64> {
        (0..lineage.len()).map(|index| lineage.place(index).expect("in range").record).collect()
    }

    #[test]
    fn a_forgotten_claim_is_counted_as_in_flight() {
        let ledger = Arc::new(Ledger::default());
        let mut lineage = claims(&ledger, &[5]);
        lineage.split_front(2).settle(Fate::Delivered);
        drop(lineage);
        let account = ledger.accounting();
        assert_eq!((account.read, account.delivered, account.in_flight), (5, 2, 3));
        assert!(account.balances());
    }

    #[tokio::test(start_paused = true)]
    async fn latency_runs_from_the_issue_of_a_ticket_to_the_end_of_each_claim() {
        let wait = async |millis| tokio::time::advance(std::time::Duration::from_millis(millis)).await;
        let ledger = Arc::new(Ledger::default());
        let mut early = claims(&ledger, &[3]);
        wait(10).await;
        let late = claims(&ledger, &[100]);
        early.split_front(2).settle(Fate::Dropped);
        wait(20).await;
        // Written together, read apart.
        early.append(late);
        let left = early.split_front(51);
        left.settle(Fate::Delivered);
        assert_eq!(ledger.latency().map(|latency| latency.records), Some(53));
        wait(1_000).await;
        drop(early);
        let latency = ledger.latency().expect("records were settled");
        let micros = [latency.p50, latency.p99, latency.max].map(|time| time.as_micros());
        let within = |exact: u128, found: u128| (exact..=exact + exact / 16).contains(&found);
        assert!(within(20_000, micros[0]) && micros[1] == 30_000 && micros[2] == 30_000, "{micros:?}");
        assert_eq!(latency.records, ledger.accounting().settled(), "what was in flight is not among them");
    }

    #[test]
    fn a_place_names_file_and_line_where_there_are_any() {
        let ledger = Arc::new(Ledger::default());
        let places = Places {
            path: Some(Arc::from(std::path::Path::new("a.log"))),
            lines: Lines::Each(vec![3, 9]),
            ..Places::default()
        };
        let lineage = Ticket::issue(&ledger, &Arc::from("logs"), 7, 2, places);
        assert_eq!(lineage.place(1).expect("in range").to_string(), "a.log:9");
        let plain = Ticket::issue(&ledger, &Arc::from("logs"), 7, 2, Places::default());
        assert_eq!(plain.place(1).expect("in range").to_string(), "logs record 8");
    }

    #[test]
    fn records_are_numbered_as_they_stand_in_the_input_bad_ones_counted() {
        let ledger = Arc::new(Ledger::default());
        // good, bad, bad, good, good, bad
        let places = Places { gaps: vec![1, 1, 3], ..Places::default() };
        assert_eq!(records(&Ticket::issue(&ledger, &Arc::from("logs"), 1, 3, places)), [1, 4, 5]);
    }

    /// For each input record: how many outputs it has, or that it failed.
    fn fates() -> impl Strategy<Value = Vec<Result<usize, ()>>> {
        prop::collection::vec(prop_oneof![4 => (0_usize..4).prop_map(Ok), 1 => Just(Err(()))], 0..40)
    }

    /// The stages and consumers that the outputs of some records come through: expanded, copied and dealt out.
    fn travelled(claims: Lineage, expansions: &[Vec<usize>]) -> Vec<Lineage> {
        let mut all = vec![claims];
        for expansion in expansions {
            all = all
                .into_iter()
                .flat_map(|claims| {
                    let counts = expansion.iter().cycle().take(claims.len());
                    let origins: Vec<u32> =
                        (0_u32..).zip(counts).flat_map(|(i, count)| std::iter::repeat_n(i, *count)).collect();
                    let divided = claims.divide(&origins, &[]);
                    divided.dropped.settle(Fate::Dropped);
                    let hands: Vec<u16> = (0..divided.outputs.len()).map(|i| (i % 2) as u16).collect();
                    let dealt = divided.outputs.deal(&hands, 2);
                    let copies: Vec<Lineage> = (0..2).map(|copy| dealt[1].duplicate(copy)).collect();
                    dealt.into_iter().chain(copies).collect::<Vec<_>>()
                })
                .collect();
        }
        all
    }

    fn names(all: &[Lineage]) -> Vec<String> {
        all.iter().flat_map(|of| (0..of.len()).map(|i| of.id(i).expect("of a source").to_string())).collect()
    }

    #[test]
    fn a_record_of_which_one_is_made_keeps_its_name_through_all_stages() {
        let ledger = Arc::new(Ledger::default());
        let mut claims = claims(&ledger, &[2, 3]);
        for _ in 0..3 {
            let divided = claims.divide(&[0, 2, 3], &[]);
            divided.dropped.settle(Fate::Dropped);
            claims = divided.outputs;
            claims.append(Ticket::issue(&ledger, &Arc::from("numbers"), 9, 1, Places::default()));
        }
        assert_eq!(names(&[claims]), ["numbers/1", "numbers/9", "numbers/9", "numbers/9"]);
    }

    #[test]
    fn a_source_names_its_records_where_it_can_and_a_stage_that_made_one_of_several_cannot() {
        let ledger = Arc::new(Ledger::default());
        let places = Places { ids: vec![40, 41], ..Places::default() };
        let of = Issuer { ledger: Arc::clone(&ledger), source: "queue".into(), traffic: None, run: 7, receipts: None };
        assert_eq!(names(&[of.issue(1, 2, places)]), ["queue/40", "queue/41"]);
        assert_eq!(names(&[of.issue(1, 1, Places::default())]), ["0000000000000007/queue/1"]);
        assert_eq!(Ticket::issue_created(&ledger, &"sum".into(), 1, None).id(0), None);
    }

    proptest! {
        /// A network write by name would lose one of two records that had the same.
        #[test]
        fn no_two_records_have_the_same_name_and_all_have_it_again(
            sizes in prop::collection::vec(0_usize..5, 1..4),
            expansions in prop::collection::vec(prop::collection::vec(0_usize..4, 1..5), 0..4),
            cut in 0_usize..10,
        ) {
            let ledger = Arc::new(Ledger::default());
            let all = travelled(claims(&ledger, &sizes), &expansions);
            let mut names_of_all = names(&all);
            // Batches are cut elsewhere another time.
            let mut again = claims(&ledger, &sizes);
            let front = again.split_front(cut);
            let count = names_of_all.len();
            names_of_all.sort();
            names_of_all.dedup();
            prop_assert_eq!(names_of_all.len(), count);
            if expansions.iter().all(|counts| counts.len() == 1) {
                let mut those = names(&travelled(front, &expansions));
                those.extend(names(&travelled(again, &expansions)));
                those.sort();
                // Which consumer had which copy depends on the batch; what is the same for all is not.
                let plain = |names: &[String]| names.iter().filter(|name| name.matches('/').count() == 1).cloned().collect::<Vec<_>>();
                prop_assert_eq!(plain(&those), plain(&names_of_all));
            }
        }

        #[test]
        fn dividing_an_input_settles_every_claim_exactly_once(fates in fates(), cut in 0_usize..40) {
            let ledger = Arc::new(Ledger::default());
            let cut = cut.min(fates.len());
            let input = claims(&ledger, &[cut, fates.len() - cut]);
            let indexed = || fates.iter().zip(0_u32..);
            let origins: Vec<u32> =
                indexed().flat_map(|(fate, i)| std::iter::repeat_n(i, fate.unwrap_or(0))).collect();
            let failed: Vec<u32> = indexed().filter(|(fate, _)| fate.is_err()).map(|(_, i)| i).collect();

            let divided = input.divide(&origins, &failed);

            let silent = indexed().filter(|(fate, _)| **fate == Ok(0)).map(|(_, i)| u64::from(i + 1)).collect::<Vec<_>>();
            prop_assert_eq!(records(&divided.dropped), silent.clone());
            divided.dropped.settle(Fate::Dropped);
            prop_assert_eq!(records(&divided.outputs), origins.iter().map(|i| u64::from(i + 1)).collect::<Vec<_>>());
            prop_assert_eq!(records(&divided.failed), failed.iter().map(|i| u64::from(i + 1)).collect::<Vec<_>>());
            divided.failed.settle(Fate::DeadLettered);
            let hands: Vec<u16> = (0..divided.outputs.len()).map(|i| (i % 3) as u16).collect();
            let dealt = divided.outputs.deal(&hands, 3);
            let copy = dealt[1].duplicate(0);
            for lineage in dealt {
                lineage.settle(Fate::Delivered);
            }
            drop(copy);
            let account = ledger.accounting();
            prop_assert!(account.balances(), "{account:?}");
            prop_assert_eq!(ledger.latency().map_or(0, |latency| latency.records), account.settled());
            prop_assert_eq!(account.read, fates.len() as u64);
            prop_assert_eq!(account.dropped, silent.len() as u64);
            prop_assert_eq!(account.delivered, origins.len() as u64);
            prop_assert_eq!(account.dead_lettered, failed.len() as u64);
        }
    }
}
