use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::record::{Issuer, Ledger, Places};

fn issuer(per: Per) -> Issuer {
    let receipts = Some(Arc::new(Receipts::new(per)));
    Issuer { ledger: Arc::<Ledger>::default(), source: "queue".into(), traffic: None, run: 0, receipts }
}

fn receipts(issuer: &Issuer) -> Arc<Receipts> {
    Arc::clone(issuer.receipts.as_ref().expect("it acknowledges"))
}

/// What the source is told now, by record.
fn told(receipts: &Receipts) -> Vec<(u64, Fate)> {
    let told = receipts.take();
    receipts.tell(&told);
    told.iter().flat_map(|receipt| receipt.records().collect::<Vec<_>>()).collect()
}

#[test]
fn each_record_is_told_when_its_last_claim_has_ended() {
    let issuer = issuer(Per::Record);
    let receipts = receipts(&issuer);
    let mut claims = issuer.issue(1, 3, Places::default());
    let copy = claims.duplicate(0);
    let first = claims.split_front(1);
    first.settle(Fate::Delivered);
    assert!(told(&receipts).is_empty(), "the other consumer has it");
    copy.settle(Fate::Dropped);
    assert_eq!(told(&receipts), [(1, Fate::Delivered)]);
    claims.settle(Fate::DeadLettered);
    assert_eq!(told(&receipts), [(2, Fate::DeadLettered), (3, Fate::DeadLettered)]);
    assert_eq!(receipts.outstanding(), 0);
}

#[test]
fn a_chunk_is_told_once_when_all_its_records_have_met_their_fates_bad_ones_included() {
    let issuer = issuer(Per::Chunk);
    let receipts = receipts(&issuer);
    // good, bad, good
    let slip = issuer.slip(7, 3);
    let places = Places { gaps: vec![1], ..Places::default() };
    let good = issuer.issue_on(slip.as_ref(), 7, 2, places);
    let bad = issuer.issue_on(slip.as_ref(), 8, 1, Places::default());
    good.settle(Fate::Delivered);
    assert!(receipts.take().is_empty());
    bad.settle(Fate::DeadLettered);
    let fates = [Fate::Delivered, Fate::DeadLettered, Fate::Delivered];
    assert_eq!(receipts.take(), [Receipt { first: 7, fates: fates.into() }]);
}

/// A run may be interrupted between a pull and the tickets.
#[test]
fn records_for_which_no_claims_were_made_are_told_as_in_flight() {
    for per in [Per::Record, Per::Chunk] {
        let issuer = issuer(per);
        let slip = issuer.slip(3, 2);
        assert!(told(&receipts(&issuer)).is_empty());
        drop(slip);
        assert_eq!(told(&receipts(&issuer)), [(3, Fate::InFlight), (4, Fate::InFlight)]);
        assert_eq!(receipts(&issuer).outstanding(), 0);
    }
}

/// Would fail if what an instance absorbed were told as dropped at once: a kill would lose it, and nobody would give it again.
#[test]
fn what_an_instance_holds_is_told_when_what_it_made_of_it_has_met_its_fate() {
    let issuer = issuer(Per::Record);
    let receipts = receipts(&issuer);
    let mut kept = Kept::default();
    let absorbed = issuer.issue(1, 2, Places::default());
    kept.keep(&absorbed);
    absorbed.settle(Fate::Dropped);
    assert_eq!((told(&receipts).len(), receipts.kept()), (0, 2));
    let sum = Ticket::issue_created(&issuer.ledger, &"sum".into(), 1, kept.come_out());
    kept.release();
    assert!(told(&receipts).is_empty(), "the sum is on its way");
    sum.settle(Fate::Delivered);
    assert_eq!(told(&receipts), [(1, Fate::Delivered), (2, Fate::Delivered)]);
    assert_eq!((receipts.kept(), receipts.outstanding()), (0, 0));
}

#[test]
fn what_an_instance_held_when_it_was_lost_counts_as_in_flight() {
    let issuer = issuer(Per::Record);
    let mut kept = Kept::default();
    let absorbed = issuer.issue(1, 1, Places::default());
    kept.keep(&absorbed);
    absorbed.settle(Fate::Dropped);
    drop(kept);
    assert_eq!(told(&receipts(&issuer)), [(1, Fate::InFlight)]);
}

/// A sum of sums: a stage that holds is fed by another.
#[test]
fn what_is_held_twice_is_told_after_the_second_time() {
    let issuer = issuer(Per::Chunk);
    let receipts = receipts(&issuer);
    let (mut first, mut second) = (Kept::default(), Kept::default());
    let absorbed = issuer.issue(1, 1, Places::default());
    first.keep(&absorbed);
    absorbed.settle(Fate::Dropped);
    let sum = Ticket::issue_created(&issuer.ledger, &"sum".into(), 1, first.come_out());
    first.release();
    second.keep(&sum);
    sum.settle(Fate::Dropped);
    assert!(told(&receipts).is_empty());
    let total = Ticket::issue_created(&issuer.ledger, &"total".into(), 2, second.come_out());
    second.release();
    total.settle(Fate::DeadLettered);
    assert_eq!(told(&receipts), [(1, Fate::DeadLettered)]);
}

#[test]
fn nobody_is_told_of_a_source_that_does_not_ask() {
    let ledger = Arc::<Ledger>::default();
    let claims = Ticket::issue(&ledger, &"s".into(), 1, 2, Places::default());
    let mut kept = Kept::default();
    kept.keep(&claims);
    assert!(kept.come_out().is_none() && claims.claims().all(|(ticket, _)| !ticket.is_answered()));
}

/// What is done next to one of the batches.
#[derive(Clone, Debug)]
enum Step {
    Settle(Fate),
    Lose,
    Duplicate,
    Split(usize),
    /// Each record has this many outputs, or fails.
    Divide(Vec<Option<usize>>),
    /// An instance takes all, and gives this many records at its end, if it comes to that.
    Absorb(Option<usize>),
}

fn step() -> impl Strategy<Value = Step> {
    let fate = prop::sample::select(vec![Fate::Delivered, Fate::Dropped, Fate::DeadLettered]);
    prop_oneof![
        fate.prop_map(Step::Settle),
        Just(Step::Lose),
        Just(Step::Duplicate),
        (0_usize..5).prop_map(Step::Split),
        prop::collection::vec(prop::option::weighted(0.8, 0_usize..4), 8).prop_map(Step::Divide),
        prop::option::of(0_usize..3).prop_map(Step::Absorb),
    ]
}

/// Does a step to some claims: what is still open afterwards.
fn take(step: Step, mut claims: Lineage, kept: &mut Kept, ledger: &Arc<Ledger>) -> Vec<Lineage> {
    match step {
        Step::Settle(fate) => claims.settle(fate),
        Step::Lose => drop(claims),
        Step::Duplicate => return vec![claims.duplicate(0), claims],
        Step::Split(count) => return vec![claims.split_front(count), claims],
        Step::Divide(outputs) => {
            let outputs: Vec<_> = outputs.iter().cycle().take(claims.len()).copied().collect();
            let indexed = || outputs.iter().zip(0_u32..);
            let origins: Vec<u32> = indexed().flat_map(|(count, i)| vec![i; count.unwrap_or(0)]).collect();
            let failed: Vec<u32> = indexed().filter(|(count, _)| count.is_none()).map(|(_, i)| i).collect();
            let divided = claims.divide(&origins, &failed);
            divided.dropped.settle(Fate::Dropped);
            return vec![divided.outputs, divided.failed];
        }
        Step::Absorb(gives) => {
            kept.keep(&claims);
            claims.settle(Fate::Dropped);
            if let Some(gives) = gives {
                let came = Ticket::issue_created(ledger, &"sum".into(), gives, kept.come_out());
                kept.release();
                return vec![came];
            }
        }
    }
    Vec::new()
}

proptest! {
    /// Whatever becomes of records: fan-outs, expansions, failures, instances that hold them, loss.
    #[test]
    fn every_record_is_told_exactly_once(
        per in prop::sample::select(vec![Per::Record, Per::Chunk]),
        chunks in prop::collection::vec(1_usize..8, 1..4),
        steps in prop::collection::vec((any::<prop::sample::Index>(), step()), 0..60),
        is_released in any::<bool>(),
    ) {
        let issuer = issuer(per);
        let receipts = receipts(&issuer);
        let (mut open, mut next) = (Vec::new(), 1);
        for records in chunks {
            open.push(issuer.issue(next, records, Places::default()));
            next += records as u64;
        }
        let mut kept = Kept::default();
        let mut seen: BTreeMap<u64, Fate> = BTreeMap::new();
        let mut lost = false;
        for (index, step) in steps {
            if open.is_empty() {
                break;
            }
            lost |= matches!(step, Step::Lose);
            let claims = open.swap_remove(index.index(open.len()));
            open.extend(take(step, claims, &mut kept, &issuer.ledger).into_iter().filter(|claims| !claims.is_empty()));
            for (record, fate) in told(&receipts) {
                prop_assert!(seen.insert(record, fate).is_none(), "record {} is told twice", record);
            }
            prop_assert_eq!(receipts.outstanding(), next - 1 - seen.len() as u64);
        }
        open.into_iter().for_each(|claims| claims.settle(Fate::Delivered));
        if is_released { kept.release() } else { drop(kept) }
        for (record, fate) in told(&receipts) {
            prop_assert!(seen.insert(record, fate).is_none(), "record {} is told twice", record);
        }
        prop_assert!(seen.keys().copied().eq(1..next), "{seen:?}");
        prop_assert!(lost || !is_released || !seen.values().any(|fate| *fate == Fate::InFlight), "{seen:?}");
        prop_assert_eq!((receipts.outstanding(), receipts.kept()), (0, 0));
        prop_assert!(issuer.ledger.accounting().balances());
    }
}
