//! A source, and a pipeline that is done with a number of records a second, on a clock that stands still until all wait.

use std::collections::VecDeque;

use super::*;
use crate::record::{Fate, Issuer, Ledger, Places};
use crate::time::sleep_until;

/// What is on its way, first come, first done.
struct Line {
    issuer: Issuer,
    admission: Admission,
    chunks: VecDeque<(Instant, Lineage)>,
    /// When the last of them will be done.
    free: Instant,
    most: u64,
    read: u64,
}

impl Line {
    fn new(workers: u64, every: Option<Duration>) -> Self {
        let traffic = Arc::new(Traffic::default());
        let rule = Rule { least: workers, ..Rule::new(&[], 0, Duration::ZERO, every) };
        let issuer = Issuer {
            ledger: Arc::<Ledger>::default(),
            source: "s".into(),
            traffic: Some(Arc::clone(&traffic)),
            run: 0,
            receipts: None,
        };
        let admission = Admission::new(&Arc::new(rule), &traffic);
        Self { issuer, admission, chunks: VecDeque::new(), free: Instant::now(), most: 0, read: 0 }
    }

    /// Pulls and works for a while, at so much a record.
    async fn run(&mut self, time: Duration, each: Duration) {
        let end = Instant::now() + time;
        self.most = 0;
        while Instant::now() < end {
            let next = self.chunks.front().map_or(end, |(done, _)| *done).min(end);
            tokio::select! {
                biased;
                () = sleep_until(next) => {
                    if let Some((_, claims)) = self.chunks.pop_front_if(|(done, _)| *done <= Instant::now()) {
                        claims.settle(Fate::Delivered);
                    }
                }
                records = self.admission.wait() => {
                    let claims = self.issuer.issue(1, records.get(), Places::default());
                    self.admission.watch(&claims);
                    self.read += claims.len() as u64;
                    self.free = self.free.max(Instant::now()) + each * u32::try_from(claims.len()).unwrap();
                    self.chunks.push_back((self.free, claims));
                    self.most = self.most.max(self.admission.traffic.moving());
                }
            }
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Issue 12: it was as much as the queues hold, whatever the speed.
#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_is_done_within_the_time_that_is_meant_at_any_speed() {
    for (each, of_a_quarter) in [(10, 25), (100, 3), (1, 250)] {
        let mut line = Line::new(2, Some(SECOND));
        line.run(20 * SECOND, Duration::from_millis(each)).await;
        line.run(20 * SECOND, Duration::from_millis(each)).await;
        assert!((of_a_quarter / 2..=2 * of_a_quarter).contains(&line.most), "{each} ms a record: {}", line.most);
        let all = 40_000 / each;
        assert!(line.read > all * 9 / 10, "nobody idles: {} of {all}", line.read);
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_in_ten_seconds_leaves_one_on_its_way_for_each_worker() {
    let mut line = Line::new(3, None);
    line.run(100 * SECOND, 10 * SECOND).await;
    line.run(500 * SECOND, 10 * SECOND).await;
    assert_eq!(line.most, 3);
}

#[tokio::test(start_paused = true)]
async fn a_fast_pipeline_is_at_its_full_width_after_a_few_chunks() {
    let mut line = Line::new(2, None);
    // Timers tell milliseconds: a chunk takes one at least.
    line.run(Duration::from_millis(20), Duration::from_nanos(100)).await;
    assert!(line.admission.window > 100_000, "{}", line.admission.window);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_becomes_slow_is_let_in_for_less_and_one_that_becomes_fast_for_more() {
    let mut line = Line::new(2, None);
    line.run(SECOND, Duration::from_micros(100)).await;
    assert!(line.most > 1000, "{}", line.most);
    line.run(100 * SECOND, Duration::from_millis(10)).await;
    line.run(10 * SECOND, Duration::from_millis(10)).await;
    assert!(line.most <= 50, "{}", line.most);
    line.run(SECOND, Duration::from_micros(100)).await;
    assert!(line.most > 1000, "{}", line.most);
}

/// Without it, a sink that waits ten seconds for a full batch would seem to take so long for a record, and a record that
/// waits an hour for another attempt would keep all others out.
#[tokio::test(start_paused = true)]
async fn what_rests_keeps_nobody_out() {
    let mut line = Line::new(1, None);
    let issuer = line.issuer.clone();
    let mut resting = Vec::new();
    for _ in 0..100 {
        let records = line.admission.wait().await;
        let claims = issuer.issue(1, records.get(), Places::default());
        line.admission.watch(&claims);
        claims.rest();
        claims.excuse();
        resting.push(claims);
    }
    assert_eq!(line.admission.traffic.moving(), 0);
    line.run(SECOND, Duration::from_micros(100)).await;
    assert!(line.read > 5_000, "{}", line.read);
    for claims in resting {
        claims.wake();
        claims.settle(Fate::Delivered);
    }
}

/// Dropped early, they would say that the pipeline is fast, while the others pile up.
#[tokio::test(start_paused = true)]
async fn chunks_that_are_dropped_early_do_not_hide_those_that_take_long() {
    let mut line = Line::new(2, None);
    let mut slow = VecDeque::new();
    let mut most = 0;
    let mut free = Instant::now();
    for turn in 0..2_000_u32 {
        tokio::select! {
            biased;
            records = line.admission.wait() => {
                let mut claims = line.issuer.issue(1, records.get(), Places::default());
                line.admission.watch(&claims);
                // One of ten chunks has a record for the slow stage; all others are dropped.
                if turn.is_multiple_of(10) {
                    free = free.max(Instant::now()) + Duration::from_millis(10);
                    slow.push_back((free, claims.split_front(1)));
                }
                claims.settle(Fate::Dropped);
            }
            () = sleep_until(slow.front().map_or(free, |(done, _)| *done)), if !slow.is_empty() => {}
        }
        if let Some((_, claims)) = slow.pop_front_if(|(done, _)| *done <= Instant::now()) {
            claims.settle(Fate::Delivered);
        }
        most = most.max(slow.len());
    }
    assert!(most <= 100, "{most} wait, at 10 ms each");
}
